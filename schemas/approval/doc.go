// Package approval says what becomes of a request for consent: a pure fold over the facts that
// CONTROL has about it. The approvals service, its API and the gateways that wait all fold the
// same facts with it, so they agree, whichever of them crashes or lags.
//
//	            Reviewed: deny, or all that is needed      Used
//	Requested ------------> denied   approved ---------------------> used
//	 (pending)                          |
//	     |  Withdrawn                   |  Withdrawn, deny
//	     +--------------> withdrawn <---+--> denied
//	     |  a fact at or after the expiry, by the stream's timestamps
//	     +--------------> expired   <---+
//
// A fact that the request's state has no place for does nothing: a second Used, a review of
// somebody who may not, an expiry that comes too early. So whoever appends may be mistaken, or
// repeat itself, and nothing runs twice or unapproved.
//
// # Who may review
//
// Whether a role lets somebody review the target is asked before a review is appended; that is not
// part of the fold. Everything else is: see [State.Eligible].
//
// # What is enough
//
// Every rule of the need must be satisfied, each on its own. Of a rule's `all`, each entry needs
// its count of people, and one person fills one place only, though they may be in several groups;
// of its `any`, one entry suffices. One eligible person who denies ends it.
//
// A rule may have steps instead: one after the other, each with its own people, and whoever counted
// in one does not count in a later one. A step may have its time. When that is over others may take
// it, if it names them; else the request expires. Entries may count within office hours only; how far
// their clocks are from UTC is part of the request.
//
// # Without consent
//
// Who asked may approve it themselves, with a reason, where every rule lets one of their groups do so
// (break_glass). When it was used it stays to be reviewed, once, by whoever might have denied it.
//
// The package does no I/O but for the time zone database, which Zones reads.
package approval
