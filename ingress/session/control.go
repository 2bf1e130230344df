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
	unwatch := s.watch()
	s.stop = func() {
		cancel()
		unwatch()
		unsubscribe()
	}
	if !s.tenure.until.IsZero() {
		go s.keep(watch)
	}
	return nil
}

// watch ends the session when its credential or the right to write it does, until it is told to stop. It needs no
// goroutine for that: an idle session has none of this package's.
func (s *Session) watch() (stop func()) {
	forget := func() bool { return false }
	if r := s.req.Identity.Revoked; r != nil {
		forget = context.AfterFunc(r, func() { s.Stop(End{Reason: ReasonExpired, Message: "the token was revoked"}) })
	}
	var expires *time.Timer
	if at := s.req.Identity.Expires; !at.IsZero() {
		expires = time.AfterFunc(at.Sub(s.g.c.Now()), func() { s.Stop(End{Reason: ReasonExpired, Message: "the token has expired"}) })
	}
	s.w.OnFail(func() { // of a lost lease, too
		if s.Err() == nil {
			_ = s.fail(s.w.Err())
		}
	})
	return func() {
		forget()
		if expires != nil {
			expires.Stop()
		}
		s.w.OnFail(nil)
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
		answer.Error = s.paused(ask)
	case schemas.SessionAsk_ACTION_RESUME:
		answer.Error = s.resumedBy(ask)
	case schemas.SessionAsk_ACTION_MESSAGE:
		answer.Error = s.tell(said(ask.By, ask.Message))
	case schemas.SessionAsk_ACTION_WATCHED:
		answer.Error = s.watched(ask)
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

// paused lets no further command through, and tells the client so, if it can be told.
func (s *Session) paused(ask *schemas.SessionAsk) string {
	s.mu.Lock()
	was := s.resumed != nil
	if !was {
		s.resumed = make(chan struct{})
	}
	able := s.notify != nil
	s.mu.Unlock()
	if was || !able {
		return ""
	}
	return s.tell(said("this session was paused by "+ask.By+"; what you send waits", ask.Message))
}

// resumedBy undoes paused.
func (s *Session) resumedBy(ask *schemas.SessionAsk) string {
	s.mu.Lock()
	was, able := s.resumed != nil, s.notify != nil
	if was {
		close(s.resumed)
		s.resumed = nil
	}
	s.mu.Unlock()
	if !was || !able {
		return ""
	}
	return s.tell("this session goes on: " + printable(ask.By) + " resumed it")
}

// watched tells the client that somebody watches, if the target wants that. A client that cannot
// be told yet is told as soon as it can be; whoever watches sees nothing of it before.
func (s *Session) watched(ask *schemas.SessionAsk) string {
	if !s.req.Target.Target.NotifyWatched {
		return ""
	}
	return s.tellSoon("this session is being watched by " + printable(ask.By))
}

// tellSoon tells a client, as soon as it can be told.
func (s *Session) tellSoon(m string) string {
	s.mu.Lock()
	if s.notify == nil {
		s.early = append(s.early, m)
		s.mu.Unlock()
		return ""
	}
	s.mu.Unlock()
	return s.tell(m)
}

// said puts who before what; either may be empty.
func said(who, what string) string {
	if who == "" || what == "" {
		return printable(who + what)
	}
	return printable(who + ": " + what)
}

// tell records a message to the client, and delivers it.
func (s *Session) tell(m string) string {
	s.mu.Lock()
	notify := s.notify
	s.mu.Unlock()
	if notify == nil {
		return "this session cannot show messages"
	}
	if err := s.Notice(0, "gateway", &schemas.Failure{Severity: "NOTICE", Message: m}); err != nil {
		return "the session has ended"
	}
	notify(m)
	return ""
}
