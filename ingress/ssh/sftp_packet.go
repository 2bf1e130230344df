package ssh

import (
	"encoding/binary"
	"errors"
	"io"
	"slices"
)

// Packet types of SFTP version 3: draft-ietf-secsh-filexfer-02 section 3.
const (
	fxpInit          = 1
	fxpVersion       = 2
	fxpOpen          = 3
	fxpClose         = 4
	fxpRead          = 5
	fxpWrite         = 6
	fxpLstat         = 7
	fxpFstat         = 8
	fxpSetstat       = 9
	fxpFsetstat      = 10
	fxpOpendir       = 11
	fxpReaddir       = 12
	fxpRemove        = 13
	fxpMkdir         = 14
	fxpRmdir         = 15
	fxpRealpath      = 16
	fxpStat          = 17
	fxpRename        = 18
	fxpReadlink      = 19
	fxpSymlink       = 20
	fxpStatus        = 101
	fxpHandle        = 102
	fxpData          = 103
	fxpName          = 104
	fxpAttrs         = 105
	fxpExtended      = 200
	fxpExtendedReply = 201
)

// Status codes: section 7.
const (
	fxOK               = 0
	fxEOF              = 1
	fxNoSuchFile       = 2
	fxPermissionDenied = 3
	fxFailure          = 4
	fxBadMessage       = 5
	fxUnsupported      = 8
)

// Flags of OPEN: section 6.3.
const (
	openRead   = 0x01
	openWrite  = 0x02
	openAppend = 0x04
	openCreate = 0x08
	openTrunc  = 0x10
)

// maxPacket is the largest packet that is read: OpenSSH's, with room for what is around the data.
const maxPacket = 256<<10 + 4<<10

// maxPath bounds a path: no system has longer ones.
const maxPath = 16 << 10

var errPacket = errors.New("malformed SFTP packet")

// packet is one SFTP packet: type, and what follows.
type packet struct {
	raw  []byte // with its length
	typ  byte
	body []byte // after the type
}

// readPacket reads a packet, which is appended to buf: that grows as needed and is returned.
func readPacket(r io.Reader, buf []byte) (packet, []byte, error) {
	start := len(buf)
	buf = slices.Grow(buf, 64)[:start+4]
	if _, err := io.ReadFull(r, buf[start:]); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = errPacket
		}
		return packet{}, buf[:start], err
	}
	n := binary.BigEndian.Uint32(buf[start:])
	if n < 1 || n > maxPacket {
		return packet{}, buf[:start], errPacket
	}
	buf = slices.Grow(buf, int(n))[:start+4+int(n)]
	raw := buf[start:]
	if _, err := io.ReadFull(r, raw[4:]); err != nil {
		return packet{}, buf[:start], errPacket
	}
	return packet{raw: raw, typ: raw[4], body: raw[5:]}, buf, nil
}

// fields reads the body of a packet. After the first field that is not there, bad is set and
// everything is empty.
type fields struct {
	b   []byte
	bad bool
}

func (f *fields) take(n uint64) []byte {
	if f.bad || n > uint64(len(f.b)) {
		f.bad, f.b = true, nil
		return nil
	}
	out := f.b[:n]
	f.b = f.b[n:]
	return out
}

