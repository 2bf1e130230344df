// Package sessiontest helps to test protocols: a log with a lease and a gateway in one line, an
// enforcer that says what the test wants, and the conformance suite ([Run]) that every protocol
// passes: opened first, a command on the log before its bytes are at the target, a refusal that
// leaves the session alive, a kill, and a log that fails.
package sessiontest
