package ssh

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"strings"

	xssh "golang.org/x/crypto/ssh"
)

// errNames says that a target does not tell what names mean there.
var errNames = errors.New("the target does not tell what names mean there")

// names asks a target what names mean to it, on channels of the gateway's own beside what the client runs: over SFTP,
// or, where the target has none, with commands. Their channels end with the context of the first question. It belongs to
// one goroutine.
type names struct {
	up *upstream

	sftp  xssh.Channel
	in    *bufio.Reader
	none  bool // the target has no SFTP
	asked uint32
}

// place is what a name means.
type place struct {
	path      string // absolute, links followed; its last part may not exist
	directory bool
}

// look asks for one name. It is errNames when nobody can tell, and errOver when the connection is.
func (n *names) look(ctx context.Context, name string) (place, error) {
	if strings.ContainsAny(name, "\x00\n") {
		return place{}, errNames
	}
	if n.sftp == nil && !n.none {
		if err := n.open(ctx); err != nil {
			n.none = true
			n.close()
		}
	}
	if n.none {
		return n.command(ctx, name)
	}
	real, err := n.real(name)
	if err != nil {
		return place{}, err
	}
	answer, err := n.ask(fxpStat, name)
	if err != nil {
		return place{}, err
	}
	return place{real, answer.typ == fxpAttrs && isDirectory(answer.body[4:])}, nil
}

// real is a name as SFTP resolves it; where that fails, because a directory on the way is missing, as it stands.
func (n *names) real(name string) (string, error) {
	for _, ask := range []string{name, "."} {
		answer, err := n.ask(fxpRealpath, ask)
		if err != nil {
			return "", err
		}
		if answer.typ != fxpName {
			continue
		}
		f := fields{b: answer.body[4:]}
		count, real := f.uint32(), f.path()
		if f.bad || count != 1 || !strings.HasPrefix(real, "/") {
			return "", errNames
		}
		if ask != name {
			return lexical(real, name), nil
		}
		return real, nil
	}
	return "", errNames
}

// isDirectory reads attributes (draft-ietf-secsh-filexfer-02, section 5).
func isDirectory(attributes []byte) bool {
	f := fields{b: attributes}
	flags := f.uint32()
	if flags&0x1 != 0 {
		f.take(8)
	}
	if flags&0x2 != 0 {
		f.take(8)
	}
	return flags&0x4 != 0 && f.uint32()&0o170000 == 0o040000 && !f.bad
}

// open starts SFTP on a channel of the gateway's own.
func (n *names) open(ctx context.Context) error {
	c, reqs, err := n.up.OpenChannel("session", nil)
	if err != nil {
		return err
	}
	go xssh.DiscardRequests(reqs)
	n.sftp, n.in = c, bufio.NewReaderSize(c, first)
	context.AfterFunc(ctx, func() { _ = c.Close() })
	if ok, err := c.SendRequest("subsystem", true, xssh.Marshal(struct{ Name string }{"sftp"})); err != nil || !ok {
		return errNames
	}
	if _, err := c.Write([]byte{0, 0, 0, 5, fxpInit, 0, 0, 0, 3}); err != nil {
		return err
	}
	p, _, err := readPacket(n.in, nil)
	if err == nil && p.typ != fxpVersion {
		err = errPacket
	}
	return err
}

// ask sends a request that has a path alone, and returns what is said to it.
func (n *names) ask(typ byte, name string) (packet, error) {
	n.asked++
	b := binary.BigEndian.AppendUint32([]byte{0, 0, 0, 0, typ}, n.asked)
	if _, err := n.sftp.Write(sized(appendString(b, []byte(name)))); err != nil {
		return packet{}, errOver
	}
	p, _, err := readPacket(n.in, nil)
	switch {
	case errors.Is(err, errPacket):
		return packet{}, errNames
	case err != nil:
		return packet{}, errOver
	case len(p.body) < 8 || binary.BigEndian.Uint32(p.body) != n.asked:
		return packet{}, errNames
	}
	return p, nil
}

// command asks a shell on the target: what it says are the directory that it begins in, the name with links followed
// or nothing, and a slash if that is a directory.
func (n *names) command(ctx context.Context, name string) (place, error) {
	c, reqs, err := n.up.OpenChannel("session", nil)
	if err != nil {
		return place{}, errNames
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	go xssh.DiscardRequests(reqs)
	if strings.HasPrefix(name, "-") {
		name = "./" + name
	}
	quoted := "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
	line := "pwd; readlink -f " + quoted + " || echo; test -d " + quoted + " && echo /"
	if ok, err := c.SendRequest("exec", true, xssh.Marshal(struct{ Command string }{line})); err != nil || !ok {
		return place{}, errNames
	}
	_ = c.CloseWrite()
	out, err := io.ReadAll(io.LimitReader(c, 3*maxPath))
	if err != nil {
		return place{}, errNames
	}
	said := strings.Split(string(out), "\n")
	if len(said) < 3 || !strings.HasPrefix(said[0], "/") {
		return place{}, errNames
	}
	at := place{path: said[1], directory: said[2] == "/"}
	if at.path == "" {
		at.path = lexical(said[0], name)
	}
	if !strings.HasPrefix(at.path, "/") {
		return place{}, errNames
	}
	return at, nil
}

func (n *names) close() {
	if n.sftp != nil {
		_ = n.sftp.Close()
		n.sftp = nil
	}
}
