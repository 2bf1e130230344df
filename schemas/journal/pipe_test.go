package journal_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/schemas/journal/journaltest"
)

// greeting is a server up to the first append; it returns the subject for acknowledgements.
func greeting(conn net.Conn) (*bufio.Reader, string, error) {
	in := bufio.NewReader(conn)
	if _, err := io.WriteString(conn, "INFO {}\r\n"); err != nil {
		return nil, "", err
	}
	inbox := ""
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return nil, "", err
		}
		if f := strings.Fields(line); f[0] == "SUB" {
			inbox = strings.TrimSuffix(f[1], "*")
		}
		if line == "PING\r\n" {
			_, err := io.WriteString(conn, "PONG\r\n")
			return in, inbox, err
		}
	}
}

// FuzzPipe: whatever a server says, a pipe ends the connection or hands on what is an
// acknowledgement; it does not panic, and what was never acknowledged does not count as such.
func FuzzPipe(f *testing.F) {
	for _, said := range []string{
		"MSG %s1 1 27\r\n{\"stream\":\"FACTS\",\"seq\":12}\r\n", "MSG %s2 1 2\r\n{}\r\n", "HMSG %s1 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n",
		"HMSG %s1 1 16 40\r\nNATS/1.0 429\r\n\r\n{\"error\":{\"code\":400}}\r\n", "PING\r\n", "-ERR 'Stale Connection'\r\n", "MSG x 1 2\r\n",
		"INFO {}\r\n+OK\r\n", "MSG %s1 1 99999999\r\n", "HMSG %s1 1 9 2\r\n\r\n", "MSG \r\n", "HMSG %s1 \r\n", "M",
	} {
		f.Add(said)
	}
	f.Fuzz(func(t *testing.T, said string) {
		client, server := net.Pipe()
		dialled := false
		go func() {
			defer server.Close()
			in, inbox, err := greeting(server)
			if err == nil {
				_, err = in.ReadString('\n') // the append's first line
			}
			if err == nil {
				go io.Copy(io.Discard, in) //nolint:errcheck // until the connection ends
				_, _ = io.WriteString(server, strings.ReplaceAll(said, "%s", inbox))
			}
		}()
		sequence, err := journal.AppendOnce(t.Context(), func() (net.Conn, error) {
			if dialled {
				return nil, errors.New("gone")
			}
			dialled = true
			return client, nil
		})
		if err == nil && !strings.Contains(said, fmt.Sprint(sequence)) {
			t.Errorf("acknowledged as %d by %q", sequence, said)
		}
	})
}

// TestPipeRefused: what the server refuses is told from what is lost.
func TestPipeRefused(t *testing.T) {
	t.Parallel()
	l := journaltest.Open(t)
	ctx := context30(t)
	if _, err := l.AppendEvent(ctx, schemas.EventSubject("a", "b", "c", "d"), nil, make([]byte, 600<<10), 0); err == nil {
		t.Error("a message beyond the stream's limit was appended")
	}
	if _, err := l.AppendEvent(ctx, schemas.EventSubject("a", "b", "c", "d"), nil, make([]byte, 2<<20), 0); err == nil {
		t.Error("a message beyond the server's limit was appended")
	}
	header := map[string]string{"A": "1", "B": "two words"}
	if n, err := l.AppendEvent(ctx, schemas.EventSubject("a", "b", "c", "d"), header, []byte("{}"), 0); err != nil || n != 1 {
		t.Fatalf("sequence %d, %v", n, err)
	}
	if m, err := l.Last(ctx, schemas.Events); err != nil || m.Header["A"] != "1" || m.Header["B"] != "two words" || len(m.Header) != 2 {
		t.Errorf("stored with %v, %v", m.Header, err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := l.AppendEvent(ended, schemas.EventSubject("a", "b", "c", "d"), nil, []byte("{}"), 1); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("without a context: %v", err)
	}
}
