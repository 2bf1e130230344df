// Package screen is a terminal without a window: it is written what a program wrote to its
// terminal, and says what somebody who looked at it would have seen. It is pure, and safe for one
// goroutine.
//
//	output of a terminal ──> Screen.Write ──> grid of cells ──> Text      what can be read
//	                                     └──> Config.OnLine    lines as they scroll out of reach
//	                                     ├──> Snapshot         what draws the same on a fresh terminal
//	                                     └──> Painter          what shows it on somebody's real one, and does nothing else there
//
// A [Screen.Snapshot], written to a fresh terminal of the same size, leaves it as if it had been
// written everything that the Screen was: a player need not begin at the beginning. A test holds
// that, with any bytes, by going on with both.
//
// It follows ECMA-48 and what xterm makes of it (https://invisible-island.net/xterm/ctlseqs/ctlseqs.html):
// cursor movement, erasing, insertion and deletion, scrolling regions, the alternate screen, tab stops, SGR with
// 256 and 24-bit colours, DEC line drawing, wide characters. It answers no query, and ignores what
// does not show: mouse, paste, key modes, cursor shapes, hyperlinks, images.
//
// What it holds is bounded: by the size of the screen, which is at most MaxColumns by MaxRows,
// and by Config.History. Lines get their cells when something is drawn in them, and the alternate screen its
// lines when a program has it, so that a screen with a prompt on it holds a line of cells and not two pages.
package screen
