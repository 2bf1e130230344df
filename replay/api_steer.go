package replay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

// mostReason bounds what somebody may say about a kill or a pause, and to the person at the client.
const mostReason = 1024

// said reads an optional text out of a body such as {"reason": "…"}.
func said(w http.ResponseWriter, r *http.Request, name string, most int) (string, error) {
	body := map[string]any{}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&body); err != nil && !errors.Is(err, io.EOF) {
		return "", invalid("the body is not JSON such as {%q: \"…\"}", name)
	}
	text, isText := body[name].(string)
	if body[name] != nil && !isText {
		return "", invalid("%s must be a text", name)
	}
	if len(text) > most || !utf8.ValidString(text) {
		return "", invalid("%s has at most %d bytes of UTF-8", name, most)
	}
	return text, nil
}

// opened returns the open session that a request names, once its sender may steer it.
func (s *Service) opened(r *http.Request, permission string) (Session, error) {
	one, err := s.session(r, func(Session) string { return permission })
	if err == nil && !one.Open {
		err = &schemas.Error{Code: schemas.CodeConflict, Message: "the session is closed already"}
	}
	return one, err
}

// kill records who ends a session and why, and then asks the gateway that owns it.
func (s *Service) kill(w http.ResponseWriter, r *http.Request) error {
	reason, err := said(w, r, "reason", mostReason)
	if err != nil {
		return err
	}
	one, err := s.opened(r, "kill")
	if err != nil {
		return err
	}
	if err := s.confirm(r.Context(), Confirmer.Kill); err != nil {
		return err
	}
	fact := &schemas.Control{Kind: &schemas.Control_Killed{Killed: &schemas.Killed{Session: string(one.ID), Reason: reason}}}
	return s.steer(w, r, one.ID, fact, schemas.SessionAsk_ACTION_KILL, reason)
}

// message tells the person at the client something.
func (s *Service) message(w http.ResponseWriter, r *http.Request) error {
	text, err := said(w, r, "message", mostReason)
	if err != nil {
		return err
	}
	if strings.TrimSpace(text) == "" {
		return invalid("there is no message")
	}
	one, err := s.opened(r, "watch")
	if err != nil {
		return err
	}
	return s.steer(w, r, one.ID, steered(one.ID, "message", text), schemas.SessionAsk_ACTION_MESSAGE, text)
}

// pause lets no further command of the client through until resume does. Who may end a session
// may do the lesser thing.
func (s *Service) pause(w http.ResponseWriter, r *http.Request) error {
	reason, err := said(w, r, "reason", mostReason)
	if err != nil {
		return err
	}
	one, err := s.opened(r, "kill")
	if err != nil {
		return err
	}
	return s.steer(w, r, one.ID, steered(one.ID, "pause", reason), schemas.SessionAsk_ACTION_PAUSE, reason)
}

func (s *Service) resume(w http.ResponseWriter, r *http.Request) error {
	one, err := s.opened(r, "kill")
	if err != nil {
		return err
	}
	return s.steer(w, r, one.ID, steered(one.ID, "resume", ""), schemas.SessionAsk_ACTION_RESUME, "")
}

func steered(id schemas.SessionID, action, message string) *schemas.Control {
	return &schemas.Control{Kind: &schemas.Control_Steered{Steered: &schemas.Steered{Session: string(id), Action: action, Message: message}}}
}

// steer records what somebody does to a session, and then has its gateway do it.
func (s *Service) steer(w http.ResponseWriter, r *http.Request, id schemas.SessionID, fact *schemas.Control, action schemas.SessionAsk_Action, message string) error {
	fact.At, fact.By = s.Now().UnixNano(), s.Who(r.Context())
	if _, err := s.Log.AppendControl(r.Context(), schemas.AreaSession, string(id), fact, nil); err != nil {
		return fmt.Errorf("record what is done to a session: %w", err)
	}
	if err := s.ask(r.Context(), id, action, message); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// errNobody says that no gateway answers for a session.
var errNobody = errors.New("no gateway listens")

// ask has the gateway that owns a session do something on behalf of the sender of a request.
func (s *Service) ask(ctx context.Context, id schemas.SessionID, action schemas.SessionAsk_Action, message string) error {
	request, err := (&schemas.SessionAsk{Action: action, By: s.Who(ctx), Message: message}).MarshalVT()
	if err != nil {
		return fmt.Errorf("encode what is asked of a session: %w", err)
	}
	limited, cancel := deadline(ctx, s.WriteTimeout)
	defer cancel()
	data, err := s.Log.Ask(limited, schemas.AskSession(id), request)
	if err != nil {
		if errors.Is(err, journal.ErrNoAnswer) && limited.Err() == nil {
			err = errors.Join(err, errNobody)
		}
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
