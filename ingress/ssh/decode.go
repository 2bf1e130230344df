package ssh

import (
	"encoding/binary"
	"errors"
	"unicode/utf8"

	xssh "golang.org/x/crypto/ssh"
)

// Bounds of what a client may ask of one channel before something runs.
const (
	maxCommand   = 1 << 20 // bytes of a command line
	maxEnv       = 128     // variables
	maxEnvBytes  = 32 << 10
	maxTerm      = 256
	maxDimension = 100_000 // columns or rows
)

// ptyRequest is the payload of pty-req: RFC 4254 section 6.2.
type ptyRequest struct {
	Term                         string
	Columns, Rows, Width, Height uint32
	Modes                        string
}

// windowChange is the payload of window-change: RFC 4254 section 6.7.
type windowChange struct {
	Columns, Rows, Width, Height uint32
}

// variable is the payload of env: RFC 4254 section 6.4.
type variable struct{ Name, Value string }

// line is the payload of exec and subsystem (section 6.5) and of signal (6.9).
type line struct{ Text string }

// exitStatus is the payload of exit-status: section 6.10.
type exitStatus struct{ Status uint32 }

// exitSignal is the payload of exit-signal: section 6.10.
type exitSignal struct {
	Signal   string
	Core     bool
	Message  string
	Language string
}

// breakRequest is the payload of break: RFC 4335 section 3.
type breakRequest struct{ Milliseconds uint32 }

var errPayload = errors.New("malformed payload")

// decodePTY decodes pty-req. The modes are passed on as they came; that they are well-formed is seen to.
func decodePTY(payload []byte) (*ptyRequest, error) {
	p := new(ptyRequest)
	if xssh.Unmarshal(payload, p) != nil || len(p.Term) > maxTerm || !validModes([]byte(p.Modes)) ||
		p.Columns > maxDimension || p.Rows > maxDimension || !printableName(p.Term) {
		return nil, errPayload
	}
	return p, nil
}

// validModes checks encoded terminal modes: RFC 4254 section 8. Opcodes 1 to 159 have an uint32,
// 0 ends them, and others end what can be read.
func validModes(b []byte) bool {
	for len(b) > 0 {
		if b[0] == 0 || b[0] >= 160 {
			return true
		}
		if len(b) < 5 {
			return false
		}
		_ = binary.BigEndian.Uint32(b[1:])
		b = b[5:]
	}
	return true
}

func decodeWindow(payload []byte) (*windowChange, error) {
	w := new(windowChange)
	if xssh.Unmarshal(payload, w) != nil || w.Columns > maxDimension || w.Rows > maxDimension {
		return nil, errPayload
	}
	return w, nil
}

func decodeEnv(payload []byte) (*variable, error) {
	v := new(variable)
	if xssh.Unmarshal(payload, v) != nil || v.Name == "" || len(payload) > maxEnvBytes || !printableName(v.Name) ||
		!utf8.ValidString(v.Value) {
		return nil, errPayload
	}
	return v, nil
}

// decodeLine decodes a payload that is one string.
func decodeLine(payload []byte) (string, error) {
	l := new(line)
	if xssh.Unmarshal(payload, l) != nil || len(l.Text) > maxCommand {
		return "", errPayload
	}
	return l.Text, nil
}

// printableName reports whether a name may be recorded as it is.
func printableName(s string) bool {
	for _, r := range s {
		if control(r) {
			return false
		}
	}
	return true
}
