package replay

import (
	"cmp"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

// IndexesConfig is what NewIndexes needs.
type IndexesConfig struct {
	Log      *journal.Log
	Sessions *Sessions
	Dir      string        // where they are kept; made if it is not there
	Every    time.Duration // how often the indexes of open sessions are brought up to date; 30 s by default
	Spacing  Spacing       // of keyframes; an index that was made with another is made anew
	Logger   *slog.Logger
}

// Indexes is the projection that players seek with: an [Index] a session, brought up to date when
// somebody asks, and now and then while the session is open, so that nobody has to wait for a
// session of hours to be read. Small ones are made anew each time. Each replica has its own. It is
// safe for concurrent use.
type Indexes struct {
	c IndexesConfig

	mu     sync.Mutex
	loaded map[schemas.SessionID]*indexed
	turn   uint64
}

// indexed is an index in memory. Its lock is held while it is read on and looked at.
type indexed struct {
	mu     sync.Mutex
	index  *Index
	stored uint64 // Number that the file has
	turn   uint64 // of Indexes, when it was asked for; guarded by Indexes.mu
}

// Bounds of what is held.
const (
	mostIndexes  = 64   // in memory
	worthStoring = 2000 // entries
	storeAfter   = 5000 // entries, while the session is open
)

// NewIndexes makes the folder.
func NewIndexes(c IndexesConfig) (*Indexes, error) {
	c.Every = cmp.Or(c.Every, 30*time.Second)
	c.Spacing = c.Spacing.whole()
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("open the player's index: %w", err)
	}
	return &Indexes{c: c, loaded: map[schemas.SessionID]*indexed{}}, nil
}

// Look brings the index of a session up to date and hands it to f, which must not keep it.
func (x *Indexes) Look(ctx context.Context, one Session, f func(*Index) error) error {
	i := x.hold(one.ID)
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.index == nil {
		i.index = x.load(one.ID)
		i.stored = i.index.Number
	}
	if err := x.advance(ctx, i.index, one, 0); err != nil {
		return err
	}
	x.store(i)
	return f(i.index)
}

// hold returns the place of an index in memory; who was asked for longest ago makes room.
func (x *Indexes) hold(id schemas.SessionID) *indexed {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.turn++
	i := x.loaded[id]
	if i == nil {
		i = &indexed{}
		x.loaded[id] = i
	}
	i.turn = x.turn
	for len(x.loaded) > mostIndexes {
		oldest, first := schemas.SessionID(""), x.turn
		for id, i := range x.loaded {
			if i.turn < first {
				oldest, first = id, i.turn
			}
		}
		delete(x.loaded, oldest) // whoever holds it goes on with it
	}
	return i
}

// advance reads on, to number or, for 0, to the end of what is there.
func (x *Indexes) advance(ctx context.Context, i *Index, one Session, number uint64) error {
	if i.Closed {
		return nil
	}
	facts := !terminals(one.Protocol)
	err := x.c.Log.ReadSession(ctx, one.ID, journal.ReadOptions{From: i.Number + 1, Facts: facts}, func(l journal.Located) error {
		n := l.Entry.GetNumber()
		if !facts && one.Open && n > i.Number+1 {
			return errGap // it is under way
		}
		if number > 0 && n > number {
			return errEnough
		}
		i.fold(l)
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) && !errors.Is(err, errGap) {
		return fmt.Errorf("index session: %w", err)
	}
	return nil
}

// Run follows open sessions until ctx is done.
func (x *Indexes) Run(ctx context.Context) error {
	tick := time.NewTicker(x.c.Every)
	defer tick.Stop()
	known := map[schemas.SessionID]Session{} // open when last looked at
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := x.follow(ctx, known); err != nil && ctx.Err() == nil {
			x.c.Logger.Error("bring the player's index up to date", "error", err)
		}
	}
}

// follow indexes what is open, and what was, once more.
func (x *Indexes) follow(ctx context.Context, known map[schemas.SessionID]Session) error {
	open, now := true, map[schemas.SessionID]Session{}
	for q := (Query{Limit: 1000, Open: &open}); ; {
		page, next, err := x.c.Sessions.List(ctx, q, func(one Session) (bool, error) { return terminals(one.Protocol), nil })
		if err != nil {
			return err
		}
		for _, one := range page {
			now[one.ID] = one
		}
		if q.Cursor = next; next == "" {
			break
		}
	}
	for id, was := range known {
		if _, still := now[id]; still {
			continue
		}
		delete(known, id)
		one, err := x.c.Sessions.Get(ctx, id)
		if err == nil && !one.Open {
			err = x.Look(ctx, one, func(*Index) error { return nil })
		}
		if err != nil {
			return fmt.Errorf("session %s: %w", was.ID, err)
		}
	}
	for id, one := range now {
		known[id] = one
		if err := x.Look(ctx, one, func(*Index) error { return nil }); err != nil {
			return fmt.Errorf("session %s: %w", id, err)
		}
	}
	return nil
}

func (x *Indexes) path(id schemas.SessionID) string {
	return filepath.Join(x.c.Dir, string(id)+".index")
}

// load reads what is stored; what cannot be used is made anew.
func (x *Indexes) load(id schemas.SessionID) *Index {
	i, err := readIndex(x.path(id))
	if err != nil || i.Session != id || i.Version != indexVersion || i.Spacing != x.c.Spacing {
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			x.c.Logger.Warn("an index of the player cannot be read and is made anew", "session", id, "error", err)
		}
		return newIndex(id, x.c.Spacing)
	}
	return i
}

func readIndex(path string) (*Index, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	i := &Index{}
	if err := gob.NewDecoder(f).Decode(i); err != nil {
		return nil, fmt.Errorf("decode index: %w", err)
	}
	return i, i.take()
}

// store writes an index of a long session. Failing to only costs time later.
func (x *Indexes) store(i *indexed) {
	n := i.index.Number
	if n < worthStoring || n == i.stored || !i.index.Closed && n < i.stored+storeAfter {
		return
	}
	if err := writeIndex(x.path(i.index.Session), i.index); err != nil {
		x.c.Logger.Warn("store an index of the player", "session", i.index.Session, "error", err)
		return
	}
	i.stored = n
}

func writeIndex(path string, i *Index) error {
	i.put()
	f, err := os.CreateTemp(filepath.Dir(path), "new-*")
	if err != nil {
		return err
	}
	err = gob.NewEncoder(f).Encode(i)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	return err
}
