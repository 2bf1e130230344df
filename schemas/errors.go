package schemas

import "errors"

// Code is a class of error that a user sees. Each protocol maps it to its own (SQLSTATE, HTTP
// status, exit status).
type Code string

// Codes.
const (
	CodeUnauthenticated Code = "unauthenticated" // who are you: no, wrong, expired or revoked credential
	CodeForbidden       Code = "forbidden"       // a role or policy says no
	CodeStepUp          Code = "step_up"         // allowed to who proves with a passkey that it is them
	CodeNotFound        Code = "not_found"
	CodeInvalid         Code = "invalid" // the request itself is wrong
	CodeConflict        Code = "conflict"
	CodeUnsupported     Code = "unsupported" // not modelled, therefore refused
	CodeLimit           Code = "limit"       // a configured bound was reached
	CodeUnavailable     Code = "unavailable" // the log, the enforcer or the target cannot be reached
	CodeKilled          Code = "killed"      // somebody ended the session
	CodeCanceled        Code = "canceled"    // whoever asked for it took it back, or it took too long
	CodeInternal        Code = "internal"    // the details are in the gateway's own log
)

// Error is an error whose text may be shown to the user. Everything else is internal: logged once
// where it is handled, and shown as CodeInternal.
type Error struct {
	Code    Code
	Message string // for the user: what happened, in plain words
	Hint    string // what to do about it; may be empty
	Err     error  // the cause, for the gateway's log only
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Message
	}
	return e.Message + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// Shown returns the Error that a user sees for err.
func Shown(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return &Error{Code: e.Code, Message: e.Message, Hint: e.Hint}
	}
	return &Error{Code: CodeInternal, Message: "internal error", Hint: "the gateway's log has the details"}
}
