package search

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/trace"
	"sallyport/search/internal/query"
)

// partSession marks the record of a session itself, which is kept but never found.
const partSession = "session"

// record is one document: what is indexed is made from it alone (see document), and it is stored
// whole, so that it can be changed by later facts, shown as a hit, and compared after a rebuild.
type record struct {
	Part     string   `json:"part"`
	Session  session  `json:"session"`
	Number   uint64   `json:"number,omitempty"`
	Chunk    int      `json:"chunk,omitempty"` // of an entry that is too long for one document
	Command  uint64   `json:"command,omitempty"`
	Sequence uint64   `json:"sequence,omitempty"`
	Time     int64    `json:"time,omitempty"` // nanoseconds since 1970, on the stream's clock
	About    about    `json:"about,omitzero"`
	Text     string   `json:"text,omitempty"`
	Params   []string `json:"params,omitempty"`
	Tag      string   `json:"tag,omitempty"`
	Failure  *failure `json:"failure,omitempty"`
	Chunks   int      `json:"chunks,omitempty"` // of a command: documents beside this one that hold the rest of it
}

// session is what Opened said.
type session struct {
	ID       schemas.SessionID `json:"id"`
	Who      string            `json:"who,omitempty"`
	IsAgent  bool              `json:"is_agent,omitempty"`
	Groups   []string          `json:"groups,omitempty"`
	Run      string            `json:"run,omitempty"`
	Agent    string            `json:"agent,omitempty"`
	Target   string            `json:"target,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"`
	Protocol string            `json:"protocol,omitempty"`
	Database string            `json:"database,omitempty"`
	Client   string            `json:"client,omitempty"`
	Trace    string            `json:"trace,omitempty"` // id of the trace that opened it
}

// about is what facts said of a command before it ran; what it returned carries a copy.
type about struct {
	Kinds    []string `json:"kinds,omitempty"`
	Tables   []string `json:"tables,omitempty"`
	Columns  []string `json:"columns,omitempty"`
	Programs []string `json:"programs,omitempty"`
	Paths    []string `json:"paths,omitempty"`
	Verdict  string   `json:"verdict,omitempty"`  // as the enforcer gave it
	Verdicts []string `json:"verdicts,omitempty"` // with what reviewers made of a hold
	Policies []string `json:"policies,omitempty"`

	Attributes map[string]string `json:"attributes,omitempty"` // of its text's comment
}

// failure is how a command ended badly, and where that is on the log.
type failure struct {
	Number   uint64 `json:"number"`
	Sequence uint64 `json:"sequence"`
	Code     string `json:"code,omitempty"`
	Text     string `json:"text"`
}

func newRecord(part string, s session, l located) *record {
	return &record{
		Part: part, Session: s,
		Number: l.Entry.Number, Sequence: l.Sequence, Time: l.Time.UnixNano(),
	}
}

// id is the same whenever the same entry is indexed.
func (r *record) id() string {
	if r.Part == partSession {
		return sessionKey(r.Session.ID)
	}
	return recordKey(r.Session.ID, r.Number, r.Chunk)
}

func sessionKey(id schemas.SessionID) string { return string(id) }

func recordKey(id schemas.SessionID, number uint64, chunk int) string {
	return fmt.Sprintf("%s/%012x/%06x", id, number, chunk)
}

// order sorts by time, and is unique.
func (r *record) order() string {
	return fmt.Sprintf("%016x/%s", uint64(r.Time), r.id())
}

func (r *record) at() time.Time { return time.Unix(0, r.Time).UTC() }

func (r *record) encode() ([]byte, error) { return json.Marshal(r) }

func decodeRecord(b []byte) (*record, error) {
	r := &record{}
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("decode record: %w", err)
	}
	return r, nil
}

// texts are what words are looked for in, by the name of their field, in order of preference.
func (r *record) texts() []text {
	out := make([]text, 0, 3)
	if r.Text != "" {
		out = append(out, text{r.Part, r.Text})
	}
	for _, p := range r.Params {
		out = append(out, text{query.Parameter, p})
	}
	if r.Failure != nil {
		out = append(out, text{query.Failure, r.Failure.Text})
	}
	return out
}

type text struct{ field, text string }

func (a *about) judged(verdict string) {
	if verdict != "" && !slices.Contains(a.Verdicts, verdict) {
		a.Verdicts = append(a.Verdicts, verdict)
	}
}

func newSession(id schemas.SessionID, o *schemas.Opened) session {
	p, run := o.GetPrincipal(), o.GetRun()
	s := session{
		ID: id, Who: p.GetName(), Groups: p.GetGroups(), Run: run.GetId(), Agent: run.GetAgent(),
		IsAgent: p.GetKind() == schemas.PrincipalKind_PRINCIPAL_KIND_AGENT,
		Target:  o.GetTarget(), Labels: o.GetTargetLabels(), Protocol: o.GetProtocol(),
		Database: o.GetDatabase(), Client: o.GetClientName(),
		Trace: trace.Parent(o.GetTraceparent()).TraceID(),
	}
	if s.IsAgent && s.Agent == "" {
		s.Agent = s.Who
	}
	return s
}
