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
	Hits   []Hit   `json:"hits"`
	Total  uint64  `json:"total"`
	Next   string  `json:"next"`
	TookMS float64 `json:"took_ms"`
}

// longestWait bounds how long a request may wait for the index.
const longestWait = 10 * time.Second

// Handler serves GET /search?q=&limit=&cursor=&order=&wait=. order is newest (the default) or
// oldest; wait is how long to wait for what is on the log already to be searchable, 0 by default.
// Who reads is the Authorizer's to know, from the request's context.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /search", s.serveSearch)
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
	a := answer{Hits: res.Hits, Total: res.Total, Next: res.Next, TookMS: float64(res.Took.Microseconds()) / 1000}
	s.write(w, http.StatusOK, "application/json", a)
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
	if l := v.Get("limit"); l != "" {
		n, err := strconv.Atoi(l)
		if err != nil || n < 1 || n > maxLimit {
			return q, &schemas.Error{Code: schemas.CodeInvalid, Message: "limit must be between 1 and " + strconv.Itoa(maxLimit)}
		}
		q.Limit = n
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
