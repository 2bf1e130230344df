package search

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/problem"
)

// answer is what GET /search says.
type answer struct {
	Hits      []Hit              `json:"hits"`
	Total     uint64             `json:"total"`
	Next      string             `json:"next"`
	TookMS    float64            `json:"took_ms"`
	Facets    map[string][]Count `json:"facets,omitempty"`
	Histogram *Histogram         `json:"histogram,omitempty"`
}

// longestWait bounds how long a request may wait for the index.
const longestWait = 10 * time.Second

// Handler serves GET /search?q=&limit=&cursor=&order=&wait=&counts= and
// GET /search/suggest?field=&prefix=&limit=. order is newest (the default) or oldest; wait is how long
// to wait for what is on the log already to be searchable, 0 by default; counts=true adds facets and
// histogram. Who reads is the Authorizer's to know, from the request's context.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /search", s.serveSearch)
	mux.HandleFunc("GET /search/suggest", s.serveSuggest)
	return mux
}

func (s *Service) serveSearch(w http.ResponseWriter, r *http.Request) {
	q, err := readQuery(r)
	if err != nil {
		problem.Write(w, r, s.c.Logger, err)
		return
	}
	if err := s.catchUp(r); err != nil {
		problem.Write(w, r, s.c.Logger, err)
		return
	}
	res, err := s.Search(r.Context(), q)
	if err != nil {
		problem.Write(w, r, s.c.Logger, err)
		return
	}
	a := answer{Hits: res.Hits, Total: res.Total, Next: res.Next, TookMS: float64(res.Took.Microseconds()) / 1000,
		Facets: res.Facets, Histogram: res.Histogram}
	s.write(w, http.StatusOK, "application/json", a)
}

func (s *Service) serveSuggest(w http.ResponseWriter, r *http.Request) {
	v := r.URL.Query()
	limit, err := readLimit(v.Get("limit"), suggestions, mostSuggested)
	if err != nil {
		problem.Write(w, r, s.c.Logger, err)
		return
	}
	found, err := s.Suggest(r.Context(), v.Get("field"), v.Get("prefix"), limit)
	if err != nil {
		problem.Write(w, r, s.c.Logger, err)
		return
	}
	s.write(w, http.StatusOK, "application/json", map[string]any{"values": found})
}

// readLimit reads how many are asked for.
func readLimit(text string, otherwise, most int) (int, error) {
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, &schemas.Error{Code: schemas.CodeInvalid, Message: "limit must be between 1 and " + strconv.Itoa(most)}
	}
	return n, nil
}

// catchUp waits, as long as the request says, until what was written before it can be found.
func (s *Service) catchUp(r *http.Request) error {
	text := r.URL.Query().Get("wait")
	if text == "" {
		return nil
	}
	wait, err := time.ParseDuration(text)
	if err != nil || wait < 0 || wait > longestWait {
		return &schemas.Error{Code: schemas.CodeInvalid, Message: "wait must be a duration between 0s and " + longestWait.String()}
	}
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	p, err := s.Written(ctx)
	if err == nil {
		err = s.WaitFor(ctx, p)
	}
	if ctx.Err() != nil {
		return r.Context().Err() // it waited as long as it was told to: what is there is answered
	}
	return err
}

func readQuery(r *http.Request) (Query, error) {
	v := r.URL.Query()
	q := Query{Text: v.Get("q"), Cursor: v.Get("cursor")}
	var err error
	if q.Limit, err = readLimit(v.Get("limit"), defaultLimit, maxLimit); err != nil {
		return q, err
	}
	switch v.Get("counts") {
	case "", "false":
	case "true":
		q.Counts = true
	default:
		return q, &schemas.Error{Code: schemas.CodeInvalid, Message: "counts must be true or false"}
	}
	switch v.Get("order") {
	case "", "newest":
	case "oldest":
		q.Oldest = true
	default:
		return q, &schemas.Error{Code: schemas.CodeInvalid, Message: "order must be newest or oldest"}
	}
	return q, nil
}

func (s *Service) write(w http.ResponseWriter, code int, kind string, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		s.c.Logger.Error("search was not answered", "error", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = w.Write(b) // the client has gone: nothing is left to do
}
