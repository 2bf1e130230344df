package search

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	index "github.com/blevesearch/bleve_index_api"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

// Report says how an index built anew compares with the one that was in use.
type Report struct {
	Projection  string   `json:"projection"`
	Entries     uint64   `json:"entries"` // documents in the new index
	Equal       bool     `json:"equal"`
	Differences []string `json:"differences,omitempty"` // at most maxDifferences, then how many more
	Appended    uint64   `json:"appended"`              // always 0: an index is replaced whole
}

const maxDifferences = 20

// Tell is told how far a rebuild is: what is being done, such as "documents compared", how much of it
// is done, and how much there is, as far as is known by then.
type Tell func(what string, done, total uint64)

// Rebuild builds the index anew from the log, beside the one in use, compares the two at the same
// position, and takes the new one into use. Searching and indexing go on meanwhile. A difference
// is reported, not an error: the new index is what the log says.
func (s *Service) Rebuild(ctx context.Context, tell Tell) (Report, error) {
	if !s.rebuilding.TryLock() {
		return Report{}, &schemas.Error{Code: schemas.CodeConflict, Message: "the search index is being rebuilt already"}
	}
	defer s.rebuilding.Unlock()
	next, err := s.freshBeside()
	if err != nil {
		return Report{}, err
	}
	rep, err := s.rebuild(ctx, next, tell)
	if err != nil {
		err = errors.Join(fmt.Errorf("rebuild search: %w", err), s.discard(next))
	}
	return rep, err
}

// discard removes a store that was not taken into use.
func (s *Service) discard(st named) error {
	s.live.RLock()
	used := s.store == st.store
	s.live.RUnlock()
	if used {
		return nil
	}
	return errors.Join(st.store.close(), os.RemoveAll(s.dir.path(st.name)))
}

func (s *Service) rebuild(ctx context.Context, next named, tell Tell) (Report, error) {
	for range 3 { // what is left for level, which holds indexing up, is what was written in the last round
		head, err := s.Written(ctx)
		if err != nil {
			return Report{}, err
		}
		if err := s.fill(ctx, next.store, head, tell); err != nil {
			return Report{}, err
		}
	}
	old, err := s.level(ctx, next.store)
	if err != nil {
		return Report{}, err
	}
	rep, err := compare(ctx, old, next.store, tell)
	if err = errors.Join(err, old.Close()); err != nil {
		return Report{}, err
	}
	return rep, s.overtake(ctx, next)
}

// level brings both indexes to the same position and returns a view of the live one there.
func (s *Service) level(ctx context.Context, next *store) (index.IndexReader, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.store == nil {
		return nil, errClosed
	}
	head, err := s.Written(ctx)
	if err != nil {
		return nil, err
	}
	for _, st := range []*store{s.store, next} {
		if err := s.fill(ctx, st, head, func(string, uint64, uint64) {}); err != nil {
			return nil, err
		}
	}
	s.announce(s.store)
	return s.store.reader()
}

// overtake brings next to where the live index is, and replaces it.
func (s *Service) overtake(ctx context.Context, next named) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.store == nil {
		return errClosed
	}
	if err := s.fill(ctx, next.store, s.store.position, func(string, uint64, uint64) {}); err != nil {
		return err
	}
	return s.replace(next)
}

// fill adds to st what the log holds up to position to; facts first, see factsFirst.
func (s *Service) fill(ctx context.Context, st *store, to Position, tell Tell) error {
	for _, stream := range []schemas.Stream{schemas.Facts, schemas.Frames} {
		if err := s.fillFrom(ctx, st, stream, to, tell); err != nil {
			return fmt.Errorf("index %s: %w", stream, err)
		}
	}
	return nil
}

func (s *Service) fillFrom(ctx context.Context, st *store, stream schemas.Stream, end Position, tell Tell) error {
	at, to := *st.position.of(stream), *end.of(stream)
	if at >= to {
		return nil
	}
	c := journal.ConsumeConfig{Stream: stream, From: at + 1, Batch: maxBatch}
	err := s.c.Log.Consume(ctx, c, func(ms []journal.Message, caughtUp bool) error {
		past := false
		for i, m := range ms {
			if m.Sequence > to {
				ms, past = ms[:i], true
				break
			}
		}
		if err := st.apply(ctx, &s.c, ms); err != nil {
			return err
		}
		if !past && !caughtUp && *st.position.of(stream) < to {
			tell("messages read", st.position.Facts+st.position.Frames, end.Facts+end.Frames)
			return nil
		}
		err := st.advance(stream, to)
		tell("messages read", st.position.Facts+st.position.Frames, end.Facts+end.Frames)
		return errors.Join(err, errDone)
	})
	if err == nil {
		err = ctx.Err()
	}
	if errors.Is(err, errDone) {
		return nil
	}
	return err
}

// reader returns a view of the store that does not change. The caller closes it.
func (s *store) reader() (index.IndexReader, error) {
	i, err := s.bleve.Advanced()
	if err != nil {
		return nil, err
	}
	return i.Reader()
}

// compare holds every document of old against the one of the same id in next, and the other way
// round. What is indexed of a document is made from its stored record alone, so equal records are
// equal documents.
func compare(ctx context.Context, old index.IndexReader, next *store, tell Tell) (rep Report, err error) {
	rep.Projection = "search"
	now, err := next.reader()
	if err != nil {
		return rep, err
	}
	defer func() { err = errors.Join(err, now.Close()) }()
	total, err := old.DocCount()
	if err != nil {
		return rep, err
	}
	d := &differences{}
	var both, compared uint64
	err = eachDocument(ctx, old, func(id string, was []byte) error {
		if compared++; compared%1000 == 0 || compared == total {
			tell("documents compared", compared, total)
		}
		is, err := recordOf(now, id)
		switch {
		case err != nil:
			return err
		case is == nil:
			d.add("%s is in the old index only", id)
			return nil
		case !bytes.Equal(was, is):
			d.add("%s differs", id)
		}
		both++
		return nil
	})
	if err != nil {
		return rep, err
	}
	if rep.Entries, err = now.DocCount(); err != nil {
		return rep, err
	}
	if rep.Entries > both {
		err = eachDocument(ctx, now, func(id string, _ []byte) error {
			was, err := recordOf(old, id)
			if err == nil && was == nil {
				d.add("%s is in the new index only", id)
			}
			return err
		})
	}
	rep.Differences, rep.Equal = d.list(), d.n == 0
	return rep, err
}

type differences struct {
	first []string
	n     int
}

func (d *differences) add(format, id string) {
	if d.n++; d.n <= maxDifferences {
		d.first = append(d.first, fmt.Sprintf(format, id))
	}
}

func (d *differences) list() []string {
	if d.n > maxDifferences {
		return append(d.first, fmt.Sprintf("and %d more", d.n-maxDifferences))
	}
	return d.first
}

func recordOf(r index.IndexReader, id string) ([]byte, error) {
	d, err := r.Document(id)
	if err != nil || d == nil {
		return nil, err
	}
	return stored(d), nil
}

func eachDocument(ctx context.Context, r index.IndexReader, f func(id string, record []byte) error) (err error) {
	ids, err := r.DocIDReaderAll()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ids.Close()) }()
	for {
		internal, err := ids.Next()
		if err != nil || internal == nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		id, err := r.ExternalID(internal)
		if err != nil {
			return err
		}
		b, err := recordOf(r, id)
		if err != nil {
			return err
		}
		if err := f(id, b); err != nil {
			return err
		}
	}
}
