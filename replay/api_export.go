package replay

import (
	"fmt"
	"io"
	"iter"
	"net/http"
)

// exporter is one form of an export.
type exporter struct {
	write       func(io.Writer, iter.Seq2[Entry, error]) error
	contentType string
	extension   string
}

func exporterOf(format string) (exporter, bool) {
	switch format {
	case "", "ndjson":
		return exporter{WriteLines, "application/x-ndjson", "ndjson"}, true
	case "asciicast":
		return exporter{WriteCast, "application/x-asciicast", "cast"}, true
	case "html":
		return exporter{WriteHTML, "text/html; charset=utf-8", "html"}, true
	}
	return exporter{}, false
}

// export answers a whole recording as a file. It is streamed: a failure on the way cuts the
// connection, so that nobody takes a part for the whole.
func (s *Service) export(w http.ResponseWriter, r *http.Request) error {
	format := r.URL.Query().Get("format")
	e, known := exporterOf(format)
	if !known {
		return invalid("format is %q: it must be ndjson, asciicast or html", format)
	}
	one, err := s.session(r, permission)
	if err != nil {
		return err
	}
	if err := s.view(r.Context(), one, viewExport); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", e.contentType)
	h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="sallyport-%s.%s"`, one.ID, e.extension))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	if err := e.write(w, Entries(r.Context(), s.Log, one.ID, 1)); err != nil {
		if r.Context().Err() == nil {
			s.Logger.Error("export", "session", one.ID, "error", err)
		}
		panic(http.ErrAbortHandler)
	}
	return nil
}
