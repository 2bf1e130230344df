package authority

import (
	"fmt"
	"os"
	"sync"
)

// file is what was read from a file, and is read again when that changes.
type file[T any] struct {
	path string
	read func([]byte) (T, error)

	mu   sync.Mutex
	have T
	info os.FileInfo // of what was read; nil: nothing yet
	err  error
}

func newFile[T any](path string, read func([]byte) (T, error)) *file[T] {
	return &file[T]{path: path, read: read}
}

// content returns what is in the file now. What cannot be read is an error, not what it was before.
func (f *file[T]) content() (T, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var none T
	info, err := os.Stat(f.path)
	if err != nil {
		f.info = nil
		return none, fmt.Errorf("read %s: %w", f.path, err)
	}
	if f.info != nil && os.SameFile(info, f.info) && info.ModTime().Equal(f.info.ModTime()) && info.Size() == f.info.Size() {
		return f.have, f.err
	}
	data, err := os.ReadFile(f.path)
	if err == nil {
		f.have, err = f.read(data)
	}
	if err != nil {
		f.have, err = none, fmt.Errorf("%s: %w", f.path, err)
	}
	f.info, f.err = info, err
	return f.have, f.err
}
