package replay

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"unicode"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

// MovedFile is a file that a session moved, as its list says it.
type MovedFile struct {
	Number uint64  `json:"number"` // of the entry that says so
	AtMS   float64 `json:"at_ms"`  // since the session was opened
	File
}

// files answers which files a session moved, in the order in which they were closed.
func (s *Service) files(w http.ResponseWriter, r *http.Request) error {
	limit, err := number(r, "limit", 200, 1000)
	if err != nil {
		return err
	}
	from, err := number(r, "from", 1, 1<<62)
	if err != nil {
		return err
	}
	one, err := s.session(r, permission)
	if err != nil {
		return err
	}
	if err := s.viewOnce(r.Context(), one, viewEntries); err != nil {
		return err
	}
	answer := struct {
		Files []MovedFile `json:"files"`
		Next  uint64      `json:"next"` // from which entry on there are more; 0: there are none
	}{Files: []MovedFile{}}
	err = s.Log.ReadSession(r.Context(), one.ID, journal.ReadOptions{From: from, Facts: true}, func(l journal.Located) error {
		f := l.Entry.GetFile()
		if f == nil {
			return nil
		}
		if uint64(len(answer.Files)) == limit {
			answer.Next = l.Entry.GetNumber()
			return errEnough
		}
		at := milliseconds(max(0, at(l).Sub(one.Opened).Nanoseconds()))
		answer.Files = append(answer.Files, MovedFile{Number: l.Entry.GetNumber(), AtMS: at, File: *file(f)})
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return fmt.Errorf("list files: %w", err)
	}
	return reply(w, answer)
}

// takeFile answers what a session moved of a file, once it is known to be what its digest says. Nothing of it is put
// on a disk: the recording is read twice.
func (s *Service) takeFile(w http.ResponseWriter, r *http.Request) error {
	command, err := strconv.ParseUint(r.PathValue("command"), 10, 62)
	if err != nil || command == 0 {
		return invalid("%q is no number of a command", r.PathValue("command"))
	}
	way := r.URL.Query().Get("read")
	if way != "" && way != "true" && way != "false" {
		return invalid("read is %q: it must be true or false", way)
	}
	read := way == "true"
	one, err := s.session(r, permission)
	if err != nil {
		return err
	}
	taken, sum, err := s.checkFile(r.Context(), one.ID, command, read)
	if err != nil {
		return err
	}
	if err := s.viewing(r.Context(), one, &schemas.Viewed{How: viewFile, Command: command}); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": fileName(taken.File.Path, command)}))
	h.Set("Content-Length", strconv.FormatInt(taken.End-taken.Begin, 10))
	h.Set("Repr-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(sum)+":")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	again, err := TakeFile(&inOrder{to: w}, Entries(r.Context(), s.Log, one.ID, command), command, read)
	if err == nil && (again.Begin != taken.Begin || again.End != taken.End) {
		err = errors.New("the file is another than before")
	}
	if err != nil {
		if r.Context().Err() == nil {
			s.Logger.Error("take a file", "session", one.ID, "command", command, "error", err)
		}
		panic(http.ErrAbortHandler) // so that nobody takes a part for the whole
	}
	return nil
}

// checkFile reads a file without giving anything of it, and returns the SHA-256 of what there is of it.
func (s *Service) checkFile(ctx context.Context, id schemas.SessionID, command uint64, read bool) (Taken, []byte, error) {
	digest := sha256.New()
	taken, err := TakeFile(&inOrder{to: digest}, Entries(ctx, s.Log, id, command), command, read)
	switch {
	case errors.Is(err, ErrNoFile), errors.Is(err, ErrFileNotKept):
		return taken, nil, &schemas.Error{Code: schemas.CodeNotFound, Message: err.Error()}
	case errors.Is(err, ErrFilePieces):
		return taken, nil, &schemas.Error{Code: schemas.CodeConflict, Message: err.Error()}
	case errors.Is(err, errDisorder):
		return taken, nil, &schemas.Error{Code: schemas.CodeConflict, Message: err.Error(), Hint: fmt.Sprintf("sallyport files %s %d puts it together", id, command)}
	case err != nil:
		return taken, nil, fmt.Errorf("take a file: %w", err)
	case taken.File == nil:
		return taken, nil, &schemas.Error{Code: schemas.CodeConflict, Message: "the file was not closed when the session ended, or is still open",
			Hint: fmt.Sprintf("sallyport files %s %d takes what there is of it", id, command)}
	}
	return taken, digest.Sum(nil), taken.check(digest, read)
}

// check holds a content against the digest that was recorded of it, if one was. Of what masks leave there is none.
func (t Taken) check(content hash.Hash, read bool) error {
	if t.File.Masked {
		return nil
	}
	want := t.File.DigestIn
	if read {
		want = t.File.DigestOut
	}
	if want == "" || hex.EncodeToString(content.Sum(nil)) == want {
		return nil
	}
	return &schemas.Error{Code: schemas.CodeConflict, Message: "the content is not what the recorded digest says", Hint: "check the integrity of the recording: it may have been altered"}
}

var errDisorder = errors.New("what was moved of the file does not come in order")

// mostHeld is how much of a file may come before what precedes it.
const mostHeld = 16 << 20

// inOrder hands on the pieces of a file that come in order, or nearly so. What comes first is the beginning.
type inOrder struct {
	to    io.Writer
	begun bool
	next  int64            // place of what is handed on next
	held  map[int64][]byte // what came too early, by place
	size  int              // of it
}

func (o *inOrder) WriteAt(b []byte, at int64) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	if !o.begun {
		o.begun, o.next, o.held = true, at, map[int64][]byte{}
	}
	if at < o.next || o.held[at] != nil {
		return 0, errDisorder // also what was moved twice
	}
	if at > o.next {
		if o.size += len(b); o.size > mostHeld {
			return 0, errDisorder
		}
		o.held[at] = append([]byte{}, b...)
		return len(b), nil
	}
	n := len(b)
	for {
		if _, err := o.to.Write(b); err != nil {
			return 0, err
		}
		o.next += int64(len(b))
		if b = o.held[o.next]; b == nil {
			return n, nil
		}
		delete(o.held, o.next)
		o.size -= len(b)
	}
}

// longestName is of a file, in bytes, without what says what it is.
const longestName = 180

// fileName is the last part of a path as a name that does nothing but name a file, wherever it is saved: the path is
// the client's or the target's.
func fileName(of string, command uint64) string {
	name := strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) || strings.ContainsRune(`/\:*?"<>|%`, r) {
			return '_'
		}
		return r
	}, path.Base(of))
	name = strings.Trim(name, ". ") // nothing that is hidden, or means a folder
	extension := path.Ext(name)
	if len(extension) > 20 {
		extension = ""
	}
	stem := strings.TrimSuffix(name, extension)
	for len(stem) > longestName {
		r := []rune(stem)
		stem = string(r[:len(r)-1])
	}
	if name = stem + extension; strings.Trim(name, "_") == "" {
		return fmt.Sprintf("file-%d", command)
	}
	return name
}
