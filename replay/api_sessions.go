package replay

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"unicode/utf8"

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
		return s.allowed(r, known, permission(one), one.Target)
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
func (s *Service) allowed(r *http.Request, known map[[2]string]bool, permission, target string) (bool, error) {
	key := [2]string{permission, target}
	if yes, found := known[key]; found {
		return yes, nil
	}
	err := s.Authorizer.Authorize(r.Context(), permission, target)
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
	if err := s.viewOnce(r.Context(), one.ID, viewEntries); err != nil {
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

// mostReason bounds what somebody may say about a kill.
const mostReason = 1024

// kill records who ends a session and why, and then asks the gateway that owns it.
func (s *Service) kill(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Reason string `json:"reason"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&body); err != nil && !errors.Is(err, io.EOF) {
		return invalid("the body is not JSON such as {\"reason\": \"…\"}")
	}
	if len(body.Reason) > mostReason || !utf8.ValidString(body.Reason) {
		return invalid("a reason has at most %d bytes of UTF-8", mostReason)
	}
	one, err := s.session(r, func(Session) string { return "kill" })
	if err != nil {
		return err
	}
	if !one.Open {
		return &schemas.Error{Code: schemas.CodeConflict, Message: "the session is closed already"}
	}
	by := s.Who(r.Context())
	_, err = s.Log.AppendControl(r.Context(), schemas.AreaSession, string(one.ID), &schemas.Control{
		At: s.Now().UnixNano(), By: by,
		Kind: &schemas.Control_Killed{Killed: &schemas.Killed{Session: string(one.ID), Reason: body.Reason}},
	}, nil)
	if err != nil {
		return fmt.Errorf("record a kill: %w", err)
	}
	if err := s.askKill(r, one.ID, by, body.Reason); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Service) askKill(r *http.Request, id schemas.SessionID, by, reason string) error {
	request, err := (&schemas.SessionAsk{Action: schemas.SessionAsk_ACTION_KILL, By: by, Message: reason}).MarshalVT()
	if err != nil {
		return fmt.Errorf("encode kill: %w", err)
	}
	ctx, cancel := deadline(r.Context(), s.WriteTimeout)
	defer cancel()
	data, err := s.Log.Ask(ctx, schemas.AskSession(id), request)
	if err != nil {
		return &schemas.Error{Code: schemas.CodeUnavailable, Message: "the gateway that owns the session does not answer", Hint: "a session whose gateway is gone is closed when its lease ends", Err: err}
	}
	var answer schemas.SessionAnswer
	if err := answer.UnmarshalVT(data); err != nil {
		return fmt.Errorf("decode the gateway's answer: %w", err)
	}
	if answer.GetError() != "" {
		return &schemas.Error{Code: schemas.CodeConflict, Message: answer.GetError()}
	}
	return nil
}
