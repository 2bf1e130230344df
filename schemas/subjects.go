package schemas

import (
	"fmt"
	"hash/fnv"
	"strings"
)

// Stream names a JetStream stream of the log.
type Stream string

// The streams.
const (
	Facts    Stream = "FACTS"
	Frames   Stream = "FRAMES"
	Controls Stream = "CONTROL"
	Events   Stream = "EVENTS"
)

// Subject is a NATS subject; its tokens are escaped with Token.
type Subject string

// Subject filters of the streams.
const (
	AllFacts    Subject = "sallyport.session.*.fact"
	AllFrames   Subject = "sallyport.session.*.frame"
	AllControls Subject = "sallyport.control.>"
	AllEvents   Subject = "sallyport.event.>"
)

// Subjects that are asked.
const (
	AskAccess   Subject = "sallyport.ask.access"
	AskApproval Subject = "sallyport.ask.approval"
	// AskCatalogues is every AskCatalogue: a gateway answers for all targets.
	AskCatalogues Subject = "sallyport.ask.catalogue.*"
)

// ControlShards is how many subjects an area of CONTROL is spread over.
const ControlShards = 256

// Area is a part of CONTROL.
type Area string

// Areas of CONTROL.
const (
	AreaResource Area = "resource"
	AreaIdentity Area = "identity" // tokens
	AreaSignIn   Area = "signin"
	AreaSession  Area = "session" // what others say about a session: kills, views
	AreaSearch   Area = "search"  // what people keep of their own: saved searches, by principal
	AreaRun      Area = "run"
	AreaApproval Area = "approval"
	AreaGrant    Area = "grant" // access for a time
)

// FactSubject is where the facts of a session go.
func FactSubject(id SessionID) Subject { return Subject("sallyport.session." + string(id) + ".fact") }

// FrameSubject is where the frames of a session go.
func FrameSubject(id SessionID) Subject { return Subject("sallyport.session." + string(id) + ".frame") }

// SessionOf returns the session whose fact or frame subject s is.
func SessionOf(s Subject) (SessionID, bool) {
	parts := strings.Split(string(s), ".")
	if len(parts) != 4 || parts[0] != "sallyport" || parts[1] != "session" {
		return "", false
	}
	return SessionID(parts[2]), true
}

// ControlSubject is where what happens to entity goes; one entity always has the same subject.
func ControlSubject(area Area, entity string) Subject {
	h := fnv.New32a()
	_, _ = h.Write([]byte(entity))
	return Subject(fmt.Sprintf("sallyport.control.%s.%d", area, h.Sum32()%ControlShards))
}

// EventSubject is where a public event goes.
func EventSubject(area, what, protocol, target string) Subject {
	return Subject("sallyport.event." + Token(area) + "." + Token(what) + "." + Token(protocol) + "." + Token(target))
}

// AskVerdict is where the enforcer of a protocol is asked.
func AskVerdict(protocol string) Subject { return Subject("sallyport.ask.verdict." + Token(protocol)) }

// AskSession is where the gateway that owns a session is asked.
func AskSession(id SessionID) Subject { return Subject("sallyport.ask.session." + string(id)) }

// AskCatalogue is where the gateway is asked for the catalogue of a target.
func AskCatalogue(target TargetName) Subject {
	return Subject("sallyport.ask.catalogue." + Token(string(target)))
}

// Token writes s as one subject token: bytes outside [A-Za-z0-9_-] become =XX (upper-case
// hexadecimal), and the empty string becomes "=".
func Token(s string) string {
	if s == "" {
		return "="
	}
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; plain(c) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "=%02X", c)
		}
	}
	return b.String()
}

func plain(c byte) bool {
	return c == '_' || c == '-' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}
