package replay

import (
	"cmp"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"sallyport/schemas"
)

// view keeps the sessions of the bucket in order of opening. It is fed by watching the bucket, so
// every replica lists the same.
type view struct {
	mu      sync.RWMutex
	sorted  []*Session // oldest first; the items are never changed, only replaced
	byID    map[schemas.SessionID]*Session
	byRun   map[string]map[schemas.SessionID]bool
	ready   chan struct{} // closed once what was in the bucket is in here
	waiting bool
}

func newView() *view {
	return &view{byID: map[schemas.SessionID]*Session{}, byRun: map[string]map[schemas.SessionID]bool{}, ready: make(chan struct{}), waiting: true}
}

func (v *view) caughtUp() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.waiting {
		v.waiting = false
		close(v.ready)
	}
}

func older(a, b *Session) int {
	return cmp.Or(a.Opened.Compare(b.Opened), cmp.Compare(a.ID, b.ID))
}

func (v *view) put(s *Session) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if old := v.byID[s.ID]; old != nil && older(old, s) == 0 {
		if i, found := slices.BinarySearchFunc(v.sorted, s, older); found {
			v.sorted[i], v.byID[s.ID] = s, s
			return
		}
	}
	v.drop(s.ID)
	i, _ := slices.BinarySearchFunc(v.sorted, s, older)
	v.sorted = slices.Insert(v.sorted, i, s)
	v.byID[s.ID] = s
	if s.Run != "" {
		if v.byRun[s.Run] == nil {
			v.byRun[s.Run] = map[schemas.SessionID]bool{}
		}
		v.byRun[s.Run][s.ID] = true
	}
}

// ofRun returns the sessions of a run, oldest first.
func (v *view) ofRun(run string) []*Session {
	v.mu.RLock()
	defer v.mu.RUnlock()
	var found []*Session
	for id := range v.byRun[run] {
		found = append(found, v.byID[id])
	}
	slices.SortFunc(found, older)
	return found
}

func (v *view) remove(id schemas.SessionID) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.drop(id)
}

func (v *view) drop(id schemas.SessionID) {
	old := v.byID[id]
	if old == nil {
		return
	}
	if i, found := slices.BinarySearchFunc(v.sorted, old, older); found {
		v.sorted = slices.Delete(v.sorted, i, i+1)
	}
	delete(v.byID, id)
	if of := v.byRun[old.Run]; of != nil {
		if delete(of, id); len(of) == 0 {
			delete(v.byRun, old.Run)
		}
	}
}

func (v *view) get(id schemas.SessionID) *Session {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.byID[id]
}

// Query says which sessions to list.
type Query struct {
	Limit  int
	Cursor string // as the last list gave it
	Who    string
	Target string
	Open   *bool
}

func (q Query) matches(s *Session) bool {
	return (q.Who == "" || q.Who == s.Principal) && (q.Target == "" || q.Target == s.Target) && (q.Open == nil || *q.Open == (s.Closed == nil))
}

// page returns the sessions that match and that allowed lets pass, newest first, and the cursor of
// the next page, empty at the end.
func (v *view) page(q Query, allowed func(*Session) (bool, error)) (found []*Session, next string, err error) {
	before, err := readCursor(q.Cursor)
	if err != nil {
		return nil, "", err
	}
	for {
		some, last := v.some(before, q, 256)
		for _, s := range some {
			ok, err := allowed(s)
			if err != nil {
				return nil, "", err
			}
			if !ok {
				continue
			}
			if len(found) == q.Limit {
				return found, writeCursor(found[q.Limit-1]), nil
			}
			found = append(found, s)
		}
		if before = last; last == nil {
			return found, "", nil
		}
	}
}

// some returns matching sessions older than before, and where to go on; nil at the end. It holds
// the lock for a bounded number of sessions: authorisation happens outside.
func (v *view) some(before *Session, q Query, most int) (found []*Session, last *Session) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	end := len(v.sorted)
	if before != nil {
		end, _ = slices.BinarySearchFunc(v.sorted, before, older)
	}
	for i := end - 1; i >= 0; i-- {
		if q.matches(v.sorted[i]) {
			found = append(found, v.sorted[i])
		}
		if end-i >= 4096 || len(found) == most {
			return found, v.sorted[i]
		}
	}
	return found, nil
}

func writeCursor(s *Session) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(s.Opened.UnixNano(), 36) + "." + string(s.ID)))
}

func readCursor(c string) (*Session, error) {
	if c == "" {
		return nil, nil
	}
	data, err := base64.RawURLEncoding.DecodeString(c)
	nanoseconds, id, found := strings.Cut(string(data), ".")
	n, bad := strconv.ParseInt(nanoseconds, 36, 64)
	if err != nil || bad != nil || !found {
		return nil, &schemas.Error{Code: schemas.CodeInvalid, Message: "the cursor is not one that a list gave"}
	}
	return &Session{ID: schemas.SessionID(id), Opened: time.Unix(0, n)}, nil
}
