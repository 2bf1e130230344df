// Package journal is the log: NATS JetStream, embedded in the process (the default) or an
// external cluster by URL, behind the few operations that Sallyport needs. It is the only package
// that imports NATS.
//
//	gateway        Writer                         JetStream                     readers
//	   | Frame(rows) |                               |                             |
//	   |------------>| pending, ≤ 256 KiB or 100 ms  |                             |
//	   | Commit(cmd) |                               |                             |
//	   |------------>| FACTS  [result, command] ---->| expected last seq on subject|
//	   |             |<------------------------- ack |                             |
//	   |<------------| nil: it may be acted on       |---- ReadSession, Consume -->|
//
// # One writer a session
//
// A [Writer] belongs to one session and one [Lease]. It keeps one batch in flight per subject,
// published on the condition that the subject's last sequence is the one it expects. When an
// acknowledgement is lost it reads the subject's last message: its own means acknowledged, the
// expected predecessor means send again, anything else means that somebody else (the reaper)
// has ended the session, and the writer is fenced. The first error is final: every later call
// returns it, and the caller stops.
//
// # Cost
//
// An idle session has no goroutine and no buffer. A Commit is one message; whoever finds the subject free appends it
// from its own goroutine, and what others add meanwhile travels in the next message. With the embedded server that
// goroutine stores it, without a connection (see direct); an external one acknowledges to a pooled inbox. The server reads a subject's last
// message to check the condition, from disk when the session has rested for long. The embedded server keeps a block of
// FRAMES in memory for Config.KeepBlocks after its last use, so that what bulk takes does not grow with its size.
//
// # When a gateway is gone
//
// [Log.Reap] seals the frames, then closes the facts as gateway_lost, and declares the numbers
// between the ends of the two that are not stored: each subject holds what it was given without
// a gap, so nothing else can be missing. [Log.Verify] accepts no other loss.
//
// # What an acknowledgement means
//
// See [Sync].
//
// # Not done
//
// Payloads are not encrypted (an [schemas.Envelope] has a codec and a key id for it), nothing is archived, and no
// checkpoint of a stream's head is signed. More than one replica of a stream was never tried.
package journal
