package api

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"time"

	"sallyport/ingress/login"
	"sallyport/schemas"
)

// CertificateSigner signs what clients ask for (PEM, PKCS #10).
type CertificateSigner interface {
	Sign(request []byte, name string, until time.Time) (*x509.Certificate, error)
}

// NewCertificate is the request for a client certificate: a token whose secret is a key that never
// leaves the client.
type NewCertificate struct {
	NewToken
	Request string `json:"request"` // certificate request in PEM; only its key counts
}

// CertificateMade answers NewCertificate. Its id is listed and revoked as a token's.
type CertificateMade struct {
	ID          string    `json:"id"`
	Certificate string    `json:"certificate"` // PEM
	Expires     time.Time `json:"expires"`
	Run         string    `json:"run,omitempty"`
}

func (a *API) createCertificate(w http.ResponseWriter, r *http.Request) error {
	var in NewCertificate
	if err := decode(w, r, &in); err != nil {
		return err
	}
	if in.SignIn {
		return invalid("a link that signs in is a token's")
	}
	spec, err := a.specWithRun(r.Context(), in.NewToken)
	if err != nil {
		return err
	}
	now := a.now()
	leaf, err := a.certificates.Sign([]byte(in.Request), spec.Principal.GetName(), now.Add(spec.TTL))
	if err != nil {
		return invalid("the certificate request: " + err.Error())
	}
	fact, err := login.Certify(spec, leaf, now)
	if err != nil {
		return err
	}
	if err := a.issue(r.Context(), fact); err != nil {
		return err
	}
	reply(w, a.logger, CertificateMade{
		ID: fact.Id, Certificate: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw})),
		Expires: time.Unix(0, fact.Expires).UTC(), Run: spec.Run.GetId(),
	})
	return nil
}

// byCertificate returns whom the certificate of a connection proves; nil: it has none.
func (a *API) byCertificate(r *http.Request) (*schemas.TokenCreated, error) {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return nil, nil
	}
	t, err := a.login.Certificate(r.Context(), r.TLS.PeerCertificates, protocolAPI)
	if errors.Is(err, login.ErrUnknownAuthority) {
		return nil, &schemas.Error{
			Code: schemas.CodeUnauthenticated, Message: "the client certificate is not known here",
			Hint: "it may be expired or revoked, or of an authority that is not trusted; present another one, or a token",
		}
	}
	return t, err
}
