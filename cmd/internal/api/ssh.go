package api

import (
	"log/slog"
	"net/http"
	"time"

	"golang.org/x/crypto/ssh"

	"sallyport/ingress/login"
	"sallyport/ingress/ssh/authority"
	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/schemas/problem"
	"sallyport/schemas/registry"
)

// SSH answers what is asked about keys and certificates.
type SSH struct {
	Log       *journal.Log
	Registry  *registry.Registry
	Access    *Access
	Authority *authority.Authority
	MaxTTL    time.Duration // longest life of a key
	Port      int           // of the SSH gateway; 0: there is none
	Hosts     []string      // by which clients know it
	Logger    *slog.Logger
	Now       func() time.Time
}

// Mount adds the routes to the mux that stands behind authentication.
func (s SSH) Mount(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/v1/keys", s.admin(s.list))
	mux.HandleFunc("POST /api/v1/keys", s.admin(s.add))
	mux.HandleFunc("DELETE /api/v1/keys/{id}", s.admin(s.remove))
	mux.HandleFunc("POST /api/v1/ssh/certificate", s.answer(s.certificate))
}

// NewKey is the request to register a public key. Exactly one of User and Agent is set.
type NewKey struct {
	User    string   `json:"user,omitempty"`
	Agent   string   `json:"agent,omitempty"`
	Groups  []string `json:"groups,omitempty"`
	Key     string   `json:"key"`           // as in authorized_keys: type and base64
	TTL     string   `json:"ttl,omitempty"` // as Go writes durations; default the longest
	Targets []string `json:"targets,omitempty"`
}

// Key is a registered key.
type Key struct {
	ID          string    `json:"id"`
	Principal   string    `json:"principal"`
	Kind        string    `json:"kind"`
	Groups      []string  `json:"groups"`
	Type        string    `json:"type"`
	Fingerprint string    `json:"fingerprint"`
	Comment     string    `json:"comment,omitempty"`
	Expires     time.Time `json:"expires"`
	Targets     []string  `json:"targets,omitempty"`
}

// CertificateRequest asks for a certificate for a key that the sender has.
type CertificateRequest struct {
	Key string `json:"key"`
	TTL string `json:"ttl,omitempty"` // default 8h; never longer than the token lives
}

// Certificate answers CertificateRequest.
type Certificate struct {
	Certificate string    `json:"certificate"` // as in a -cert.pub file
	Principal   string    `json:"principal"`
	Serial      uint64    `json:"serial"`
	Expires     time.Time `json:"expires"`

	Gateway *SSHGateway `json:"gateway,omitempty"` // where to use it
}

const certificateLife = 8 * time.Hour

func (s SSH) answer(f func(r *http.Request, w http.ResponseWriter) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := f(r, w)
		switch {
		case err != nil:
			problem.Write(w, r, s.Logger, err)
		case v == nil:
			w.WriteHeader(http.StatusNoContent)
		default:
			reply(w, s.Logger, v)
		}
	}
}

func (s SSH) admin(f func(r *http.Request, w http.ResponseWriter) (any, error)) http.HandlerFunc {
	return s.answer(func(r *http.Request, w http.ResponseWriter) (any, error) {
		if err := s.Access.Authorize(r.Context(), "admin", ""); err != nil {
			return nil, err
		}
		return f(r, w)
	})
}

// publicKey reads a line of authorized_keys. Keys that are weak are refused.
func publicKey(text string) (ssh.PublicKey, string, error) {
	key, comment, options, _, err := ssh.ParseAuthorizedKey([]byte(text))
	if err != nil || len(options) > 0 {
		return nil, "", invalid("key is not a public key as in a .pub file: type and base64, without options")
	}
	switch key.Type() {
	case ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256:
	case ssh.KeyAlgoRSA:
		if c, ok := key.(ssh.CryptoPublicKey); !ok || bits(c) < 2048 {
			return nil, "", invalid("an RSA key of less than 2048 bits is not accepted")
		}
	default:
		return nil, "", invalid("keys of type " + key.Type() + " are not accepted")
	}
	return key, comment, nil
}

