// Package replay is the read side of the log: the list of sessions, the player and its websocket,
// exports, public events, and the proof that what is derived is what the log gives. It reads the
// log, and never asks a gateway anything but to end, pause or tell a session.
//
//	viewer                Service                    log                      gateway
//	  | GET play?from=N      |                        |                         |
//	  |--------------------->| may they replay/watch? |                         |
//	  |                      |--- Viewed (CONTROL) -->| acknowledged            |
//	  |<== entries … ========|<-- ReadSession --------| history                 |
//	  |<== live =============|                        |                         |
//	  |<== entries … ========|<-- ReadSession, follow-|<------- Writer ---------|
//	  |<== end, close 1000 ==|<---------- Closed -----|                         |
//
// # What runs
//
// [Sessions] projects FACTS into the bucket of sessions, [Events] projects FACTS and CONTROL into
// EVENTS, [Indexes] keeps what players seek with ([Index]): activity over time, alerts, places of commands,
// and keyframes of terminals (schemas/screen), bounded however long a session is. All resume where they
// were, run in any number of replicas, and can be rebuilt beside themselves ([Projection]). [Service] answers the API. [Play], [WriteCast], [WriteHTML] and
// [WriteLines] render entries, wherever they come from: [Entries] (the log), [Stream] (the
// websocket) or [Lines] (an NDJSON export).
//
// # The API
//
// Paths begin with /api/v1. Times are RFC 3339 with nanoseconds, UTC. Errors are problem documents
// (RFC 9457, [Problem]). Every row, entry and event is authorised for its reader: replay for what
// is closed, watch for what is open, kill to end it, admin on the target "" for what covers
// everything. Reading a recording is a fact (Viewed) before its first byte is given; the pages
// that one reader takes of one recording within five minutes count as one reading.
//
//   - GET /sessions?limit=50&cursor=&open=&who=&target= gives {"sessions":[S],"next":cursor},
//     newest first. S is [Session].
//   - GET /sessions/{id} gives S.
//   - GET /runs?limit=50&cursor=&agent= gives {"runs":[R],"next":cursor}, newest first; R is [RunSummary].
//     Who may look at one of a run's sessions sees the run and those sessions.
//   - GET /runs/{id} gives [RunChain]: the prompt, for those who may look at all sessions, administrators, the
//     agent and the person who started it; sessions and their commands with what became of each; child runs.
//   - GET /sessions/{id}/entries?from=1&limit=500 gives {"entries":[E],"next":number or 0}. E is
//     [Entry]: {"number","at","sequence","stream","kind"} and the fields of the part that kind
//     names ([Opened] … [Bytes]), in one flat object. Names are those of entries.proto, except
//     command_kind and notice_kind. Enums are short words. Payload that is not UTF-8 is "base64"
//     in place of "text". Rows stand, whole, in the entry in which
//     they end: one that is longer than a frame (512 KiB) goes on in several, which have "more". A frame of rows that was malformed
//     has the rows before that, and "problem".
//     A command whose text holds several statements has columns several times; rows belong to the
//     columns before them.
//   - GET /sessions/{id}/play?from=1 is a websocket: [Message].
//   - GET /sessions/{id}/index gives [IndexAnswer]; /keyframe?at=MS (or number=N) gives
//     [KeyframeAnswer], from which a player goes on with entries; /moments?from=N&limit=200 gives
//     {"moments":[M],"next":N or 0}, M being [Moment], read from facts alone. before=N gives those
//     that end before an entry, at=MS those from the last command before a time on.
//   - POST /sessions/{id}/kill {"reason"} answers 204. Killed is a fact first. So do /message
//     {"message"} (whoever may watch), /pause {"reason"} and /resume (whoever may kill).
//   - GET /sessions/{id}/remarks gives [Remarks]: annotations, views, and what was done to it. POST
//     /sessions/{id}/annotations {"number","text"} gives [Annotation]; DELETE …/annotations/{id}
//     takes it back.
//   - GET /sessions/{id}/export?format=ndjson|asciicast|html. A connection cut in the middle means
//     that the export failed.
//   - GET /sessions/{id}/files?from=1&limit=200 gives {"files":[M],"next":N or 0}, M being [MovedFile]; /files/{command}
//     what was written to the one that a command opened, or with read=true what was read from it, as the recording holds it: with
//     masks that look for content it does not. It is held against the recorded digest before its first byte is given.
//   - GET /sessions/{id}/verify gives [Verification]; GET /verify (administrators) one a line.
//   - POST /rebuild (administrators) gives {"projections":[RebuildReport]}; to who accepts application/x-ndjson,
//     a [RebuildLine] a line: how far it is, each report, and at the end done or a problem.
//   - GET /events?cursor=&since=&subject=&follow=true gives CloudEvents, one a line, or as
//     server-sent events for Accept: text/event-stream (where Last-Event-ID is a cursor too).
//     "sequence" is the cursor of an event: what comes after it is asked for with cursor=. Events of
//     sessions and commands need replay on their target, all others admin: a reader sees those
//     that it may, so a SIEM needs a principal that may see all.
//
// # Public events
//
// They are described in the package schemas/events. There is no order between what comes from
// FACTS and what comes from CONTROL; what comes from one of them is in its order.
//
// # What this does not do
//
// It does not archive or purge, and it does not search. What is masked it reveals to people who are
// excepted from the masks, on request only, and as a fact.
//
// References: asciicast v3 (https://docs.asciinema.org/manual/asciicast/v3/), CloudEvents 1.0
// (https://github.com/cloudevents/spec), OCSF 1.8 (https://schema.ocsf.io/1.8.0/), RFC 6455, RFC 9457.
package replay
