// Package observe tells what commands are typed in a shell, from what goes by on its terminal. It is pure.
//
//	input  (keys) ---> Observer.Input                     an Enter, and where typing began
//	output --------> Observer.Output --> screen (schemas/screen) --> []Line
//	                     '-- marks of the shell (OSC 133)
//
// Where the shell marks its prompts (FinalTerm's OSC 133: A prompt, B input, C output, D end with exit status;
// bash, zsh and fish with the integration that terminals ship), a line is what stands between B and C, and the
// source is "marks". A line that the shell states itself (cmdline= of kitty, OSC 633;E of VS Code) is taken as it
// says. Without marks, a line is what stood between where typing began and the end of the line when Enter's
// line break came: "screen".
//
// It is an observation and no barrier. The target has the line already; marks can be forged by whatever writes to the
// terminal; a line can be drawn otherwise than it runs; what is typed while nothing shows (a password) or in a
// full-screen program is not a line; and what a program other than the shell asks for looks like one.
//
// Memory is bounded by the screen, a few hundred lines of it, and the longest mark.
package observe
