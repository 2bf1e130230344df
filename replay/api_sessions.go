package replay

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

// list answers GET /sessions: the sessions that the reader may see, newest first.
func (s *Service) list(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	limit, err := number(r, "limit", 50, 1000)
	if err != nil {
		return err
	}
	query := Query{Limit: int(limit), Cursor: q.Get("cursor"), Who: q.Get("who"), Target: q.Get("target")}
	if text := q.Get("open"); text != "" {
		open, err := strconv.ParseBool(text)
		if err != nil {
			return invalid("open is %q: it must be true or false", text)
		}
		query.Open = &open
	}
	known := map[[2]string]bool{}
	page, next, err := s.Sessions.List(r.Context(), query, func(one Session) (bool, error) {
		return s.allowed(r.Context(), known, permission(one), one.Target)
	})
	if err != nil {
		return err
	}
	return reply(w, struct {
		Sessions []Session `json:"sessions"`
		Next     string    `json:"next"`
	}{page, next})
}

// allowed tells no from not known, and asks once a request for the same.
func (s *Service) allowed(ctx context.Context, known map[[2]string]bool, permission, target string) (bool, error) {
	key := [2]string{permission, target}
	if yes, found := known[key]; found {
		return yes, nil
	}
	err := s.Authorizer.Authorize(ctx, permission, target)
	if err != nil && schemas.Shown(err).Code != schemas.CodeForbidden {
		return false, err
	}
	known[key] = err == nil
	return err == nil, nil
}

func (s *Service) get(w http.ResponseWriter, r *http.Request) error {
	one, err := s.session(r, permission)
	if err != nil {
		return err
	}
	return reply(w, one)
}

// mostBytes ends a page of entries early.
const mostBytes = 4 << 20

// entries answers a page of a recording.
func (s *Service) entries(w http.ResponseWriter, r *http.Request) error {
	from, err := number(r, "from", 1, 1<<62)
	if err != nil {
		return err
	}
	limit, err := number(r, "limit", 500, 5000)
	if err != nil {
		return err
	}
	one, err := s.session(r, permission)
	if err != nil {
		return err
	}
	if err := s.viewOnce(r.Context(), one, viewEntries); err != nil {
		return err
	}
	page := struct {
		Entries []json.RawMessage `json:"entries"`
		Next    uint64            `json:"next"`
	}{Entries: []json.RawMessage{}}
	size, d := 0, s.decoder(r.Context(), one.ID)
	err = s.Log.ReadSession(r.Context(), one.ID, journal.ReadOptions{From: from}, func(l journal.Located) error {
		if len(page.Entries) == int(limit) || size > mostBytes {
			page.Next = l.Entry.GetNumber()
			return errEnough
		}
		data, err := json.Marshal(d.Entry(l))
		size += len(data)
		page.Entries = append(page.Entries, data)
		return err
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	return reply(w, page)
}
