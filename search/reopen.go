package search

import "fmt"

// guard turns a panic of the index library into an error: after a write that failed, as on a full
// disk, parts of it are closed that its other parts still use.
func guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the index library failed: %v", p)
		}
	}()
	return f()
}

// reopen takes the index into use as it is on the disk. What was in memory of an index that could
// not be written is not to be trusted. Until it succeeds, search is closed.
func (s *Service) reopen() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.live.Lock()
	defer s.live.Unlock()
	if s.store != nil {
		if err := guard(s.store.close); err != nil {
			s.c.Logger.Warn("the search index was not closed in order", "error", err)
		}
		s.store = nil
	}
	st, why, err := s.dir.open()
	if err != nil {
		return fmt.Errorf("reopen the search index: %w", err)
	}
	if why != nil {
		s.c.Logger.Warn("the search index could not be used and is built anew from the log", "error", why)
	}
	s.store = st
	s.announce(st)
	return nil
}
