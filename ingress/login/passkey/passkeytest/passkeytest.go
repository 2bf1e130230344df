// Package passkeytest is an authenticator in software, together with the browser that asks it, for tests: it
// makes credentials (P-256, no attestation) and answers with them as WebAuthn level 3 has it, sections 6.3 and 6.5, and lies
// where a test wants it to. The tests of the browser app have Chromium's own beside it.
package passkeytest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// Flags of authenticator data: section 6.1.
const (
	present  = 1 << 0
	verified = 1 << 2
	attested = 1 << 6
)

// Authenticator answers for one person. What is zero is honest.
type Authenticator struct {
	Origin       string // of the page that asks
	RelyingParty string // answered for, instead of the one that asks
	Unverified   bool   // somebody touched it, and no more is known
	Framed       bool   // the page is in a frame of another site
	Count        uint32 // sign count, counted up before each use when above zero
	Challenge    string // signed, instead of the one that was asked

	t    testing.TB
	keys []*key
}

// key is one credential.
type key struct {
	id, handle []byte
	private    *ecdsa.PrivateKey
}

// New returns an authenticator without credentials, at a page of that origin.
func New(t testing.TB, origin string) *Authenticator {
	return &Authenticator{Origin: origin, t: t}
}

// Clone returns another authenticator with the same keys, as they are now.
func (a *Authenticator) Clone() *Authenticator {
	c := *a
	c.keys = append([]*key(nil), a.keys...)
	return &c
}

var encoding = base64.RawURLEncoding

// creation is what it needs of PublicKeyCredentialCreationOptionsJSON.
type creation struct {
	Challenge string `json:"challenge"`
	RP        struct {
		ID string `json:"id"`
	} `json:"rp"`
	User struct {
		ID string `json:"id"`
	} `json:"user"`
	Exclude []struct {
		ID string `json:"id"`
	} `json:"excludeCredentials"`
}

// request is what it needs of PublicKeyCredentialRequestOptionsJSON.
type request struct {
	Challenge string `json:"challenge"`
	RP        string `json:"rpId"`
	Allow     []struct {
		ID string `json:"id"`
	} `json:"allowCredentials"`
}

// Create makes a credential, and returns the browser's RegistrationResponseJSON.
func (a *Authenticator) Create(options []byte) []byte {
	a.t.Helper()
	var o creation
	a.must(json.Unmarshal(options, &o))
	handle, err := encoding.DecodeString(o.User.ID)
	a.must(err)
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	a.must(err)
	k := &key{id: make([]byte, 32), handle: handle, private: private}
	_, _ = rand.Read(k.id)
	a.keys = append(a.keys, k)
	data := a.data(o.RP.ID, attested)
	data = append(data, make([]byte, 16)...) // AAGUID
	data = binary.BigEndian.AppendUint16(data, uint16(len(k.id)))
	data = append(append(data, k.id...), a.cose(&private.PublicKey)...)
	object, err := cbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": data})
	a.must(err)
	return a.answer(k, map[string]any{
		"clientDataJSON": encoding.EncodeToString(a.client("webauthn.create", o.Challenge)), "attestationObject": encoding.EncodeToString(object),
		"transports": []string{"internal"},
	})
}

// Excluded returns the ids that whoever asks for a new credential will not have again.
func Excluded(options []byte) int {
	var o creation
	if json.Unmarshal(options, &o) != nil {
		return -1
	}
	return len(o.Exclude)
}

// Get answers with a credential that is allowed, the last that was made otherwise: AuthenticationResponseJSON.
func (a *Authenticator) Get(options []byte) []byte {
	a.t.Helper()
	var o request
	a.must(json.Unmarshal(options, &o))
	k := a.keys[len(a.keys)-1]
	for _, allowed := range o.Allow {
		for _, have := range a.keys {
			if encoding.EncodeToString(have.id) == allowed.ID {
				k = have
			}
		}
	}
	if a.Count > 0 {
		a.Count++
	}
	data, client := a.data(o.RP, 0), a.client("webauthn.get", o.Challenge)
	sum := sha256.Sum256(client)
	signed := sha256.Sum256(append(append([]byte(nil), data...), sum[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, k.private, signed[:])
	a.must(err)
	return a.answer(k, map[string]any{
		"clientDataJSON": encoding.EncodeToString(client), "authenticatorData": encoding.EncodeToString(data),
		"signature": encoding.EncodeToString(signature), "userHandle": encoding.EncodeToString(k.handle),
	})
}

// data is authenticator data up to the counter: section 6.1.
func (a *Authenticator) data(rp string, flags byte) []byte {
	if a.RelyingParty != "" {
		rp = a.RelyingParty
	}
	flags |= present
	if !a.Unverified {
		flags |= verified
	}
	sum := sha256.Sum256([]byte(rp))
	return binary.BigEndian.AppendUint32(append(sum[:], flags), a.Count)
}

// client is what the browser says: section 5.8.1.
func (a *Authenticator) client(kind, challenge string) []byte {
	if a.Challenge != "" {
		challenge = a.Challenge
	}
	data := map[string]any{"type": kind, "challenge": challenge, "origin": a.Origin, "crossOrigin": a.Framed}
	out, err := json.Marshal(data)
	a.must(err)
	return out
}

// cose is a P-256 key for ES256: RFC 9053 sections 2.1 and 7.1.1.
func (a *Authenticator) cose(public *ecdsa.PublicKey) []byte {
	point, err := public.Bytes() // 4, x, y
	a.must(err)
	out, err := cbor.Marshal(map[int]any{1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:]})
	a.must(err)
	return out
}

func (a *Authenticator) answer(k *key, response map[string]any) []byte {
	id := encoding.EncodeToString(k.id)
	out, err := json.Marshal(map[string]any{
		"id": id, "rawId": id, "type": "public-key", "authenticatorAttachment": "platform", "clientExtensionResults": map[string]any{}, "response": response,
	})
	a.must(err)
	return out
}

func (a *Authenticator) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(fmt.Errorf("the authenticator: %w", err))
	}
}
