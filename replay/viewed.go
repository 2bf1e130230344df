package replay

import (
	"context"
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
)

// view records that the sender of a request reads a recording. It returns before the first byte is
// given, and an error keeps the recording closed.
func (s *Service) view(ctx context.Context, id schemas.SessionID, how string) error {
	_, err := s.Log.AppendControl(ctx, schemas.AreaSession, string(id), &schemas.Control{
		At: s.Now().UnixNano(), By: s.Who(ctx),
		Kind: &schemas.Control_Viewed{Viewed: &schemas.Viewed{Session: string(id), How: how}},
	}, nil)
	if err != nil {
		return fmt.Errorf("record a view: %w", err)
	}
	return nil
}

// viewOnce records the reading of pages once in a while, not once a page.
func (s *Service) viewOnce(ctx context.Context, id schemas.SessionID, how string) error {
	key := fmt.Sprintf("%q %s %s", s.Who(ctx), id, how)
	if s.viewed.has(key, s.Now()) {
		return nil
	}
	if err := s.view(ctx, id, how); err != nil {
		return err
	}
	s.viewed.add(key, s.Now())
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
