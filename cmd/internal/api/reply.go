package api

import (
	"encoding/json"
	"log/slog"
	"net/http"
)

func reply(w http.ResponseWriter, logger *slog.Logger, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		logger.Debug("send answer", "error", err)
	}
}

// Reply answers with JSON.
func Reply(w http.ResponseWriter, logger *slog.Logger, v any) { reply(w, logger, v) }
