package session

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

// Decision is what becomes of a command.
type Decision struct {
	*schemas.VerdictAnswer
	Reused  bool
	Masks   *Masks // nil: nothing of the result is masked
	state   stamp
	refusal *schemas.Error // of a held command: instead of what the reasons say
}

// Allowed reports whether the command may be forwarded.
func (d *Decision) Allowed() bool { return d.Outcome == schemas.Outcome_OUTCOME_ALLOW }

// Held reports whether the command waits for an approval: see Session.Hold.
func (d *Decision) Held() bool { return d.Outcome == schemas.Outcome_OUTCOME_HOLD }

// approved is d with its hold lifted.
func (d *Decision) approved() *Decision {
	return d.with(schemas.Outcome_OUTCOME_ALLOW, nil)
}

// refused is d as a refusal for another reason than the policies'.
func (d *Decision) refused(code schemas.Code, message, hint string) *Decision {
	return d.with(schemas.Outcome_OUTCOME_DENY, &schemas.Error{Code: code, Message: "refused: " + message, Hint: hint})
}

// with copies what an enforcer said: its fields are shared, and none of them is changed.
func (d *Decision) with(o schemas.Outcome, refusal *schemas.Error) *Decision {
	a := proto.CloneOf(d.VerdictAnswer)
	a.Outcome = o
	return &Decision{VerdictAnswer: a, Masks: d.Masks, state: d.state, refusal: refusal}
}

// Refusal is the error for the client of a command that may not run.
func (d *Decision) Refusal() *schemas.Error {
	if d.refusal != nil {
		return d.refusal
	}
	e := &schemas.Error{Code: schemas.CodeForbidden, Message: "refused by policy"}
	if d.Failure != "" {
		e.Code = schemas.CodeUnavailable
		e.Message = "refused: " + d.Failure
	}
	if said := messages(d.Reasons); said != "" && d.Failure == "" {
		e.Message = "refused: " + said
	}
	var policies []string
	for _, r := range d.Reasons {
		if r.Policy != "" {
			policies = append(policies, r.Policy)
		}
	}
	if len(policies) > 0 {
		e.Hint = "policy: " + strings.Join(policies, ", ")
	}
	if d.Held() {
		e.Message = "it needs approval, which this protocol cannot wait for: " + strings.TrimPrefix(e.Message, "refused: ")
	}
	return e
}

// messages is what policies say to the person at the client.
func messages(reasons []*schemas.Reason) string {
	var out []string
	for _, r := range reasons {
		if r.Message != "" {
			out = append(out, r.Message)
		}
	}
	return strings.Join(out, "; ")
}

// Decide asks what becomes of a command, or reuses what was said before. A denial is a Decision,
// not an error: an error means that the session cannot go on.
func (s *Session) Decide(ctx context.Context, kind schemas.CommandKind, text string) (*Decision, error) {
	return s.Judge(ctx, Command{Kind: kind, Text: text})
}

// Judge is Decide for a command with circumstances that count: what it does to a file, where it
// forwards to, on which account. It may be called from several goroutines.
func (s *Session) Judge(ctx context.Context, c Command) (*Decision, error) {
	if err := s.Err(); err != nil {
		return nil, err
	}
	if !utf8.ValidString(c.Text) {
		why := "the text is not valid UTF-8"
		if c.sql() {
			why += " (set client_encoding to UTF8)"
		}
		return denied(why, "builtin/encoding"), nil
	}
	s.follow(ctx)
	at := s.State.stamp()
	names := mentionsExecute(c.Text)
	if !names {
		at.prepared = 0
	}
	if k := s.reuse(c, at); k != nil {
		s.stand(k.masks, k.revision)
		return &Decision{VerdictAnswer: k.answer, Masks: k.masks, Reused: true, state: at}, nil
	}
	answer := s.enquire(ctx, c, names)
	d := &Decision{VerdictAnswer: answer, state: at}
	if s.prepare(d) && answer.Failure == "" {
		s.stand(d.Masks, schemas.Revision(answer.Revision))
	}
	s.remember(c, at, d)
	return d, nil
}

