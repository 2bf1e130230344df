package session

import "sallyport/schemas"

// NewState is newState for tests.
func NewState(s *schemas.SessionState) *State { return newState(s) }

// Snapshot is snapshot for tests.
func (t *State) Snapshot(withPrepared bool) *schemas.SessionState { return t.snapshot(withPrepared) }
