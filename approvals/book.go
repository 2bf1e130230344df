package approvals

import (
	"bytes"
	"cmp"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"sallyport/schemas"
	"sallyport/schemas/approval"
	"sallyport/schemas/journal"
)

// book is what is known of requests: CONTROL, folded.
type book struct {
	history int
	ready   chan struct{} // closed once what was there at first is known

	mu       sync.Mutex
	requests map[string]approval.State
	final    []string                       // ids of those that are final, oldest first
	gone     map[string]struct{}            // ids of those that were final and are no longer kept
	owed     map[string]approval.State      // requests for access that were approved, and not known to be granted
	waiting  map[string]int                 // requests that are not final, by principal
	past     map[string]tally               // what became of requests, by what they are about
	alike    map[string]map[string]struct{} // ids of those that are kept, by the same
	last     map[schemas.Subject]uint64
	changed  map[schemas.Subject]chan struct{} // closed when the subject moves on
	any      chan struct{}                     // closed when any does
	behind   time.Duration                     // the stream's clock, against this process's
	compared bool                              // behind is known
}

// tally counts what became of requests that are alike.
type tally struct{ Approved, Denied int }

func newBook(history int) *book {
	return &book{history: history, ready: make(chan struct{}), requests: make(map[string]approval.State),
		gone: make(map[string]struct{}), waiting: make(map[string]int), owed: make(map[string]approval.State), past: make(map[string]tally), alike: make(map[string]map[string]struct{}),
		last: make(map[schemas.Subject]uint64), changed: make(map[schemas.Subject]chan struct{}), any: make(chan struct{})}
}

func (b *book) take(ms []journal.Message, caughtUp bool, now time.Time, log *slog.Logger) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.compare(ms, now)
	for _, m := range ms {
		c := new(schemas.Control)
		if err := c.UnmarshalVT(m.Data); err != nil {
			log.Error("read approval", "sequence", m.Sequence, "error", err)
		} else if id := approval.Ref(c).GetId(); id != "" {
			b.fold(id, approval.Fact{Sequence: m.Sequence, Time: m.Time, Control: c})
		}
		b.last[m.Subject] = m.Sequence
		if changed, ok := b.changed[m.Subject]; ok {
			close(changed)
			delete(b.changed, m.Subject)
		}
	}
	if len(ms) > 0 {
		close(b.any)
		b.any = make(chan struct{})
	}
	if caughtUp {
		select {
		case <-b.ready:
		default:
			close(b.ready)
		}
	}
}

// compare learns from what just came how far the stream's clock is from ours. What was long on its
// way says little, so that a smaller difference counts at once, and a larger one slowly. mu is held.
func (b *book) compare(ms []journal.Message, now time.Time) {
	select {
	case <-b.ready:
	default:
		return // history
	}
	if len(ms) == 0 {
		return
	}
	seen := now.Sub(ms[len(ms)-1].Time)
	if seen < b.behind || !b.compared {
		b.behind, b.compared = seen, true
	} else {
		b.behind += (seen - b.behind) / 8
	}
}

// clock is the stream's clock when ours says now.
func (b *book) clock(now time.Time) time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return now.Add(-b.behind)
}

// fold takes in one fact. mu is held.
func (b *book) fold(id string, f approval.Fact) {
	if _, ok := b.gone[id]; ok {
		return // it is final: nothing changes it
	}
	before := b.requests[id]
	after := before.Fold(f)
	if after.Status == approval.None {
		return
	}
	b.requests[id] = after
	who := after.Ask.GetPrincipal().GetName()
	if after.Status.Live() && !before.Status.Live() {
		b.waiting[who]++
	}
	if before.Status.Live() && !after.Status.Live() {
		if b.waiting[who]--; b.waiting[who] == 0 {
			delete(b.waiting, who)
		}
	}
	if before.Ask == nil && after.Ask != nil {
		b.group(id, kin(after.Ask))
	}
	b.count(before, after)
	if after.Ask.GetGrant() != nil {
		if delete(b.owed, id); after.Status == approval.Approved || after.Status == approval.Used {
			b.owed[id] = after
		}
	}
	if after.Settled() && (before.Status == approval.None || !before.Settled()) {
		b.final = append(b.final, id)
		for len(b.final) > b.history {
			b.ungroup(b.final[0])
			delete(b.requests, b.final[0])
			b.gone[b.final[0]] = struct{}{}
			b.final = b.final[1:]
		}
	}
}

// count takes in what became of a request. mu is held.
func (b *book) count(before, after approval.State) {
	if after.Status == before.Status || after.Status != approval.Approved && after.Status != approval.Denied {
		return
	}
	about := kin(after.Ask)
	t := b.past[about]
	if after.Status == approval.Approved {
		t.Approved++
	} else {
		t.Denied++
	}
	b.past[about] = t
}

