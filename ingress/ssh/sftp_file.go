package ssh

import (
	"context"
	"crypto/sha256"
	"hash"
	"path"
	"strings"
	"sync"
	"time"

	"sallyport/ingress/session"
	"sallyport/schemas"
)

// openFile is a file or directory that a client has open.
type openFile struct {
	mu     sync.Mutex // guards what follows number
	path   string
	number uint64 // of the command that opened it
	dir    bool
	began  int64
	in     digest
	out    digest
	ended  bool // its end has been read

	sent, got content // what is recorded of it, towards the target and from it
}

// newOpenFile is a file at a path, or a directory, that is open since began.
func (ch *channel) newOpenFile(path string, op judged, began int64) *openFile {
	of := func(channel schemas.Channel) content {
		return content{s: ch.r.s, keep: ch.r.keeps(op.masks), command: op.number, channel: channel}
	}
	return &openFile{path: path, number: op.number, began: began, sent: of(schemas.Channel_CHANNEL_IN), got: of(schemas.Channel_CHANNEL_OUT)}
}

// digest is the digest of what went one way, as long as that is in order from the beginning.
type digest struct {
	bytes uint64
	next  uint64
	hash  hash.Hash
	torn  bool
}

func (d *digest) add(offset uint64, data []byte) {
	d.bytes += uint64(len(data))
	if d.torn || offset != d.next {
		d.torn = true
		return
	}
	if d.hash == nil {
		d.hash = sha256.New()
	}
	_, _ = d.hash.Write(data)
	d.next += uint64(len(data))
}

// went notes data that goes one way.
func (f *openFile) went(d *digest, offset uint64, data []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	d.add(offset, data)
}

// report records a file that is no longer open, and that a command moved. why is for one that was not closed, or not written as a whole.
func (f *openFile) report(s *session.Session, of *command, why *schemas.Failure) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.dir {
		fact := &schemas.File{Command: f.number, Path: f.path, BytesIn: f.in.bytes, BytesOut: f.out.bytes,
			Kept: f.sent.keep.content, Masked: f.sent.keep.content && f.sent.keep.masked()}
		for _, c := range []*content{&f.sent, &f.got} {
			whole, err := c.end()
			if err != nil {
				return err
			}
			fact.Kept = fact.Kept && whole
		}
		if why == nil {
			fact.DigestIn = f.in.sum()
		}
		if f.ended {
			fact.DigestOut = f.out.sum()
		}
		if err := s.File(fact); err != nil {
			return err
		}
	}
	r := &schemas.Result{Command: f.number, Tag: statusName(fxOK), Bytes: f.out.bytes, BytesIn: f.in.bytes,
		Duration: time.Now().UnixNano() - f.began, Error: why}
	of.within.take(r)
	return s.Result(r)
}

// sum is the digest; nil when it is not of the whole.
func (d *digest) sum() []byte {
	if d.torn || d.hash == nil {
		return nil
	}
	return d.hash.Sum(nil)
}

// operation says what a request asks of a file, its paths not yet made absolute. follows says that
// the target follows a symbolic link that path ends in.
func (q *request) operation() (op *schemas.FileOperation, follows bool) {
	op = &schemas.FileOperation{Path: q.path, To: q.to, Detail: strings.Join(q.set, ", ")}
	switch q.typ {
	case fxpOpen:
		op.Operation, op.Detail, follows = "open", "", true
		op.Reads = q.flags&openRead != 0
		op.Writes = q.flags&(openWrite|openAppend|openCreate|openTrunc) != 0
	case fxpOpendir:
		op.Operation, op.Reads, follows = "list", true, true
	case fxpStat:
		op.Operation, follows = "stat", true
	case fxpLstat:
		op.Operation = "stat"
	case fxpSetstat, fxpFsetstat:
		op.Operation, follows = "setstat", true
	case fxpRemove:
		op.Operation = "remove"
	case fxpRmdir:
		op.Operation = "rmdir"
	case fxpMkdir:
		op.Operation, op.Detail = "mkdir", ""
	case fxpRename:
		op.Operation = "rename"
	case fxpReadlink:
		op.Operation = "readlink"
	case fxpSymlink:
		op.Operation = "symlink"
	case fxpRealpath:
		op.Operation, follows = "realpath", true
	case fxpExtended:
		return q.extendedOperation(op)
	default: // what is done with a handle belongs to the operation that opened it
		return nil, false
	}
	return op, follows
}

