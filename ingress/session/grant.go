package session

import (
	"context"
	"errors"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

// tenure is what lets a session's principal in. It is looked at again when it ends, and when access
// for a time was given or revoked.
type tenure struct {
	until time.Time // zero: a role lets them in, for as long as it may be
	err   error     // it ended, for this reason
}

func over(target string) error {
	return &schemas.Error{Code: schemas.CodeForbidden, Message: "your access to " + target + " has ended",
		Hint: "ask for it again: sallyport access request " + target}
}

func noAnswer() error {
	return &schemas.Error{Code: schemas.CodeUnavailable, Message: "no enforcer answered, so access is denied",
		Hint: "try again; if it persists, tell the operator of the gateway"}
}

// look asks whether, and until when, the principal may be in. Without an answer it is as it was.
func (g *Gateway) look(ctx context.Context, id *Identity, target string, was tenure) tenure {
	answer, err := g.access(ctx, id, target)
	switch {
	case err != nil:
		if !errors.Is(err, journal.ErrNoAnswer) {
			g.log.Warn("ask for access", "principal", id.Principal.GetName(), "target", target, "err", err)
		}
		return was
	case !answer.Allowed:
		return tenure{err: over(target)}
	case answer.Until == 0:
		return tenure{}
	}
	return tenure{until: time.Unix(0, answer.Until)}
}

func (s *Session) look(ctx context.Context, was tenure) tenure {
	return s.g.look(ctx, s.req.Identity, s.req.Target.Metadata.Name, was)
}

// keep ends the session when access that was given for a time does, with a warning before. It
// returns when the session ends, or when its access does not end any more.
func (s *Session) keep(ctx context.Context) {
	now, regranted, warned := s.tenure, s.regranted, false
	for now.err == nil && !now.until.IsZero() {
		left := now.until.Sub(s.g.c.Now())
		wait := left
		if !warned {
			wait = left - s.g.c.GrantWarning
		}
		timer := time.NewTimer(wait)
		select {
		case <-regranted:
			regranted = s.g.c.Regranted()
			next := s.look(ctx, now)
			warned = warned && !next.until.After(now.until)
			now = next
		case <-timer.C:
			if left > 0 && !warned {
				warned = true
				s.warn(now.until, left)
				break
			}
			now = s.ended(ctx, now)
			warned = false
		case <-s.done:
			timer.Stop()
			return
		case <-ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
	if now.err != nil {
		s.Stop(End{Reason: ReasonExpired, Message: schemas.Shown(now.err).Message})
	}
}

// ended is what is there after a tenure's end: another, or none. Nobody's answering is no other.
func (s *Session) ended(ctx context.Context, was tenure) tenure {
	gone := tenure{err: over(s.req.Target.Metadata.Name)}
	next := s.look(ctx, gone)
	if next.err == nil && !next.until.IsZero() && !next.until.After(was.until) { // the enforcer's clock is behind
		return gone
	}
	return next
}

// warn tells the client when its access ends, at once or as soon as it can be told.
func (s *Session) warn(until time.Time, left time.Duration) {
	refused := s.tellSoon("your access to " + s.req.Target.Metadata.Name + " ends at " + until.UTC().Format("15:04:05 UTC") +
		", in " + left.Round(time.Second).String())
	if refused != "" {
		s.g.log.Info("the end of access was not told", "session", s.ID, "reason", refused)
	}
}
