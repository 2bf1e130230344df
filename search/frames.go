package search

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/schemas/values"
	"sallyport/search/internal/query"
)

// maxTail bounds what of a frame is looked at again with the next: a word that both share.
const maxTail = 4 << 10

// stream is what the frames of a command so far mean for the next.
type stream struct {
	columns []*schemas.Column
	rows    values.Joiner
	tails   map[schemas.Channel][]byte // end of the last Bytes, from its last line on
}

// frames is what is remembered of the frames of a session.
type frames struct {
	from     uint64 // every frame since this number was seen
	dropped  uint64 // no more is known of commands up to this one
	commands map[uint64]*stream
}

// maxCommands is how many commands of a session can take turns before the log has to be read.
const maxCommands = 16

// follow notes where we began to see the frames of a session. The first message of a subject is
// the one that has none before it.
func (b *batch) follow(id schemas.SessionID, env *schemas.Envelope) {
	if _, ok := b.store.frames.get(id); ok {
		return
	}
	f := &frames{from: env.Number, commands: map[uint64]*stream{}}
	if len(env.Previous) == 0 {
		f.from = 0
	}
	b.store.frames.put(id, f)
}

func (f *frames) put(command uint64, s *stream) {
	f.commands[command] = s
	if len(f.commands) <= maxCommands {
		return
	}
	oldest := slices.Min(slices.Collect(maps.Keys(f.commands)))
	delete(f.commands, oldest)
	f.dropped = max(f.dropped, oldest)
}

// knows reports whether all that there was of a command's frames is remembered.
func (f *frames) knows(command uint64) bool {
	return command >= f.from && (command > f.dropped || f.dropped == 0)
}

func (b *batch) columns(id schemas.SessionID, c *schemas.Columns) {
	if f, ok := b.store.frames.get(id); ok {
		f.put(c.Command, &stream{columns: c.Columns})
	}
}

// stream returns the state of a command's frames before number. What is not remembered, after a
// restart or in the middle of very many sessions, is worked out from the log.
func (b *batch) stream(ctx context.Context, id schemas.SessionID, command, number uint64) (*stream, error) {
	f, ok := b.store.frames.get(id)
	if !ok {
		return nil, fmt.Errorf("frames of session %s on the wrong stream", id)
	}
	if s, ok := f.commands[command]; ok {
		return s, nil
	}
	if f.knows(command) {
		s := &stream{}
		f.put(command, s)
		return s, nil
	}
	s, err := b.readStream(ctx, id, command, number)
	if err == nil {
		f.put(command, s)
	}
	return s, err
}

func (b *batch) readStream(ctx context.Context, id schemas.SessionID, command, number uint64) (*stream, error) {
	s := &stream{}
	err := b.log.ReadSession(ctx, id, journal.ReadOptions{From: max(command, 1)}, func(l located) error {
		if l.Entry.Number >= number {
			return errDone
		}
		if c := l.Entry.GetColumns(); c != nil && c.Command == command {
			s = &stream{columns: c.Columns}
		}
		if r := l.Entry.GetRows(); r != nil && r.Command == command {
			_, _ = s.rows.Join(r) // what is too long was told of when it was indexed
		}
		if p := l.Entry.GetBytes(); p != nil && p.Command == command && searched(p) {
			s.text(p)
		}
		return nil
	})
	if err != nil && !errors.Is(err, errDone) && !errors.Is(err, journal.ErrNotFound) {
		return nil, err
	}
	return s, nil
}

func (b *batch) rows(ctx context.Context, id schemas.SessionID, l located, r *schemas.Rows) error {
	s, err := b.stream(ctx, id, r.Command, l.Entry.Number)
	if err != nil {
		return err
	}
	whole, err := s.rows.Join(r)
	if err != nil {
		b.logger.Warn("rows are not searchable", "session", id, "number", l.Entry.Number, "error", err)
	}
	if whole == nil {
		return nil
	}
	var lines []string
	for cells, err := range values.Rows(whole) {
		if err != nil {
			b.logger.Warn("rows are not searchable", "session", id, "number", l.Entry.Number, "error", err)
			break
		}
		lines = append(lines, s.line(cells))
	}
	return b.frame(ctx, id, l, r.Command, pack(lines))
}

// line renders a row as one line of text.
func (s *stream) line(cells []values.Cell) string {
	var b strings.Builder
	for i, c := range cells {
		if i > 0 {
			b.WriteString(" | ")
		}
		if c.Null {
			continue
		}
		var oid uint32
		var binary bool
		if i < len(s.columns) {
			oid, binary = s.columns[i].Type, s.columns[i].Binary
		}
		b.WriteString(values.Text(oid, binary, c.Data))
	}
	return b.String()
}

// payload adds bytes that are text: COPY in its text and CSV formats.
func (b *batch) payload(ctx context.Context, id schemas.SessionID, l located, p *schemas.Bytes) error {
	if displayed(p) {
		return b.display(ctx, id, l, p)
	}
	if !searched(p) {
		return nil
	}
	s, err := b.stream(ctx, id, p.Command, l.Entry.Number)
	if err != nil {
		return err
	}
	text, ok := s.text(p)
	if !ok {
		return nil
	}
	return b.frame(ctx, id, l, p.Command, split(text))
}

// searched reports whether bytes may be text. Their format is what the gateway knows; whether a
// COPY from the client is binary only its bytes tell.
func searched(p *schemas.Bytes) bool {
	switch p.Format {
	case "binary", "terminal", "withheld", "file":
		return false
	}
	return true
}

// text returns the frame's text, begun with the end of the one before it so that no word is cut
// in two, and keeps its end. It is false for what is not UTF-8 text.
func (s *stream) text(p *schemas.Bytes) (string, bool) {
	data := append(bytes.Clone(s.tails[p.Channel]), p.Data...)
	if s.tails == nil {
		s.tails = map[schemas.Channel][]byte{}
	}
	s.tails[p.Channel] = bytes.Clone(tail(data))
	data = data[:len(data)-cutRune(data)]
	if !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0 {
		return "", false
	}
	return string(data), true
}

// tail is the last line of data when that is short, else its last word when that is.
func tail(data []byte) []byte {
	end := data[max(0, len(data)-maxTail):]
	if n := bytes.LastIndexByte(end, '\n'); n >= 0 {
		return end[n+1:]
	}
	if n := bytes.LastIndexAny(end, "\t ,;"); n >= 0 {
		return end[n+1:]
	}
	if len(data) > maxTail {
		return nil
	}
	return end
}

// cutRune is how many bytes at the end of data begin a character that is not whole.
func cutRune(data []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(data); n++ {
		if c := data[len(data)-n]; utf8.RuneStart(c) {
			if c >= utf8.RuneSelf && !utf8.FullRune(data[len(data)-n:]) {
				return n
			}
			return 0
		}
	}
	return 0
}

// frame adds the documents of what a command sent or got.
func (b *batch) frame(ctx context.Context, id schemas.SessionID, l located, command uint64, chunks []string) error {
	for i, text := range chunks {
		r := &record{Part: query.Rows, Command: command, Chunk: i, Text: text}
		if err := b.own(ctx, id, l, r); err != nil {
			return err
		}
	}
	return nil
}
