// Package shell finds the facts of command lines that a shell of the target runs: which programs,
// with which words, what they read and write by redirection. Nothing is run.
//
//	text -> parse as bash -> walk -> commands ----.
//	     -> parse as sh   -> walk -> commands ----+-> merge -> facts, secrets
//	                          |  ^
//	                          v  | sh -c, eval, trap: text within a text
//	                        see through: env, sudo, xargs, find -exec …
//
// The grammar is that of the POSIX shell (IEEE Std 1003.1-2024, XCU 2) and of bash 5.2, read by
// mvdan.cc/sh. Which shell the account has on the target is not known, so a text is read as
// both, and its facts are those of either: $'\x63url' is curl in bash and something else in dash. As shells
// run line by line, what stands before a syntax error counts. zsh and ksh are covered where they read
// as bash does; texts of fish, csh and PowerShell are not understood.
//
// # What is known
//
// A word is known when the text alone tells what the shell makes of it: quotes, escapes, $'…', braces,
// $IFS, and variables that the text sets once, to a constant, before it. Globs, substitutions,
// arithmetic and other variables are not. Every simple command is listed in the text's order: in pipelines,
// lists, substitutions, functions, loops, here-documents, and behind what runs others (see wrappers.go).
//
// # Opaque, unparsed
//
// Opaque is a text that runs something that cannot be seen: a program whose name is not known; eval and
// source; a shell that reads its script from input, or is given one that is not known; programs in other
// languages within the text; options that make a program run another; variables that change what others run
// (PATH, LD_PRELOAD …); arithmetic over values that are not numbers for certain, since bash evaluates
// them. A script or program that is in a file is listed by its name and not opaque: what it does is its
// creator's word. Unparsed is a text that neither grammar accepts, has control characters or bytes that are
// not UTF-8, or is beyond the limits of size and nesting.
//
// # Secrets
//
// Words that programs take for passwords and keys (mysql -p…, curl -u …, --password=…, PGPASSWORD=…,
// user:password@ in URLs) are named, to become markers before anything is recorded, and stand as markers
// in the facts as well.
package shell
