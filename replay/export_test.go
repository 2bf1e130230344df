package replay_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"sallyport/replay"
	"sallyport/schemas"
	"sallyport/schemas/journal"
)

func (w *world) exported(id schemas.SessionID, format string) string {
	w.t.Helper()
	status, body := w.get("root", "/sessions/"+string(id)+"/export?format="+format)
	if status != 200 {
		w.t.Fatalf("%d %s", status, body)
	}
	return body
}

func TestExportAsLinesHoldsEveryEntry(t *testing.T) {
	w := newWorld(t)
	last := w.story(first).LastNumber
	var numbers []uint64
	for e, err := range replay.Lines(strings.NewReader(w.exported(first, "ndjson"))) {
		if err != nil {
			t.Fatal(err)
		}
		numbers = append(numbers, e.Number)
	}
	consecutive(t, numbers, 1, last)
	if status, _ := w.get("root", "/sessions/"+string(first)+"/export?format=pdf"); status != 400 {
		t.Errorf("an unknown format: %d", status)
	}
	if status, _ := w.get("nobody", "/sessions/"+string(first)+"/export"); status != 403 {
		t.Errorf("nobody: %d", status)
	}
}

const transcript = `-- alice@example.com on orders: postgres, from 127.0.0.1:50123
shop=> SELECT id, name, note
shop-> FROM customers;
 id |     name     |                    note
----+--------------+--------------------------------------------
  1 | Ada          |
  2 | Grace Müller | </script><script>alert(1)</script> \x1B[2J
(2 rows)

shop=> DROP TABLE customers
-- denied by no-drops: tables stay
ERROR:  refused by policy no-drops: tables stay
HINT:  ask the DBAs

shop=> SELECT * FROM nowhere WHERE id = $1 AND s = $2
-- $1 = '7'
-- $2 = (bound for a masked column)
ERROR:  relation "nowhere" does not exist

shop=> COPY customers TO STDOUT
1    Ada    \N
2    Grace    x
NOTICE:  that was all
COPY 2

-- closed: client
`

func TestPlayPrintsWhatPsqlWouldHaveShown(t *testing.T) {
	w := newWorld(t)
	w.story(first)
	var out strings.Builder
	if err := replay.Play(t.Context(), &out, replay.Lines(strings.NewReader(w.exported(first, "ndjson"))), replay.PlayOptions{}); err != nil {
		t.Fatal(err)
	}
	if out.String() != transcript {
		t.Errorf("got:\n%s", out.String())
	}
	out.Reset()
	if err := replay.Play(t.Context(), &out, replay.Stream(w.play("root", "/sessions/"+string(first)+"/play")), replay.PlayOptions{Speed: 1e6}); err != nil || out.String() != transcript {
		t.Errorf("over the websocket: %v\n%s", err, out.String())
	}
}

// castEvent is one line, read by the specification alone and not by the code that wrote it.
type castEvent struct {
	at   float64 // seconds since the beginning
	code string
	data string
}

func readCast(t *testing.T, cast string) (header map[string]any, events []castEvent) {
	t.Helper()
	lines := bufio.NewScanner(strings.NewReader(cast))
	lines.Buffer(nil, 1<<24)
	at := 0.0
	for n := 0; lines.Scan(); n++ {
		if n == 0 {
			header = decode[map[string]any](t, lines.Text())
			continue
		}
		var parts []json.RawMessage
		if err := json.Unmarshal(lines.Bytes(), &parts); err != nil || len(parts) != 3 {
			t.Fatalf("line %d is not an event of three: %s", n+1, lines.Text())
		}
		interval := decode[float64](t, string(parts[0]))
		e := castEvent{code: decode[string](t, string(parts[1])), data: decode[string](t, string(parts[2]))}
		if interval < 0 || !strings.Contains("oimrx", e.code) || len(e.code) != 1 {
			t.Fatalf("line %d: %s", n+1, lines.Text())
		}
		at += interval
		e.at = at
		events = append(events, e)
	}
	return header, events
}

