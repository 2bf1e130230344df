package replay_test

import (
	"bytes"
	"errors"
	"iter"
	"math/rand/v2"
	"testing"

	"sallyport/replay"
)

// space is a file in memory.
type space []byte

func (s space) WriteAt(p []byte, at int64) (int, error) {
	if int(at)+len(p) > len(s) {
		return 0, errors.New("beyond the end")
	}
	return copy(s[at:], p), nil
}

func moved(command uint64, channel string, offset uint64, data []byte) replay.Entry {
	return replay.Entry{Bytes: &replay.Bytes{Command: command, Channel: channel, Format: "file", Offset: offset, Payload: replay.Payload{Base64: data}}}
}

func each(all []replay.Entry) iter.Seq2[replay.Entry, error] {
	return func(yield func(replay.Entry, error) bool) {
		for _, e := range all {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// Pieces of any size, in any order, some of them twice and among those of another file, are what they were.
func TestTakeFile(t *testing.T) {
	content := make([]byte, 1<<16)
	for i := range content {
		content[i] = byte(rand.Uint32())
	}
	for begin := range 2 {
		var all []replay.Entry
		for at := begin * 1000; at < len(content); {
			end := min(len(content), at+1+rand.IntN(3000))
			all = append(all, moved(5, "in", uint64(at), content[at:end]), moved(5, "out", uint64(at), make([]byte, end-at)), moved(6, "in", uint64(at), make([]byte, end-at)))
			if rand.IntN(3) == 0 {
				all = append(all, all[len(all)-3])
			}
			at = end
		}
		rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		all = append(all, replay.Entry{File: &replay.File{Command: 5, Path: "/x", BytesIn: uint64(len(content)), Kept: true}})
		got := make(space, len(content))
		taken, err := replay.TakeFile(got, each(all), 5, false)
		if err != nil || taken.Begin != int64(begin*1000) || taken.End != int64(len(content)) || taken.File == nil || taken.File.Path != "/x" {
			t.Fatalf("%+v, %v", taken, err)
		}
		if !bytes.Equal(got[taken.Begin:], content[taken.Begin:]) {
			t.Error("the content is another")
		}
	}
}

func TestTakeFileInVain(t *testing.T) {
	closed := func(in, out uint64, kept bool) replay.Entry {
		return replay.Entry{File: &replay.File{Command: 5, BytesIn: in, BytesOut: out, Kept: kept}}
	}
	for name, c := range map[string]struct {
		all  []replay.Entry
		read bool
		want error
	}{
		"nothing":           {want: replay.ErrNoFile},
		"another's":         {all: []replay.Entry{moved(6, "in", 0, []byte("x"))}, want: replay.ErrNoFile},
		"the other way":     {all: []replay.Entry{moved(5, "in", 0, []byte("x")), closed(1, 0, true)}, read: true, want: replay.ErrNoFile},
		"digest alone":      {all: []replay.Entry{closed(1, 0, false)}, want: replay.ErrFileNotKept},
		"a hole":            {all: []replay.Entry{moved(5, "in", 0, []byte("x")), moved(5, "in", 2, []byte("y")), closed(2, 0, true)}, want: replay.ErrFilePieces},
		"nowhere":           {all: []replay.Entry{moved(5, "in", 1<<63-1, []byte("xy"))}, want: replay.ErrFilePieces},
		"nowhere, and over": {all: []replay.Entry{moved(5, "in", 1<<64-1, []byte("xy"))}, want: replay.ErrFilePieces},
		"an empty file":     {all: []replay.Entry{closed(0, 0, true)}},
		"never closed":      {all: []replay.Entry{moved(5, "in", 0, []byte("x"))}},
	} {
		if _, err := replay.TakeFile(make(space, 8), each(c.all), 5, c.read); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}
