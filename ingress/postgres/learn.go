package postgres

import (
	"strings"

	"sallyport/ingress/session"
)

// learn asks the target what the session starts from, before the client can say anything: roles
// and databases have settings of their own. It is the only query of the gateway's own on the
// session's connection.
const learnQuery = "SELECT pg_catalog.current_setting('search_path'), pg_catalog.current_setting('statement_timeout')"

// learn fills in the state of the session. A target that does not answer (it only speaks the
// protocol) leaves the search path unknown.
func (u *upstream) learn(s *session.Session) error {
	for _, p := range u.parameters {
		s.State.Reported(p.name, p.value)
	}
	if _, err := u.conn.Write(message(nil, frontQuery, []byte(learnQuery), []byte{0})); err != nil {
		return unreachable(err)
	}
	var path, timeout string
	known := false
	for {
		typ, body, err := readMessage(u.conn, maxStartupAnswer)
		if err != nil {
			return unreachable(err)
		}
		switch typ {
		case backRow:
			path, timeout, known = twoCells(body)
		case backReady:
			if values, ok := splitPath(path); known && ok {
				s.State.Started(values)
			}
			if known {
				s.State.StartedTimeout(timeout)
			}
			return nil
		}
	}
}

func twoCells(body []byte) (first, second string, ok bool) {
	if n, ok := checkRow(body); !ok || n < 2 {
		return "", "", false
	}
	r := reader{b: body[2:]}
	for _, cell := range []*string{&first, &second} {
		n := r.int32()
		if n < 0 {
			return "", "", false
		}
		*cell = string(r.bytes(int(n)))
	}
	return first, second, true
}

// splitPath reads a list of identifiers as PostgreSQL's SplitIdentifierString does.
func splitPath(s string) ([]string, bool) {
	var names []string
	for s = strings.TrimSpace(s); s != ""; {
		name, rest, ok := identifier(s)
		if !ok {
			return nil, false
		}
		names = append(names, name)
		rest = strings.TrimSpace(rest)
		if rest == "" {
			break
		}
		if rest[0] != ',' {
			return nil, false
		}
		if s = strings.TrimSpace(rest[1:]); s == "" {
			return nil, false
		}
	}
	return names, true
}

func identifier(s string) (name, rest string, ok bool) {
	if s[0] != '"' {
		i := strings.IndexAny(s, ", \t\n\r\f\v")
		if i < 0 {
			i = len(s)
		}
		if i == 0 || strings.Contains(s[:i], "\"") {
			return "", "", false
		}
		return strings.ToLower(s[:i]), s[i:], true
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] != '"':
			b.WriteByte(s[i])
		case i+1 < len(s) && s[i+1] == '"':
			b.WriteByte('"')
			i++
		default:
			return b.String(), s[i+1:], true
		}
	}
	return "", "", false
}
