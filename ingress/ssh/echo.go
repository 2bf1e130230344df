package ssh

import (
	"bytes"
	"regexp"
	"strconv"
	"sync"
)

// Formats of recorded terminal input.
const (
	formatTerminal = "terminal"
	formatWithheld = "withheld" // it was sent, and what it is follows once its echo is known
)

// notEchoed stands in recordings for input that the target did not echo: a password, most likely.
const notEchoed = "[not echoed]"

// Bounds of what is remembered of a line.
const (
	maxPending = 16 << 10
	maxSeen    = 1 << 10
)

// part is a piece of input as it is recorded.
type part struct {
	format string
	data   []byte
}

// echo tells input that the target echoes from input that it does not. A terminal's echo is
// switched off by the target, which does not say so; it shows in what comes back.
//
// The first input of each line is withheld: that it is sent, and how long it is, is recorded before
// it is sent, and what it is once the target has echoed it. From then on the line's input is
// recorded before it is sent. Input that is not echoed is never recorded: a marker is. On a line on
// which the target asks for a password nothing is taken for echoed. What a full-screen program does
// not echo (an editor's commands) counts as not echoed, too.
type echo struct {
	mu      sync.Mutex
	off     bool     // no terminal: everything is known at once
	keys    keyState // of the input
	trusted bool     // the line's input has been echoed so far
	pending []byte   // sent, and withheld
	out     lineView // output since pending began
	line    lineView // the output's current line
	asked   bool     // that line, when pending began, asked for a secret
}

func newEcho(terminal bool) *echo { return &echo{off: !terminal} }

// secretPrompt is what a line that asks for a secret ends with.
var secretPrompt = regexp.MustCompile(`(?i)(pass(word|phrase|code|wd)?|\bpin\b|secret|verification code|one[- ]time|\botp\b|\btoken\b|passwort|kennwort|mot de passe|contrase|senha|has[lł]o|wachtwoord|пароль|密码|密碼|パスワード|암호)[^\n]{0,80}[:?>：]\s*$`)

// input takes what is about to be sent, and returns what is recorded before.
func (e *echo) input(b []byte) []part {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []part
	for len(b) > 0 {
		n, printable := e.keys.run(b)
		run := b[:n]
		b = b[n:]
		switch {
		case len(e.pending) > 0 || printable && !e.trusted:
			if len(e.pending) == 0 {
				e.asked = secretPrompt.Match(e.line.text())
				e.out = lineView{}
			}
			if len(e.pending)+len(run) > maxPending {
				out = append(out, e.resolve(false)...)
			}
			e.pending = append(e.pending, run...)
			out = append(out, part{formatWithheld, strconv.AppendInt(nil, int64(len(run)), 10)})
		default:
			out = append(out, part{formatTerminal, bytes.Clone(run)})
			if endsLine(run) {
				e.trusted = false
			}
		}
	}
	return out
}

// output takes what the target says, and returns what it shows of input that was withheld.
func (e *echo) output(b []byte) []part {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []part
	for _, c := range b {
		e.line.put(c)
		if len(e.pending) == 0 {
			continue
		}
		if c == '\n' {
			out = append(out, e.newline()...)
			continue
		}
		e.out.put(c)
		if e.echoed() {
			out = append(out, e.resolve(true)...)
		} else if e.out.full() {
			out = append(out, e.resolve(false)...)
		}
	}
	return out
}

// close returns what is left when the terminal is gone.
func (e *echo) close() []part {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.pending) == 0 {
		return nil
	}
	return e.resolve(false)
}

// echoed reports whether the withheld input of the first line, as far as it is plain, has come
// back. A line that goes on is looked at when it ends: what was typed after its first keys may not
// have been echoed.
func (e *echo) echoed() bool {
	if e.asked {
		return false
	}
	typed, whole := plainKeys(e.pending)
	if len(typed) == 0 || whole {
		return false
	}
	return e.out.shows(typed)
}

// newline judges the first withheld line, when the output's line ends.
func (e *echo) newline() []part {
	typed, whole := plainKeys(e.pending)
	shown := !e.asked && len(typed) > 0 && e.out.shows(typed)
	e.out = lineView{}
	if !whole && !shown { // output of something else, in the middle of a line that is typed
		return nil
	}
	return e.resolve(shown)
}

// resolve says what the withheld input is, up to the end of its first line.
func (e *echo) resolve(shown bool) []part {
	n := len(e.pending)
	if i := bytes.IndexAny(e.pending, "\r\n\x03\x04"); i >= 0 {
		n = i + 1
	}
	first := e.pending[:n]
	e.trusted = shown && !endsLine(first)
	p := part{formatTerminal, first}
	if !shown {
		p.data = hide(first)
	}
	rest := e.pending[n:]
	e.pending, e.out = nil, lineView{}
	if len(rest) > 0 {
		e.pending = bytes.Clone(rest)
		e.asked = false // the line that it will stand on is not there yet: it is judged by its echo
	}
	return []part{p}
}

// hide replaces what is printable.
func hide(b []byte) []byte {
	var k keyState
	var out []byte
	for len(b) > 0 {
		n, printable := k.run(b)
		if printable {
			out = append(out, notEchoed...)
		} else {
			out = append(out, b[:n]...)
		}
		b = b[n:]
	}
	return out
}

func endsLine(b []byte) bool { return bytes.ContainsAny(b, "\r\n\x03\x04") }

// plainKeys returns what of the first line of input is typed before any key that edits; whole says
// that the line has been ended.
func plainKeys(b []byte) (typed []byte, whole bool) {
	if i := bytes.IndexAny(b, "\r\n\x03\x04"); i >= 0 {
		b, whole = b[:i], true
	}
	for i, c := range b {
		if c < 0x20 || c == 0x7f {
			return b[:i], whole
		}
	}
	return b, whole
}

// keyState follows escape sequences in input: keys such as the arrows, and bracketed paste.
type keyState int

const (
	keyPlain keyState = iota
	keyEscape
	keyCSI
	keySS3
)

// run returns how many bytes at the start of b are of one kind: printable, or keys that are not.
func (k *keyState) run(b []byte) (n int, printable bool) {
	for n < len(b) {
		p := k.step(b[n])
		if n == 0 {
			printable = p
		} else if p != printable {
			// The step changed nothing: what is printable leaves the state plain, and so did what
			// is not printable, as it ended; only an escape begins something.
			if b[n] == 0x1b {
				*k = keyPlain
			}
			return n, printable
		}
		n++
		if !printable && (b[n-1] == '\r' || b[n-1] == '\n') {
			return n, printable
		}
	}
	return n, printable
}

func (k *keyState) step(c byte) (printable bool) {
	switch *k {
	case keyEscape:
		switch c {
		case '[':
			*k = keyCSI
		case 'O':
			*k = keySS3
		case 0x1b:
		default:
			*k = keyPlain
		}
		return false
	case keyCSI:
		if 0x40 <= c && c <= 0x7e || c < 0x20 {
			*k = keyPlain
		}
		return false
	case keySS3:
		*k = keyPlain
		return false
	}
	if c == 0x1b {
		*k = keyEscape
		return false
	}
	return c >= 0x20 && c != 0x7f
}
