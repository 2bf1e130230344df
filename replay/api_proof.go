package replay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

// Verification is journal.Report as the API speaks it.
type Verification struct {
	Session  schemas.SessionID `json:"session"`
	Entries  uint64            `json:"entries"`
	Messages uint64            `json:"messages"`
	Closed   bool              `json:"closed"`
	Lost     []Range           `json:"lost"` // declared
	Problems []string          `json:"problems"`
	// Of the last message of each subject, hexadecimal: what an export shows of itself.
	FactsHash  string `json:"facts_hash"`
	FramesHash string `json:"frames_hash"`
}

// Verify checks one session on the log.
func Verify(ctx context.Context, log *journal.Log, id schemas.SessionID) (Verification, error) {
	r, err := log.Verify(ctx, id)
	if err != nil {
		return Verification{}, fmt.Errorf("verify %s: %w", id, err)
	}
	v := Verification{Session: r.Session, Entries: r.Entries, Messages: r.Messages, Closed: r.Closed, Problems: list(r.Problems)}
	v.FactsHash, v.FramesHash = digest(r.FactsHash), digest(r.FramesHash)
	v.Lost = lost(&schemas.Lost{Ranges: r.Lost}).Ranges
	return v, nil
}

func (s *Service) verifyOne(w http.ResponseWriter, r *http.Request) error {
	one, err := s.session(r, permission)
	if err != nil {
		return err
	}
	v, err := Verify(r.Context(), s.Log, one.ID)
	if err != nil {
		return err
	}
	return reply(w, v)
}

// verifyAll answers a report a line, for administrators. What cannot be checked is a problem too.
func (s *Service) verifyAll(w http.ResponseWriter, r *http.Request) error {
	if err := s.Authorizer.Authorize(r.Context(), "admin", ""); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	lines := json.NewEncoder(w)
	query := Query{Limit: 1000}
	for {
		page, next, err := s.Sessions.List(r.Context(), query, func(Session) (bool, error) { return true, nil })
		if err != nil {
			return err
		}
		for _, one := range page {
			v, err := Verify(r.Context(), s.Log, one.ID)
			if err != nil {
				s.Logger.Error("verify", "session", one.ID, "error", err)
				v = Verification{Session: one.ID, Lost: []Range{}, Problems: []string{"it could not be checked: " + schemas.Shown(err).Message}}
				if errors.Is(err, journal.ErrNotFound) {
					v.Problems = []string{"it is listed, and not on the log"}
				}
			}
			if lines.Encode(v) != nil {
				return nil // the client is gone
			}
			flush(w)
		}
		if query.Cursor = next; next == "" {
			return nil
		}
	}
}

func flush(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() }