func (f *fields) uint32() uint32 {
	if b := f.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (f *fields) uint64() uint64 {
	if b := f.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (f *fields) bytes() []byte { return f.take(uint64(f.uint32())) }

func (f *fields) path() string {
	b := f.bytes()
	if len(b) > maxPath {
		f.bad = true
		return ""
	}
	return string(b)
}

// attributes skips the attributes of a file: section 5. It returns what they set.
func (f *fields) attributes() (set []string) {
	flags := f.uint32()
	if flags&0x1 != 0 {
		f.take(8)
		set = append(set, "size")
	}
	if flags&0x2 != 0 {
		f.take(8)
		set = append(set, "owner")
	}
	if flags&0x4 != 0 {
		f.take(4)
		set = append(set, "permissions")
	}
	if flags&0x8 != 0 {
		f.take(8)
		set = append(set, "times")
	}
	if flags&^uint32(0x8000000F) != 0 {
		f.bad = true
	}
	if flags&0x80000000 != 0 {
		n := f.uint32()
		for ; n > 0 && !f.bad; n-- {
			f.bytes()
			f.bytes()
		}
		set = append(set, "extended")
	}
	return set
}

// request is a request of a client, decoded.
type request struct {
	typ      byte
	id       uint32
	path, to string
	handle   string
	flags    uint32
	offset   uint64
	length   uint32
	data     []byte // of the packet
	set      []string
	extended string // name of the extension
}

// decodeRequest decodes every request that the gateway understands. known is false for others; err
// is for those that are malformed.
func decodeRequest(p packet) (q request, known bool, err error) {
	f := fields{b: p.body}
	q.typ, q.id, known = p.typ, f.uint32(), true
	switch p.typ {
	case fxpOpen:
		q.path, q.flags = f.path(), f.uint32()
		q.set = f.attributes()
	case fxpClose, fxpFstat, fxpReaddir:
		q.handle = f.path()
	case fxpRead:
		q.handle, q.offset, q.length = f.path(), f.uint64(), f.uint32()
	case fxpWrite:
		q.handle, q.offset, q.data = f.path(), f.uint64(), f.bytes()
	case fxpLstat, fxpStat, fxpOpendir, fxpRemove, fxpRmdir, fxpRealpath, fxpReadlink:
		q.path = f.path()
	case fxpSetstat, fxpMkdir:
		q.path, q.set = f.path(), f.attributes()
	case fxpFsetstat:
		q.handle, q.set = f.path(), f.attributes()
	case fxpRename:
		q.path, q.to = f.path(), f.path()
	case fxpSymlink: // OpenSSH's order: what it points to, and then the link
		q.to, q.path = f.path(), f.path()
	case fxpExtended:
		q.extended = f.path()
		known = q.extension(&f)
	default:
		return q, false, nil
	}
	if f.bad || known && len(f.b) > 0 {
		return q, known, errPacket
	}
	return q, known, nil
}

// extension decodes OpenSSH's extensions: PROTOCOL, section 4.
func (q *request) extension(f *fields) (known bool) {
	switch q.extended {
	case "posix-rename@openssh.com", "hardlink@openssh.com":
		q.path, q.to = f.path(), f.path()
	case "statvfs@openssh.com", "expand-path@openssh.com":
		q.path = f.path()
	case "lsetstat@openssh.com":
		q.path, q.set = f.path(), f.attributes()
	case "fstatvfs@openssh.com", "fsync@openssh.com":
		q.handle = f.path()
	case "limits@openssh.com":
	case "home-directory":
		q.path = f.path() // the name of a user
	case "users-groups-by-id@openssh.com":
		f.bytes()
		f.bytes()
	default:
		f.b = nil
		return false
	}
	return true
}

// decodeVersion decodes the target's VERSION, and returns it without extensions that are not known.
func decodeVersion(p packet) ([]byte, error) {
	f := fields{b: p.body}
	version := f.uint32()
	out := []byte{0, 0, 0, 0, fxpVersion, 0, 0, 0, 3}
	for len(f.b) > 0 && !f.bad {
		name, data := f.bytes(), f.bytes()
		q := request{extended: string(name)}
		if q.extension(&fields{}) {
			out = appendString(appendString(out, name), data)
		}
	}
	if f.bad || version < 3 {
		return nil, errPacket
	}
	return sized(out), nil
}

func appendString(dst, s []byte) []byte {
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(s))), s...)
}

// sized fills in the length of a packet.
func sized(b []byte) []byte {
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

// statusPacket is a STATUS: section 7.
func statusPacket(id, code uint32, message string) []byte {
	b := []byte{0, 0, 0, 0, fxpStatus}
	b = binary.BigEndian.AppendUint32(b, id)
	b = binary.BigEndian.AppendUint32(b, code)
	return sized(appendString(appendString(b, []byte(message)), []byte("en")))
}

// realpathPacket is a REALPATH of the gateway's own.
func realpathPacket(id uint32, path string) []byte {
	b := []byte{0, 0, 0, 0, fxpRealpath}
	b = binary.BigEndian.AppendUint32(b, id)
	return sized(appendString(b, []byte(path)))
}

// statusName is what a status code is called.
func statusName(code uint32) string {
	names := []string{"OK", "EOF", "NO_SUCH_FILE", "PERMISSION_DENIED", "FAILURE", "BAD_MESSAGE", "NO_CONNECTION", "CONNECTION_LOST", "OP_UNSUPPORTED"}
	if code < uint32(len(names)) {
		return "SSH_FX_" + names[code]
	}
	return "SSH_FX_?"
}
