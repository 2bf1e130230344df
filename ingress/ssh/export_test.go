package ssh

import (
	"bufio"
	"bytes"
	"io"
)

// What the package's pure parts do, for tests from outside.

// Part is a piece of recorded input: its format and its data.
type Part struct{ Format, Data string }

// Echo is an echo on a terminal.
type Echo struct{ e *echo }

// NewEcho returns an Echo.
func NewEcho() Echo { return Echo{newEcho(true)} }

// Input is what is recorded of input before it is sent.
func (e Echo) Input(s string) []Part { return parts(e.e.input([]byte(s))) }

// Output is what output shows of input that was withheld.
func (e Echo) Output(s string) []Part { return parts(e.e.output([]byte(s))) }

// Close is what is left.
func (e Echo) Close() []Part { return parts(e.e.close()) }

func parts(ps []part) (out []Part) {
	for _, p := range ps {
		out = append(out, Part{p.format, string(p.data)})
	}
	return out
}

// DecodeAll runs every decoder of what a peer sends on b.
func DecodeAll(b []byte) {
	_, _ = decodePTY(b)
	_, _ = decodeWindow(b)
	_, _ = decodeEnv(b)
	_, _ = decodeLine(b)
	_, _ = decodeTCPIP(b)
	_, _ = parseRoute(string(b))
}

// DecodeSFTP decodes a packet's type and body as a request, and as a VERSION.
func DecodeSFTP(typ byte, body []byte) (path, to, operation string, known bool, err error) {
	_, _ = decodeVersion(packet{typ: typ, body: body})
	q, known, err := decodeRequest(packet{typ: typ, body: body})
	if err == nil && known {
		if op, _ := q.operation(); op != nil {
			operation = op.Operation
		}
	}
	return q.path, q.to, operation, known, err
}

// Realpath is a REALPATH packet's type and body.
func Realpath(path string) (typ byte, body []byte) {
	b := realpathPacket(7, path)
	return b[4], b[5:]
}

// Split is split.
func Split(p string) (dir, base string, whole bool) { return split(p) }

// Backlog is a backlog of numbers.
type Backlog struct{ b *backlog[int] }

// NewBacklog returns a Backlog.
func NewBacklog(most int, serve func(int)) Backlog { return Backlog{newBacklog(most, serve)} }

// Add adds one if there is room.
func (b Backlog) Add(n int) (before int, ok bool) { return b.b.add(n) }

// Put adds one once there is room.
func (b Backlog) Put(n int) { b.b.put(n) }

// Wait returns when nothing waits.
func (b Backlog) Wait() { b.b.wait() }

// DecodeScp reads a record of the old scp, and an answer: the name and the line of the record.
func DecodeScp(b []byte) (name string, raw []byte, err error) {
	_, _ = readAnswer(bufio.NewReader(bytes.NewReader(b)), maxClientLine)
	rec, err := readRecord(bufio.NewReader(bytes.NewReader(b)), maxClientLine)
	return rec.name, rec.raw, err
}

// AnswerIsAbout reports whether an answer of the old scp is about a name.
func AnswerIsAbout(text, name string) bool {
	return scpAnswer{kind: scpWarning, text: text}.about(name)
}

// Input is what a client sends, read ahead.
type Input struct{ inputReader }

// NewInput reads ahead from r.
func NewInput(r io.Reader) Input {
	in := newInput()
	go in.run(r, nil)
	return Input{inputReader{in, nil}}
}

// Ahead is how many bytes were read and not taken.
func (i Input) Ahead() int {
	i.in.mu.Lock()
	defer i.in.mu.Unlock()
	return i.in.size
}

// OnInterrupt is onInterrupt.
func (i Input) OnInterrupt(f func()) { i.in.onInterrupt(f) }
