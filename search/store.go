package search

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/index/scorch"
	index "github.com/blevesearch/bleve_index_api"

	"sallyport/schemas"
)

// format names what the documents look like. An index of another format is built anew.
const format = "3"

var keyFormat, keyPosition = []byte("format"), []byte("position")

// errFormat says that an index is of another version of Sallyport.
var errFormat = errors.New("the index has another format")

// store is one index on disk and what is remembered beside it. One goroutine at a time writes;
// any number read.
type store struct {
	bleve    bleve.Index
	position Position
	mark     int64  // time of the message of FACTS at the position, to know the log again
	skipped  uint64 // messages that could not be decoded, since the store was opened
	unkept   int    // bytes of messages up to the position since it was written to disk
	failed   bool   // the last write; nothing more is written

	records *cache[string, *record]
	frames  *cache[schemas.SessionID, *frames]
	// terminals are screens: each is a few KiB with a prompt on it, and some tens once it was full.
	terminals *cache[string, *terminal]
}

const (
	cachedRecords = 8192
	cachedFrames  = 2048
	cachedScreens = 256
)

// boltTimeout bounds the wait for another process that has the same index open.
const boltTimeout = "2s"

func openStore(path string, p pace) (*store, error) {
	usePaced()
	b, err := bleve.OpenUsing(path, map[string]any{"bolt_timeout": boltTimeout, "segmentConfig": map[string]any{paceKey: p}})
	if err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	s := newStore(b)
	if err := s.readPosition(); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return s, nil
}

// createStore makes an index and opens it: what it is made with is kept in a file, and a pace cannot be.
func createStore(path string, p pace) (*store, error) {
	b, err := bleve.NewUsing(path, bleve.NewIndexMapping(), scorch.Name, scorch.Name, map[string]any{"bolt_timeout": boltTimeout})
	if err != nil {
		return nil, fmt.Errorf("create index: %w", err)
	}
	if err := b.SetInternal(keyFormat, []byte(format)); err != nil {
		return nil, errors.Join(fmt.Errorf("create index: %w", err), b.Close())
	}
	if err := b.Close(); err != nil {
		return nil, fmt.Errorf("create index: %w", err)
	}
	return openStore(path, p)
}

func newStore(b bleve.Index) *store {
	return &store{
		bleve:   b,
		records: newCache[string, *record](cachedRecords),
		frames:  newCache[schemas.SessionID, *frames](cachedFrames),

		terminals: newCache[string, *terminal](cachedScreens),
	}
}

func (s *store) readPosition() error {
	f, err := s.bleve.GetInternal(keyFormat)
	if err != nil {
		return fmt.Errorf("read index format: %w", err)
	}
	if string(f) != format {
		return errFormat
	}
	p, err := s.bleve.GetInternal(keyPosition)
	if err != nil {
		return fmt.Errorf("read index position: %w", err)
	}
	switch len(p) {
	case 0: // nothing was ever committed
	case 24:
		s.position = Position{binary.BigEndian.Uint64(p), binary.BigEndian.Uint64(p[8:])}
		s.mark = int64(binary.BigEndian.Uint64(p[16:]))
	default:
		return errFormat
	}
	return nil
}

func positionBytes(p Position, mark int64) []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 24), p.Facts)
	b = binary.BigEndian.AppendUint64(b, p.Frames)
	return binary.BigEndian.AppendUint64(b, uint64(mark))
}

// load reads a record, nil when there is none.
func (s *store) load(id string) (*record, error) {
	d, err := s.bleve.Document(id)
	if err != nil {
		return nil, fmt.Errorf("read document: %w", err)
	}
	if d == nil {
		return nil, nil
	}
	return decodeRecord(stored(d))
}

// stored returns the record's bytes of a document.
func stored(d index.Document) []byte {
	var b []byte
	d.VisitFields(func(f index.Field) {
		if f.Name() == fieldStored {
			b = f.Value()
		}
	})
	return b
}

// maxUnkept is how many bytes of messages that made no documents may have to be read again after a crash.
const maxUnkept = 32 << 20

// commit writes records and the position that they lead to in one atomic batch, and returns once it is on
// disk. Each write waits for the disk, so a position without documents, as bulk leads to that holds nothing to
// search for, is only noted at first. read is how many bytes of messages lead to it.
func (s *store) commit(records map[string]*record, p Position, mark int64, read int) error {
	s.unkept += read
	if len(records) > 0 || s.unkept >= maxUnkept {
		return s.write(records, p, mark)
	}
	s.position, s.mark = p, mark
	return nil
}

func (s *store) write(records map[string]*record, p Position, mark int64) error {
	b := s.bleve.NewBatch()
	for _, r := range records {
		d, err := r.document()
		if err != nil {
			return err
		}
		if err := b.IndexAdvanced(d); err != nil {
			return fmt.Errorf("index document: %w", err)
		}
	}
	b.SetInternal(keyPosition, positionBytes(p, mark))
	s.failed = true // unless it returns
	if err := s.bleve.Batch(b); err != nil {
		s.forget()
		return fmt.Errorf("write index: %w", err)
	}
	s.position, s.mark, s.unkept, s.failed = p, mark, 0, false
	return nil
}

// forget drops what is remembered: after a failed commit it may be ahead of the index.
func (s *store) forget() {
	s.records.clear()
	s.frames.clear()
	s.terminals.clear()
}

// close keeps the position, if it can, and closes the index.
func (s *store) close() error {
	var err error
	if !s.failed && s.unkept > 0 {
		err = guard(func() error { return s.write(nil, s.position, s.mark) })
	}
	return errors.Join(err, s.bleve.Close())
}
