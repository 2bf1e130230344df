package postgres

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// keyring maps the cancel keys that the gateway gave out to the backends they stand for. A client
// never sees a target's own key.
type keyring struct {
	mu sync.Mutex
	by map[uint32]*key // by the process id that the gateway made up
}

type key struct {
	pid    uint32
	secret []byte
	target *upstream
	held   atomic.Pointer[func()] // cancels the command that is held; nil: none is
}

// holding sets what cancels the command that is held; nil: none is any more.
func (k *key) holding(cancel func()) {
	if cancel == nil {
		k.held.Store(nil)
		return
	}
	k.held.Store(&cancel)
}

func newKeyring() *keyring { return &keyring{by: make(map[uint32]*key)} }

// issue makes a key of size random bytes and an unused process id.
func (k *keyring) issue(u *upstream, size int) *key {
	out := &key{secret: make([]byte, size), target: u}
	_, _ = rand.Read(out.secret) // never fails: see crypto/rand
	k.mu.Lock()
	defer k.mu.Unlock()
	for out.pid == 0 || k.by[out.pid] != nil {
		var b [4]byte
		_, _ = rand.Read(b[:])
		out.pid = binary.BigEndian.Uint32(b[:]) >> 1 // clients print it as a signed number
	}
	k.by[out.pid] = out
	return out
}

func (k *keyring) revoke(out *key) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.by, out.pid)
}

func (k *keyring) find(pid uint32, secret []byte) *key {
	k.mu.Lock()
	defer k.mu.Unlock()
	if out := k.by[pid]; out != nil && subtle.ConstantTimeCompare(out.secret, secret) == 1 {
		return out
	}
	return nil
}

// keySize is how long a cancel key is in a version of the protocol.
func keySize(v version) int {
	if v >= version32 {
		return 32
	}
	return 4
}

// cancel serves a CancelRequest: as with PostgreSQL there is no answer, whatever becomes of it.
func (s *Server) cancel(ctx context.Context, body []byte) {
	if len(body) < 8 || len(body) > 4+256 {
		return
	}
	k := s.keys.find(binary.BigEndian.Uint32(body), body[4:])
	if k == nil {
		return
	}
	if cancel := k.held.Load(); cancel != nil { // the target has nothing to cancel
		(*cancel)()
		return
	}
	if err := k.target.cancel(ctx); err != nil {
		s.log.Warn("pass on cancel request", "err", err)
	}
}

// cancel asks the target to stop what the backend is doing, and waits until it has taken note.
func (u *upstream) cancel(ctx context.Context) error {
	if len(u.secret) == 0 {
		return nil
	}
	c, err := u.dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if d, ok := ctx.Deadline(); ok {
		_ = c.SetDeadline(d)
	}
	b := binary.BigEndian.AppendUint32(nil, uint32(12+len(u.secret)))
	b = binary.BigEndian.AppendUint32(b, codeCancel)
	b = binary.BigEndian.AppendUint32(b, u.pid)
	if _, err := c.Write(append(b, u.secret...)); err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(c, 1024)) // the target closes it
	return nil
}

// abandon stops what the backend is doing when nobody waits for it any more.
func (u *upstream) abandon(timeout time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	_ = u.cancel(ctx)
}
