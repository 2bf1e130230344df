package ssh

import (
	"context"
	"errors"
	"strings"

	xssh "golang.org/x/crypto/ssh"

	"sallyport/ingress/session"
	"sallyport/schemas"
)

// maxTries is how many keys and passwords a connection may try: agents often hold many keys, and
// there is nothing to guess.
const maxTries = 16

// handshake finds out who a client is. Its callbacks run in the goroutine of the connection. It
// keeps nothing that a later attempt, perhaps under another user name, could profit from: what an
// attempt proves is in the Permissions that it returns.
type handshake struct {
	srv     *Server
	ctx     context.Context // until the deadline of authentication
	address string

	tried  string // user name of the last attempt that had a proof
	method string
}

// identityKey and routeKey are where Permissions carry what was proven.
type (
	identityKey struct{}
	routeKey    struct{}
)

func permissions(id *session.Identity, r route) *xssh.Permissions {
	return &xssh.Permissions{ExtraData: map[any]any{identityKey{}: id, routeKey{}: r}}
}

// proven returns what the attempt that let the client in has proven.
func proven(sc *xssh.ServerConn) (*session.Identity, route) {
	id, _ := sc.Permissions.ExtraData[identityKey{}].(*session.Identity)
	r, _ := sc.Permissions.ExtraData[routeKey{}].(route)
	return id, r
}

var errRejected = errors.New("rejected")

func (h *handshake) config() (*xssh.ServerConfig, error) {
	keys, err := h.srv.c.Authority.HostKeys(h.srv.c.Hosts)
	if err != nil {
		return nil, err
	}
	c := &xssh.ServerConfig{
		Config: algorithms(), ServerVersion: version, MaxAuthTries: maxTries,
		PasswordCallback: h.password, PublicKeyCallback: h.offered, VerifiedPublicKeyCallback: h.verified,
		KeyboardInteractiveCallback: h.interactive, PublicKeyAuthAlgorithms: signatures(),
	}
	for _, k := range keys {
		c.AddHostKey(k)
	}
	return c, nil
}

// prove runs one attempt that has a proof: look says whom it proves.
func (h *handshake) prove(m xssh.ConnMetadata, method string, look func(principal string) (*session.Identity, error)) (*xssh.Permissions, error) {
	h.tried, h.method = m.User(), method
	r, err := parseRoute(m.User())
	if err != nil {
		return nil, &xssh.BannerError{Err: errRejected, Message: "sallyport: " + err.Error() + "\r\n"}
	}
	id, err := look(r.principal)
	if said, ok := errors.AsType[*xssh.BannerError](err); ok {
		return nil, said
	}
	if err != nil || id == nil {
		return nil, errRejected
	}
	return permissions(id, r), nil
}

// admit records a sign-in, without which nobody is let in.
func (h *handshake) admit(p *xssh.Permissions) (*xssh.Permissions, error) {
	id, _ := p.ExtraData[identityKey{}].(*session.Identity)
	r, _ := p.ExtraData[routeKey{}].(route)
	if err := h.record(&schemas.SignIn{Principal: id.Principal, Target: r.target, Succeeded: true}); err != nil {
		return nil, &xssh.BannerError{Err: err, Message: "sallyport: the sign-in cannot be recorded, so it is refused\r\n"}
	}
	return p, nil
}

func (h *handshake) password(m xssh.ConnMetadata, secret []byte) (*xssh.Permissions, error) {
	p, err := h.prove(m, "password", func(user string) (*session.Identity, error) {
		return h.srv.c.Authenticator.Password(h.ctx, user, string(secret))
	})
	if err != nil {
		return nil, err
	}
	return h.admit(p)
}

// offered says whether a key would do. Whether the client has it is not known yet.
func (h *handshake) offered(m xssh.ConnMetadata, key xssh.PublicKey) (*xssh.Permissions, error) {
	return h.prove(m, "publickey", func(user string) (*session.Identity, error) {
		c, ok := key.(*xssh.Certificate)
		if !ok {
			return h.srv.c.Authenticator.Key(h.ctx, user, key.Marshal())
		}
		token, err := h.srv.c.Authority.Check(c, user)
		if err != nil {
			h.srv.log.Debug("certificate", "client", h.address, "err", err)
			return nil, errRejected
		}
		return h.srv.c.Authenticator.Token(h.ctx, user, token)
	})
}

// verified is called once the client has signed with the key that it offered.
func (h *handshake) verified(_ xssh.ConnMetadata, _ xssh.PublicKey, p *xssh.Permissions, _ string) (*xssh.Permissions, error) {
	return h.admit(p)
}

// interactive asks for a token and, where there is another device to sign in with, shows its link.
func (h *handshake) interactive(m xssh.ConnMetadata, ask xssh.KeyboardInteractiveChallenge) (*xssh.Permissions, error) {
	p, err := h.prove(m, "keyboard-interactive", func(user string) (*session.Identity, error) {
		instruction, question := "", "Password (a Sallyport token): " // tools look for the word
		var wait func(context.Context) (*session.Identity, error)
		if d := h.srv.c.Device; d != nil {
			var err error
			if instruction, wait, err = d.Begin(h.ctx, user, h.address); err != nil {
				h.srv.log.Debug("sign-in by another device", "client", h.address, "err", err)
				instruction, wait = schemas.Shown(err).Message, nil
			} else {
				question = "Password (a Sallyport token, or Enter once you have signed in there): "
			}
		}
		answers, err := ask("", instruction, []string{question}, []bool{false})
		switch {
		case err != nil || len(answers) != 1:
			return nil, errRejected
		case wait != nil && strings.TrimSpace(answers[0]) == "":
			id, err := wait(h.ctx)
			if err != nil {
				err = &xssh.BannerError{Err: err, Message: "sallyport: " + schemas.Shown(err).Message + "\r\n"}
			}
			return id, err
		}
		return h.srv.c.Authenticator.Password(h.ctx, user, answers[0])
	})
	if err != nil {
		return nil, err
	}
	return h.admit(p)
}

// failed notes that a connection ended before anybody was let in. A client that only looked, or
// that never tried, is nobody's failed sign-in.
func (h *handshake) failed(err error) {
	if h.tried == "" {
		if !gone(err) {
			h.srv.log.Debug("handshake", "client", h.address, "err", err)
		}
		return
	}
	r, bad := parseRoute(h.tried)
	if bad != nil {
		r = route{principal: clean(h.tried)}
	}
	_ = h.record(&schemas.SignIn{Principal: &schemas.Principal{Name: r.principal}, Target: r.target, // nobody was let in
		Reason: "no live token, key or certificate of this principal was proven (" + h.method + ")"})
}

func (h *handshake) record(in *schemas.SignIn) error {
	if h.srv.c.SignIns == nil {
		return nil
	}
	in.Protocol, in.Address = Protocol, h.address
	err := h.srv.c.SignIns.SignedIn(context.WithoutCancel(h.ctx), in)
	if err != nil {
		h.srv.log.Error("record sign-in", "err", err)
	}
	return err
}

func clean(name string) string {
	return strings.Map(func(r rune) rune {
		if control(r) {
			return '?'
		}
		return r
	}, name[:min(len(name), maxUser)])
}
