package authority

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"sallyport/ingress/login"
	"sallyport/schemas"
)

// Authority is one that is trusted to say who somebody is.
type Authority struct {
	Name  string // in facts and events
	CA    string // file of PEM certificates
	CRL   string // file of revocation lists, PEM or DER; empty: it revokes nothing
	Rules []Rule // the first that matches says who it is
}

// Config is what New needs.
type Config struct {
	Authorities []Authority
	Now         func() time.Time
}

// Authorities recognises certificates. Its methods are safe for concurrent use.
type Authorities struct {
	all []*trusted
	now func() time.Time
}

type trusted struct {
	name  string
	rules []*matcher
	ca    *file[[]*x509.Certificate]
	crl   *file[[]*x509.RevocationList] // nil: none
}

// New checks c and reads the files that it names.
func New(c Config) (*Authorities, error) {
	a := &Authorities{now: c.Now}
	for _, one := range c.Authorities {
		t, err := newTrusted(one)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", one.Name, err)
		}
		a.all = append(a.all, t)
	}
	return a, nil
}

func newTrusted(one Authority) (*trusted, error) {
	t := &trusted{name: one.Name, ca: newFile(one.CA, readCertificates)}
	if _, err := t.ca.content(); err != nil {
		return nil, err
	}
	if one.CRL != "" {
		t.crl = newFile(one.CRL, readLists)
		if _, err := t.crl.content(); err != nil {
			return nil, err
		}
	}
	if len(one.Rules) == 0 {
		return nil, errors.New("without rules it vouches for nobody")
	}
	for i, r := range one.Rules {
		m, err := compile(r)
		if err != nil {
			return nil, fmt.Errorf("rules[%d]: %w", i, err)
		}
		t.rules = append(t.rules, m)
	}
	return t, nil
}

// Trusted returns the certificates of all authorities, as a hint to clients which of theirs to show.
func (a *Authorities) Trusted() []*x509.Certificate {
	var all []*x509.Certificate
	for _, t := range a.all {
		if certs, err := t.ca.content(); err == nil { // else presenting one will tell
			all = append(all, certs...)
		}
	}
	return all
}

// maxChain bounds the certificates that a client may show.
const maxChain = 8

// Recognise returns whom a chain of certificates proves, the client's own first; the client has shown to have
// its key. [login.ErrUnknownAuthority]: no authority here has issued it, so it says nothing. Other errors
// tell its holder why it is refused.
func (a *Authorities) Recognise(chain []*x509.Certificate) (*login.Vouched, error) {
	if len(chain) == 0 || len(chain) > maxChain {
		return nil, login.ErrUnknownAuthority
	}
	why := error(login.ErrUnknownAuthority)
	for _, t := range a.all {
		found, err := t.recognise(chain, a.now())
		if err == nil {
			return found, nil
		}
		if !errors.Is(err, login.ErrUnknownAuthority) {
			why = err
		}
	}
	return nil, why
}

func (t *trusted) recognise(chain []*x509.Certificate, now time.Time) (*login.Vouched, error) {
	anchors, err := t.ca.content()
	if err != nil {
		return nil, unavailable(t.name, err)
	}
	if !issued(chain, anchors) {
		return nil, login.ErrUnknownAuthority
	}
	leaf := chain[0]
	ways, err := leaf.Verify(x509.VerifyOptions{
		Roots: pool(anchors), Intermediates: pool(chain[1:]), CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return nil, invalid(err)
	}
	if leaf.IsCA || !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageClientAuth) && !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageAny) {
		return nil, refuse("the client certificate is not one for clients: it lacks the extended key usage clientAuth, or is an authority's", nil)
	}
	way, err := t.standing(ways, now)
	if err != nil {
		return nil, err
	}
	for _, m := range t.rules {
		if m.common && constrained(way) {
			continue // its constraints do not hold a common name to anything
		}
		p, err := m.principal(leaf)
		if err != nil {
			return nil, err
		}
		if p != nil {
			return &login.Vouched{Authority: t.name, Principal: p, Targets: m.Targets, Protocols: m.Protocols}, nil
		}
	}
	return nil, refuse("no rule says whose the client certificate is", fmt.Errorf("authority %s", t.name))
}

// standing returns a way to a trusted certificate on which nothing is revoked.
func (t *trusted) standing(ways [][]*x509.Certificate, now time.Time) (way []*x509.Certificate, err error) {
	if t.crl == nil {
		return ways[0], nil
	}
	lists, err := t.crl.content()
	if err != nil {
		return nil, unavailable(t.name, err)
	}
	for _, way := range ways {
		if err = revoked(way, lists, now); err == nil {
			return way, nil
		}
	}
	return nil, err
}

// issued reports whether a chain leads to one of the anchors, be it valid or not.
func issued(chain, anchors []*x509.Certificate) bool {
	signs := func(parent, child *x509.Certificate) bool {
		return bytes.Equal(parent.RawSubject, child.RawIssuer) && child.CheckSignatureFrom(parent) == nil
	}
	at := chain[0]
	for range maxChain {
		if slices.ContainsFunc(anchors, func(a *x509.Certificate) bool { return a.Equal(at) || signs(a, at) }) {
			return true
		}
		up := slices.IndexFunc(chain[1:], func(c *x509.Certificate) bool { return !c.Equal(at) && signs(c, at) })
		if up < 0 {
			return false
		}
		at = chain[1+up]
	}
	return false
}

// constrained reports whether a certificate above the client's has name constraints.
func constrained(way []*x509.Certificate) bool {
	return slices.ContainsFunc(way[1:], func(c *x509.Certificate) bool {
		for _, names := range [][]string{
			c.PermittedDNSDomains, c.ExcludedDNSDomains, c.PermittedEmailAddresses, c.ExcludedEmailAddresses, c.PermittedURIDomains, c.ExcludedURIDomains,
		} {
			if len(names) > 0 {
				return true
			}
		}
		return len(c.PermittedIPRanges)+len(c.ExcludedIPRanges) > 0
	})
}

func pool(certs []*x509.Certificate) *x509.CertPool {
	p := x509.NewCertPool()
	for _, c := range certs {
		p.AddCert(c)
	}
	return p
}

// invalid tells the holder of a certificate what is wrong with it.
func invalid(err error) error {
	if bad, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		switch bad.Reason {
		case x509.Expired:
			return refuse("the client certificate, or one that it rests on, has expired or is not valid yet", err)
		case x509.IncompatibleUsage:
			return refuse("the client certificate is not one for clients: it lacks the extended key usage clientAuth", err)
		case x509.CANotAuthorizedForThisName, x509.UnconstrainedName, x509.NameConstraintsWithoutSANs, x509.TooManyConstraints:
			return refuse("the client certificate has a name that its authority may not give: name constraints", err)
		case x509.NoValidChains:
			return refuse("the client certificate cannot be used: no way to its authority is valid for clients and its names", err)
		}
	}
	return refuse("the client certificate's chain is not valid", err)
}

func refuse(message string, err error) error {
	return &schemas.Error{
		Code: schemas.CodeUnauthenticated, Message: message, Err: err,
		Hint: "present another certificate, or none and a token instead",
	}
}

func unavailable(name string, err error) error {
	return &schemas.Error{Code: schemas.CodeUnavailable, Message: "the certificate authority " + name + " cannot be looked into, so its certificates are refused", Err: err}
}
