// Package session is the pipeline that every protocol shares: who may open a session, what
// becomes of each command, and how it all gets onto the log before it takes effect.
//
//	protocol                Session                    log              enforcer
//	   | Gateway.Open          |                         |                  |
//	   |---------------------->| ask.access --------------------------------->|
//	   |                       | Commit(Opened) -------->| ack               |
//	   |   (dial the target)   |                         |                  |
//	   | Decide(text)          |                         |                  |
//	   |---------------------->| cached? else ask.verdict ------------------->|
//	   | Command(...)          | Text frames, Command, Verdict               |
//	   | Commit                |------------------------>| ack               |
//	   |   (forward)           |                         |                  |
//	   | Rows, Bytes, Result   |------------------------>|                  |
//	   |   (deliver)           |                         |                  |
//	   | Close                 | Closed ---------------->| ack               |
//
// # Verdicts
//
// A verdict is asked before a command is recorded, because the answer says which parts of the
// text are secret. It is asked again unless the enforcer said that it may be reused: for the
// exact text, or for every text of the same [Shape]; and only while the policy revision and the
// epoch of the session's state are what they were. A verdict that names secrets is reused for the
// exact text only. No answer in time is a denial that says so.
//
// # Holds
//
// A decision that is [Decision.Held] waits in [Session.Hold], after its command was recorded and
// committed: it asks the approvals service, records that it waits, and follows CONTROL, with one
// consumer for the gateway, folding what it says as everybody does (schemas/approval). It ends with a decision
// that allows, its approval spent on the log, or one that refuses. When the policies have changed
// meanwhile, the verdict is asked for again. The protocol cancels its context when the client no
// longer waits; the request is then withdrawn.
//
// # Access for a time
//
// Who is let in by a grant alone is told before it ends, and the session ends with it. It is looked at
// again whenever grants change, so that one that is revoked ends at once; a role, or another grant,
// keeps the session open.
//
// # Masks
//
// A verdict's plan (schemas.MaskPlan) is made ready once, with the transforms of its rules and the detectors
// of their content ([Masks]), and reused with the verdict. The protocol executes it. [Session.Masked] records
// what was done, in counts; [Session.Conceal] keeps what somebody excepted saw, sealed under a key of the
// session's own. A plan that cannot be executed makes the verdict a denial.
//
// # What moved
//
// A shell has its result when it ends. So that an open session is not listed with nothing in it, what went through it in
// all is told as a fact (schemas.Moved), some time after something did (Config.Progress).
//
// # State
//
// [State] follows what changes the meaning of SQL text, from what the enforcer says of each
// command and from what the target reports. What it cannot follow it marks as unknown.
//
// # Secrets
//
// The parts of a text that a verdict names are replaced by markers before anything is recorded.
// Text that is not valid UTF-8 is refused, and recorded as a marker. Digests are HMAC-SHA256
// under a key of the gateway, so that they reveal nothing to who can guess the text.
//
// # Failure
//
// Every method that records returns the log's error, and the caller stops: nothing more may
// reach the target. [Session.Done] is closed when a session must end (killed, expired, revoked,
// log failed, lease lost), and [Session.End] says why.
package session
