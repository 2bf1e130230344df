// Package schemas is the vocabulary of Sallyport: the entries of a session, the envelope that
// carries them, what is asked over the log, the names of streams and subjects, typed identifiers,
// and the errors that users see.
//
// The .proto files beside this one define what is stored and asked; their Go form is generated
// from them (make generate). The log keeps these for ever, so a field is never
// renumbered, retyped or given another meaning; make lint holds that against the last release.
//
// # A session on the log
//
// A session has two subjects: facts (small, structured) on FACTS and frames (payload) on FRAMES.
// Entries are numbered 1, 2, 3 … over both. Each message is an [Envelope] holding a [Batch] of
// entries of its subject; the SHA-256 of a message's stored bytes is named by the next message of
// the subject, and every fact message names the acknowledged head of the frames. The first
// entry is [Opened], the last fact [Closed].
//
// The package does no I/O.
package schemas
