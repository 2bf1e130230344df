package replay

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/problem"
)

// RebuildReport says what a rebuild found.
type RebuildReport struct {
	Projection  string   `json:"projection"`
	Entries     uint64   `json:"entries"` // items that the log gives
	Equal       bool     `json:"equal"`   // the projection was what the log gives
	Differences []string `json:"differences"`
	Appended    int      `json:"appended"` // items that were missing, and were added or written anew
}

// Tell is told how far a rebuild is: what is being done ("messages read"), how much of it is done, and
// how much there is, as far as is known by then. It returns at once.
type Tell func(what string, done, total uint64)

// What projections here do when they are rebuilt.
const (
	messagesRead = "messages read"
	entriesRead  = "entries read"
)

// Projection is something derived from the log that can be derived again. Rebuild builds it
// beside the running one, compares the two at the same position, and puts the new one in its
// place where they differ. It tells how far it is from the goroutine that it is called in.
type Projection interface {
	Name() string
	Rebuild(ctx context.Context, tell Tell) (RebuildReport, error)
}

// mostDifferences bounds how many a report spells out.
const mostDifferences = 100

func (r *RebuildReport) differ(what string) {
	r.Equal = false
	if len(r.Differences) < mostDifferences {
		r.Differences = append(r.Differences, what)
	}
}

// RebuildProgress is how far a rebuild is.
type RebuildProgress struct {
	Projection string `json:"projection"`
	Number     int    `json:"number"` // of the projection, from 1 on
	Of         int    `json:"of"`     // projections
	What       string `json:"what"`   // is being done, such as "messages read"; empty: nothing has been told yet
	Done       uint64 `json:"done"`
	Total      uint64 `json:"total"`
}

// RebuildLine is one line of what a rebuild answers to who asks for lines: one of its fields. An answer
// that ends without done or problem was cut.
type RebuildLine struct {
	Progress *RebuildProgress  `json:"progress,omitempty"`
	Report   *RebuildReport    `json:"report,omitempty"`
	Problem  *problem.Document `json:"problem,omitempty"`
	Done     bool              `json:"done,omitempty"`
}

// rebuilding is the one rebuild that may run.
type rebuilding struct {
	mu  sync.Mutex
	now *RebuildProgress // nil: none runs
}

// Rebuilding says how far the rebuild is that runs in this process; nil: none does.
func (s *Service) Rebuilding() *RebuildProgress {
	s.rebuild.mu.Lock()
	defer s.rebuild.mu.Unlock()
	if s.rebuild.now == nil {
		return nil
	}
	now := *s.rebuild.now
	return &now
}

// begin returns false if one runs already.
func (r *rebuilding) begin() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.now != nil {
		return false
	}
	r.now = &RebuildProgress{}
	return true
}

func (r *rebuilding) at(p *RebuildProgress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = p
}

// rebuildAll rebuilds every projection, one at a time, or the one that ?projection= names, for
// administrators. Who accepts lines is told how far it is meanwhile.
func (s *Service) rebuildAll(w http.ResponseWriter, r *http.Request) error {
	if err := s.Authorizer.Authorize(r.Context(), "admin", ""); err != nil {
		return err
	}
	wanted := s.Projections
	if only := r.URL.Query().Get("projection"); only != "" {
		i := slices.IndexFunc(wanted, func(p Projection) bool { return p.Name() == only })
		if i < 0 {
			return &schemas.Error{Code: schemas.CodeNotFound, Message: "there is no projection " + only}
		}
		wanted = wanted[i : i+1]
	}
	if !s.rebuild.begin() {
		return &schemas.Error{Code: schemas.CodeConflict, Message: "a rebuild is running already"}
	}
	defer s.rebuild.at(nil)
	if strings.Contains(r.Header.Get("Accept"), "application/x-ndjson") {
		s.rebuildInLines(w, r, wanted)
		return nil
	}
	reports := []RebuildReport{}
	err := s.rebuildEach(r.Context(), wanted, func(l RebuildLine) {
		if l.Report != nil {
			reports = append(reports, *l.Report)
		}
	})
	if err != nil {
		return err
	}
	return reply(w, struct {
		Projections []RebuildReport `json:"projections"`
	}{reports})
}

// between is how long is at least between two lines that tell of the same thing, but for the last of it.
const between = 250 * time.Millisecond

// rebuildEach says what it does and finds, from this goroutine.
func (s *Service) rebuildEach(ctx context.Context, wanted []Projection, say func(RebuildLine)) error {
	for i, p := range wanted {
		last, said := RebuildProgress{Projection: p.Name(), Number: i + 1, Of: len(wanted)}, time.Time{}
		tell := func(what string, done, total uint64) {
			now := RebuildProgress{Projection: last.Projection, Number: last.Number, Of: last.Of, What: what, Done: done, Total: total}
			s.rebuild.at(&now)
			if what != last.What || done >= total || time.Since(said) >= between {
				say(RebuildLine{Progress: &now})
				said = time.Now()
			}
			last = now
		}
		begun := last
		s.rebuild.at(&begun)
		say(RebuildLine{Progress: &begun})
		report, err := p.Rebuild(ctx, tell)
		if err != nil {
			return err
		}
		report.Differences = list(report.Differences)
		say(RebuildLine{Report: &report})
	}
	return nil
}

// rebuildInLines answers a line whenever there is something to say. Lines are written beside the
// rebuild, so that a reader who is slow does not hold up what waits for it.
func (s *Service) rebuildInLines(w http.ResponseWriter, r *http.Request, wanted []Projection) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Cache-Control", "no-store")
	lines, written := make(chan RebuildLine, 1000), make(chan struct{})
	go func() {
		defer close(written)
		encoder, gone := json.NewEncoder(w), false
		for l := range lines {
			if gone {
				continue
			}
			// Not every writer has deadlines; the server's own then hold.
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.WriteTimeout))
			gone = encoder.Encode(l) != nil
			flush(w)
		}
	}()
	err := s.rebuildEach(r.Context(), wanted, func(l RebuildLine) {
		select {
		case lines <- l:
		default: // the reader is far behind
			if l.Progress == nil {
				lines <- l
			}
		}
	})
	end := RebuildLine{Done: true}
	if err != nil {
		told := problem.Of(shown(err))
		if r.Context().Err() == nil {
			s.Logger.Error("rebuild", "error", err)
		}
		end = RebuildLine{Problem: &told}
	}
	lines <- end
	close(lines)
	<-written
}
