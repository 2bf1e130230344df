package session

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/approval"
	"sallyport/schemas/journal"
)

// approvals is every subject of approvals.
const approvals = schemas.Subject("sallyport.control." + schemas.Subject(schemas.AreaApproval) + ".*")

// waiting follows, with one consumer for all holds of the gateway, what CONTROL says about the
// requests that somebody waits for. It starts with the first hold and ends with the log.
type waiting struct {
	g *Gateway

	mu      sync.Mutex
	started bool
	states  map[string]approval.State         // of the requests waited for
	users   map[string]int                    // how many wait for each
	owners  map[schemas.SessionID]int         // how many of them, by session
	last    map[schemas.Subject]uint64        // last sequence of the subjects seen
	moved   map[schemas.Subject]chan struct{} // closed when the subject moves on
}

func newWaiting(g *Gateway) *waiting {
	return &waiting{g: g, states: make(map[string]approval.State), users: make(map[string]int), owners: make(map[schemas.SessionID]int),
		last: make(map[schemas.Subject]uint64), moved: make(map[schemas.Subject]chan struct{})}
}

// enter begins to follow a request that nobody has made yet. leave ends it.
func (w *waiting) enter(ctx context.Context, owner schemas.SessionID, id string) (leave func(), err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.states) >= w.g.c.Held || w.owners[owner] >= w.g.c.HeldPerSession {
		return nil, errCrowded
	}
	if !w.started {
		head, err := w.g.c.Log.Head(ctx, schemas.Controls)
		if err != nil {
			return nil, fmt.Errorf("follow approvals: %w", err)
		}
		w.started = true
		go w.follow(head + 1)
	}
	if w.users[id]++; w.users[id] == 1 {
		w.states[id] = approval.State{ID: id}
	}
	w.owners[owner]++
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.users[id]--; w.users[id] == 0 {
			delete(w.users, id)
			delete(w.states, id)
		}
		if w.owners[owner]--; w.owners[owner] == 0 {
			delete(w.owners, owner)
		}
	}, nil
}

var errCrowded = errors.New("too many commands are held")

// join follows a request that was made earlier: what was said of it is read first.
func (w *waiting) join(ctx context.Context, owner schemas.SessionID, id string) (leave func(), err error) {
	if leave, err = w.enter(ctx, owner, id); err != nil {
		return nil, err
	}
	for {
		state, end, err := w.read(ctx, id)
		if err != nil {
			leave()
			return nil, err
		}
		if w.set(id, state, end) {
			return leave, nil
		}
	}
}

// set takes what was read of a request, unless more has come since.
func (w *waiting) set(id string, state approval.State, end uint64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	subject := schemas.ControlSubject(schemas.AreaApproval, id)
	if w.last[subject] > end {
		return false
	}
	w.states[id], w.last[subject] = state, end
	return true
}

var errEnough = errors.New("enough")

// read folds what the log says of a request now, and returns the last sequence of its subject.
func (w *waiting) read(ctx context.Context, id string) (state approval.State, end uint64, err error) {
	state.ID = id
	c := journal.ConsumeConfig{Stream: schemas.Controls, Subjects: []schemas.Subject{schemas.ControlSubject(schemas.AreaApproval, id)}}
	err = w.g.c.Log.Consume(ctx, c, func(ms []journal.Message, caughtUp bool) error {
		for _, m := range ms {
			state = state.FoldLogged(id, m.Sequence, m.Time, m.Data)
			end = m.Sequence
		}
		if caughtUp {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return state, end, nil
	}
	return state, end, errors.Join(err, ctx.Err())
}

// follow folds what comes, until the log is closed.
func (w *waiting) follow(from uint64) {
	for wait := time.Second; ; wait = min(2*wait, 30*time.Second) {
		c := journal.ConsumeConfig{Stream: schemas.Controls, Subjects: []schemas.Subject{approvals}, From: from}
		err := w.g.c.Log.Consume(context.Background(), c, func(ms []journal.Message, _ bool) error {
			for _, m := range ms {
				w.take(m)
				from = m.Sequence + 1
			}
			return nil
		})
		if errors.Is(err, journal.ErrClosed) {
			return
		}
		w.g.log.Error("follow approvals", "err", err, "next_try", wait)
		time.Sleep(wait)
	}
}

func (w *waiting) take(m journal.Message) {
	c := new(schemas.Control)
	err := c.UnmarshalVT(m.Data)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last[m.Subject] = m.Sequence
	if err != nil { // of another version, about a request that cannot be one of ours
		w.g.log.Error("read approval", "sequence", m.Sequence, "err", err)
	} else if s, ok := w.states[approval.Ref(c).GetId()]; ok {
		w.states[s.ID] = s.Fold(approval.Fact{Sequence: m.Sequence, Time: m.Time, Control: c})
	}
	if moved, ok := w.moved[m.Subject]; ok {
		close(moved)
		delete(w.moved, m.Subject)
	}
}

// look returns what is known of a request, the last sequence of its subject, and a channel that is
// closed when the subject moves on.
func (w *waiting) look(id string) (approval.State, uint64, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	subject := schemas.ControlSubject(schemas.AreaApproval, id)
	moved, ok := w.moved[subject]
	if !ok {
		moved = make(chan struct{})
		w.moved[subject] = moved
	}
	return w.states[id], w.last[subject], moved
}

// append appends a fact about a request as long as wanted says so, on the condition that nothing
// was said meanwhile, and returns the state with it, as every reader will fold it.
func (w *waiting) append(ctx context.Context, id string, wanted func(approval.State) bool, fact func() *schemas.Control) (approval.State, error) {
	for {
		s, last, moved := w.look(id)
		if !wanted(s) {
			return s, nil
		}
		sequence, err := w.g.c.Log.AppendControl(ctx, schemas.AreaApproval, id, fact(), &last)
		if err != nil && !errors.Is(err, journal.ErrConflict) {
			return s, err
		}
		// What was appended, or what came before it, is on its way here.
		for err == nil && s.Sequence < sequence || err != nil && last == w.lastOf(id) {
			select {
			case <-moved:
			case <-ctx.Done():
				return s, context.Cause(ctx)
			}
			s, _, moved = w.look(id)
		}
		if err == nil {
			return s, nil
		}
	}
}

func (w *waiting) lastOf(id string) uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last[schemas.ControlSubject(schemas.AreaApproval, id)]
}
