package journal_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/schemas/journal/journaltest"
)

// TestAppendsAreDirect fails with a version of the embedded server for which nobody has looked whether its function
// for appending is still what direct.go declares.
func TestAppendsAreDirect(t *testing.T) {
	t.Parallel()
	l := journaltest.Open(t)
	if !l.Direct() {
		t.Fatal("appends take a connection")
	}
	// Whoever appends gets the sequence of what it appended, also beside others.
	const writers, each = 8, 200
	type stored struct {
		sequence uint64
		data     string
	}
	all := make(chan []stored, writers)
	for w := range writers {
		go func() {
			var mine []stored
			subject, last := schemas.EventSubject("a", "b", "c", fmt.Sprint(w)), uint64(0)
			for i := range each {
				data := fmt.Sprintf(`{"writer":%d,"number":%d}`, w, i)
				n, err := l.AppendSubject(context.Background(), schemas.Events, subject, []byte(data), last)
				if err != nil {
					t.Error(err)
					break
				}
				last = n
				mine = append(mine, stored{n, data})
			}
			all <- mine
		}()
	}
	want := make(map[uint64]string)
	for range writers {
		for _, s := range <-all {
			if _, twice := want[s.sequence]; twice {
				t.Errorf("sequence %d was given twice", s.sequence)
			}
			want[s.sequence] = s.data
		}
	}
	if len(want) != writers*each {
		t.Errorf("%d are stored, want %d", len(want), writers*each)
	}
	for n, data := range want {
		got, err := l.DataAt(context.Background(), schemas.Events, n)
		if err != nil || got != data {
			t.Fatalf("message %d is %s, want %s: %v", n, got, data, err)
		}
	}
}

// TestDirectRefused: what the server refuses is told from what is lost.
func TestDirectRefused(t *testing.T) {
	t.Parallel()
	l := journaltest.Open(t)
	ctx := context30(t)
	for _, size := range []int{600 << 10, 2 << 20} { // beyond the stream's limit, and the server's
		if _, err := l.AppendEvent(ctx, schemas.EventSubject("a", "b", "c", "d"), nil, make([]byte, size), 0); err == nil {
			t.Errorf("a message of %d bytes was appended", size)
		}
	}
	header := map[string]string{"A": "1", "B": "two words"}
	if n, err := l.AppendEvent(ctx, schemas.EventSubject("a", "b", "c", "d"), header, []byte("{}"), 0); err != nil || n != 1 {
		t.Fatalf("sequence %d, %v", n, err)
	}
	if m, err := l.Last(ctx, schemas.Events); err != nil || m.Header["A"] != "1" || m.Header["B"] != "two words" || len(m.Header) != 2 {
		t.Errorf("stored with %v, %v", m.Header, err)
	}
	if _, err := l.AppendEvent(ctx, schemas.EventSubject("a", "b", "c", "d"), nil, []byte(`{"other":1}`), 0); !errors.Is(err, journal.ErrConflict) {
		t.Errorf("appended behind what is there: %v", err)
	}
}

// TestStalledDisk: a disk that takes nothing, and returns no error, breaks the log after AckTimeout.
func TestStalledDisk(t *testing.T) {
	t.Parallel()
	l := journaltest.OpenConfig(t, journal.Config{Dir: t.TempDir(), AckTimeout: 2 * time.Second})
	release, err := l.Stall(schemas.Events)
	if err != nil {
		t.Fatal(err)
	}
	appended := make(chan error, 1)
	go func() {
		_, err := l.AppendEvent(context.Background(), schemas.EventSubject("a", "b", "c", "d"), nil, []byte("{}"), 0)
		appended <- err
	}()
	select {
	case err := <-l.Broken():
		if !errors.Is(err, journal.ErrBroken) {
			t.Errorf("the log broke by %v", err)
		}
	case <-time.After(time.Minute):
		t.Error("nobody was told")
	}
	release()
	if err := <-appended; err != nil {
		t.Errorf("the disk is back, and the append says: %v", err)
	}
}

// FuzzAck: what is no acknowledgement of a message is not taken for one.
func FuzzAck(f *testing.F) {
	for _, said := range []string{`{"stream":"FACTS","seq":12}`, `{"stream":"FACTS","seq":12,"domain":"x"}`, `{}`, `{"error":{"code":400,"err_code":10071}}`,
		`{"stream":"FACTS","seq":`, `{"stream":"a,\"seq\":7","seq":0}`, "", "{", `{"seq":-1}`} {
		f.Add(said)
	}
	f.Fuzz(func(t *testing.T, said string) {
		sequence, err := journal.ParseAck([]byte(said))
		if err == nil && (sequence == 0 || !strings.ContainsAny(said, "0123456789")) {
			t.Errorf("acknowledged as %d by %q", sequence, said)
		}
	})
}
