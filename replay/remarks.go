package replay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

// Remarks is what others said about a session, and did to it: a fold over CONTROL, in its order.
type Remarks struct {
	Annotations []Annotation `json:"annotations"`
	Views       []View       `json:"views"`
	Steered     []Steering   `json:"steered"`
	Paused      bool         `json:"paused"` // somebody paused it, and nobody let it go on
}

// Annotation is what somebody has to say about an entry; Number 0 is the session as a whole.
type Annotation struct {
	ID     string    `json:"id"`
	Number uint64    `json:"number"`
	At     time.Time `json:"at"`
	By     string    `json:"by"`
	Text   string    `json:"text"`
	AtMS   float64   `json:"at_ms"` // when the entry was, since the first; 0 for the session as a whole
}

// View is a reading of the recording.
type View struct {
	At  time.Time `json:"at"`
	By  string    `json:"by"`
	How string    `json:"how"` // replay, live, export, entries, search, run, reveal

	Reason  string `json:"reason,omitempty"`  // of a reveal
	Command uint64 `json:"command,omitempty"` // that was revealed; 0: all of the session
}

// Steering is what somebody did to an open session.
type Steering struct {
	At      time.Time `json:"at"`
	By      string    `json:"by"`
	Action  string    `json:"action"` // message, pause, resume, kill
	Message string    `json:"message"`
}

func (r *Remarks) annotation(id string) *Annotation {
	i := slices.IndexFunc(r.Annotations, func(a Annotation) bool { return a.ID == id })
	if i < 0 {
		return nil
	}
	return &r.Annotations[i]
}

// fold adds a fact, if it is about the session.
func (r *Remarks) fold(id schemas.SessionID, c *schemas.Control) {
	at := nanos(c.GetAt())
	switch k := c.GetKind().(type) {
	case *schemas.Control_Annotated:
		if a := k.Annotated; a.GetSession() == string(id) {
			r.Annotations = append(r.Annotations, Annotation{ID: a.GetId(), Number: a.GetNumber(), At: at, By: c.GetBy(), Text: a.GetText()})
		}
	case *schemas.Control_AnnotationRemoved:
		if a := k.AnnotationRemoved; a.GetSession() == string(id) {
			r.Annotations = slices.DeleteFunc(r.Annotations, func(one Annotation) bool { return one.ID == a.GetId() })
		}
	case *schemas.Control_Viewed:
		if v := k.Viewed; v.GetSession() == string(id) {
			r.Views = append(r.Views, View{At: at, By: c.GetBy(), How: v.GetHow(), Reason: v.GetReason(), Command: v.GetCommand()})
		}
	case *schemas.Control_Killed:
		if kill := k.Killed; kill.GetSession() == string(id) {
			r.Steered = append(r.Steered, Steering{At: at, By: c.GetBy(), Action: "kill", Message: kill.GetReason()})
		}
	case *schemas.Control_Steered:
		if s := k.Steered; s.GetSession() == string(id) {
			r.Steered = append(r.Steered, Steering{At: at, By: c.GetBy(), Action: s.GetAction(), Message: s.GetMessage()})
			if s.GetAction() != "message" {
				r.Paused = s.GetAction() == "pause"
			}
		}
	}
}

func (r *Remarks) clone() *Remarks {
	return &Remarks{
		Annotations: list(slices.Clone(r.Annotations)), Views: list(slices.Clone(r.Views)),
		Steered: list(slices.Clone(r.Steered)), Paused: r.Paused,
	}
}

// remembered keeps the folds of the sessions that were asked for last, so that each is read on
// from where it was. A session shares its subject with one in 256 of all, so the first reading of
// one is bounded by that. It is safe for concurrent use.
type remembered struct {
	mu    sync.Mutex
	folds map[schemas.SessionID]*foldedRemarks
}

// foldedRemarks is locked while it is read on.
type foldedRemarks struct {
	mu       sync.Mutex
	remarks  Remarks
	position uint64 // last message of the subject that is in
}

// mostFolds is how many sessions' remarks are remembered; past it all are forgotten.
const mostFolds = 256

func (m *remembered) fold(id schemas.SessionID) *foldedRemarks {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.folds == nil || len(m.folds) >= mostFolds {
		m.folds = map[schemas.SessionID]*foldedRemarks{}
	}
	f := m.folds[id]
	if f == nil {
		f = &foldedRemarks{}
		m.folds[id] = f
	}
	return f
}

// of returns what is said about a session until now. The caller owns it.
func (m *remembered) of(ctx context.Context, log *journal.Log, logger *slog.Logger, id schemas.SessionID) (*Remarks, error) {
	f := m.fold(id)
	f.mu.Lock()
	defer f.mu.Unlock()
	subject := schemas.ControlSubject(schemas.AreaSession, string(id))
	err := log.Consume(ctx, journal.ConsumeConfig{Stream: schemas.Controls, Subjects: []schemas.Subject{subject}, From: f.position + 1}, func(ms []journal.Message, caughtUp bool) error {
		for _, msg := range ms {
			if c := readControl(msg, logger); c != nil {
				f.remarks.fold(id, c)
			}
			f.position = msg.Sequence
		}
		if caughtUp {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, fmt.Errorf("read remarks: %w", err)
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return f.remarks.clone(), nil
}
