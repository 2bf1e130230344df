package replay_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"sallyport/replay"
	"sallyport/schemas"
)

// filed is a session that moved files: an upload whose pieces come nearly in order, one whose digest is another, one that is
// not kept, one that was not closed, two that are masked, and one with a name that means more than a file.
func filed(w *world) map[string]uint64 {
	s := w.gateway.Open(first, func(o *schemas.Opened) { o.Protocol = "ssh" })
	opened := func(path string) uint64 {
		return s.Command(&schemas.Command{Kind: schemas.CommandKind_COMMAND_KIND_FILE, Operation: &schemas.FileOperation{Operation: "open", Path: path}}, schemas.Outcome_OUTCOME_ALLOW)
	}
	piece := func(n, at uint64, text string) {
		s.Frame(&schemas.Entry{Kind: &schemas.Entry_Bytes{Bytes: &schemas.Bytes{Command: n, Channel: schemas.Channel_CHANNEL_IN, Format: "file", Offset: at, Data: []byte(text)}}})
	}
	closed := func(n uint64, path, content string, kept bool) {
		sum := sha256.Sum256([]byte(content))
		s.Fact(&schemas.Entry{Kind: &schemas.Entry_File{File: &schemas.File{Command: n, Path: path, BytesIn: uint64(len(content)), DigestIn: sum[:], Kept: kept}}})
	}
	all := map[string]uint64{}
	n := opened("/tmp/Überblick \"1\".txt")
	all["whole"] = n
	piece(n, 0, "one ")
	piece(n, 8, "three")
	piece(n, 4, "two ")
	closed(n, "/tmp/Überblick \"1\".txt", "one two three", true)
	n = opened("/tmp/other")
	all["altered"] = n
	piece(n, 0, "something")
	closed(n, "/tmp/other", "something else", true)
	n = opened("/tmp/masked")
	all["not kept"] = n
	closed(n, "/tmp/masked", "secret", false)
	n = opened("/tmp/backwards")
	all["backwards"] = n
	piece(n, 4, "last")
	piece(n, 0, "1st ")
	closed(n, "/tmp/backwards", "1st last", true)
	n = opened("/tmp/pieces")
	all["pieces"] = n
	piece(n, 0, "a")
	piece(n, 2, "c")
	closed(n, "/tmp/pieces", "a?c", true)
	n = opened("/tmp/open")
	all["not closed"] = n
	piece(n, 0, "part")
	n = opened("/tmp/..")
	all["dots"] = n
	closed(n, "/tmp/..", "", true)
	for _, name := range []string{"masked", "masked, in part"} {
		all[name] = opened("/tmp/" + name)
		piece(all[name], 0, "[redacted]")
		sum := sha256.Sum256([]byte("alice@example.com"))
		s.Fact(&schemas.Entry{Kind: &schemas.Entry_File{File: &schemas.File{Command: all[name], Path: "/tmp/" + name, BytesIn: 17, DigestIn: sum[:], Kept: name == "masked", Masked: true}}})
	}
	s.Close(&schemas.Closed{Reason: "client"})
	w.settled(first)
	return all
}

func TestFilesOverTheAPI(t *testing.T) {
	w := newWorld(t)
	all := filed(w)
	base := "/sessions/" + string(first) + "/files"
	if status, _ := w.get("nobody", base); status != http.StatusForbidden {
		t.Errorf("nobody lists: %d", status)
	}
	var listed []replay.MovedFile
	for path := base + "?limit=2"; path != ""; {
		status, body := w.get("root", path)
		page := decode[struct {
			Files []replay.MovedFile
			Next  uint64
		}](t, body)
		if status != 200 || len(page.Files) > 2 {
			t.Fatalf("%d %s", status, body)
		}
		listed, path = append(listed, page.Files...), ""
		if page.Next > 0 {
			path = base + "?limit=2&from=" + digits(page.Next)
		}
	}
	if len(listed) != 8 || !listed[6].Masked || listed[0].Command != all["whole"] || listed[0].BytesIn != 13 || !listed[0].Kept || len(listed[0].DigestIn) != 64 || listed[2].Kept || listed[0].Number <= all["whole"] {
		t.Errorf("listed %+v", listed)
	}
	r := w.request("GET", "root", base+"/"+digits(all["whole"]), "")
	content, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != 200 || string(content) != "one two three" || r.ContentLength != 13 {
		t.Fatalf("%s, %q, %v", r.Status, content, err)
	}
	sum := sha256.Sum256(content)
	if got := r.Header.Get("Repr-Digest"); got != "sha-256=:"+base64.StdEncoding.EncodeToString(sum[:])+":" {
		t.Errorf("digest %s", got)
	}
	how, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Disposition"))
	if err != nil || how != "attachment" || parameters["filename"] != "Überblick _1_.txt" || r.Header.Get("X-Content-Type-Options") != "nosniff" || r.Header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("%v, %v", r.Header, err)
	}
	if r := w.request("GET", "root", base+"/"+digits(all["dots"]), ""); r.StatusCode != 200 || !strings.Contains(r.Header.Get("Content-Disposition"), "filename=file-"+digits(all["dots"])) {
		t.Errorf("%s, %v", r.Status, r.Header)
	}
	if status, body := w.get("root", base+"/"+digits(all["masked"])); status != 200 || body != "[redacted]" {
		t.Errorf("masked: %d, %s", status, body)
	}
	taken := 0
	for _, c := range controls(t, w.log) {
		if v := c.GetViewed(); v.GetHow() == "file" {
			taken++
			if v.GetSession() != string(first) || c.GetBy() != "root" || v.GetCommand() != all["whole"] && v.GetCommand() != all["dots"] && v.GetCommand() != all["masked"] {
				t.Errorf("recorded %v", c)
			}
		}
	}
	if taken != 3 {
		t.Errorf("%d files are recorded as taken", taken)
	}
}

