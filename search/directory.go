package search

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	bolterrors "go.etcd.io/bbolt/errors"

	"sallyport/schemas"
)

// directory holds the index in use and, during a rebuild, the next one:
//
//	current          the name of the index in use, replaced by rename
//	index-…          indexes
type directory struct {
	root string
	pace pace // of the merging of its indexes
}

const (
	currentFile = "current"
	indexPrefix = "index-"
)

// open opens the index in use. One that is missing, of another format or broken is replaced by an
// empty one, which Run then fills from the log: why says so. A locked one is an error.
func (d directory) open() (s *store, why error, err error) {
	if err := os.MkdirAll(d.root, 0o700); err != nil {
		return nil, nil, fmt.Errorf("make index directory: %w", err)
	}
	name, err := os.ReadFile(d.path(currentFile))
	if errors.Is(err, fs.ErrNotExist) {
		s, err := d.fresh()
		return s, nil, err
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read which index is in use: %w", err)
	}
	if s, why = openStore(d.path(filepath.Base(string(name))), d.pace); why == nil {
		return s, nil, d.clean(filepath.Base(string(name)))
	}
	if locked(why) {
		return nil, nil, fmt.Errorf("the index is in use by another process: %w", why)
	}
	s, err = d.fresh()
	return s, why, err
}

// locked reports whether another process has the index open: only its lock has a timeout.
func locked(err error) bool { return errors.Is(err, bolterrors.ErrTimeout) }

// fresh makes an empty index and takes it into use.
func (d directory) fresh() (*store, error) {
	name := d.next()
	s, err := createStore(d.path(name), d.pace)
	if err != nil {
		return nil, err
	}
	if err := d.use(name); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, d.clean(name)
}

// next is the name of an index that does not exist.
func (d directory) next() string { return schemas.NewID(indexPrefix) }

func (d directory) path(name string) string { return filepath.Join(d.root, name) }

// use makes name the index in use, atomically and durably.
func (d directory) use(name string) error {
	next := d.path(currentFile + ".next")
	if err := writeSynced(next, name); err != nil {
		return fmt.Errorf("note which index is in use: %w", err)
	}
	if err := os.Rename(next, d.path(currentFile)); err != nil {
		return fmt.Errorf("note which index is in use: %w", err)
	}
	f, err := os.Open(d.root)
	if err != nil {
		return fmt.Errorf("sync index directory: %w", err)
	}
	return errors.Join(f.Sync(), f.Close())
}

func writeSynced(path, text string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// clean removes the indexes that are not name: replaced, or left by a rebuild that did not end.
func (d directory) clean(name string) error {
	entries, err := os.ReadDir(d.root)
	if err != nil {
		return fmt.Errorf("clean index directory: %w", err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), indexPrefix) && e.Name() != name {
			if err := os.RemoveAll(d.path(e.Name())); err != nil {
				return fmt.Errorf("clean index directory: %w", err)
			}
		}
	}
	return nil
}
