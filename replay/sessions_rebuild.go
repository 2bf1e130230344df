package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

// Name is that of the projection.
func (s *Sessions) Name() string { return SessionsBucket }

var errEnough = errors.New("enough")

// Rebuild folds the log from its beginning beside the running projection, up to a position that
// the bucket has reached, and compares every item. Where they differ it takes the place of what is
// there. It needs Run to be running.
func (s *Sessions) Rebuild(ctx context.Context, tell Tell) (RebuildReport, error) {
	r := RebuildReport{Projection: s.Name(), Equal: true, Differences: []string{}}
	head, err := s.log.Head(ctx, schemas.Facts)
	if err != nil {
		return r, fmt.Errorf("rebuild sessions: %w", err)
	}
	if err := s.reach(ctx, head); err != nil {
		return r, fmt.Errorf("rebuild sessions: %w", err)
	}
	beside, err := s.beside(ctx, head, tell)
	if err != nil {
		return r, fmt.Errorf("rebuild sessions: %w", err)
	}
	items, err := s.bucket.All(ctx)
	if err != nil {
		return r, fmt.Errorf("rebuild sessions: %w", err)
	}
	r.Entries = uint64(len(beside))
	wrong, err := s.compare(ctx, &r, beside, items)
	if err != nil || len(wrong) == 0 {
		return r, err
	}
	r.Appended, err = s.replace(ctx, head, beside, wrong)
	return r, err
}

// reach returns once the bucket holds everything up to head.
func (s *Sessions) reach(ctx context.Context, head uint64) error {
	for {
		s.mu.Lock()
		position, moved := s.position, s.moved
		s.mu.Unlock()
		if position >= head {
			return s.write(ctx)
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// beside folds everything up to head.
func (s *Sessions) beside(ctx context.Context, head uint64, tell Tell) (map[schemas.SessionID]*folded, error) {
	all := map[schemas.SessionID]*folded{}
	if head == 0 {
		return all, nil
	}
	err := s.log.Consume(ctx, journal.ConsumeConfig{Stream: schemas.Facts, Subjects: []schemas.Subject{schemas.AllFacts}}, func(ms []journal.Message, caughtUp bool) error {
		for _, m := range ms {
			if m.Sequence > head {
				return errEnough
			}
			envelope, entries, err := journal.Decode(m)
			if err != nil {
				return fmt.Errorf("decode message %d: %w", m.Sequence, err)
			}
			id := schemas.SessionID(envelope.GetSession())
			if all[id] == nil {
				all[id] = &folded{session: Session{ID: id}}
			}
			for _, l := range entries {
				all[id].session.fold(l.Entry, at(l))
			}
			if m.Sequence == head {
				return errEnough
			}
		}
		if caughtUp {
			return errEnough
		}
		tell(messagesRead, ms[len(ms)-1].Sequence, head)
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
		tell(messagesRead, head, head)
	} else if err == nil {
		err = ctx.Err()
	}
	return all, err
}

// compare returns the keys that differ, sorted. An item that has folded in more than head is
// compared with a fold of that session up to the same fact.
func (s *Sessions) compare(ctx context.Context, r *RebuildReport, beside map[schemas.SessionID]*folded, items []journal.Item) (wrong []schemas.SessionID, err error) {
	seen := map[schemas.SessionID]bool{}
	for _, i := range items {
		if i.Key == positionKey {
			continue
		}
		id := schemas.SessionID(i.Key)
		seen[id] = true
		var there Session
		if err := json.Unmarshal(i.Value, &there); err != nil {
			r.differ(i.Key + ": not readable")
			wrong = append(wrong, id)
			continue
		}
		want := beside[id]
		if want == nil || there.LastNumber > want.session.LastNumber {
			if want, err = s.again(ctx, id, there.LastNumber); err != nil {
				return nil, err
			}
		}
		if same, what := equal(want, i.Value); !same {
			r.differ(i.Key + ": " + what)
			wrong = append(wrong, id)
		}
	}
	for id := range beside {
		if !seen[id] {
			r.differ(string(id) + ": missing")
			wrong = append(wrong, id)
		}
	}
	slices.Sort(wrong)
	slices.Sort(r.Differences)
	return wrong, nil
}

// again folds one session up to a fact.
func (s *Sessions) again(ctx context.Context, id schemas.SessionID, last uint64) (*folded, error) {
	f := &folded{session: Session{ID: id}}
	if !id.Valid() {
		return nil, nil
	}
	err := s.log.ReadSession(ctx, id, journal.ReadOptions{Facts: true}, func(l journal.Located) error {
		if l.Entry.GetNumber() > last {
			return errEnough
		}
		f.session.fold(l.Entry, at(l))
		return nil
	})
	switch {
	case errors.Is(err, journal.ErrNotFound):
		return nil, nil
	case err != nil && !errors.Is(err, errEnough):
		return nil, err
	}
	return f, nil
}

func equal(want *folded, there []byte) (bool, string) {
	if want == nil {
		return false, "not on the log"
	}
	data, err := json.Marshal(want.session)
	if err != nil {
		return false, err.Error()
	}
	return bytes.Equal(data, there), "differs from what the log gives"
}

// replace puts what was built in the place of what is there, and lets Run go on from it.
func (s *Sessions) replace(ctx context.Context, head uint64, beside map[schemas.SessionID]*folded, wrong []schemas.SessionID) (int, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	for _, id := range wrong {
		if beside[id] == nil {
			if err := s.bucket.Delete(ctx, string(id)); err != nil {
				return 0, fmt.Errorf("remove session %s: %w", id, err)
			}
			continue
		}
		data, err := json.Marshal(beside[id].session)
		if err != nil {
			return 0, err
		}
		if _, err := s.bucket.Put(ctx, string(id), data); err != nil {
			return 0, fmt.Errorf("write session %s: %w", id, err)
		}
	}
	items, err := s.bucket.All(ctx)
	if err != nil {
		return 0, fmt.Errorf("read sessions: %w", err)
	}
	for _, i := range items {
		if f := beside[schemas.SessionID(i.Key)]; f != nil {
			f.revision = i.Revision
		}
	}
	s.adopt(head, beside)
	return len(wrong), nil
}

// adopt restarts the fold at head with what was built. Facts after head are folded again; items
// that hold them already win until the fold has passed them.
func (s *Sessions) adopt(head uint64, beside map[schemas.SessionID]*folded) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, f := range beside {
		if f.session.Closed != nil {
			delete(beside, id)
		}
	}
	s.open, s.position = beside, head
	s.cancel() // under mu: nothing more is folded before the consumer begins anew, from head
}
