// Package postgres is the gateway for PostgreSQL's frontend/backend protocol, versions 3.0 and
// 3.2. Clients connect with what they have (psql, drivers, pg_dump) and see a PostgreSQL server;
// the target sees an ordinary client with the target's own credential.
//
// References: PostgreSQL's "Frontend/Backend Protocol" (message flow, message formats, SASL),
// "Database Connection Control Functions" (sslmode, channel_binding), RFC 5802, RFC 7677, RFC 5929.
//
//	client                       front | back                    log, enforcer        target
//	  | SSLRequest, Startup, SCRAM |   |                                |                |
//	  |--------------------------->|   | access, Opened --------------->| ack            |
//	  |                            |   | SSLRequest, Startup, SCRAM, search_path?------->|
//	  |<-- AuthenticationOk, ParameterStatus, BackendKeyData (made up), ReadyForQuery ---|
//	  | Parse Bind Execute … Sync  |   |                                |                |
//	  |--------------------------->| decide each text ----------------->| verdict        |
//	  |                            | Command, Verdict … one commit ---->| ack            |
//	  |                            |-- expect answers -->|              |                |
//	  |                            |------------------------------ the batch, unaltered ->|
//	  |                            |   |<------------------------ rows, tags, errors -----|
//	  |                            |   | Columns, Rows, Result -------->|                |
//	  |<--------------------------------| the same bytes                |                |
//
// The front reads the client and is the only one to write to the target; the back reads the
// target. They share a queue of expected answers, by which each answer finds its command.
//
// # Catalogue
//
// What a text means depends on the target's catalogue, and only the gateway reaches it. It keeps a
// snapshot for each database that has sessions, over a connection of its own with the target's
// credential (application_name sallyport), and serves it to the enforcer. A verdict is asked with
// the digest of the snapshot; without one the enforcer vouches for nothing that depends on it.
//
// # What is recorded
//
// Each simple query, each Execute with its text and parameters, each Parse and Bind that no
// Execute follows in the same batch; rows and COPY data as the client gets them; COPY data from
// the client before the target does; results with tag, rows, bytes, duration and error; notices,
// notifications, and parameters that change. A command that the target skipped because something
// before it in the pipeline failed has a result that says so.
//
// # What is refused
//
// A command that policy denies fails as an error of its own would have made it: in its place goes
// one that certainly fails and does nothing, so that the target itself aborts the transaction,
// skips to the Sync and reports its true status; the target's error is replaced by SQLSTATE 42501
// with the policies' reasons. What follows a refused message up to the Sync is not sent at all.
//
// Function calls by the fast path are judged and recorded as the SELECT that they stand for. Only
// the functions of large objects can be called so, as libpq's lo_ functions, pg_dump and JDBC do.
//
// Refused in the same way: other function calls (0A000), malformed messages (08P01),
// names of statements (26000) and portals (34000) that the gateway has not judged, such as a
// portal of a cursor that SQL declared. Refused at the start: replication, startup parameters
// and options other than a known few, GSS encryption (answered N), protocols other than 3.
// A message of another type, or one in the middle of COPY data, ends the session.
//
// # What is held
//
// Of a simple query the whole text; in the extended protocol each portal, when it is first
// executed, with its parameters: a Parse runs nothing. Before a hold, what came earlier is flushed,
// answered and delivered; what the client sends meanwhile stays in its buffer, up to
// Limits.HeldInput, and is read so that its leaving is noticed. The client is told by a NOTICE, and
// again every so often. A CancelRequest and statement_timeout end the hold as they would end the
// command (57014). A client that started with sallyport.hold=fail is refused at once, with the link,
// and may run the command once it is approved. A hold that is refused is refused like a denial.
//
// # What is masked
//
// A verdict carries a plan (schemas.MaskPlan), and each answer knows the plan of its command:
//
//	plan ── RowDescription ──> resultMask   cells of DataRow: by column of the plan, by the table and
//	     |                                  attribute that a column comes from, by content
//	     |─ CopyOutResponse ─> copyMask     rows of COPY in its three formats, wherever CopyData is cut
//	     |─ CopyInResponse ──> copyMask     what is recorded of the data that goes to the target
//	     '─ ErrorResponse, NoticeResponse, NotificationResponse, FunctionCallResponse
//
// A result that is not as the plan announced it (number and names of columns, a second result of one statement)
// is masked whole. A masked value is a value of its type, in both formats; where a type has none that could
// stand for it, null. What a table holds is masked as the rule says; what was computed is always
// redacted, nulls and sizes of arrays too, for a part or a hash of a value that was cut up first tells
// the value. In front of an Execute whose columns nobody has described, the gateway adds a Describe and
// keeps its answer to itself. A portal's rows are masked as when it was bound; have the masks changed since, whole.
//
// Texts of errors and notices pass, while masked columns take part, if they are among the messages of
// PostgreSQL's that quote no values (mask_templates.go); names in them must stand in the command. Of the
// others SQLSTATE and severity are left. The templates are in English: with another lc_messages all are hidden.
//
// The recording has the masked form. What somebody excepted saw is sealed beside it: values, and texts of errors,
// notices and notifications. What is sealed names every mask that covers it, for whoever is to be shown it later must be excepted
// from all of them. Where no mask applies to a result, its rows take the way they take without masks.
//
// A notification is masked as the verdict on the session's last command says or, once policies have changed since, as
// one on a command that does nothing.
//
// # Limits of what is followed
//
// Names of statements and portals are cut to 63 bytes, as the target cuts them. A client that
// vanishes leaves the target Limits.DrainAfterGoodbye to finish what it was sent; what still runs
// then is cancelled, and so is what runs when a session is killed.
//
// Statements share their names with SQL's PREPARE, which is followed by what the enforcer says of
// each command. A PREPARE hidden in code that the enforcer calls opaque is not: a policy that
// lets opaque code run lets it redefine names.
//
// While a command is held inside of a transaction, the target's own
// idle_in_transaction_session_timeout goes on.
package postgres
