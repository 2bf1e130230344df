package notify_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/approvals/notify"
	"sallyport/schemas"
	"sallyport/schemas/approval"
	"sallyport/schemas/journal/journaltest"
)

// words is a notifier that keeps what it would say.
type words struct {
	mu   sync.Mutex
	said []string
}

func (w *words) Tell(_ context.Context, m notify.Message, _ string) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	one := m.State.ID + " " + m.What
	if e := m.State.Estimate; e != nil {
		one += " (" + approval.Expected(e.GetRows(), e.GetFailure()) + ")"
	}
	w.said = append(w.said, one)
	return "ref", nil
}

func (w *words) all() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.said, ", ")
}

type patientWords struct{ words }

func (*patientWords) Patient() {}

func estimated(id string, rows float64) *schemas.Control {
	return &schemas.Control{Kind: &schemas.Control_ApprovalEstimated{ApprovalEstimated: &schemas.ApprovalEstimated{
		Request: &schemas.ApprovalRef{Id: id}, Estimate: &schemas.Estimate{Rows: rows}}}}
}

// Who can change what it said is told at once, and again when there is an estimate; who cannot is told
// once, with it, unless it does not come or is no longer wanted.
func TestEstimateIsTold(t *testing.T) {
	l := journaltest.Open(t)
	quick, patient := &words{}, &patientWords{}
	s, err := notify.New(t.Context(), notify.Config{Log: l, Owner: "one", Routes: []notify.Route{
		{Name: "quick", Kind: "test", Notifier: quick}, {Name: "patient", Kind: "test", Notifier: patient}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	eventually(t, "both deliver", func() bool {
		status, err := s.Status(t.Context(), 1)
		return err == nil && status.Notifiers[0].Running && status.Notifiers[1].Running
	})
	ask := func(id string, within time.Duration) {
		q := question(id)
		q.Estimating = int64(within)
		say(t, l, id, asked(q))
	}
	ask("a-1", time.Hour)
	eventually(t, "the quick one is told at once", func() bool { return quick.all() == "a-1 requested" })
	say(t, l, "a-1", estimated("a-1", 1200))
	say(t, l, "a-1", estimated("a-1", 7)) // the first counts
	eventually(t, "it is told of the estimate", func() bool { return quick.all() == "a-1 requested, a-1 estimated (about 1,200 rows)" })
	eventually(t, "the patient one is told once", func() bool { return patient.all() == "a-1 requested (about 1,200 rows)" })
	ask("a-2", time.Nanosecond) // it does not come in time
	eventually(t, "the patient one is told without", func() bool { return strings.HasSuffix(patient.all(), ", a-2 requested") })
	ask("a-3", time.Hour)
	eventually(t, "the quick one is told at once again", func() bool { return strings.HasSuffix(quick.all(), "a-3 requested") })
	say(t, l, "a-3", says("bob", "deny", "a-3"))
	eventually(t, "a decision ends the waiting", func() bool { return strings.Contains(patient.all(), "a-3 requested, a-3 denied") })
}

// What people read says it in their words, escaped where they are.
func TestEstimateInMessages(t *testing.T) {
	in := newStandIn(t)
	s := notify.NewSlack(notify.SlackConfig{API: in.URL + "/api", Token: "xoxb-1", Channel: "C0LAN2Q65"})
	for want, e := range map[string]*schemas.Control{
		"about 1,234,567 rows":                            estimated("a-1", 1234567),
		"no estimate: the target \\u0026lt;odd\\u0026gt;": {Kind: &schemas.Control_ApprovalEstimated{ApprovalEstimated: &schemas.ApprovalEstimated{Request: &schemas.ApprovalRef{Id: "a-1"}, Estimate: &schemas.Estimate{Failure: "the target <odd>"}}}},
	} {
		if _, err := s.Tell(t.Context(), message(notify.Estimated, state(t, nil, e)), "C0LAN2Q65 1548261231.000200"); err != nil {
			t.Fatal(err)
		}
		changed := in.asked("/api/chat.update")
		last := text(changed[len(changed)-1].body["blocks"])
		if !strings.Contains(last, want) || !strings.Contains(last, "alice asks for a command on orders") || !strings.Contains(last, `"action_id":"approve"`) {
			t.Errorf("%q is not in %s", want, last)
		}
	}
}
