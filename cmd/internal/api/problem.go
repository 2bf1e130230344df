package api

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"sallyport/schemas"
)

var statuses = map[schemas.Code]int{
	schemas.CodeUnauthenticated: http.StatusUnauthorized,
	schemas.CodeForbidden:       http.StatusForbidden,
	schemas.CodeNotFound:        http.StatusNotFound,
	schemas.CodeInvalid:         http.StatusBadRequest,
	schemas.CodeConflict:        http.StatusConflict,
	schemas.CodeUnsupported:     http.StatusNotImplemented,
	schemas.CodeLimit:           http.StatusTooManyRequests,
	schemas.CodeUnavailable:     http.StatusServiceUnavailable,
	schemas.CodeKilled:          http.StatusGone,
	schemas.CodeInternal:        http.StatusInternalServerError,
}

// problem answers with err as a problem document (RFC 9457); what is not for the user is logged.
func problem(w http.ResponseWriter, logger *slog.Logger, err error) {
	shown := schemas.Shown(err)
	if cause := errors.Unwrap(err); shown.Code == schemas.CodeInternal || cause != nil {
		logger.Error("request failed", "error", err)
	}
	status := statuses[shown.Code]
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	document := map[string]any{
		"type": "about:blank", "title": http.StatusText(status), "status": status,
		"detail": shown.Message, "code": shown.Code,
	}
	if shown.Hint != "" {
		document["hint"] = shown.Hint
	}
	if err := json.NewEncoder(w).Encode(document); err != nil {
		logger.Debug("send problem", "error", err)
	}
}

func reply(w http.ResponseWriter, logger *slog.Logger, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		logger.Debug("send answer", "error", err)
	}
}
