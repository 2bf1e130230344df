package search

import (
	"encoding/json"
	"net/http"
	"strconv"

	"sallyport/schemas"
)

// answer is what GET /search says.
type answer struct {
	Hits   []Hit   `json:"hits"`
	Total  uint64  `json:"total"`
	Next   string  `json:"next"`
	TookMS float64 `json:"took_ms"`
}

// Handler serves GET /search?q=&limit=&cursor=&order= (newest, the default, or oldest). Who reads
// is the Authorizer's to know, from the request's context.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /search", s.serveSearch)
	return mux
}

func (s *Service) serveSearch(w http.ResponseWriter, r *http.Request) {
	q, err := readQuery(r)
	if err != nil {
		s.problem(w, r, err)
		return
	}
	res, err := s.Search(r.Context(), q)
	if err != nil {
		s.problem(w, r, err)
		return
	}
	a := answer{Hits: res.Hits, Total: res.Total, Next: res.Next, TookMS: float64(res.Took.Microseconds()) / 1000}
	s.write(w, http.StatusOK, "application/json", a)
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

// problem is an RFC 9457 problem document.
type problem struct {
	Type   string       `json:"type"`
	Title  string       `json:"title"`
	Status int          `json:"status"`
	Detail string       `json:"detail"`
	Code   schemas.Code `json:"code"`
}

func (s *Service) problem(w http.ResponseWriter, r *http.Request, err error) {
	e := schemas.Shown(err)
	if e.Code == schemas.CodeInternal && r.Context().Err() == nil {
		s.c.Logger.Error("search failed", "error", err)
	}
	p := problem{Type: "about:blank", Status: status(e.Code), Detail: e.Message, Code: e.Code}
	p.Title = http.StatusText(p.Status)
	if e.Hint != "" {
		p.Detail += "; " + e.Hint
	}
	s.write(w, p.Status, "application/problem+json", p)
}

func status(c schemas.Code) int {
	switch c {
	case schemas.CodeInvalid:
		return http.StatusBadRequest
	case schemas.CodeUnauthenticated:
		return http.StatusUnauthorized
	case schemas.CodeForbidden:
		return http.StatusForbidden
	case schemas.CodeUnavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
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
