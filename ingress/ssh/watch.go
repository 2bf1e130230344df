package ssh

import (
	"context"
	"strings"
	"sync"

	"sallyport/ingress/observe"
	"sallyport/ingress/session"
	"sallyport/schemas"
)

// mostWaiting is how many observed lines may wait for their verdict; then output waits.
const mostWaiting = 64

// watcher observes what is typed on a command's terminal. Its methods do nothing on nil.
type watcher struct {
	mu    sync.Mutex
	o     *observe.Observer
	lines *backlog[observe.Line]
}

// watch observes a command that has a terminal; nil: it has none.
func (ch *channel) watch(ctx context.Context, c *command) *watcher {
	ch.mu.Lock()
	pty := ch.pty
	ch.mu.Unlock()
	if !c.Terminal || pty == nil || c.Kind == schemas.CommandKind_COMMAND_KIND_SUBSYSTEM {
		return nil
	}
	failed := false
	w := &watcher{o: observe.New(int(pty.Columns), int(pty.Rows)), lines: newBacklog(mostWaiting, func(l observe.Line) {
		failed = failed || ch.observed(ctx, c, l) != nil // then the session has ended, and says so
	})}
	ch.mu.Lock()
	ch.watcher = w
	ch.mu.Unlock()
	return w
}

// observed has a line judged, and ends the session where a policy wants that.
func (ch *channel) observed(ctx context.Context, c *command, l observe.Line) error {
	s := ch.r.s
	ends, err := s.Observe(ctx, c.Login, &schemas.Observed{
		Command: c.number, Text: l.Text, Source: string(l.Source), Ended: l.Ended, ExitStatus: l.ExitStatus,
	})
	if err == nil && ends != nil {
		s.Stop(session.End{Reason: session.ReasonKilled, By: ends.Reasons[0].Policy, Message: strings.Join(said(ends.Refusal()), "; ")})
	}
	return err
}

func (w *watcher) input(b []byte) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.o.Input(b)
}

func (w *watcher) output(b []byte) {
	if w == nil {
		return
	}
	w.mu.Lock()
	lines := w.o.Output(b)
	w.mu.Unlock()
	for _, l := range lines {
		w.lines.put(l)
	}
}

func (w *watcher) resize(columns, rows uint32) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.o.Resize(int(columns), int(rows))
}

// end waits for the verdicts of what was observed. No more output comes.
func (w *watcher) end() {
	if w == nil {
		return
	}
	w.lines.wait()
}