func (q *request) extendedOperation(op *schemas.FileOperation) (*schemas.FileOperation, bool) {
	switch q.extended {
	case "posix-rename@openssh.com":
		op.Operation = "rename"
	case "hardlink@openssh.com":
		op.Operation = "link"
	case "lsetstat@openssh.com":
		op.Operation = "setstat"
	case "statvfs@openssh.com":
		op.Operation, op.Detail = "extended", q.extended
		return op, true
	case "expand-path@openssh.com":
		op.Operation, op.Detail = "realpath", q.extended
		return op, true
	default:
		return nil, false
	}
	return op, false
}

// fileCommand is an operation as it is judged and recorded.
func fileCommand(op *schemas.FileOperation, login string, parent uint64) session.Command {
	text := op.Operation + " " + op.Path
	switch {
	case op.To != "":
		text += " to " + op.To
	case op.Operation == "open" && op.Reads && op.Writes:
		text += " for reading and writing"
	case op.Operation == "open" && op.Writes:
		text += " for writing"
	case op.Operation == "open":
		text += " for reading"
	}
	return session.Command{Kind: schemas.CommandKind_COMMAND_KIND_FILE, Text: text, Operation: op, Login: login, Parent: parent}
}

// judged is an operation on a file that was decided about and recorded.
type judged struct {
	number  uint64 // of its command; 0: it is part of another's
	masks   *session.Masks
	refusal *schemas.Error // what the client is to be told; nil: it may be done
}

// judgeFile decides and records an operation on a file, which is part of what c runs, and waits for consent to one that is
// held: what the client sends meanwhile waits, too. denial is a decision that was made already, nil: none.
func (ch *channel) judgeFile(ctx context.Context, c *command, op *schemas.FileOperation, denial *session.Decision) (is judged, err error) {
	s, one, d := ch.r.s, fileCommand(op, ch.r.login, c.number), denial
	if d == nil {
		if d, err = s.Judge(ctx, one); err != nil {
			return is, err
		}
	}
	if d.Failure != "" { // of text that cannot be judged, nothing is recorded as text
		op.Path, op.To = strings.ToValidUTF8(op.Path, "\uFFFD"), strings.ToValidUTF8(op.To, "\uFFFD")
	}
	if is.number, err = s.Command(ctx, one, d); err != nil {
		return is, err
	}
	if err := s.Commit(ctx); err != nil {
		return is, err
	}
	if d.Held() {
		if d, err = ch.hold(ctx, is.number, one, d, c.in); err != nil {
			return is, err
		}
	}
	if is.masks = d.Masks; d.Allowed() {
		return is, nil
	}
	is.refusal = d.Refusal()
	return is, s.Result(&schemas.Result{Command: is.number, Refused: true, Error: failure(is.refusal)})
}

// lexical makes a path absolute and clean without asking the target.
func lexical(home, p string) string {
	if !strings.HasPrefix(p, "/") {
		p = home + "/" + p
	}
	return path.Clean(p)
}

// split is a path's directory and its last name; whole says that it has no name to keep apart.
func split(p string) (dir, base string, whole bool) {
	p = strings.TrimRight(p, "/")
	i := strings.LastIndexByte(p, '/')
	base = p[i+1:]
	if base == "" || base == "." || base == ".." {
		return p, "", true
	}
	if i < 0 {
		return ".", base, false
	}
	return p[:max(i, 1)], base, false
}
