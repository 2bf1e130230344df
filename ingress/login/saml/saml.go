package saml

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	crewjam "github.com/crewjam/saml"
	"github.com/crewjam/saml/samlsp"
	dsig "github.com/russellhaering/goxmldsig"

	"sallyport/ingress/login"
	"sallyport/schemas"
)

// Bounds.
const (
	rereadMetadata = time.Hour
	maxMetadata    = 4 << 20   // bytes
	MaxResponse    = 256 << 10 // bytes of a response, encoded
	// Remember is for how long an assertion must be remembered: no longer is it taken.
	Remember = 30 * time.Minute
)

// Config is what New needs.
type Config struct {
	Name         string // in paths, facts and tokens
	Title        string // on the sign-in page
	MetadataURL  string // of the provider; empty: MetadataFile
	MetadataFile string
	Base         string           // address of this side's endpoints: BASE/metadata, BASE/acs
	Certificate  *tls.Certificate // RSA; signs requests, and the provider encrypts for it
	Mapping      login.Mapping
	Client       *http.Client // with a deadline
	Now          func() time.Time
}

// Provider is one identity provider. Its methods are safe for concurrent use.
type Provider struct {
	c         Config
	base, acs url.URL
	mapping   login.Mapping

	mu   sync.Mutex
	idp  *crewjam.EntityDescriptor
	when time.Time
}

// New checks c. It does not connect.
func New(c Config) (*Provider, error) {
	if c.MetadataURL != "" {
		u, err := url.Parse(c.MetadataURL)
		if err != nil || u.Host == "" {
			return nil, fmt.Errorf("metadata_url %q is not an address", c.MetadataURL)
		}
		// Keys come from there; loopback is for tries and tests.
		if host := u.Hostname(); u.Scheme != "https" && (u.Scheme != "http" || host != "localhost" && host != "127.0.0.1" && host != "::1") {
			return nil, fmt.Errorf("metadata_url %q must be https", c.MetadataURL)
		}
	}
	base, err := url.Parse(c.Base)
	if err != nil {
		return nil, fmt.Errorf("address of the gateway: %w", err)
	}
	if _, ok := signer(c.Certificate); !ok {
		return nil, errors.New("the key must be an RSA key: XML encryption knows no other")
	}
	p := &Provider{c: c, base: *base, acs: *base.JoinPath("acs"), mapping: c.Mapping}
	p.mapping.UnverifiedEmail = true // SAML has no such claim: what the provider asserts, it vouches for
	return p, nil
}

// Name is the provider's name in the configuration.
func (p *Provider) Name() string { return p.c.Name }

// Title is what the sign-in page calls it.
func (p *Provider) Title() string { return p.c.Title }

// service is this side, as the provider's metadata are now.
func (p *Provider) service(idp *crewjam.EntityDescriptor) *crewjam.ServiceProvider {
	key, _ := signer(p.c.Certificate) // New has checked it
	return &crewjam.ServiceProvider{
		EntityID: p.base.JoinPath("metadata").String(), MetadataURL: *p.base.JoinPath("metadata"), AcsURL: p.acs,
		Key: key, Certificate: p.c.Certificate.Leaf, IDPMetadata: idp, SignatureMethod: dsig.RSASHA256SignatureMethod,
		AuthnNameIDFormat: crewjam.UnspecifiedNameIDFormat, RejectUnknownConditions: true,
		AssertionConsumerServiceBindings: []string{crewjam.HTTPPostBinding},
	}
}

// Metadata is what the provider is told about this side.
func (p *Provider) Metadata() ([]byte, error) {
	data, err := xml.MarshalIndent(p.service(nil).Metadata(), "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode metadata: %w", err)
	}
	return append([]byte(xml.Header), data...), nil
}

// requestID is the id of the request that a relay state belongs to.
func requestID(relay string) string {
	sum := sha256.Sum256([]byte("sallyport saml request\x00" + relay))
	return "id-" + hex.EncodeToString(sum[:20])
}

