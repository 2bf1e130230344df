package search

import (
	"context"
	"errors"
	"log/slog"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

// located is an entry where the log holds it.
type located = journal.Located

// Bounds of what is written at once; one message can go beyond them.
const (
	maxBatch      = 1000     // documents
	maxBatchBytes = 16 << 20 // of messages
)

// batch is documents on their way into a store, with the position that they lead to.
type batch struct {
	store   *store
	log     Log
	logger  *slog.Logger
	records map[string]*record
	bytes   int
	at      Position
	mark    int64
}

// apply adds messages of one stream, in their order, to the store. Those that it already holds
// are left out. With caughtUp, head is where the stream was known to end before.
func (s *store) apply(ctx context.Context, c *Config, ms []journal.Message) error {
	b := &batch{store: s, log: c.Log, logger: c.Logger, records: map[string]*record{}, at: s.position, mark: s.mark}
	for _, m := range ms {
		if m.Sequence <= *b.at.of(m.Stream) {
			continue
		}
		if err := b.message(ctx, m); err != nil {
			s.forget() // what is remembered may have changed without being written
			return err
		}
		*b.at.of(m.Stream) = m.Sequence
		if m.Stream == schemas.Facts {
			b.mark = m.Time.UnixNano()
		}
		if b.bytes += len(m.Data); len(b.records) >= maxBatch || b.bytes >= maxBatchBytes {
			if err := b.commit(); err != nil {
				return err
			}
		}
	}
	return b.commit()
}

// advance notes that the stream has nothing up to position.
func (s *store) advance(stream schemas.Stream, position uint64) error {
	at := s.position
	if *at.of(stream) >= position {
		return nil
	}
	*at.of(stream) = position
	mark := s.mark
	if stream == schemas.Facts {
		mark = 0 // there is no message there
	}
	return s.commit(nil, at, mark, 1)
}

func (b *batch) commit() error {
	if b.at == b.store.position {
		return nil
	}
	err := b.store.commit(b.records, b.at, b.mark, b.bytes)
	b.records, b.bytes = map[string]*record{}, 0
	return err
}

// message adds one message. One that cannot be decoded (damaged, or written by a later release) is
// counted, reported and passed over: it must not hide everything that comes after it.
func (b *batch) message(ctx context.Context, m journal.Message) error {
	id, ok := schemas.SessionOf(m.Subject)
	if !ok {
		return nil
	}
	env, entries, err := journal.Decode(m)
	if err != nil {
		b.store.skipped++
		b.logger.Error("message is not searchable", "stream", m.Stream, "sequence", m.Sequence, "error", err)
		return nil
	}
	if m.Stream == schemas.Frames {
		b.follow(id, env)
	}
	for _, l := range entries {
		if err := b.entry(ctx, id, l); err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) entry(ctx context.Context, id schemas.SessionID, l located) error {
	switch e := l.Entry.Kind.(type) {
	case *schemas.Entry_Opened:
		b.opened(id, e.Opened)
		return nil
	case *schemas.Entry_Command:
		return b.command(ctx, id, l, e.Command)
	case *schemas.Entry_Verdict:
		return b.verdict(ctx, id, e.Verdict)
	case *schemas.Entry_Decided:
		return b.decided(ctx, id, e.Decided)
	case *schemas.Entry_Result:
		return b.result(ctx, id, l, e.Result)
	case *schemas.Entry_Notice:
		return b.notice(ctx, id, l, e.Notice)
	case *schemas.Entry_Observed:
		return b.observed(ctx, id, l, e.Observed)
	case *schemas.Entry_File:
		return b.file(ctx, id, l, e.File)
	case *schemas.Entry_Columns:
		b.columns(id, e.Columns)
		return nil
	case *schemas.Entry_Rows:
		return b.rows(ctx, id, l, e.Rows)
	case *schemas.Entry_Bytes:
		return b.payload(ctx, id, l, e.Bytes)
	}
	// Text frames are read with their command; the others have nothing to search for.
	return nil
}

// put makes r part of the batch. The caller may go on changing it until the commit.
func (b *batch) put(r *record) {
	id := r.id()
	b.records[id] = r
	b.store.records.put(id, r)
}

// get returns a record of this batch or of an earlier one, nil when there is none.
func (b *batch) get(id string) (*record, error) {
	if r, ok := b.records[id]; ok {
		return r, nil
	}
	if r, ok := b.store.records.get(id); ok {
		return r, nil
	}
	r, err := b.store.load(id)
	if r != nil && err == nil {
		b.store.records.put(id, r)
	}
	return r, err
}

// session returns what is known of a session. Its Opened comes before everything else on FACTS,
// so only a log whose beginning is gone has sessions that nothing is known of.
func (b *batch) session(ctx context.Context, id schemas.SessionID) (session, error) {
	r, err := b.get(sessionKey(id))
	if err != nil || r != nil {
		return r.sessionOr(id), err
	}
	s := session{ID: id}
	err = b.log.ReadSession(ctx, id, journal.ReadOptions{Facts: true}, func(l located) error {
		if o := l.Entry.GetOpened(); o != nil {
			s = newSession(id, o)
		}
		return errDone
	})
	if err != nil && !errors.Is(err, errDone) && !errors.Is(err, journal.ErrNotFound) {
		return s, err
	}
	b.put(&record{Part: partSession, Session: s})
	return s, nil
}

func (r *record) sessionOr(id schemas.SessionID) session {
	if r == nil {
		return session{ID: id}
	}
	return r.Session
}

// errDone ends a read of the log that has found what it wanted.
var errDone = errors.New("done")
