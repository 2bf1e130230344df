// Package enforcer says what may happen: it answers asks for a verdict about a command and for
// access to a target. Only it parses.
//
// Commands over SSH take the same way, with facts of internal/shell instead.
//
//	gateway                       enforcer                                  resources
//	   | ask.verdict.postgres ------>| facts of the text (internal/pgsql)        |
//	   |<- ask.catalogue.<target> ---| unless the state's digest is known        |
//	   |                             | role? policies of the target, in CEL <----| snapshot
//	   |                             | masks: lineage (internal/lineage) <-------|
//	   |<- outcome, reasons, facts, -| deny > hold > allow                       |
//	   |   secrets, effects, reuse,  |                                           |
//	   |   plan of masks             |                                           |
//
// # How verdicts combine
//
// Without a role that lets the principal connect to the target, a command is denied. Each policy
// whose targets match is evaluated; deny beats hold beats allow, and every hold that matches must be
// satisfied. When no policy matches, a command is allowed, except that an opaque or unparsed one is
// denied, unless the target says `unparsed: hold` or `allow`. An allow that rests on
// command.sql speaks for an opaque (unparsed) command only if it mentions command.sql.opaque
// (command.sql.unparsed). An error in evaluating a policy, and a policy that does not compile, deny.
//
// # What `when` sees
//
// CEL (https://github.com/google/cel-spec) over [Command], [Principal], [Run], [Target], [Session]
// and now, with CEL's string extensions. A misspelt field does not compile.
//
// # Names
//
// command.sql.reads and writes hold schema.table; columns schema.table.column, with * for the whole
// row; functions schema.function. Names are normalised as PostgreSQL does (case, quotes, U&, 63
// bytes) and written without quotes, unless a dot or quote in them would mislead. An
// unqualified name is pg_catalog's if that has it, else it is of each schema of the search path in
// which the catalogue has it, "$user" expanded. Without a catalogue, or where it has it in none, it is of
// every schema of the path, "$user" aside: all of them are listed. A temporary relation that hides
// others is listed beside them. An unqualified column is of each table it may belong to.
//
// # Kinds
//
// command.sql.kinds holds what every statement is, nested ones included: in CTEs and subqueries, in
// what is explained with ANALYZE, in the bodies of DO and of functions being created, in rules, in
// prepared statements when they are prepared and when they are executed, in SQL given to functions as
// a constant.
//
//	SELECT (also VALUES and TABLE) INSERT UPDATE DELETE MERGE TRUNCATE COPY CALL DO EXPLAIN
//	CREATE ALTER DROP, each with what: CREATE_TABLE, ALTER_ROLE, ALTER_SYSTEM, DROP_VIEW …
//	DROP, DROP_COLUMN and DROP_CONSTRAINT also stand beside ALTER, ALTER_TABLE
//	GRANT REVOKE (of privileges and of roles) REASSIGN_OWNED DROP_OWNED COMMENT SECURITY_LABEL IMPORT
//	PREPARE EXECUTE DEALLOCATE DECLARE FETCH MOVE CLOSE LISTEN UNLISTEN NOTIFY LOCK
//	BEGIN COMMIT ROLLBACK ROLLBACK_TO SAVEPOINT RELEASE PREPARE COMMIT_PREPARED ROLLBACK_PREPARED
//	SET (also set_config) RESET SHOW DISCARD VACUUM ANALYZE CLUSTER REINDEX REFRESH CHECKPOINT LOAD
//
// and, beside those, what is remarkable in any of them:
//
//	SELECT_INTO        a SELECT that makes a table
//	COPY_PROGRAM       COPY from or to a program on the server; opaque
//	SERVER_FILE        COPY with a file, pg_read_file, lo_import, lo_export and their kin
//	SERVER_CONTROL     pg_terminate_backend, pg_reload_conf, replication slots and their kin
//	REMOTE             dblink and its kin: SQL somewhere else; opaque
//	SECURITY_DEFINER   a function that runs with its owner's rights is being created
//
// # Opaque, unparsed
//
// Opaque is what runs something that cannot be seen: EXECUTE in PL/pgSQL, a body in another
// language than SQL and PL/pgSQL, CALL of a procedure, EXECUTE of a statement the gateway did not see
// prepared, an extension's script, LOAD, SQL that is computed and given to a function, names while
// the search path is not known. A function that exists already is listed by its name and not
// opaque: what it does is its creator's word.
//
// Unparsed is a text with a syntax error, or one that the server may read otherwise than the
// parser: a backslash while standard_conforming_strings is off, bytes outside ASCII while
// client_encoding is not UTF-8, a NUL; and one beyond the limits of size and depth.
//
// # SSH
//
// command.kind says what is asked: exec (a command line), line (one of a restricted shell), shell, subsystem,
// file, forward.
//
// command.exec is the meaning of a command line (package enforcer/internal/shell): every program that runs, behind
// sudo, env, xargs, find -exec and in sh -c; words as the shell expands them; files that redirections read and
// write. A shell, and an interpreter, a pager or an editor on a terminal, are command.exec.interactive. Of one that is
// opaque or unparsed what is said above holds, with command.exec.opaque and unparsed.
//
// command.file names a file by its absolute, clean name, as the gateway had the target resolve it; a relative name, which
// means what the target makes of it, counts as unparsed. Files in command lines are named as they are written. command.forward is denied unless a policy that mentions it allows or
// holds it, or the target's rules (ssh.forwards) let it pass.
//
// What was observed in a shell (command.observed) has happened already. Only policies that mention
// command.observed can deny it, which ends the session; every other one that speaks against it is told of, in an answer
// whose outcome is HOLD and that waits for nothing. The rules about opaque and unparsed commands say nothing.
//
// # Secrets and reuse
//
// An answer names the parts of the text that are never to be recorded, each with the marker to
// record instead: '‹secret›' for a literal, '‹masked›' for one that is bound for a masked column or held
// against one, ‹unparsed› for a text that was not understood; secret_parameters are the same for
// parameters. Reuse says
// for how long, within the session, the answer holds: for the exact text; for its shape, the text
// with its plain numbers aside; or not at all, when a policy looks at now.
package enforcer
