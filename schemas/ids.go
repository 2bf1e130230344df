package schemas

import (
	"crypto/rand"
	"encoding/base32"
	"strings"
)

// SessionID names one session: 26 lower-case characters of [a-z2-7], 130 random bits.
type SessionID string

// GatewayID names one incarnation of a gateway process; a restarted gateway has a new one.
type GatewayID string

// RunID names one task of an agent.
type RunID string

// TokenID names a token. It is not the token.
type TokenID string

// CertificateTokenPrefix begins the id of a token that stands for a certificate which others have issued; the rest is
// the certificate's digest.
const CertificateTokenPrefix = "c-"

// OfCertificate reports whether the token stands for a certificate that others have issued.
func (id TokenID) OfCertificate() bool { return strings.HasPrefix(string(id), CertificateTokenPrefix) }

// TargetName is metadata.name of a Target.
type TargetName string

// Revision is a digest of the resources that decide: policies, roles, masks and targets.
type Revision string

var lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// NewID returns 26 random characters of [a-z2-7] after prefix.
func NewID(prefix string) string {
	var b [17]byte
	_, _ = rand.Read(b[:]) // never fails: see crypto/rand
	return prefix + lower.EncodeToString(b[:])[:26]
}

// NewSessionID returns an unused session id.
func NewSessionID() SessionID { return SessionID(NewID("")) }

// Valid reports whether id has the form that NewSessionID gives, so that it is safe as a subject
// token, a file name and a part of a path.
func (id SessionID) Valid() bool {
	return len(id) == 26 && strings.Trim(string(id), "abcdefghijklmnopqrstuvwxyz234567") == ""
}
