package session

import (
	"context"
	"time"

	"sallyport/schemas"
)

// start answers for the session and watches what may end it.
func (s *Session) start(ctx context.Context) error {
	unsubscribe, err := s.g.c.Log.Answer(ctx, schemas.AskSession(s.ID), "", s.answer)
	if err != nil {
		return err
	}
	watch, cancel := context.WithCancel(context.Background())
	s.stop = func() {
		cancel()
		unsubscribe()
	}
	go s.watch(watch)
	return nil
}

// watch ends the session when its credential or the right to write it does. It returns when the
// session is closed.
func (s *Session) watch(ctx context.Context) {
	var expires <-chan time.Time
	if at := s.req.Identity.Expires; !at.IsZero() {
		timer := time.NewTimer(at.Sub(s.g.c.Now()))
		defer timer.Stop()
		expires = timer.C
	}
	select {
	case <-ctx.Done():
	case <-s.done:
	case <-expires:
		s.Stop(End{Reason: ReasonExpired, Message: "the token has expired"})
	case <-s.req.Identity.Revoked:
		s.Stop(End{Reason: ReasonExpired, Message: "the token was revoked"})
	case <-s.w.Failed():
		_ = s.fail(s.w.Err())
	case <-s.g.c.Lease.Lost():
		s.Stop(End{Reason: ReasonError, Message: "the gateway has lost its lease on the log: the session cannot be recorded, so it was ended"})
	}
}

// answer serves what others ask of the session. Who may ask is decided by who passes the asks on.
func (s *Session) answer(_ context.Context, request []byte) ([]byte, error) {
	ask := &schemas.SessionAsk{}
	answer := &schemas.SessionAnswer{}
	if err := ask.UnmarshalVT(request); err != nil {
		answer.Error = "malformed request"
		return answer.MarshalVT()
	}
	switch ask.Action {
	case schemas.SessionAsk_ACTION_KILL:
		s.Stop(End{Reason: ReasonKilled, Message: killMessage(ask), By: ask.By})
	case schemas.SessionAsk_ACTION_PAUSE:
		s.pause()
	case schemas.SessionAsk_ACTION_RESUME:
		s.resume()
	case schemas.SessionAsk_ACTION_MESSAGE:
		answer.Error = s.tell(ask)
	default:
		answer.Error = "unknown action"
	}
	return answer.MarshalVT()
}

func killMessage(ask *schemas.SessionAsk) string {
	m := "the session was ended"
	if ask.By != "" {
		m += " by " + ask.By
	}
	if ask.Message != "" {
		m += ": " + ask.Message
	}
	return printable(m)
}

func (s *Session) pause() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.resumed == nil {
		s.resumed = make(chan struct{})
	}
}

func (s *Session) resume() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.resumed != nil {
		close(s.resumed)
		s.resumed = nil
	}
}

func (s *Session) tell(ask *schemas.SessionAsk) string {
	s.mu.Lock()
	notify := s.notify
	s.mu.Unlock()
	if notify == nil {
		return "this session cannot show messages"
	}
	m := printable(ask.Message)
	if ask.By != "" {
		m = printable(ask.By) + ": " + m
	}
	if err := s.Notice(0, "gateway", &schemas.Failure{Severity: "NOTICE", Message: m}); err != nil {
		return "the session has ended"
	}
	notify(m)
	return ""
}
