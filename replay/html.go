package replay

import (
	"bufio"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"iter"
)

//go:embed export.css
var exportCSS string

//go:embed export.js
var exportJS string

// WriteHTML writes a session as one page that needs nothing else: it opens from a file, and its
// policy forbids every request. The entries are JSON in it; encoding/json escapes <, > and &, so
// nothing of a session can end the element that holds them.
func WriteHTML(w io.Writer, entries iter.Seq2[Entry, error]) error {
	out := bufio.NewWriterSize(w, 64<<10)
	fmt.Fprintf(out, `<!doctype html>
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
<h1>A recorded session</h1>
<dl></dl>
<form><input type="search" placeholder="Filter commands and results" aria-label="Filter commands and results" autocomplete="off"><output class="dim"></output></form>
<main></main>
<noscript>This page shows its recording with a script of its own.</noscript>
<script type="application/json" id="entries">[`, digest64(exportCSS), digest64(exportJS), exportCSS)
	first := true
	for e, err := range entries {
		if err != nil {
			return err
		}
		data, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("write page: %w", err)
		}
		separator := ",\n"
		if first {
			separator, first = "\n", false
		}
		if _, err := fmt.Fprintf(out, "%s%s", separator, data); err != nil {
			return fmt.Errorf("write page: %w", err)
		}
	}
	fmt.Fprintf(out, "\n]</script>\n<script>%s</script>\n</body>\n</html>\n", exportJS)
	return out.Flush()
}

func digest64(s string) string {
	d := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(d[:])
}

// WriteLines writes a session as NDJSON, an entry a line.
func WriteLines(w io.Writer, entries iter.Seq2[Entry, error]) error {
	out := bufio.NewWriterSize(w, 64<<10)
	lines := json.NewEncoder(out)
	for e, err := range entries {
		if err != nil {
			return err
		}
		if err := lines.Encode(e); err != nil {
			return fmt.Errorf("write entry: %w", err)
		}
	}
	return out.Flush()
}
