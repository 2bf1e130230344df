package replay

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"
)

// Errors of TakeFile.
var (
	ErrNoFile      = errors.New("no file was opened by a command of that number, or nothing of it was moved that way")
	ErrFileNotKept = errors.New("the recording does not hold what is in files, but their digests")
	ErrFilePieces  = errors.New("what was moved of the file is not one piece: an export as ndjson has the pieces and their places")
)

// mostSpans is into how many pieces a file may fall while it is put together.
const mostSpans = 1 << 16

// Files reads which files a session moved.
func Files(entries iter.Seq2[Entry, error]) iter.Seq2[File, error] {
	return func(yield func(File, error) bool) {
		for e, err := range entries {
			if err != nil {
				yield(File{}, err)
				return
			}
			if e.File != nil && !yield(*e.File, nil) {
				return
			}
		}
	}
}

// Taken is a file as it was put together.
type Taken struct {
	File  *File // as it was recorded when it was closed; nil: it never was, so what is there may be a part of it
	Begin int64 // where in the file what was moved begins, and ends
	End   int64
}

// TakeFile writes what a session moved of the file that a command opened, each piece to its place: what was written to the
// target, or with read what was read from it. Pieces may come in any order and more than once, as long as together
// they are one. Errors are ErrNoFile, ErrFileNotKept and ErrFilePieces, those of to, and those of entries.
func TakeFile(to io.WriterAt, entries iter.Seq2[Entry, error], command uint64, read bool) (Taken, error) {
	channel := "in"
	if read {
		channel = "out"
	}
	var t Taken
	var there spans
	for e, err := range entries {
		switch {
		case err != nil:
			return t, err
		case e.File != nil && e.File.Command == command:
			t.File = e.File
		case e.Bytes != nil && e.Bytes.Command == command && e.Bytes.Format == "file" && e.Bytes.Channel == channel:
			b := e.Bytes.Bytes()
			if there = there.with(e.Bytes.Offset, uint64(len(b))); len(there) > mostSpans || e.Bytes.Offset > math.MaxInt64-uint64(len(b)) {
				return t, ErrFilePieces
			}
			if _, err := to.WriteAt(b, int64(e.Bytes.Offset)); err != nil {
				return t, fmt.Errorf("write file: %w", err)
			}
		}
	}
	moved := t.File != nil && (read && t.File.BytesOut > 0 || !read && (t.File.BytesIn > 0 || t.File.BytesOut == 0))
	switch {
	case moved && t.File.Masked && !t.File.Kept: // what there is ends somewhere
		return t, ErrFileNotKept
	case len(there) > 1:
		return t, ErrFilePieces
	case len(there) == 1:
		t.Begin, t.End = int64(there[0].begin), int64(there[0].end)
	case moved && !t.File.Kept:
		return t, ErrFileNotKept
	case !moved:
		return t, ErrNoFile
	}
	return t, nil
}

// spans are parts of a file, in order, none of which touch.
type spans []span

type span struct{ begin, end uint64 }

// with is s and size bytes at offset.
func (s spans) with(offset, size uint64) spans {
	if size == 0 {
		return s
	}
	n := span{offset, offset + size}
	first, _ := slices.BinarySearchFunc(s, n.begin, func(x span, at uint64) int { return cmp.Compare(x.end, at) })
	last := first
	for last < len(s) && s[last].begin <= n.end {
		n = span{min(n.begin, s[last].begin), max(n.end, s[last].end)}
		last++
	}
	return slices.Replace(s, first, last, n)
}
