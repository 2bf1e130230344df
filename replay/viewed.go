package replay

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sallyport/schemas"
)

// How somebody read a recording.
const (
	viewReplay  = "replay"
	viewLive    = "live"
	viewExport  = "export"
	viewEntries = "entries"
	viewSearch  = "search" // what search found in it
	viewRun     = "run"    // what it did, beside other sessions of its run
	viewFile    = "file"   // what it moved of one
)

// view records that the sender of a request reads a recording and, while the session is open, lets
// the gateway tell the person at the client, if the target says so. It returns before the first
// byte is given, and an error keeps the recording closed.
func (s *Service) view(ctx context.Context, one Session, how string) error {
	return s.viewing(ctx, one, &schemas.Viewed{How: how})
}

// viewing is view with what else is to be said. It takes what.
func (s *Service) viewing(ctx context.Context, one Session, what *schemas.Viewed) error {
	what.Session = string(one.ID)
	_, err := s.Log.AppendControl(ctx, schemas.AreaSession, string(one.ID), &schemas.Control{
		At: s.Now().UnixNano(), By: s.Who(ctx),
		Kind: &schemas.Control_Viewed{Viewed: what},
	}, nil)
	if err != nil {
		return fmt.Errorf("record a view: %w", err)
	}
	if !one.Open {
		return nil
	}
	return s.tellWatched(ctx, one)
}

// tellWatched lets the gateway tell the person at the client, once in a while and not for every way in
// which somebody looks.
func (s *Service) tellWatched(ctx context.Context, one Session) error {
	key := fmt.Sprintf("told %q %s", s.Who(ctx), one.ID)
	if s.viewed.has(key, s.Now()) {
		return nil
	}
	err := s.ask(ctx, one.ID, schemas.SessionAsk_ACTION_WATCHED, "")
	if errors.Is(err, errNobody) { // its gateway is gone: nothing goes on in it
		return nil
	}
	if err == nil {
		s.viewed.add(key, s.Now())
	}
	return err
}

// viewOnce records the reading of pages once in a while, not once a page.
func (s *Service) viewOnce(ctx context.Context, one Session, how string) error {
	key := fmt.Sprintf("%q %s %s %t", s.Who(ctx), one.ID, how, one.Open)
	if s.viewed.has(key, s.Now()) {
		return nil
	}
	if err := s.view(ctx, one, how); err != nil {
		return err
	}
	s.viewed.add(key, s.Now())
	return nil
}

// Found records that whoever ctx belongs to is about to read what search found in sessions, and has the
// gateway tell the people at clients of those that are open, as any other reading of them does; of what is
// closed, hits are not a reading. A session that is not listed yet is one that has just begun.
func (s *Service) Found(ctx context.Context, sessions []schemas.SessionID) error {
	for _, id := range sessions {
		one, err := s.Sessions.Get(ctx, id)
		if schemas.Shown(err).Code == schemas.CodeNotFound {
			one, err = Session{ID: id, Open: true}, nil
		}
		if err != nil {
			return err
		}
		if !one.Open {
			continue
		}
		if err := s.viewOnce(ctx, one, viewSearch); err != nil {
			return err
		}
	}
	return nil
}

// pagesTogether is how long the pages that one reader takes of a recording count as one view.
const (
	pagesTogether = 5 * time.Minute
	mostRecent    = 10_000
)

// recent remembers views. When it is full it forgets, and a view is recorded again.
type recent struct {
	mu   sync.Mutex
	when map[string]time.Time
}

func (r *recent) has(key string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	t, found := r.when[key]
	return found && now.Sub(t) < pagesTogether
}

func (r *recent) add(key string, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.when == nil || len(r.when) >= mostRecent {
		r.when = map[string]time.Time{}
	}
	r.when[key] = now
}