func (b *book) group(id, about string) {
	if b.alike[about] == nil {
		b.alike[about] = make(map[string]struct{})
	}
	b.alike[about][id] = struct{}{}
}

func (b *book) ungroup(id string) {
	about := kin(b.requests[id].Ask)
	if delete(b.alike[about], id); len(b.alike[about]) == 0 {
		delete(b.alike, about)
	}
}

// kin is what requests that are alike share: target, and what is done to what; without SQL, the text.
func kin(a *schemas.ApprovalAsk) string {
	switch {
	case a == nil:
		return ""
	case a.GetSql() == nil:
		return strings.Join([]string{a.GetTarget(), a.GetProtocol(), "=", a.GetText()}, "\x00")
	}
	return strings.Join(slices.Concat([]string{a.GetTarget(), a.GetProtocol()}, a.GetSql().GetKinds(), []string{"→"}, a.GetSql().GetWrites()), "\x00")
}

// look returns what is known of a request, how far its subject is known, and a channel that is
// closed when it is known further.
func (b *book) look(id string, subject schemas.Subject) (approval.State, uint64, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	changed, ok := b.changed[subject]
	if !ok {
		changed = make(chan struct{})
		b.changed[subject] = changed
	}
	return b.requests[id], b.last[subject], changed
}

// forgot reports whether a request was final and is no longer kept.
func (b *book) forgot(id string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, ok := b.gone[id]
	return ok
}

// like counts what became of requests like this one, itself left out.
func (b *book) like(s approval.State) tally {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.past[kin(s.Ask)]
	switch s.Status {
	case approval.Approved, approval.Used:
		t.Approved--
	case approval.Denied:
		t.Denied--
	}
	return t
}

// mostPast is how many past requests a reviewer sees beside one.
const mostPast = 5

// kindred returns what became of the last requests like this one that are kept, and how many others
// like it wait.
func (b *book) kindred(s approval.State) (past []Past, alike int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var over []approval.State
	for id := range b.alike[kin(s.Ask)] {
		switch o := b.requests[id]; {
		case id == s.ID:
		case o.Status == approval.Pending:
			alike++
		case !o.Status.Live():
			over = append(over, o)
		}
	}
	slices.SortFunc(over, newest)
	past = []Past{}
	for _, o := range over[:min(len(over), mostPast)] {
		past = append(past, Past{ID: o.ID, Principal: o.Ask.GetPrincipal().GetName(), Status: string(o.Status), By: list(o.By), Reason: o.Reason,
			Same: o.Ask.GetText() == s.Ask.GetText(), Requested: o.Requested.UTC()})
	}
	return past, alike
}

// same returns a request that somebody made earlier for the same payload, under the same rules, to
// run it once it is approved; of several, an approved one.
func (b *book) same(a *schemas.ApprovalAsk, now time.Time) (found approval.State, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.requests {
		o := s.Ask
		if !s.Status.Live() || !o.GetLater() || !s.Expires.After(now) || !bytes.Equal(o.GetDigest(), a.GetDigest()) ||
			o.GetTarget() != a.GetTarget() || o.GetDatabase() != a.GetDatabase() || o.GetKind() != a.GetKind() ||
			o.GetPrincipal().GetName() != a.GetPrincipal().GetName() || o.GetPrincipal().GetKind() != a.GetPrincipal().GetKind() ||
			o.GetRun().GetId() != a.GetRun().GetId() || !proto.Equal(o.GetNeed(), a.GetNeed()) {
			continue
		}
		if found, ok = s, true; s.Status == approval.Approved {
			break
		}
	}
	return found, ok
}

// owing returns the requests for access that are to be granted, and a channel that is closed when
// anything is known further.
func (b *book) owing() ([]approval.State, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Collect(maps.Values(b.owed)), b.any
}

// settle notes that a request was granted.
func (b *book) settle(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.owed, id)
}

// crowd returns how many requests wait, in all and of one principal.
func (b *book) crowd(who string) (all, own int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.requests) - len(b.final), b.waiting[who]
}

// list returns the requests that f selects, the newest first.
func (b *book) list(f func(approval.State) bool) []approval.State {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []approval.State
	for _, s := range b.requests {
		if s.Ask != nil && f(s) {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, newest)
	return out
}

func newest(a, b approval.State) int {
	return cmp.Or(b.Requested.Compare(a.Requested), strings.Compare(a.ID, b.ID))
}

// due returns the requests of which something becomes by a moment, when the next one does (zero: none), and a
// channel that is closed when that may have changed.
func (b *book) due(now time.Time) (ids []string, next time.Time, changed <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, s := range b.requests {
		switch {
		case !s.Status.Live():
		default:
			at := s.Next()
			if !at.After(now) {
				ids = append(ids, id)
			} else if next.IsZero() || at.Before(next) {
				next = at
			}
		}
	}
	return ids, next, b.any
}
