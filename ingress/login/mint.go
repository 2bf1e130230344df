package login

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"sallyport/schemas"
)

// Bounds of tokens.
const (
	prefix     = "sp_"
	secretSize = 20   // bytes: 160 random bits
	iterations = 4096 // RFC 7677 section 4's least: the secret is random, so more would protect nothing
	saltSize   = 16
)

// Spec says what token to make.
type Spec struct {
	Principal *schemas.Principal // TokenId is set by Mint
	Run       *schemas.Run
	TTL       time.Duration
	Targets   []string              // empty: every target that roles allow
	Protocols []string              // empty: all
	With      *schemas.TokenCreated // that it is made with; nil: an administrator makes it
	Starter   string                // person who made With, or the first of its line; empty: not known
	Provider  string                // who said who it is; empty: an administrator
	Method    string                // how
	SteppedUp time.Time             // when its holder last proved a passkey; zero: did not
	SignedIn  time.Time             // of a browser session: when somebody vouched for its holder; zero: nobody did
}

var encoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Mint makes a token: the secret, to be shown once and kept nowhere, and the control fact that
// lets it be recognised.
func Mint(s Spec, now time.Time) (secret string, fact *schemas.TokenCreated, err error) {
	if fact, err = s.fact(now); err != nil {
		return "", nil, err
	}
	var random [secretSize]byte
	_, _ = rand.Read(random[:]) // never fails: see crypto/rand
	secret = prefix + encoding.EncodeToString(random[:])
	if fact.Verifier, err = verifier(s.Principal.Name, secret); err != nil {
		return "", nil, err
	}
	sum := sha256.Sum256([]byte(secret))
	fact.Lookup = sum[:]
	return secret, fact, nil
}

// fact is what is kept of a token, but for how it is recognised.
func (s Spec) fact(now time.Time) (*schemas.TokenCreated, error) {
	if s.Principal.GetName() == "" {
		return nil, errors.New("a token needs a principal")
	}
	if s.TTL <= 0 {
		return nil, errors.New("a token needs a time to live above zero")
	}
	id := schemas.NewID("t-")
	principal := proto.CloneOf(s.Principal)
	principal.TokenId = id
	fact := &schemas.TokenCreated{
		Id: id, Principal: principal, Run: s.Run,
		Expires: now.Add(s.TTL).UnixNano(), Targets: s.Targets, Protocols: s.Protocols,
		Ancestors: s.ancestors(), Starter: s.Starter, Provider: s.Provider, Method: s.Method,
	}
	if !s.SteppedUp.IsZero() {
		fact.SteppedUp = s.SteppedUp.UnixNano()
	}
	if !s.SignedIn.IsZero() {
		fact.SignedIn = s.SignedIn.UnixNano()
	}
	return fact, nil
}

// ancestors is the line of tokens that ends with With.
func (s Spec) ancestors() []string {
	if s.With == nil {
		return nil
	}
	return append(slices.Clone(s.With.Ancestors), s.With.Id)
}

// Salt returns the salt of a principal's verifiers. All tokens of a principal share it, since SCRAM
// sends the salt before it is known which token will be proven; and as it depends on the name
// alone, a name that does not exist answers with a salt like any other. It need not be secret nor
// differ between installations: what it salts has 160 random bits.
func Salt(principal string) []byte {
	sum := sha256.Sum256([]byte("sallyport scram salt\x00" + principal))
	return sum[:saltSize]
}

// verifier computes what a server keeps of a SCRAM secret: RFC 5802 section 3.
func verifier(principal, secret string) (*schemas.ScramVerifier, error) {
	salt := Salt(principal)
	salted, err := pbkdf2.Key(sha256.New, secret, salt, iterations, sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("derive token verifier: %w", err)
	}
	stored := sha256.Sum256(mac(salted, "Client Key"))
	return &schemas.ScramVerifier{
		Salt: salt, Iterations: iterations, StoredKey: stored[:], ServerKey: mac(salted, "Server Key"),
	}, nil
}

func mac(key []byte, text string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}