// Begin returns where to send the browser, and the relay state, which the browser must keep.
func (p *Provider) Begin(ctx context.Context) (where, relay string, err error) {
	idp, err := p.metadata(ctx)
	if err != nil {
		return "", "", err
	}
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails: see crypto/rand
	relay = base64.RawURLEncoding.EncodeToString(random)
	sp := p.service(idp)
	request, err := sp.MakeAuthenticationRequest(sp.GetSSOBindingLocation(crewjam.HTTPRedirectBinding), crewjam.HTTPRedirectBinding, crewjam.HTTPPostBinding)
	if err != nil {
		return "", "", fmt.Errorf("make SAML request: %w", err)
	}
	request.ID = requestID(relay)
	u, err := request.Redirect(relay, sp)
	if err != nil {
		return "", "", fmt.Errorf("make SAML request: %w", err)
	}
	return u.String(), relay, nil
}

// Found is who signed in.
type Found struct {
	Principal *schemas.Principal
	Assertion string // its id; the caller takes each once
}

// Finish checks a response (base64, as it was posted) to the request that relay belongs to. Which
// browser that is, the caller checks.
func (p *Provider) Finish(ctx context.Context, relay, response string) (*Found, error) {
	if relay == "" || len(response) > MaxResponse {
		return nil, refuse("this is no answer to a sign-in that was begun here", nil)
	}
	data, err := base64.StdEncoding.DecodeString(response)
	if err != nil {
		return nil, refuse("the provider's answer cannot be read", err)
	}
	idp, err := p.metadata(ctx)
	if err != nil {
		return nil, err
	}
	assertion, err := p.service(idp).ParseXMLResponse(data, []string{requestID(relay)}, p.acs)
	if err != nil {
		if private, ok := errors.AsType[*crewjam.InvalidResponseError](err); ok {
			err = private.PrivateErr
		}
		return nil, refuse("the provider's answer is not valid", err)
	}
	principal, err := p.mapping.User(claims(assertion))
	if err != nil {
		return nil, err
	}
	return &Found{Principal: principal, Assertion: assertion.ID}, nil
}

// claims are an assertion's attributes, by name and by friendly name, and its NameID as "nameid".
func claims(a *crewjam.Assertion) map[string]any {
	all := make(map[string]any)
	if a.Subject != nil && a.Subject.NameID != nil {
		all["nameid"] = a.Subject.NameID.Value
	}
	for _, statement := range a.AttributeStatements {
		for _, attribute := range statement.Attributes {
			var values []string
			for _, v := range attribute.Values {
				values = append(values, v.Value)
			}
			for _, name := range []string{attribute.Name, attribute.FriendlyName} {
				if name == "" {
					continue
				}
				if len(values) == 1 {
					all[name] = values[0]
				} else {
					all[name] = values
				}
			}
		}
	}
	return all
}

// metadata returns the provider's, read anew from time to time.
func (p *Provider) metadata(ctx context.Context) (*crewjam.EntityDescriptor, error) {
	p.mu.Lock()
	idp, fresh := p.idp, p.c.Now().Sub(p.when) < rereadMetadata
	p.mu.Unlock()
	if idp != nil && fresh {
		return idp, nil
	}
	data, err := p.read(ctx)
	var read *crewjam.EntityDescriptor
	if err == nil {
		read, err = samlsp.ParseMetadata(data)
	}
	if err != nil {
		if idp != nil && (idp.ValidUntil.IsZero() || idp.ValidUntil.After(p.c.Now())) {
			return idp, nil // as they were
		}
		return nil, &schemas.Error{
			Code: schemas.CodeUnavailable, Message: "the identity provider " + p.c.Name + " cannot be reached, so nobody can sign in with it now",
			Hint: "try again later; open sessions go on", Err: err,
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idp, p.when = read, p.c.Now()
	return read, nil
}

func (p *Provider) read(ctx context.Context) ([]byte, error) {
	if p.c.MetadataURL == "" {
		return os.ReadFile(p.c.MetadataFile)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.c.MetadataURL, nil)
	if err != nil {
		return nil, fmt.Errorf("read metadata: %w", err)
	}
	response, err := p.c.Client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("read metadata: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("read metadata: the provider answered %s", response.Status)
	}
	return io.ReadAll(io.LimitReader(response.Body, maxMetadata))
}

func refuse(message string, err error) error {
	return &schemas.Error{Code: schemas.CodeUnauthenticated, Message: message, Hint: "begin the sign-in anew", Err: err}
}
