// Package search is the search projection: it folds FACTS and FRAMES into a Bleve index, one a
// replica, and answers queries with hits that lead to the exact entry of a session.
//
//	log                     Service.Run                             index
//	 | FACTS  ---------------->| opened, command, verdict, …            |
//	 |                         |-- documents + position, one batch ---->|
//	 | FRAMES ---------------->| wait until FACTS is at its head        |
//	 |                         |-- documents + position, one batch ---->|
//	reader                  Service.Search, Suggest                     |
//	 | who:alice "drop table"->| parse, Authorizer.Allowed              |
//	 |                         |-- query AND allowed targets ---------->|
//	 |<-- hits, total, cursor -|                                        |
//
// # Documents
//
// One a command: its text, parameters, tag and error, and what facts say about it (kinds, tables,
// verdict, policies). One a piece of at most 32 KiB of the rows of a Rows frame, or of the text of
// a Bytes frame (COPY), so that a hit names the frame; a row that is spread over frames is found
// in the one that ends it, and a row of over 64 MiB of cells in several frames is not searchable.
// One a notice, and one an error that belongs to no command. A longer command or parameter has
// further documents. One the lines of a terminal's screen that became final with a frame (the cursor left
// them, or they stayed as they were for a second), as an emulator of the size with which the terminal was opened shows them: a hit
// is in the frame with which the text stood on the screen. One an observed command line, and one a file
// that went by. What a command returned carries what was said about it before it ran, so
// kind:SELECT or verdict:held narrows rows too. Values that were not recorded (markers) and
// binary payload, what was typed and the content of files are not indexed.
//
// All words of a query must be in one document (AND), each in any of its texts; field:rows and the
// like narrow where the words beside them are looked for.
//
// # The index follows from the log
//
// A document's id is its session, number and piece, and its content depends on nothing but the
// log: not on how messages were batched, not on which stream came first. So the position of both
// streams, committed in the same batch as the documents, is all that a restart needs, and an index
// built beside is equal document by document (see [Service.Rebuild]). Messages without a document, as of a file's
// content, are not worth waiting for the disk: at most 32 MiB of them are read again after a crash. Two rules make that hold.
// Frames wait for the facts that were acknowledged before them, and what a document of frames
// takes from facts (its session, its command, the verdicts on it) never changes once there are
// frames. What is remembered between messages (the columns of a running command, a row that goes
// on, the last line of a COPY) is bounded, and read from the log again when it was forgotten.
//
// An index that is damaged, of another format, or of another log is emptied and filled again. A
// message that cannot be decoded is reported, counted (Status.Skipped) and passed over.
//
// # Answers
//
// Queries are not evaluated document by document. The index keeps, for every term, a bitmap of the
// documents that have it; and, or and not are operations on bitmaps, counts of facets and of bars are
// sizes of intersections, and only a phrase looks into documents (for the positions of its words, in
// those that have all of them and of which the notes on common words that stand next to each other
// do not tell, see words.Pairs). A document has a term for the day, hour, minute, second and 10 ms of
// its time, so the newest hits are found by going down from the last day that has any, and only a few
// thousand are ever sorted. So what a query costs hardly grows with what it matches.
//
// Hits in an open session are a way of watching it: Config.Shown hears of the sessions before the hits are
// given, so that the view is a fact and the person at the client is told where the target says so.
//
// # Prompts
//
//	CONTROL ------- run opened, with its prompt ------> prompts (words and where they stand, in memory)
//	prompt:cleanup -- runs with these words --> those of whom something may be read --> Config.Prompts: may this
//	                                            prompt be read? --> what was done in these
//
// A prompt is not part of a command's document: who may replay a command may not always read the prompt that led to it, and
// whoever may not must not find out its words. The beginning of the prompt comes with every hit of a run, for
// those who may read it. Before either is answered, the prompts are as far as CONTROL is: a session begins after its run
// was opened, so whoever finds the session finds the prompt.
//
// # Words
//
// Text is cut into runs of letters and digits, in lower case; no stop words, no stemming.
// Identifiers with underscores and what is joined by . @ : / + - are kept whole as well. So
// customer_id is found as customer_id, customer, id and customer_i*; alice@example.com whole, by
// its parts, and as alice@ex*; 12.50 as 12.50, 12 and 50. A word of several parts and "words in
// quotes" stand for the parts next to each other, whatever the separators; an identifier with
// underscores inside them is matched whole.
//
// # Query language
//
//	who: group: agent: run:                    principal (or agent), its groups, its run
//	prompt:                                    words of the prompt that started the run: prompt:(clean up) or prompt:"clean up"
//	target: label: protocol: database: client: label:env=prod, or label:env
//	session:                                   one session
//	kind: table: column: verdict: policy:      DROP, EXEC; customers or public.customers; held, denied, allowed
//	program: path:                             of command lines and files: curl; /etc/passwd, etc/passwd or passwd
//	attribute: trace:                          of statements' comments: attribute:route=/orders; id of a W3C trace
//	error:                                     SQLSTATE, or words of the message
//	field:                                     command, parameter, error, rows, notice, screen, observed or file
//	after: before:                             2026-11-01, 2026-11-01T15:04 (UTC), RFC 3339, 2h, 7d, today, yesterday
//	word  "a phrase"  word*  -not  NOT  AND  OR  ( )  kind:(DROP OR TRUNCATE)
//
// Values are not case-sensitive. after: takes in its time, before: does not. A star can only end
// a word. Errors say at which character a query is wrong.
//
// # Not done here
//
// Who reads is known to the [Authorizer] alone. Entries that are purged from the log stay in the index
// until it is rebuilt. There is no archive to read.
package search
