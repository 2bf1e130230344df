package ssh

import (
	"io"
	"sync"

	xssh "golang.org/x/crypto/ssh"
)

// aside is the standard error of a client's channel, and how the channel ends: what the target says there, what the
// gateway says and the end come one after another. The library has writers of one stream share a buffer, and
// drops what is written after the end.
type aside struct {
	client xssh.Channel

	mu    sync.Mutex
	ended bool // nothing can be said any more
}

func (a *aside) Write(b []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ended {
		return 0, io.EOF
	}
	return a.client.Stderr().Write(b)
}

// end ends the client's streams, after its command told how it ended. Nobody may write to them.
func (a *aside) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.ended {
		a.ended = true
		_ = a.client.CloseWrite()
	}
}

// leave ends the channel with an exit status of the gateway's own. Nobody may write to its standard output.
func (a *aside) leave(status uint32) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.ended {
		a.ended = true
		leave(a.client, status)
	}
}

// farewell says why the session ends and closes the channel, of which others may still make use. What has ended by
// itself needs no reason. It blocks while the client takes nothing.
func (a *aside) farewell(terminal bool, lines ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.ended {
		a.ended = true
		speak(a.client.Stderr(), terminal, lines...)
		_, _ = a.client.SendRequest("exit-status", false, xssh.Marshal(exitStatus{exitFailed}))
	}
	_ = a.client.Close()
}
