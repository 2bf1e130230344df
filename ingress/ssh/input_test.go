package ssh_test

import (
	"bytes"
	"io"
	"testing"
	"time"

	"sallyport/ingress/ssh"
)

// awaitable is how long a test waits for what happens at once.
const awaitable = time.Minute

// TestInputIsReadAhead: whatever the sizes in which it comes and is taken, input is what was sent, in order.
func TestInputIsReadAhead(t *testing.T) {
	t.Parallel()
	sizes := []int{1, 5, 511, 512, 513, 70_000, 20_000, 3, 16 << 10, 16<<10 - 1, 200_000, 700, 65_536, 65_537, 1, 300_000, 2}
	sent := make([]byte, 0, 1<<20)
	for i, n := range sizes {
		sent = append(sent, bytes.Repeat([]byte{byte('a' + i)}, n)...)
	}
	for _, most := range []int{1, 1000, 4096, 65_536, 1 << 20} {
		r, w := io.Pipe()
		go func() {
			for rest := sent; len(rest) > 0; {
				n := min(len(rest), 1+len(rest)%90_000)
				_, _ = w.Write(rest[:n])
				rest = rest[n:]
			}
			_ = w.Close()
		}()
		in := ssh.NewInput(r)
		var got []byte
		buf := make([]byte, most)
		for {
			n, err := in.Read(buf)
			got = append(got, buf[:n]...)
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if most == 1 && len(got) > 100_000 { // enough of single bytes
				_ = r.Close()
				break
			}
		}
		if !bytes.HasPrefix(sent, got) || most > 1 && len(got) != len(sent) {
			t.Errorf("taken by %d: %d bytes are not the %d that were sent", most, len(got), len(sent))
		}
	}
}

// TestInputIsBounded: no more is read ahead than may be, and one piece that waits for room.
func TestInputIsBounded(t *testing.T) {
	t.Parallel()
	r, w := io.Pipe()
	in := ssh.NewInput(r)
	sent := make(chan int, 1)
	go func() {
		n, _ := w.Write(make([]byte, 8<<20))
		sent <- n
	}()
	awaitTrue(t, "read ahead", func() bool { return in.Ahead() >= 192<<10 })
	if n := in.Ahead(); n > 256<<10 {
		t.Errorf("%d bytes are read ahead", n)
	}
	_ = r.Close()
	if n := <-sent; n > 256<<10+64<<10 {
		t.Errorf("%d bytes were taken from the client", n)
	}
}

// TestInterruptDropsInput: an interrupt drops what was read before it and has not been taken, in however many pieces.
func TestInterruptDropsInput(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]bool{"read before": true, "read after": false} {
		r, w := io.Pipe()
		in := ssh.NewInput(r)
		interrupted := make(chan struct{}, 1)
		tell := func() { interrupted <- struct{}{} }
		typed := append(bytes.Repeat([]byte("x"), 40_000), 3)
		if !before {
			in.OnInterrupt(tell)
		}
		for _, b := range [][]byte{[]byte("rm -rf /"), typed} {
			if _, err := w.Write(b); err != nil {
				t.Fatal(err)
			}
		}
		if before {
			awaitTrue(t, "read", func() bool { return in.Ahead() == 8+len(typed) })
			in.OnInterrupt(tell)
		}
		select {
		case <-interrupted:
		case <-time.After(awaitable):
			t.Fatalf("%s: no interrupt", name)
		}
		in.OnInterrupt(nil)
		if _, err := w.Write([]byte("ls")); err != nil {
			t.Fatal(err)
		}
		_ = w.Close()
		got, err := io.ReadAll(in)
		if want := "ls"; err != nil || !bytes.HasSuffix(got, []byte(want)) || before && len(got) != len(want) {
			t.Errorf("%s: %d bytes are left, and %v", name, len(got), err)
		}
	}
}

func awaitTrue(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(awaitable); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not %s within %s", what, awaitable)
		}
	}
}
