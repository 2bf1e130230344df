// Package problem is how HTTP services answer with an error: problem documents, RFC 9457.
package problem

import (
	"encoding/json"
	"log/slog"
	"net/http"

	"sallyport/schemas"
)

// Document is a problem document.
type Document struct {
	Type   string       `json:"type"`
	Title  string       `json:"title"`
	Status int          `json:"status"`
	Detail string       `json:"detail"`
	Code   schemas.Code `json:"code"`
	Hint   string       `json:"hint,omitempty"`
}

var statuses = map[schemas.Code]int{
	schemas.CodeUnauthenticated: http.StatusUnauthorized,
	schemas.CodeForbidden:       http.StatusForbidden,
	schemas.CodeStepUp:          http.StatusForbidden,
	schemas.CodeNotFound:        http.StatusNotFound,
	schemas.CodeInvalid:         http.StatusBadRequest,
	schemas.CodeConflict:        http.StatusConflict,
	schemas.CodeUnsupported:     http.StatusNotImplemented,
	schemas.CodeLimit:           http.StatusTooManyRequests,
	schemas.CodeUnavailable:     http.StatusServiceUnavailable,
	schemas.CodeKilled:          http.StatusGone,
	schemas.CodeCanceled:        http.StatusConflict,
	schemas.CodeInternal:        http.StatusInternalServerError,
}

// Of returns what the user sees of err.
func Of(err error) Document {
	e := schemas.Shown(err)
	status, ok := statuses[e.Code]
	if !ok {
		status = http.StatusInternalServerError
	}
	return Document{
		Type: "about:blank", Title: http.StatusText(status), Status: status,
		Detail: e.Message, Code: e.Code, Hint: e.Hint,
	}
}

// Write answers a request with err, and logs what is the server's own fault, unless the client has
// gone.
func Write(w http.ResponseWriter, r *http.Request, logger *slog.Logger, err error) {
	d := Of(err)
	if d.Status >= http.StatusInternalServerError && r.Context().Err() == nil {
		logger.Error("request failed", "path", r.URL.Path, "error", err)
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(d.Status)
	_ = json.NewEncoder(w).Encode(d) // the client is gone when this fails
}
