package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// pace is the time between keys: nobody types faster, and what one key leaves to be done is done when the next comes.
const pace = 5 * time.Millisecond

// lineLength is how many keys make a line.
const lineLength = 40

// echo measures how long it takes from a key's being sent to its echo, on a terminal in which cat runs; a quantile of -keys.
func (b *bench) echo(name string, quantile float64) workload {
	return workload{name: name, unit: "ms", added: true, paths: []string{direct, sallyport}, run: func(ctx context.Context, p path) (float64, error) {
		client, err := b.dial(p)
		if err != nil {
			return 0, err
		}
		defer client.Close()
		t, err := typewriter(client)
		if err != nil {
			return 0, err
		}
		var took []time.Duration
		for n := range b.keys {
			if ctx.Err() != nil {
				return 0, ctx.Err()
			}
			if n > 0 && n%lineLength == 0 { // not timed: cat repeats the line
				if err := t.key('\r', 2+lineLength+2); err != nil {
					return 0, err
				}
			}
			time.Sleep(pace)
			begin := time.Now()
			if err := t.key('a'+byte(n%26), 1); err != nil {
				return 0, err
			}
			took = append(took, time.Since(begin))
		}
		slices.Sort(took)
		return float64(took[int(quantile*float64(len(took)-1))].Nanoseconds()) / 1e6, nil
	}}
}

// terminal is cat in a terminal of the server.
type terminal struct {
	in  io.Writer
	out io.Reader
	buf [256]byte
}

func typewriter(c *ssh.Client) (*terminal, error) {
	s, err := c.NewSession()
	if err != nil {
		return nil, err
	}
	in, err := s.StdinPipe()
	out, err2 := s.StdoutPipe()
	err = errors.Join(err, err2, s.RequestPty("xterm", 24, 80, ssh.TerminalModes{}))
	if err == nil {
		err = s.Start("cat")
	}
	if err != nil {
		return nil, fmt.Errorf("open a terminal: %w", err)
	}
	return &terminal{in: in, out: out}, nil
}

// key sends one key and waits until answer bytes have come.
func (t *terminal) key(k byte, answer int) error {
	if _, err := t.in.Write([]byte{k}); err != nil {
		return err
	}
	_, err := io.ReadFull(t.out, t.buf[:answer])
	return err
}

// idleShells measures the resident memory of Sallyport with -sessions sessions, each with a terminal in which a program
// waits, after everything has settled.
func (b *bench) idleShells(name string) workload {
	return workload{name: name, unit: "MiB", paths: []string{sallyport}, run: func(ctx context.Context, p path) (_ float64, err error) {
		before, err := resident(b.gateway())
		if err != nil {
			return 0, err
		}
		var mu sync.Mutex
		var open []*ssh.Client
		defer func() {
			for _, c := range open {
				err = errors.Join(err, c.Close())
			}
		}()
		failed := make(chan error, openers)
		for i := range openers {
			go func() {
				for range b.sessions/openers + min(1, max(0, b.sessions%openers-i)) {
					c, err := b.idleShell(p)
					if err != nil {
						failed <- err
						return
					}
					mu.Lock()
					open = append(open, c)
					mu.Unlock()
				}
				failed <- nil
			}()
		}
		for range openers {
			err = errors.Join(err, <-failed)
		}
		if err == nil {
			err = b.settle(ctx, p)
		}
		if err != nil {
			return 0, err
		}
		held, err := b.held(ctx) // collects, too
		if err != nil {
			return 0, err
		}
		after, err := resident(b.gateway())
		b.note("%s: resident MiB %.0f before, %.0f with them, of which %.0f live heap and stacks: %.0f KiB a session.", name,
			before/mib, after/mib, held/mib, (after-before)/float64(b.sessions)/1024)
		return after / mib, err
	}}
}

func (b *bench) idleShell(p path) (*ssh.Client, error) {
	c, err := b.dial(p)
	if err != nil {
		return nil, err
	}
	t, err := typewriter(c)
	if err == nil {
		err = t.key('a', 1)
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}