// prepare makes the masks of an answer ready. What must be masked and cannot be is not shown: ok is false then.
func (s *Session) prepare(d *Decision) (ok bool) {
	var err error
	if d.Masks, err = s.g.masks.ready(d.Plan); err == nil && (d.Masks != nil || len(d.VerdictAnswer.Masks) == 0) {
		return true
	}
	message := "the result would have to be masked, and the enforcer does not say how"
	if err != nil {
		message = "the result would have to be masked, and cannot be: " + err.Error()
	}
	d.Outcome = schemas.Outcome_OUTCOME_DENY
	d.Reasons = append(d.Reasons, &schemas.Reason{Policy: "builtin/masks", Message: message})
	return false
}

// follow has the state rest on the catalogue as it is now.
func (s *Session) follow(ctx context.Context) {
	if s.Catalogue != nil {
		s.State.Catalogue(s.Catalogue.Digest(ctx))
	}
}

// Holds reports whether a decision made earlier in this session for the same text is still what
// Decide would say. One that may not be reused never holds.
func (s *Session) Holds(ctx context.Context, d *Decision) bool {
	s.follow(ctx)
	now := s.State.stamp()
	if d.state.prepared == 0 {
		now.prepared = 0
	}
	return reusable(d.VerdictAnswer) && now == d.state && s.g.c.Revision != nil && string(s.g.c.Revision()) == d.Revision
}

func reusable(a *schemas.VerdictAnswer) bool {
	return a.Reuse != schemas.Reuse_REUSE_UNSPECIFIED && a.Failure == "" && a.Outcome != schemas.Outcome_OUTCOME_HOLD
}

// mentionsExecute reports whether text can refer to prepared statements: the keyword cannot be
// written in another way.
func mentionsExecute(text string) bool {
	const w = "execute"
	for i := 0; i+len(w) <= len(text); i++ {
		if text[i]|0x20 == 'e' && strings.EqualFold(text[i:i+len(w)], w) {
			return true
		}
	}
	return false
}

func (s *Session) reuse(c Command, at stamp) *cached {
	s.judging.Lock()
	defer s.judging.Unlock()
	if s.cache == nil || s.g.c.Revision == nil || len(c.Text) > s.g.c.CacheBytes/4 {
		return nil
	}
	revision := s.g.c.Revision()
	if a := s.cache.get(s.exactKey(c), at, revision); a != nil {
		return a
	}
	if key, ok := s.shapeKey(c); ok {
		return s.cache.get(key, at, revision)
	}
	return nil
}

// Keys live in the session's scratch buffer until the next one is made.
func (s *Session) exactKey(c Command) []byte {
	s.shape = append(c.circumstances(append(s.shape[:0], 'E', byte(c.Kind))), c.Text...)
	return s.shape
}

func (s *Session) shapeKey(c Command) ([]byte, bool) {
	if !c.sql() {
		return nil, false
	}
	var ok bool
	s.shape, ok = Shape(append(s.shape[:0], 'S', byte(c.Kind)), c.Text)
	return s.shape, ok
}

func (s *Session) remember(c Command, at stamp, d *Decision) {
	a := d.VerdictAnswer
	if !reusable(a) || s.g.c.Revision == nil || len(c.Text) > s.g.c.CacheBytes/4 {
		return
	}
	s.judging.Lock()
	defer s.judging.Unlock()
	key := s.exactKey(c)
	if a.Reuse == schemas.Reuse_REUSE_SHAPE && len(a.Secrets) == 0 {
		if shape, ok := s.shapeKey(c); ok {
			key = shape
		} else {
			key = s.exactKey(c)
		}
	}
	if s.cache == nil {
		s.cache = newCache(s.g.c.CacheEntries, s.g.c.CacheBytes)
	}
	s.cache.put(&cached{key: string(key), answer: a, masks: d.Masks, state: at, revision: schemas.Revision(a.Revision)})
}

