// Package restricted is a shell of the gateway's own: lines are edited here, and each is decided before it
// runs on the target. It knows no protocol.
//
//	client              Shell                       Runner (the gateway)                     target
//	  | keys ------------>| edit, history              |                                       |
//	  | Enter ----------->| Run(line, directory) ----->| decide, record, then a command ------>|
//	  |<--------------------------------------------- output ---------------------------------|
//	  |                   |<-- status, directory ------|                                       |
//
// It is a barrier where watching a shell is none: what reaches the target is the text that was decided. So it has no
// jobs, no aliases and no variables that last; the working directory does: a line of cd and one word is run together
// with pwd, and what that says is where later lines begin.
//
// What a line runs is given no input and no terminal: a program that one types into would take lines that nobody
// decides. Ctrl-C ends a line that runs; Ctrl-D, exit and logout leave.
package restricted
