package ssh

import (
	"bufio"
	"errors"
	"io"
	"strings"
)

// What the old scp says, in its own words: there is no specification but scp.c of OpenSSH (source, sink). Each side
// waits for the other's answer to what it said.
const (
	scpOK      = 0 // an answer: go on
	scpWarning = 1 // an answer, or instead of a record: this one fails
	scpFatal   = 2 // likewise: it is over
	scpFile    = 'C'
	scpDir     = 'D'
	scpEnd     = 'E'
	scpTimes   = 'T'
)

// Bounds of a line. What a client says is shorter than any version of scp reads at once (2047 bytes), so that the target
// takes nothing of it for another line.
const (
	maxClientLine = 1024
	maxTargetLine = 2 * maxPath
)

var errSCP = errors.New("malformed scp record")

// scpRecord is a line of who sends files.
type scpRecord struct {
	raw  []byte // with its newline
	kind byte
	size uint64 // C: bytes that follow the answer
	name string // C, D: without a directory
	text string // a warning, or what is fatal
}

// readRecord reads a record of at most limit bytes. Its error is io.EOF only where a record could begin.
func readRecord(r *bufio.Reader, limit int) (scpRecord, error) {
	line, err := readLine(r, limit)
	if err != nil {
		return scpRecord{}, err
	}
	return parseRecord(line)
}

// readLine reads up to and with a newline.
func readLine(r *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	for {
		b, err := r.ReadByte()
		switch {
		case errors.Is(err, io.EOF) && len(line) > 0:
			return nil, errSCP
		case err != nil:
			return nil, err
		}
		if line = append(line, b); b == '\n' {
			return line, nil
		}
		if len(line) >= limit {
			return nil, errSCP
		}
	}
}

func parseRecord(line []byte) (scpRecord, error) {
	rec := scpRecord{raw: line, kind: line[0]}
	text := strings.TrimSuffix(string(line[1:]), "\n")
	if strings.IndexByte(text, 0) >= 0 || len(line) < 2 {
		return rec, errSCP
	}
	switch rec.kind {
	case scpWarning, scpFatal:
		rec.text = text
		return rec, nil
	case scpEnd:
		if text != "" {
			return rec, errSCP
		}
		return rec, nil
	case scpTimes: // modified and accessed: seconds and microseconds
		parts := strings.Split(text, " ")
		if len(parts) != 4 {
			return rec, errSCP
		}
		for _, p := range parts {
			if _, ok := decimal(p); !ok {
				return rec, errSCP
			}
		}
		return rec, nil
	case scpFile, scpDir:
	default:
		return rec, errSCP
	}
	mode, rest, _ := strings.Cut(text, " ")
	size, name, _ := strings.Cut(rest, " ")
	var ok bool
	if rec.size, ok = decimal(size); !ok || len(mode) != 4 || strings.Trim(mode, "01234567") != "" {
		return rec, errSCP
	}
	if rec.name = name; name == "" || name == ".." || strings.Contains(name, "/") {
		return rec, errSCP
	}
	return rec, nil
}

// decimal reads a number below 2^63.
func decimal(s string) (n uint64, ok bool) {
	if s == "" || len(s) > 19 || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	for i := range len(s) {
		n = n*10 + uint64(s[i]-'0')
	}
	return n, n < 1<<63
}

// scpAnswer is what a side says to a record, or after the data of a file.
type scpAnswer struct {
	raw  []byte
	kind byte
	text string
}

// readAnswer reads an answer of at most limit bytes.
func readAnswer(r *bufio.Reader, limit int) (scpAnswer, error) {
	b, err := r.ReadByte()
	if err != nil {
		return scpAnswer{}, err
	}
	switch b {
	case scpOK:
		return scpAnswer{raw: []byte{b}}, nil
	case scpWarning, scpFatal:
	default:
		return scpAnswer{}, errSCP
	}
	if err := r.UnreadByte(); err != nil {
		return scpAnswer{}, err
	}
	line, err := readLine(r, limit)
	if err != nil {
		return scpAnswer{}, err
	}
	return scpAnswer{raw: line, kind: b, text: strings.TrimSuffix(string(line[1:]), "\n")}, nil
}

// about reports whether an answer that says no is to a record with that name. scp's sink may say more than one thing about
// a file or directory (that its times cannot be set), and the next of them is then read as the answer to the
// next record: from there on nobody knows any more what is a record and what is a file's data. What it says to a
// record is the name and why, and nothing else.
func (a scpAnswer) about(name string) bool {
	path, why, ok := strings.Cut(strings.TrimPrefix(a.text, "scp: "), ": ")
	return ok && !strings.Contains(why, ": ") && (path == name || strings.HasSuffix(path, "/"+name))
}

// scpRefusal is a warning of the gateway's own: about a path, in words that go on one line.
func scpRefusal(path, why string) []byte {
	text := strings.Map(visible, path) + ": " + strings.Map(visible, why)
	if len(text) > maxClientLine/2 {
		text = strings.ToValidUTF8(text[:maxClientLine/2], "")
	}
	return append([]byte{scpWarning}, "scp: "+text+"\n"...)
}