// enquire asks the enforcer. Whatever goes wrong is a denial that says so.
func (s *Session) enquire(ctx context.Context, c Command, names bool) *schemas.VerdictAnswer {
	data, err := s.question(c, names)
	if err != nil {
		return denied("the gateway could not ask for a verdict", "builtin/ask").VerdictAnswer
	}
	ctx, cancel := context.WithTimeout(ctx, s.g.c.AnswerTimeout)
	defer cancel()
	reply, err := s.g.c.Log.Ask(ctx, schemas.AskVerdict(s.req.Protocol), data)
	if err != nil {
		if !errors.Is(err, journal.ErrNoAnswer) {
			s.g.log.Error("ask for verdict", "session", s.ID, "err", err)
		}
		return denied("no enforcer answered in time", "builtin/no-answer").VerdictAnswer
	}
	answer := &schemas.VerdictAnswer{}
	if err := answer.UnmarshalVT(reply); err != nil {
		return denied("the enforcer's answer cannot be read", "builtin/answer").VerdictAnswer
	}
	if err := checkSpans(answer.Secrets, len(c.Text)); err != nil {
		return denied("the enforcer's answer is wrong: "+err.Error(), "builtin/answer").VerdictAnswer
	}
	if answer.Failure != "" || answer.Outcome == schemas.Outcome_OUTCOME_UNSPECIFIED {
		answer.Outcome = schemas.Outcome_OUTCOME_DENY
	}
	return answer
}

// denied is the gateway's own denial. Nothing is known of the text, so none of it is recorded.
func denied(message, policy string) *Decision {
	return &Decision{VerdictAnswer: &schemas.VerdictAnswer{
		Outcome: schemas.Outcome_OUTCOME_DENY, Failure: message,
		Reasons: []*schemas.Reason{{Policy: policy, Message: message}},
		Secrets: []*schemas.Span{{Length: wholeText, Marker: unjudged}},
	}}
}

// question is the encoded ask for a verdict.
func (s *Session) question(c Command, names bool) ([]byte, error) {
	s.judging.Lock()
	defer s.judging.Unlock()
	s.ask.Text, s.ask.Kind, s.ask.Digest = c.Text, c.Kind, s.digest(c.Text, nil)
	s.ask.State = s.State.snapshot(names)
	s.ask.Operation, s.ask.Forward, s.ask.Terminal, s.ask.Login = c.Operation, c.Forward, c.Terminal, c.Login
	s.ask.Observed = c.Observed
	data, err := s.ask.MarshalVT()
	s.ask.Text, s.ask.State, s.ask.Operation, s.ask.Forward = "", nil, nil, nil
	return data, err
}

// Deny is a protocol's own denial of what it does not understand. The text is recorded.
func Deny(rule, message string) *Decision {
	return &Decision{VerdictAnswer: &schemas.VerdictAnswer{
		Outcome: schemas.Outcome_OUTCOME_DENY, Reasons: []*schemas.Reason{{Policy: rule, Message: message}}}}
}

const (
	wholeText = ^uint64(0) // as Span.length: to the end, whatever that is
	unjudged  = "[not judged, not recorded]"
)

func checkSpans(spans []*schemas.Span, size int) error {
	end := uint64(0)
	for _, p := range spans {
		if p.Offset < end || p.Length > uint64(size) || p.Offset > uint64(size)-p.Length {
			return fmt.Errorf("secret at %d, %d bytes long, in a text of %d", p.Offset, p.Length, size)
		}
		end = p.Offset + p.Length
	}
	return nil
}

// mark returns text with its secrets replaced.
func mark(text string, spans []*schemas.Span) string {
	if len(spans) == 0 {
		return text
	}
	var b strings.Builder
	at := 0
	for _, p := range spans {
		if p.Length == wholeText {
			b.WriteString(p.Marker)
			return b.String()
		}
		b.WriteString(text[at:p.Offset])
		b.WriteString(p.Marker)
		at = int(p.Offset + p.Length)
	}
	b.WriteString(text[at:])
	return b.String()
}

// Digest is the keyed digest of a command's exact payload: its text, and each parameter preceded
// by its length (a null has length 2^32-1).
func (s *Session) Digest(text string, parameters []Parameter) []byte {
	s.judging.Lock()
	defer s.judging.Unlock()
	return s.digest(text, parameters)
}

// digest is Digest with the lock held.
func (s *Session) digest(text string, parameters []Parameter) []byte {
	s.mac.Reset()
	_, _ = s.mac.Write([]byte(text))
	var n [4]byte
	for _, p := range parameters {
		size := uint32(len(p.Data))
		if p.Null {
			size = ^uint32(0)
		}
		binary.BigEndian.PutUint32(n[:], size)
		_, _ = s.mac.Write(n[:])
		_, _ = s.mac.Write(p.Data)
	}
	return s.mac.Sum(nil)
}
