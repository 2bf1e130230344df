package postgres

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"strings"

	"sallyport/schemas/trace"
)

// Request codes that stand where a protocol version would.
const (
	codeCancel = 80877102
	codeSSL    = 80877103
	codeGSS    = 80877104
	alpn       = "postgresql"
)

// version is a protocol version: major in the high 16 bits.
type version uint32

const (
	version30 version = 3 << 16
	version32 version = 3<<16 | 2
)

func (v version) major() uint32 { return uint32(v) >> 16 }

// startup is what a client says at first.
type startup struct {
	version      version // the one that is spoken, after negotiation
	user         string
	database     string
	parameters   []parameter // for the target, in the client's order
	unrecognised []string    // protocol options (_pq_.…) that are not
	negotiate    bool        // the client must be told what is spoken
	later        bool        // it does not wait for approvals
	trace        trace.Parent
}

type parameter struct{ name, value string }

var errStartupSize = errors.New("length of start-up packet")

// readPacket reads a start-up packet without reading a byte beyond it: what follows may be TLS.
func readPacket(c net.Conn, limit int) (code uint32, body []byte, err error) {
	var head [8]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n < 8 || n > uint32(limit) {
		return 0, nil, errStartupSize
	}
	body = make([]byte, n-8)
	if _, err := io.ReadFull(c, body); err != nil {
		return 0, nil, err
	}
	return binary.BigEndian.Uint32(head[4:]), body, nil
}

// passed are the parameters that a client may set for its session on the target. What would
// change who runs something (role, session_authorization) or how text is read
// (standard_conforming_strings, backslash_quote) is not among them; SET is, under policy.
var passed = []string{
	"application_name", "client_encoding", "datestyle", "timezone", "intervalstyle", "extra_float_digits",
	"bytea_output", "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout",
	"idle_session_timeout", "client_min_messages", "search_path", "geqo", "jit", "work_mem",
	"default_transaction_isolation", "default_transaction_read_only", "tcp_user_timeout",
	"client_connection_check_interval", "lc_messages", "enable_seqscan",
}

// decodeStartup reads what follows the version of a StartupMessage.
func decodeStartup(code uint32, body []byte) (*startup, *refusal) {
	asked := version(code)
	if asked.major() != 3 {
		return nil, fatal("0A000", "unsupported frontend protocol: the gateway speaks 3.0 and 3.2")
	}
	s := &startup{version: min(asked, version32)}
	s.negotiate = s.version != asked
	r := reader{b: body}
	for {
		name := string(r.text())
		if name == "" {
			break
		}
		value := string(r.text())
		if r.bad {
			break
		}
		if bad := s.set(name, value); bad != nil {
			return nil, bad
		}
	}
	if !r.ok() {
		return nil, fatal("08P01", "invalid startup packet layout: expected terminator as last byte")
	}
	return s, s.check()
}

func (s *startup) set(name, value string) *refusal {
	switch {
	case name == "user":
		s.user = value
	case name == "database":
		s.database = value
	case name == "options":
		return s.options(value)
	case name == "replication":
		if !slices.Contains([]string{"false", "off", "no", "0"}, strings.ToLower(value)) {
			return fatal("0A000", "replication connections are not supported through the gateway")
		}
	case strings.HasPrefix(name, "_pq_."):
		s.unrecognised = append(s.unrecognised, name)
		s.negotiate = true
	default:
		return s.pass(name, value)
	}
	return nil
}

// The gateway's own parameters.
const (
	holdParameter  = "sallyport.hold"        // whether the client waits for approvals, or fails and comes again
	traceParameter = "sallyport.traceparent" // W3C Trace Context of what opens the session
)

func (s *startup) pass(name, value string) *refusal {
	lower := strings.ToLower(name)
	switch lower {
	case holdParameter:
		if s.later = value == "fail"; !s.later && value != "wait" {
			return fatal("22023", "invalid value for parameter \"sallyport.hold\": it is wait or fail")
		}
		return nil
	case traceParameter:
		var err error
		if s.trace, err = trace.Parse(value); err != nil {
			return fatal("22023", "invalid value for parameter \"sallyport.traceparent\": "+err.Error())
		}
		return nil
	}
	if !slices.Contains(passed, lower) {
		return fatal("0A000", "the gateway does not pass on the startup parameter \""+cleanName(name)+"\"").
			hint("set it with SET once connected")
	}
	if len(s.parameters) >= 64 {
		return fatal("54000", "too many startup parameters")
	}
	s.parameters = append(s.parameters, parameter{name: name, value: value})
	return nil
}

// options reads the server's command-line options as PostgreSQL splits them: at white space, with
// a backslash before a byte that is meant literally. Only -c name=value and --name=value are
// passed on, as parameters of their own, under the same rule.
func (s *startup) options(value string) *refusal {
	words := splitOptions(value)
	for len(words) > 0 {
		word := words[0]
		words = words[1:]
		var setting string
		switch {
		case word == "-c" && len(words) > 0:
			setting, words = words[0], words[1:]
		case strings.HasPrefix(word, "-c"):
			setting = word[2:]
		case strings.HasPrefix(word, "--"):
			setting = word[2:]
		default:
			return fatal("0A000", "the gateway passes on only -c name=value from the startup parameter \"options\"")
		}
		name, v, ok := strings.Cut(setting, "=")
		if !ok || name == "" {
			return fatal("0A000", "the gateway passes on only -c name=value from the startup parameter \"options\"")
		}
		if bad := s.pass(strings.ReplaceAll(name, "-", "_"), v); bad != nil {
			return bad
		}
	}
	return nil
}

func splitOptions(s string) []string {
	var words []string
	var word strings.Builder
	in := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s):
			i++
			word.WriteByte(s[i])
			in = true
		case c == '\\':
		case strings.IndexByte(" \t\n\v\f\r", c) >= 0:
			if in {
				words = append(words, word.String())
			}
			word.Reset()
			in = false
		default:
			word.WriteByte(c)
			in = true
		}
	}
	if in {
		words = append(words, word.String())
	}
	return words
}

// check normalises as PostgreSQL does: no database means one of the user's name.
func (s *startup) check() *refusal {
	switch {
	case s.user == "":
		return fatal("28000", "no PostgreSQL user name specified in startup packet")
	case strings.ContainsFunc(s.user, control) || strings.ContainsFunc(s.database, control):
		return fatal("28000", "the user or database name contains control characters")
	}
	if s.database == "" {
		s.database = s.user
	}
	return nil
}

func control(r rune) bool { return r < 0x20 || r == 0x7f || r == '\uFFFD' }

func cleanName(name string) string {
	if len(name) > 63 {
		name = name[:63]
	}
	return strings.Map(func(r rune) rune {
		if control(r) {
			return '?'
		}
		return r
	}, name)
}

// value returns a parameter that the client set.
func (s *startup) value(name string) string {
	v := ""
	for _, p := range s.parameters {
		if strings.EqualFold(p.name, name) {
			v = p.value
		}
	}
	return v
}
