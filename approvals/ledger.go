package approvals

import (
	"cmp"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

// allGrants is every subject of grants.
const allGrants = schemas.Subject("sallyport.control." + schemas.Subject(schemas.AreaGrant) + ".*")

// grant is access for a time, as CONTROL says it.
type grant struct {
	made    *schemas.GrantMade
	at      time.Time // when it was made
	revoked *schemas.GrantRevoked
	by      string    // who revoked it
	over    time.Time // when it was revoked, or its end was marked
}

// Statuses of a grant.
const (
	grantComing  = "coming"
	grantActive  = "active"
	grantEnded   = "ended"
	grantRevoked = "revoked"
)

func (g *grant) status(now time.Time) string {
	switch a := g.made.GetGrant(); {
	case g.revoked != nil:
		return grantRevoked
	case !g.over.IsZero() || now.UnixNano() >= a.GetUntil():
		return grantEnded
	case now.UnixNano() < a.GetFrom():
		return grantComing
	}
	return grantActive
}

// ledger is what is known of grants: CONTROL, folded. A grant is made once; what comes after its end
// does nothing.
type ledger struct {
	history int
	ready   chan struct{} // closed once what was there at first is known

	mu      sync.Mutex
	grants  map[string]*grant
	over    []string // ids of those that are over, oldest first
	gone    map[string]struct{}
	last    map[schemas.Subject]uint64
	changed chan struct{} // closed when anything is known further
}

func newLedger(history int) *ledger {
	return &ledger{history: history, ready: make(chan struct{}), grants: make(map[string]*grant), gone: make(map[string]struct{}),
		last: make(map[schemas.Subject]uint64), changed: make(chan struct{})}
}

func (l *ledger) take(ms []journal.Message, caughtUp bool, log *slog.Logger) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range ms {
		c := new(schemas.Control)
		if err := c.UnmarshalVT(m.Data); err != nil {
			log.Error("read grant", "sequence", m.Sequence, "error", err)
		} else {
			l.fold(c, m.Time)
		}
		l.last[m.Subject] = m.Sequence
	}
	if len(ms) > 0 {
		close(l.changed)
		l.changed = make(chan struct{})
	}
	if caughtUp {
		select {
		case <-l.ready:
		default:
			close(l.ready)
		}
	}
}

// fold takes in one fact. mu is held.
func (l *ledger) fold(c *schemas.Control, at time.Time) {
	switch k := c.GetKind().(type) {
	case *schemas.Control_GrantMade:
		if _, gone := l.gone[k.GrantMade.GetId()]; !gone && l.grants[k.GrantMade.GetId()] == nil {
			l.grants[k.GrantMade.GetId()] = &grant{made: k.GrantMade, at: at}
		}
	case *schemas.Control_GrantRevoked:
		l.end(k.GrantRevoked.GetId(), at, k.GrantRevoked, c.GetBy())
	case *schemas.Control_GrantEnded:
		l.end(k.GrantEnded.GetId(), at, nil, "")
	}
}

// end closes a grant: what is looked at elsewhere is not changed. mu is held.
func (l *ledger) end(id string, at time.Time, revoked *schemas.GrantRevoked, by string) {
	g := l.grants[id]
	if g == nil || !g.over.IsZero() {
		return
	}
	ended := *g
	ended.over, ended.revoked, ended.by = at, revoked, by
	l.grants[id] = &ended
	l.over = append(l.over, id)
	for len(l.over) > l.history {
		delete(l.grants, l.over[0])
		l.gone[l.over[0]] = struct{}{}
		l.over = l.over[1:]
	}
}

// look returns what is known of a grant, how far its subject is known, and a channel that is closed
// when more is. A grant that was over and is no longer kept is known.
func (l *ledger) look(id string) (g *grant, known bool, last uint64, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, gone := l.gone[id]
	g = l.grants[id]
	return g, g != nil || gone, l.last[schemas.ControlSubject(schemas.AreaGrant, id)], l.changed
}

// list returns the grants that are kept, the newest first.
func (l *ledger) list() []*grant {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]*grant, 0, len(l.grants))
	for _, g := range l.grants {
		out = append(out, g)
	}
	slices.SortFunc(out, func(a, b *grant) int {
		return cmp.Or(b.at.Compare(a.at), strings.Compare(a.made.GetId(), b.made.GetId()))
	})
	return out
}

// due returns the grants whose end has come and is not marked, when the next one ends (zero: none
// does), and a channel that is closed when that may have changed.
func (l *ledger) due(now time.Time) (ids []string, next time.Time, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, g := range l.grants {
		switch end := time.Unix(0, g.made.GetGrant().GetUntil()); {
		case !g.over.IsZero():
		case !end.After(now):
			ids = append(ids, id)
		case next.IsZero() || end.Before(next):
			next = end
		}
	}
	return ids, next, l.changed
}
