package postgres

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"sallyport/ingress/session"
	"sallyport/schemas"
	"sallyport/schemas/resources"
)

// run opens the session that the client asks for and relays it to its end.
func (c *conn) run(ctx context.Context, s *startup, id *session.Identity) error {
	if c.srv.open.Add(1) > int64(c.srv.c.Limits.Sessions) {
		c.srv.open.Add(-1)
		return fatal("53300", "sorry, too many sessions already")
	}
	defer c.srv.open.Add(-1)
	target, database, err := c.find(ctx, s, id)
	if err != nil {
		return err
	}
	secret, err := c.srv.c.Credentials.Resolve(ctx, target.Target.Credential.Password)
	if err != nil {
		c.srv.log.Error("resolve credential", "target", target.Metadata.Name, "err", err)
		return err
	}
	d := &dialer{target: target.Target, name: target.Metadata.Name, database: database, password: secret, start: s, timeout: c.srv.c.Limits.Dial}
	sess, err := c.srv.c.Gateway.Open(ctx, session.Request{
		Identity: id, Target: target, Protocol: Protocol, Database: database,
		ClientAddress: c.net.RemoteAddr().String(), ClientName: s.value("application_name"),
		UpstreamUser: target.Target.Credential.Username, TLS: c.secure, Traceparent: s.trace,
		State: &schemas.SessionState{Database: database, User: target.Target.Credential.Username},
	})
	if err != nil {
		return err
	}
	sess.Estimator = c.srv.estimator(target.Metadata.Name, target.Target, database)
	c.attach(sess)
	return c.open(ctx, s, sess, d)
}

// open reaches the target and hands over to the relay. Whatever happens, the session is closed.
func (c *conn) open(ctx context.Context, s *startup, sess *session.Session, d *dialer) error {
	u, err := d.connect(ctx)
	if err == nil {
		err = u.learn(sess)
	}
	if err != nil {
		c.srv.log.Warn("reach target", "target", d.name, "session", sess.ID, "err", err)
		c.close(ctx, sess, session.End{Reason: session.ReasonTarget, Message: shown(err, "FATAL").message})
		if u != nil {
			_ = u.conn.Close()
		}
		return err
	}
	defer u.conn.Close()
	key := c.srv.keys.issue(u, keySize(s.version))
	defer c.srv.keys.revoke(key)
	of := c.srv.catalogues.enter(d)
	defer c.srv.catalogues.leave(of)
	sess.Catalogue, sess.Later = of, s.later
	r := newRelay(c, sess, u, key, of)
	end := r.run(ctx)
	c.close(ctx, sess, end)
	return nil
}

func (c *conn) close(ctx context.Context, sess *session.Session, e session.End) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	if err := sess.Close(ctx, e); err != nil {
		c.srv.log.Error("close session", "session", sess.ID, "err", err)
	}
}

// find returns the target and the database on it that the client means by its database name:
// target, or target/database.
func (c *conn) find(ctx context.Context, s *startup, id *session.Identity) (*resources.Resource, string, error) {
	name, database, named := strings.Cut(s.database, "/")
	r, err := c.srv.c.Gateway.Find(ctx, id, Protocol, name)
	if errors.Is(err, session.ErrNoTarget) {
		return nil, "", noDatabase(s.database)
	}
	if err != nil {
		return nil, "", err
	}
	p := r.Target.Postgres
	if p == nil {
		p = &resources.Postgres{}
	}
	standard := p.Database
	if standard == "" {
		standard = r.Target.Credential.Username // what PostgreSQL takes when none is named
	}
	switch {
	case !named:
		return r, standard, nil
	case database != "" && (database == standard || slices.Contains(p.Databases, database) || slices.Contains(p.Databases, "*")):
		return r, database, nil
	}
	return nil, "", noDatabase(s.database)
}

// noDatabase is the same for what does not exist and for what is out of reach.
func noDatabase(name string) *refusal {
	return fatal("3D000", "database \""+cleanName(name)+"\" does not exist").
		hint("the database is the name of a target that your roles reach, or target/database")
}
