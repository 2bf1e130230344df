package journal

import "errors"

// Errors that callers tell apart. They are wrapped.
var (
	ErrFenced   = errors.New("the session was ended by somebody else")
	ErrLease    = errors.New("the gateway's lease has lapsed")
	ErrBroken   = errors.New("the log no longer takes writes")
	ErrClosed   = errors.New("closed")
	ErrNoAnswer = errors.New("no answer")
	ErrConflict = errors.New("the subject has moved on")
	ErrNotFound = errors.New("not found")
)