func (s SSH) add(r *http.Request, w http.ResponseWriter) (any, error) {
	var in NewKey
	if err := decode(w, r, &in); err != nil {
		return nil, err
	}
	if (in.User == "") == (in.Agent == "") {
		return nil, invalid("a key is for a user or for an agent: name one of them")
	}
	key, comment, err := publicKey(in.Key)
	if err != nil {
		return nil, err
	}
	ttl, err := life(in.TTL, s.MaxTTL, s.MaxTTL)
	if err != nil {
		return nil, err
	}
	for _, target := range in.Targets {
		if _, ok := s.Registry.Snapshot().Target(target); !ok {
			return nil, invalid("there is no target " + target)
		}
	}
	principal := &schemas.Principal{Name: in.User, Kind: schemas.PrincipalKind_PRINCIPAL_KIND_USER, Groups: in.Groups}
	if in.Agent != "" {
		principal.Name, principal.Kind = in.Agent, schemas.PrincipalKind_PRINCIPAL_KIND_AGENT
	}
	fact, err := login.NewKey(login.KeySpec{Principal: principal, Key: key.Marshal(), Comment: comment, TTL: ttl, Targets: in.Targets}, s.Now())
	if err != nil {
		return nil, invalid(err.Error())
	}
	if err := s.append(r, &schemas.Control{Kind: &schemas.Control_KeyAdded{KeyAdded: fact}}); err != nil {
		return nil, err
	}
	return shownKey(fact), nil
}

// life reads a time to live.
func life(text string, standard, most time.Duration) (time.Duration, error) {
	if text == "" {
		return min(standard, most), nil
	}
	ttl, err := time.ParseDuration(text)
	if err != nil || ttl <= 0 {
		return 0, invalid("ttl " + text + " is not a duration above zero such as 30m or 8h")
	}
	if ttl > most {
		return 0, invalid("ttl " + text + " is longer than " + most.String())
	}
	return ttl, nil
}

func (s SSH) append(r *http.Request, c *schemas.Control) error {
	c.By = Who(r.Context()).Principal.Name
	if err := s.Registry.Append(r.Context(), c); err != nil {
		return unavailable(err)
	}
	return nil
}

func shownKey(k *schemas.KeyAdded) Key {
	out := Key{ID: k.Id, Principal: k.Principal.GetName(), Kind: kindName(k.Principal.GetKind()), Groups: append([]string{}, k.Principal.GetGroups()...),
		Comment: k.Comment, Expires: time.Unix(0, k.Expires).UTC(), Targets: k.Targets}
	if key, err := ssh.ParsePublicKey(k.Key); err == nil {
		out.Type, out.Fingerprint = key.Type(), ssh.FingerprintSHA256(key)
	}
	return out
}

func (s SSH) list(*http.Request, http.ResponseWriter) (any, error) {
	keys := []Key{}
	for _, k := range s.Registry.Snapshot().AllKeys() {
		if k.Expires > s.Now().UnixNano() {
			keys = append(keys, shownKey(k))
		}
	}
	return map[string]any{"keys": keys}, nil
}

func (s SSH) remove(r *http.Request, _ http.ResponseWriter) (any, error) {
	id := r.PathValue("id")
	if _, ok := s.Registry.Snapshot().KeyOf(schemas.TokenID(id)); !ok {
		return nil, &schemas.Error{Code: schemas.CodeNotFound, Message: "there is no key " + id}
	}
	return nil, s.append(r, &schemas.Control{Kind: &schemas.Control_KeyRemoved{KeyRemoved: &schemas.KeyRemoved{Id: id}}})
}

// certificate signs a key of whoever asks. The certificate ends with the token that asks for it.
func (s SSH) certificate(r *http.Request, w http.ResponseWriter) (any, error) {
	var in CertificateRequest
	if err := decode(w, r, &in); err != nil {
		return nil, err
	}
	who := Who(r.Context())
	token, ok := s.Registry.Snapshot().Token(schemas.TokenID(who.Principal.GetTokenId()))
	if who.Administrator || !ok {
		return nil, &schemas.Error{Code: schemas.CodeForbidden, Message: "a certificate needs a token of the person whom it is for",
			Hint: "give --url, and the token in SALLYPORT_TOKEN"}
	}
	key, _, err := publicKey(in.Key)
	if err != nil {
		return nil, err
	}
	left := time.Unix(0, token.Expires).Sub(s.Now())
	ttl, err := life(in.TTL, certificateLife, max(left, time.Second))
	if err != nil {
		return nil, err
	}
	c, err := s.Authority.Issue(key, who.Principal.Name, schemas.TokenID(token.Id), ttl)
	if err != nil {
		return nil, invalid(err.Error())
	}
	out := Certificate{Certificate: string(ssh.MarshalAuthorizedKey(c)), Principal: who.Principal.Name, Serial: c.Serial,
		Expires: time.Unix(int64(c.ValidBefore), 0).UTC()}
	if out.Gateway, err = s.gateway(r); err != nil {
		return nil, err
	}
	return out, s.issued(r, who.Principal, key, out)
}
