package replay

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"time"

	"sallyport/replay/web"
	"sallyport/schemas/journal"
)

// Bundle is what an export as a page carries, beside the entries.
type Bundle struct {
	By        string // who exports
	At        time.Time
	Session   Session
	Index     IndexAnswer
	Keyframes []KeyframeAnswer
	Moments   []*Moment
	Remarks   *Remarks
	// Facts and Frames are the messages of the log that hold the entries, in order: the proof.
	Facts, Frames iter.Seq2[journal.Message, error]
}

// carriedMessage is a message in the page.
type carriedMessage struct {
	Sequence uint64 `json:"sequence"`
	Data     []byte `json:"data"`
}

// WriteHTML writes a session as one page that needs nothing else: the player and what it plays, and
// the messages of the log, against which the page checks what it shows. It opens from a file, and
// its policy forbids every request. Everything of the session is JSON in it; encoding/json escapes
// <, > and &, so nothing of a session can end the element that holds it.
func WriteHTML(w io.Writer, b *Bundle, entries iter.Seq2[Entry, error]) error {
	js, css := web.Export()
	p := &page{out: bufio.NewWriterSize(w, 64<<10)}
	p.print(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-%s'; script-src 'sha256-%s'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>A recorded session</title>
<style>%s</style>
</head>
<body>
<noscript>This page shows its recording with a script of its own.</noscript>
`, digest64(css), digest64(js), css)
	p.data("about", map[string]any{"by": b.By, "at": b.At.UTC()})
	p.data("session", b.Session)
	p.data("index", b.Index)
	p.data("keyframes", list(b.Keyframes))
	p.data("moments", list(b.Moments))
	p.data("remarks", b.Remarks)
	items(p, "entries", entries, func(e Entry) any { return e })
	items(p, "facts", b.Facts, carried)
	items(p, "frames", b.Frames, carried)
	p.print("<script>%s</script>\n</body>\n</html>\n", js)
	if p.err != nil {
		return p.err
	}
	return p.out.Flush()
}

func carried(m journal.Message) any { return carriedMessage{m.Sequence, m.Data} }

// page is being written. The first error stays.
type page struct {
	out *bufio.Writer
	err error
}

func (p *page) print(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.out, format, args...)
	}
}

// data writes one value in an element of its own.
func (p *page) data(id string, v any) {
	text, err := json.Marshal(v)
	if err != nil && p.err == nil {
		p.err = fmt.Errorf("write page: %w", err)
	}
	p.print("<script type=\"application/json\" id=\"%s\">%s</script>\n", id, text)
}

// items writes many, one a line.
func items[T any](p *page, id string, all iter.Seq2[T, error], as func(T) any) {
	p.print("<script type=\"application/json\" id=\"%s\">[", id)
	separator := "\n"
	for one, err := range all {
		if err != nil {
			p.err = err
		}
		if p.err != nil {
			return
		}
		text, err := json.Marshal(as(one))
		if err != nil {
			p.err = fmt.Errorf("write page: %w", err)
			return
		}
		p.print("%s%s", separator, text)
		separator = ",\n"
	}
	p.print("\n]</script>\n")
}

func digest64(s string) string {
	d := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(d[:])
}
