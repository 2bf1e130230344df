package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"sallyport/ingress/session"
	"sallyport/schemas"
)

// Why a held command ends before somebody decides, in PostgreSQL's words.
func userRequest() error {
	return &schemas.Error{Code: schemas.CodeCanceled, Message: "canceling statement due to user request"}
}

func statementTimeout() error {
	return &schemas.Error{Code: schemas.CodeCanceled, Message: "canceling statement due to statement timeout"}
}

// hold records a command that policy holds, and waits. Before that everything that came earlier is
// answered and delivered; what comes later stays where it is. It returns the decision to go on
// with, and the command's number.
func (r *relay) hold(ctx context.Context, c session.Command, d *session.Decision) (*session.Decision, uint64, error) {
	received := time.Now()
	if err := r.quiesce(ctx); err != nil {
		return nil, 0, err
	}
	number, err := r.s.Command(ctx, c, d)
	if err != nil {
		return nil, 0, err
	}
	r.front.last = number
	if r.skipped() { // the target will not run it, whatever anybody says
		return notReached(d), number, nil
	}
	if err := r.s.Commit(ctx); err != nil {
		return nil, 0, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if limit := r.s.State.StatementTimeout(); limit > 0 {
		timer := time.AfterFunc(limit-time.Since(received), func() { cancel(statementTimeout()) })
		defer timer.Stop()
	}
	r.key.holding(func() { cancel(userRequest()) })
	defer r.key.holding(nil)
	stop := r.attend(cancel)
	decided, err := r.s.Hold(ctx, number, c, d, r.tellHeld)
	stop()
	if err == nil && !decided.Allowed() && errors.Is(context.Cause(ctx), errGoodbye) {
		err = errGoodbye
	}
	if err != nil {
		_ = r.s.Result(&schemas.Result{Command: number, Refused: true, // a failure stops the session by itself
			Error: &schemas.Failure{Severity: "UNKNOWN", Message: "the session ended while the command was held: it did not run"}})
		return nil, 0, err
	}
	return decided, number, nil
}

// holdPortal holds the first Execute of a portal. Those that follow fetch more of its rows: a portal
// runs its statement once.
func (r *relay) holdPortal(ctx context.Context, c session.Command, p *portal) (*session.Decision, uint64, error) {
	if p.cleared != nil {
		return p.cleared, 0, nil
	}
	d, number, err := r.hold(ctx, c, p.stmt.decision)
	if err == nil && d.Allowed() {
		p.cleared = d
	}
	return d, number, err
}

// notReached is the decision about a command that the target would skip.
func notReached(d *session.Decision) *session.Decision {
	a := *d
	a.VerdictAnswer = &schemas.VerdictAnswer{Outcome: schemas.Outcome_OUTCOME_DENY, Reasons: d.Reasons}
	return &a
}

// quiesce returns once all that was sent is answered, and the answers are delivered.
func (r *relay) quiesce(ctx context.Context) error {
	f := &r.front
	f.batch.out = append(f.batch.out, frontFlush, 0, 0, 0, 4)
	if err := r.flush(ctx); err != nil {
		return err
	}
	return r.await(func() bool { return r.queue.empty() && r.quiet })
}

// skipped reports whether the target skips everything up to the next Sync.
func (r *relay) skipped() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.discard
}

// delivered notes that answers were passed on: to the last one that is expected, perhaps.
func (r *relay) delivered() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.quiet = r.queue.empty(); r.quiet {
		r.notifyLocked()
	}
}

// attend reads what the client sends while its command is held, so that a client that leaves is
// noticed. It keeps it for later, and reads no more than Limits.HeldInput. Until stop returns, the
// front's buffer is not the front's.
func (r *relay) attend(cancel context.CancelCauseFunc) (stop func()) {
	in, done := r.front.in, make(chan struct{})
	go func() {
		defer close(done)
		for {
			held := in.end - in.start
			if held >= r.limits.HeldInput {
				return
			}
			want := 0
			if held+1 >= largeBuf {
				want = min(2*held, r.limits.HeldInput)
			}
			if err := in.fill(want); err != nil {
				if !errors.Is(err, os.ErrDeadlineExceeded) {
					cancel(errGoodbye)
				}
				return
			}
		}
	}()
	return func() {
		_ = r.c.net.SetReadDeadline(time.Now())
		<-done
		_ = r.c.net.SetReadDeadline(time.Time{})
		if r.s.Err() != nil || r.backEnded.Load() { // their deadline was the one taken away
			_ = r.c.net.SetReadDeadline(time.Now())
		}
	}
}

// tellHeld tells the client that, why, and until when its command waits.
func (r *relay) tellHeld(h session.Held) {
	n := notice{
		message: "held for approval: " + h.Message,
		detail:  fmt.Sprintf("Request %s waits until %s.", h.Approval, h.Expires.UTC().Format("15:04:05 UTC")),
		hint:    "Approve or deny at " + h.Link + " or with: sallyport approvals approve " + h.Approval + ". Ctrl-C withdraws it.",
	}
	if h.Link == "" {
		n.hint = "Approve or deny with: sallyport approvals approve " + h.Approval + ". Ctrl-C withdraws it."
	}
	if h.Again {
		n = notice{message: fmt.Sprintf("still held for approval, for another %s", time.Until(h.Expires).Round(time.Second)), hint: h.Link}
	}
	_ = r.client.write(n.encode(nil)) // who has left is noticed elsewhere
}
