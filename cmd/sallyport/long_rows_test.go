package main_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestLongRows has a real PostgreSQL send a row of several MiB to a real psql: what is exported, played and found has it
// whole, once.
func TestLongRows(t *testing.T) {
	t.Parallel()
	g := newGateway(t, newTarget(t), "")
	const statement = "SELECT 'beginning', repeat('0123456789', 300000) || ' zanzibarend', 'quuxlast'"
	want := "beginning|" + strings.Repeat("0123456789", 300_000) + " zanzibarend|quuxlast\n"
	if out, err := g.psql("alice", g.token("alice"), "-c", statement).Output(); err != nil || string(out) != want {
		t.Fatalf("psql: %d bytes, %v", len(out), err)
	}
	g.await("the session to be closed", func() bool { all := g.sessions(); return len(all) == 1 && !all[0].Open })
	id := g.newest().ID
	rows, pieces := "", 0
	for line := range strings.Lines(g.sallyport("export", id, "--format", "ndjson")) {
		if !strings.Contains(line, `"kind":"rows"`) {
			continue
		}
		var e struct {
			Rows    [][]*string
			More    bool
			Problem string
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if pieces++; e.Problem != "" || e.More != (len(e.Rows) == 0) {
			t.Errorf("a frame of rows says %q, more %t with %d rows", e.Problem, e.More, len(e.Rows))
		}
		for _, row := range e.Rows {
			for i, cell := range row {
				rows += map[bool]string{false: "|"}[i == 0] + *cell
			}
			rows += "\n"
		}
	}
	if pieces < 2 || rows != want {
		t.Errorf("exported in %d frames: %d bytes of rows, want %d", pieces, len(rows), len(want))
	}
	if played := g.sallyport("play", id, "--speed", "1000"); strings.Count(played, "beginning") != 2 || strings.Count(played, "quuxlast") != 2 || strings.Contains(played, "malformed") {
		t.Errorf("played: %d bytes, in which the row is not once", len(played)) // beside the statement
	}
	if hit := g.search("zanzibarend field:rows", 1)[0]; hit.Session != id {
		t.Errorf("the search found %+v", hit)
	}
}