func TestCastFollowsTheSpecification(t *testing.T) {
	w := newWorld(t)
	w.story(first)
	header, events := readCast(t, w.exported(first, "asciicast"))
	term, _ := header["term"].(map[string]any)
	if header["version"] != 3.0 || term["cols"] != 120.0 || term["rows"] != 36.0 || header["timestamp"] != 1767348000.0 {
		t.Errorf("header: %v", header)
	}
	var screen, markers strings.Builder
	for _, e := range events {
		switch e.code {
		case "o":
			screen.WriteString(e.data)
			if strings.Contains(strings.ReplaceAll(e.data, "\r\n", ""), "\n") {
				t.Errorf("a line break without a carriage return in %q", e.data)
			}
		case "m":
			markers.WriteString(e.data + ";")
		}
	}
	if got := strings.ReplaceAll(screen.String(), "\r\n", "\n"); got != transcript {
		t.Errorf("screen:\n%s", got)
	}
	if want := "SELECT id, name, note FROM customers;;DROP TABLE customers;SELECT * FROM nowhere WHERE id = $1 AND s = $2;COPY customers TO STDOUT;"; markers.String() != want {
		t.Errorf("markers: %s", markers.String())
	}
	// Entries are a second apart: the table is shown with the result, the seventh.
	for _, e := range events {
		if strings.Contains(e.data, "(2 rows)") && (e.at < 5.99 || e.at > 6.01) {
			t.Errorf("the table is shown at %v", e.at)
		}
	}
	if last := events[len(events)-1]; last.code != "x" {
		t.Errorf("the last event is %v", last)
	}
}

// chromium returns the document of a page after its scripts ran.
func chromium(t *testing.T, page string) string {
	t.Helper()
	bin, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("no chromium (Debian: apt-get install chromium)")
	}
	profile, err := os.MkdirTemp("", "chromium")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(profile) })
	c := exec.CommandContext(t.Context(), bin, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--no-first-run", "--user-data-dir="+profile, "--virtual-time-budget=10000", "--dump-dom", "file://"+page)
	c.WaitDelay = 10 * time.Second
	out, err := c.Output()
	if err != nil {
		t.Fatalf("chromium: %v", err)
	}
	return string(out)
}

func TestPageHoldsItsPlayerAndItsProof(t *testing.T) {
	w, _ := seekable(t)
	w.story(first)
	page := w.exported(first, "html")
	if strings.Contains(page, "<script>alert(1)") {
		t.Error("the page holds foreign script")
	}
	if !strings.Contains(page, `Content-Security-Policy" content="default-src 'none';`) {
		t.Error("the page has no policy")
	}
	carried := func(id string) string {
		t.Helper()
		_, rest, found := strings.Cut(page, `id="`+id+`">`)
		data, _, _ := strings.Cut(rest, "</script>")
		if !found || !json.Valid([]byte(data)) {
			t.Fatalf("%s is %.100q", id, data)
		}
		return data
	}
	_, body := w.get("root", "/sessions/"+string(first)+"/entries")
	if got, want := len(decode[[]replay.Entry](t, carried("entries"))), len(decode[entriesPage](t, body).Entries); got != want {
		t.Errorf("%d entries, want %d", got, want)
	}
	type message struct {
		Sequence uint64 `json:"sequence"`
		Data     []byte `json:"data"`
	}
	_, body = w.get("root", "/sessions/"+string(first)+"/verify")
	v := decode[replay.Verification](t, body)
	for id, want := range map[string]string{"facts": v.FactsHash, "frames": v.FramesHash} {
		all := decode[[]message](t, carried(id))
		if len(all) == 0 {
			t.Fatalf("no %s", id)
		}
		if got := fmt.Sprintf("%x", sha256.Sum256(all[len(all)-1].Data)); got != want {
			t.Errorf("the last of the %s has the hash %s, verify says %s", id, got, want)
		}
	}
	for _, id := range []string{"about", "session", "index", "keyframes", "moments", "remarks"} {
		if carried(id) == "null" {
			t.Errorf("no %s", id)
		}
	}
}

func TestExportIsEncryptedToAKey(t *testing.T) {
	w := newWorld(t)
	w.story(first)
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	path := "/sessions/" + string(first) + "/export?format=ndjson"
	r := w.request("GET", "root", path+"&encrypt="+key.Recipient().String(), "")
	if disposition := r.Header.Get("Content-Disposition"); r.StatusCode != 200 || !strings.Contains(disposition, ".ndjson.age") {
		t.Errorf("%s %s", r.Status, disposition)
	}
	plain, err := age.Decrypt(r.Body, key)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(plain)
	if want := w.exported(first, "ndjson"); err != nil || string(got) != want {
		t.Errorf("%v: %d bytes, want %d", err, len(got), len(want))
	}
	for _, bad := range []string{"age1nothing", key.String(), "x"} {
		if r := w.request("GET", "root", path+"&encrypt="+bad, ""); r.StatusCode != 400 {
			t.Errorf("%s: %s", bad, r.Status)
		}
	}
}

