// Package events describes the public events: CloudEvents 1.0 in their JSON form, whose data is an
// OCSF 1.8 object. A JSON Schema (2020-12) for each type is embedded; its $id is what the event
// names as its dataschema.
//
// The subject of an event on the stream EVENTS is
// sallyport.event.<area>.<what>.<protocol>.<target>, its type sallyport.<area>.<what>.v1. Its id is
// stable: an entry of a session is <session>.<number>, a control fact control.<sequence>, so a
// rebuild makes the same event again and a consumer can tell a repeat.
//
//	type                       OCSF class                       derived from
//	session.opened             3003 Authorize Session, Assign   Opened
//	session.closed             3002 Authentication, Logoff      Closed
//	session.viewed             3004 Entity Management, Read     Viewed
//	session.kill_requested     3004 Entity Management, Other    Killed
//	session.message_sent       3004 Entity Management, Other    Steered
//	session.paused             3004 Entity Management, Other    Steered
//	session.resumed            3004 Entity Management, Other    Steered
//	session.annotated          3004 Entity Management, Create   Annotated
//	session.annotation_removed 3004 Entity Management, Delete   AnnotationRemoved
//	command.allowed            6005 Datastore Activity, Query   Verdict
//	command.denied             6005 Datastore Activity, Query   Verdict
//	command.held               6005 Datastore Activity, Query   Verdict
//	command.finished           6005 Datastore Activity, Query   Result
//	command.observed           4007 SSH Activity, Other         Observed
//	command.alerted            4007 SSH Activity, Other         Verdict on an observed command
//	file.transferred           1001 File System Activity        File
//	identity.signed_in         3002 Authentication, Logon       SignIn
//	identity.sign_in_failed    3002 Authentication, Logon       SignIn
//	identity.token_created     3004 Entity Management, Create   TokenCreated
//	identity.token_revoked     3004 Entity Management, Delete   TokenRevoked
//	identity.user_changed      3004 Entity Management, Other    UserPut
//	identity.user_removed      3004 Entity Management, Delete   UserRemoved
//	identity.passkey_changed   3004 Entity Management, Other    PasskeyPut
//	identity.passkey_suspected 3004 Entity Management, Other    PasskeyPut that bars it
//	identity.passkey_removed   3004 Entity Management, Delete   PasskeyRemoved
//	resource.applied           3004 Entity Management, Other    ResourceApplied
//	resource.deleted           3004 Entity Management, Delete   ResourceDeleted
//	approval.requested         3004 Entity Management, Create   ApprovalRequested
//	approval.reviewed          3004 Entity Management, Update   ApprovalReviewed
//	approval.approved          3004 Entity Management, Update   ApprovalReviewed
//	approval.denied            3004 Entity Management, Update   ApprovalReviewed
//	approval.expired           3004 Entity Management, Update   ApprovalDecided
//	approval.withdrawn         3004 Entity Management, Update   ApprovalWithdrawn
//	approval.break_glass       3004 Entity Management, Update   ApprovalReviewed
//	approval.reviewed_after    3004 Entity Management, Update   ApprovalReviewed
//	approval.escalated         3004 Entity Management, Update   ApprovalDecided, or what comes first
//	approval.used              3004 Entity Management, Update   ApprovalUsed
//	access.requested           3004 Entity Management, Create   ApprovalRequested, of access for a time
//	access.reviewed            3004 Entity Management, Update   ApprovalReviewed
//	access.approved            3004 Entity Management, Update   ApprovalReviewed
//	access.denied              3004 Entity Management, Update   ApprovalReviewed
//	access.expired             3004 Entity Management, Update   ApprovalDecided
//	access.withdrawn           3004 Entity Management, Update   ApprovalWithdrawn
//	access.escalated           3004 Entity Management, Update   ApprovalDecided, or what comes first
//	access.granted             3004 Entity Management, Create   GrantMade
//	access.revoked             3004 Entity Management, Delete   GrantRevoked
//	access.ended               3004 Entity Management, Delete   GrantEnded
//	run.opened                 3004 Entity Management, Create   RunOpened
//
// Events of commands over SSH have class 4007 SSH Activity (what runs, shells, forwarding) or 1001 File System
// Activity (operations on files) in place of 6005.
//
// Verdicts use OCSF's security_control profile: action_id and disposition_id are Allowed and
// Allowed, Denied and Blocked, or, for held, Unknown and Delayed. What OCSF has no place for is in
// unmapped. Fields are added compatibly; a change of meaning is a new version of the type.
//
// What a fact about an approval does depends on those before it (schemas/approval); one that did
// nothing is no event.
//
// Readers get one attribute more than is stored: sequence, the CloudEvents extension, which is the
// cursor.
//
// References: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md,
// https://schema.ocsf.io/1.8.0/.
package events
