package ssh

import (
	"context"
	"errors"
	"slices"
	"time"

	"sallyport/ingress/session"
	"sallyport/schemas"
	"sallyport/schemas/resources"
)

// run opens the session that the client asks for and relays it to its end. Whatever happens, the
// client is told and its connection closed.
func (c *conn) run(ctx context.Context, l *leg, id *session.Identity, r route) {
	if c.srv.open.Add(1) > int64(c.srv.c.Limits.Sessions) {
		c.srv.open.Add(-1)
		c.turnAway(l, &schemas.Error{Code: schemas.CodeLimit, Message: "too many sessions already", Hint: "try again later"})
		return
	}
	defer c.srv.open.Add(-1)
	d, err := c.dialer(ctx, id, r)
	if err != nil {
		c.turnAway(l, err)
		return
	}
	s, err := c.srv.c.Gateway.Open(ctx, session.Request{
		Identity: id, Target: d.resource, Protocol: Protocol, ClientAddress: l.remote,
		ClientName: clean(string(l.ClientVersion())), UpstreamUser: d.login, TLS: true,
		State: &schemas.SessionState{User: d.login},
	})
	if err != nil {
		c.turnAway(l, err)
		return
	}
	defer c.attach(s)()
	u, err := d.connect(ctx, s, id)
	if err != nil {
		c.srv.log.Warn("reach target", "target", d.name(), "session", s.ID, "err", err)
		c.close(ctx, s, session.End{Reason: session.ReasonTarget, Message: schemas.Shown(err).Message})
		c.turnAway(l, err)
		return
	}
	defer u.Close()
	end := newRelay(c.srv, s, l, u, d).run(ctx)
	c.close(ctx, s, end)
}

func (c *conn) close(ctx context.Context, s *session.Session, e session.End) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	if err := s.Close(ctx, e); err != nil {
		c.srv.log.Error("close session", "session", s.ID, "err", err)
	}
}

// dialer finds the target that the client means, and what to present to it.
func (c *conn) dialer(ctx context.Context, id *session.Identity, r route) (*dialer, error) {
	found, err := c.srv.c.Gateway.Find(ctx, id, Protocol, r.target)
	if errors.Is(err, session.ErrNoTarget) {
		return nil, noTarget(r.target)
	}
	if err != nil {
		return nil, err
	}
	t := found.Target
	d := &dialer{resource: found, login: t.Credential.Username, authority: c.srv.c.Authority, timeout: c.srv.c.Limits.Dial, log: c.srv.log}
	if r.login != "" {
		if !allowsLogin(t, r.login) {
			return nil, &schemas.Error{Code: schemas.CodeForbidden, Message: "there is no login " + clean(r.login) + " on " + r.target + " for you",
				Hint: "leave it out to get the target's own"}
		}
		d.login = r.login
	}
	if d.password, err = c.srv.c.Credentials.Resolve(ctx, t.Credential.Password); err == nil {
		d.key, err = c.srv.c.Credentials.Resolve(ctx, t.Credential.Key)
	}
	if err != nil {
		c.srv.log.Error("resolve credential", "target", r.target, "err", err)
		return nil, err
	}
	return d, nil
}

func allowsLogin(t *resources.Target, login string) bool {
	return login == t.Credential.Username ||
		t.SSH != nil && (slices.Contains(t.SSH.Logins, login) || slices.Contains(t.SSH.Logins, resources.Any))
}

// noTarget is the same for what does not exist and for what is out of reach.
func noTarget(name string) error {
	return &schemas.Error{Code: schemas.CodeNotFound, Message: "there is no target " + clean(name) + " that your roles reach",
		Hint: "the user name is PRINCIPAL+TARGET, and +LOGIN where the target has several"}
}