func TestFilesInVain(t *testing.T) {
	w := newWorld(t)
	all := filed(w)
	for name, c := range map[string]struct {
		who, path string
		status    int
		says      string
	}{
		"who may not":      {"nobody", digits(all["whole"]), 403, ""},
		"no number":        {"root", "x", 400, "no number of a command"},
		"no way":           {"root", digits(all["whole"]) + "?read=maybe", 400, "true or false"},
		"no file":          {"root", "1", 404, "no file was opened"},
		"the other way":    {"root", digits(all["whole"]) + "?read=true", 404, "no file was opened"},
		"altered":          {"root", digits(all["altered"]), 409, "not what the recorded digest says"},
		"not kept":         {"root", digits(all["not kept"]), 404, "but their digests"},
		"masked, in part":  {"root", digits(all["masked, in part"]), 404, "but their digests"},
		"out of order":     {"root", digits(all["backwards"]), 409, "sallyport files"},
		"in pieces":        {"root", digits(all["pieces"]), 409, "not one piece"},
		"not closed":       {"root", digits(all["not closed"]), 409, "was not closed"},
		"another session":  {"root", "../../" + string(second) + "/files/1", 404, ""},
		"number of digits": {"root", strings.Repeat("9", 30), 400, "no number of a command"},
	} {
		status, body := w.get(c.who, "/sessions/"+string(first)+"/files/"+c.path)
		if status != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	for _, c := range controls(t, w.log) {
		if c.GetViewed().GetHow() == "file" {
			t.Errorf("recorded %v", c)
		}
	}
}

// A name is what it is saved as, on whichever system: nothing in it leads elsewhere or hides.
func FuzzFileName(f *testing.F) {
	for _, s := range []string{"/etc/passwd", "..", "/", "", "a\x00b", "C:\\x", ".bashrc", "x\u202Etxt.exe", strings.Repeat("ü", 300) + ".gz", "a." + strings.Repeat("b", 300), "\xff", "%2e%2e"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		name := replay.FileName(path, 7)
		if name == "" || len(name) > 220 || strings.ContainsAny(name, "/\\:*?\"<>|%\x00\r\n\u202e") || strings.HasPrefix(name, ".") {
			t.Errorf("%q gives %q", path, name)
		}
		if _, p, err := mime.ParseMediaType(mime.FormatMediaType("attachment", map[string]string{"filename": name})); err != nil || p["filename"] != name {
			t.Errorf("%q of %q does not come back: %v, %v", name, path, p, err)
		}
	})
}

// What comes too early is held, and not without end.
func TestPiecesNearlyInOrder(t *testing.T) {
	var out bytes.Buffer
	o := replay.InOrder(&out)
	big := make([]byte, 1<<20)
	if _, err := o.WriteAt([]byte("a"), 0); err != nil {
		t.Fatal(err)
	}
	var err error
	n := int64(0)
	for ; err == nil && n < 100; n++ {
		_, err = o.WriteAt(big, 2+n<<20)
	}
	if err == nil || n < 8 || n > 20 || out.Len() != 1 {
		t.Errorf("%d MiB too early: %v, %d bytes out", n, err, out.Len())
	}
}

func digits(n uint64) string { return strconv.FormatUint(n, 10) }
