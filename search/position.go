package search

import (
	"context"
	"fmt"
	"time"

	"sallyport/schemas"
)

// Position is how much of the log an index holds: the last sequence of each stream.
type Position struct {
	Facts  uint64 `json:"facts"`
	Frames uint64 `json:"frames"`
}

// Reached reports whether p is at or after q.
func (p Position) Reached(q Position) bool { return p.Facts >= q.Facts && p.Frames >= q.Frames }

func (p *Position) of(s schemas.Stream) *uint64 {
	if s == schemas.Frames {
		return &p.Frames
	}
	return &p.Facts
}

// Status is how far the index is.
type Status struct {
	Position  Position      // searchable
	Head      Position      // written
	Lag       uint64        // messages written and not searchable
	Behind    time.Duration // since the index last moved, when there is a lag
	Documents uint64
	Skipped   uint64 // messages that could not be decoded, since the start
}

// Written returns the position of everything that the log holds now.
func (s *Service) Written(ctx context.Context) (Position, error) { return heads(ctx, s.c.Log) }

// heads asks for FRAMES first: the facts that frames need are then below the head of FACTS.
func heads(ctx context.Context, l Log) (p Position, err error) {
	if p.Frames, err = l.Head(ctx, schemas.Frames); err != nil {
		return p, fmt.Errorf("head of frames: %w", err)
	}
	if p.Facts, err = l.Head(ctx, schemas.Facts); err != nil {
		return p, fmt.Errorf("head of facts: %w", err)
	}
	return p, nil
}

// WaitFor returns once everything up to p is searchable. Run must be running.
func (s *Service) WaitFor(ctx context.Context, p Position) error {
	for {
		s.watch.Lock()
		at, moved := s.at, s.moved
		s.watch.Unlock()
		if at.Reached(p) {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("wait for the index to reach facts %d and frames %d, at %d and %d: %w",
				p.Facts, p.Frames, at.Facts, at.Frames, ctx.Err())
		}
	}
}

// announce tells those who wait where the index is. The caller holds s.writing.
func (s *Service) announce(st *store) {
	s.watch.Lock()
	defer s.watch.Unlock()
	s.skipped = st.skipped
	if s.at == st.position {
		return
	}
	s.at, s.movedAt = st.position, s.c.Now()
	close(s.moved)
	s.moved = make(chan struct{})
}

// Status says how far the index is behind the log.
func (s *Service) Status(ctx context.Context) (Status, error) {
	head, err := s.Written(ctx)
	if err != nil {
		return Status{}, err
	}
	s.watch.Lock()
	st := Status{Position: s.at, Head: head, Skipped: s.skipped}
	moved := s.movedAt
	s.watch.Unlock()
	st.Lag = behind(head.Facts, st.Position.Facts) + behind(head.Frames, st.Position.Frames)
	if st.Lag > 0 {
		st.Behind = s.c.Now().Sub(moved)
	}
	s.live.RLock()
	defer s.live.RUnlock()
	if s.store == nil {
		return st, errClosed
	}
	st.Documents, err = s.store.bleve.DocCount()
	return st, err
}

func behind(head, at uint64) uint64 {
	if at >= head {
		return 0
	}
	return head - at
}
