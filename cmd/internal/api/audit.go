package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/schemas/problem"
)

// AuditEntry is something that somebody did outside of a session: what CONTROL holds, without
// secrets and without contents.
type AuditEntry struct {
	Sequence uint64            `json:"sequence"` // on CONTROL
	At       time.Time         `json:"at"`
	By       string            `json:"by"` // empty: nobody that was known
	Area     string            `json:"area"`
	What     string            `json:"what"` // name of the fact, such as sign_in
	Facts    map[string]string `json:"facts"`
}

// Audit answers GET /audit.
type Audit struct {
	Entries []AuditEntry `json:"entries"`
	Next    uint64       `json:"next"` // the before of the next page; 0: there is none
}

// Bounds of a page of the audit.
const (
	auditPage   = 100
	auditMost   = 1000
	auditWindow = 2000   // sequences that are read at once
	auditReads  = 50_000 // sequences that one request looks at; the next goes on there
)

// audit answers the newest first; ?area=, ?by=, ?what= narrow it, ?before= goes on.
func (a *API) audit(w http.ResponseWriter, r *http.Request) {
	answer, err := a.readAudit(r)
	if err != nil {
		problem.Write(w, r, a.logger, err)
		return
	}
	reply(w, a.logger, answer)
}

// auditFilter is what is asked for.
type auditFilter struct {
	subject  schemas.Subject
	by, what string
	limit    int
	before   uint64
}

func (a *API) auditFilter(r *http.Request) (f auditFilter, err error) {
	q := r.URL.Query()
	f = auditFilter{subject: schemas.AllControls, by: strings.ToLower(q.Get("by")), what: q.Get("what"), limit: auditPage}
	if area := q.Get("area"); area != "" {
		f.subject = schemas.Subject("sallyport.control." + schemas.Token(area) + ".*")
	}
	for _, n := range []struct {
		name string
		most uint64
		set  func(uint64)
	}{
		{"limit", auditMost, func(n uint64) { f.limit = int(n) }},
		{"before", 1 << 62, func(n uint64) { f.before = n }},
	} {
		text := q.Get(n.name)
		if text == "" {
			continue
		}
		v, err := strconv.ParseUint(text, 10, 64)
		if err != nil || v < 1 || v > n.most {
			return f, &schemas.Error{Code: schemas.CodeInvalid, Message: fmt.Sprintf("%s must be a number from 1 to %d", n.name, n.most)}
		}
		n.set(v)
	}
	return f, nil
}

func (a *API) readAudit(r *http.Request) (*Audit, error) {
	f, err := a.auditFilter(r)
	if err != nil {
		return nil, err
	}
	head, err := a.log.Head(r.Context(), schemas.Controls)
	if err != nil {
		return nil, err
	}
	if f.before == 0 || f.before > head+1 {
		f.before = head + 1
	}
	out := &Audit{Entries: []AuditEntry{}}
	// Windows from the end of the stream back: it is read forwards only.
	for read := uint64(0); f.before > 1 && len(out.Entries) < f.limit && read < auditReads; read += auditWindow {
		from := uint64(1)
		if f.before > auditWindow {
			from = f.before - auditWindow
		}
		window, err := a.auditWindow(r.Context(), f, from)
		if err != nil {
			return nil, err
		}
		if room := f.limit - len(out.Entries); len(window) > room {
			window = window[:room]
			from = window[room-1].Sequence
		}
		out.Entries = append(out.Entries, window...)
		f.before = from
	}
	if f.before > 1 {
		out.Next = f.before
	}
	return out, nil
}

// auditWindow are the entries from a sequence on and before f.before, the newest first.
func (a *API) auditWindow(ctx context.Context, f auditFilter, from uint64) ([]AuditEntry, error) {
	var out []AuditEntry
	err := a.facts(ctx, f.subject, from, f.before-1, func(m journal.Message, c *schemas.Control) error {
		e := auditEntry(m, c)
		if e.What == "" || f.what != "" && f.what != e.What || f.by != "" && !strings.Contains(strings.ToLower(e.By), f.by) {
			return nil
		}
		out = append(out, e)
		return nil
	})
	slices.Reverse(out)
	return out, err
}

func auditEntry(m journal.Message, c *schemas.Control) AuditEntry {
	parts := strings.Split(string(m.Subject), ".")
	e := AuditEntry{Sequence: m.Sequence, At: m.Time.UTC(), By: c.GetBy(), Area: parts[min(2, len(parts)-1)], Facts: map[string]string{}}
	message := c.ProtoReflect()
	kind := message.WhichOneof(message.Descriptor().Oneofs().ByName("kind"))
	if kind == nil {
		return e // of a later release
	}
	e.What = string(kind.Name())
	told(e.Facts, "", message.Get(kind).Message())
	return e
}

// toldFields are the fields of facts that an audit may show: names, and no contents (documents, prompts,
// statements) or verifiers. What is not here is left out, so that a new fact shows too little and
// never too much.
var toldFields = map[protoreflect.Name]bool{
	"id": true, "name": true, "kind": true, "session": true, "how": true, "reason": true, "protocol": true, "address": true,
	"succeeded": true, "target": true, "decision": true, "outcome": true, "number": true, "agent": true, "parent": true,
	"model": true, "gateway": true, "action": true, "serial": true, "fingerprint": true, "label": true, "user": true, "barred": true, "provider": true, "method": true, "role": true,
}

// toldMessages are the messages that are looked into, with what their fields are called.
var toldMessages = map[protoreflect.Name]string{"principal": "principal ", "run": "run ", "request": "", "reviewer": "reviewer ", "grant": ""}

func told(into map[string]string, prefix string, m protoreflect.Message) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if f.IsList() || f.IsMap() {
			return true
		}
		if f.Kind() == protoreflect.MessageKind {
			if name, ok := toldMessages[f.Name()]; ok {
				told(into, prefix+name, v.Message())
			}
			return true
		}
		if f.Name() == "expires" && f.Kind() == protoreflect.Int64Kind {
			into[prefix+"expires"] = time.Unix(0, v.Int()).UTC().Format(time.RFC3339)
			return true
		}
		if !toldFields[f.Name()] {
			return true
		}
		switch f.Kind() {
		case protoreflect.BytesKind:
		case protoreflect.EnumKind:
			into[prefix+string(f.Name())] = enumName(f, v.Enum())
		default:
			into[prefix+string(f.Name())] = v.String()
		}
		return true
	})
}

// enumName is user for PRINCIPAL_KIND_USER.
func enumName(f protoreflect.FieldDescriptor, n protoreflect.EnumNumber) string {
	value := f.Enum().Values().ByNumber(n)
	if value == nil {
		return strconv.Itoa(int(n))
	}
	name := string(value.Name())
	zero := strings.TrimSuffix(string(f.Enum().Values().Get(0).Name()), "UNSPECIFIED")
	return strings.ToLower(strings.TrimPrefix(name, zero))
}