// TestStockPlayerPlaysTheCast loads a cast into asciinema's own player. SALLYPORT_ASCIINEMA_PLAYER
// names its bundle, dist/bundle/asciinema-player.min.js of the npm package asciinema-player, which
// is not part of this repository.
func TestStockPlayerPlaysTheCast(t *testing.T) {
	bundle := os.Getenv("SALLYPORT_ASCIINEMA_PLAYER")
	if bundle == "" {
		t.Skip("SALLYPORT_ASCIINEMA_PLAYER does not name the player's bundle")
	}
	player, err := os.ReadFile(bundle)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	w.story(first)
	cast, err := json.Marshal(w.exported(first, "asciicast"))
	if err != nil {
		t.Fatal(err)
	}
	page := `<!doctype html><meta charset=utf-8><div id=p></div><pre id=out></pre><script>` + string(player) + `</script><script>
const say = (s) => { document.getElementById("out").textContent += s + "\n"; };
window.onerror = (e) => say("error " + e);
window.onunhandledrejection = (e) => say("error " + e.reason);
const p = AsciinemaPlayer.create({ data: ` + string(cast) + ` }, document.getElementById("p"), { preload: true, speed: 20, pauseOnMarkers: false });
p.addEventListener("marker", (m) => say("marker " + m.label));
p.addEventListener("ended", () => say("ended after " + Math.round(p.getDuration()) + " s"));
p.play();
</script>`
	file := filepath.Join(t.TempDir(), "player.html")
	if err := os.WriteFile(file, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	_, shown, _ := strings.Cut(chromium(t, file), `<pre id="out">`)
	shown, _, _ = strings.Cut(shown, "</pre>")
	// The last entry has the time of this test: pauses are cut to three seconds.
	want := "marker SELECT id, name, note FROM customers;\nmarker DROP TABLE customers\nmarker SELECT * FROM nowhere WHERE id = $1 AND s = $2\nmarker COPY customers TO STDOUT\nended after 19 s\n"
	if shown != want {
		t.Errorf("the player says:\n%s", shown)
	}
}

func noMessages(func(journal.Message, error) bool) {}

// FuzzExports holds that what is exported has the form that it claims, whatever the log holds: every
// line is JSON, nothing of a session is markup in the page, and no control character is in a cast.
func FuzzExports(f *testing.F) {
	for _, e := range []*schemas.Entry{
		{Number: 1, Kind: &schemas.Entry_Opened{Opened: &schemas.Opened{Target: "t</script><b>"}}},
		{Number: 2, Kind: &schemas.Entry_Command{Command: &schemas.Command{Text: "select '\x1b]0;x\x07</script>\u2028'"}}},
		{Number: 3, Kind: &schemas.Entry_Columns{Columns: &schemas.Columns{Command: 2, Columns: []*schemas.Column{{Name: "a\nb", Type: 1700, Binary: true}}}}},
		{Number: 4, Kind: &schemas.Entry_Rows{Rows: &schemas.Rows{Command: 2, Columns: 1, Count: 1, Cells: []byte("\x00\x00\x00\x01\xff")}}},
		{Number: 5, Kind: &schemas.Entry_Bytes{Bytes: &schemas.Bytes{Command: 2, Channel: schemas.Channel_CHANNEL_OUT, Data: []byte("\x1b[2J")}}},
		{Number: 6, Kind: &schemas.Entry_Notice{Notice: &schemas.Notice{Channel: "c", Payload: "p"}}},
		{Number: 7, Kind: &schemas.Entry_Closed{Closed: &schemas.Closed{Reason: "client"}}},
	} {
		data, err := e.MarshalVT()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, data)
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		d := &replay.Decoder{}
		var es []replay.Entry
		for _, data := range [][]byte{first, second} {
			e := &schemas.Entry{}
			if e.UnmarshalVT(data) != nil {
				return
			}
			es = append(es, d.Entry(journal.Located{Entry: e}))
		}
		var lines, cast, page strings.Builder
		if err := errors.Join(replay.WriteLines(&lines, entriesOf(es...)), replay.WriteCast(&cast, entriesOf(es...)), replay.WriteHTML(&page, &replay.Bundle{Facts: noMessages, Frames: noMessages}, entriesOf(es...))); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(lines.String() + cast.String()) {
			if !json.Valid([]byte(line)) {
				t.Errorf("not JSON: %q", line)
			}
		}
		if strings.ContainsAny(cast.String(), "\x00\x07\x08\x1b\r\x7f") || strings.Contains(cast.String(), `\u001b`) {
			t.Errorf("control characters reach the terminal: %q", cast.String())
		}
		_, rest, _ := strings.Cut(page.String(), `id="entries">`)
		entries, _, _ := strings.Cut(rest, "</script>")
		if !json.Valid([]byte(entries)) || strings.ContainsAny(entries, "<>&") {
			t.Errorf("the page's entries are %q", entries)
		}
	})
}
