package scram

import (
	"crypto"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/x509"
	"fmt"

	_ "crypto/sha512" // for certificates signed with SHA-384 and SHA-512

	"golang.org/x/text/secure/precis"
)

// Keys are what a server keeps of one secret.
type Keys struct {
	StoredKey []byte
	ServerKey []byte
}

// Derive returns the keys of a secret.
func Derive(secret string, salt []byte, iterations int) (Keys, error) {
	salted, err := saltedPassword(secret, salt, iterations)
	if err != nil {
		return Keys{}, err
	}
	client := mac(salted, []byte("Client Key"))
	stored := sha256.Sum256(client)
	return Keys{StoredKey: stored[:], ServerKey: mac(salted, []byte("Server Key"))}, nil
}

func saltedPassword(secret string, salt []byte, iterations int) ([]byte, error) {
	key, err := pbkdf2.Key(sha256.New, normalise(secret), salt, iterations, sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	return key, nil
}

// normalise prepares a password as PostgreSQL does: what cannot be prepared is used as it is.
func normalise(secret string) string {
	if p, err := precis.OpaqueString.String(secret); err == nil {
		return p
	}
	return secret
}

// EndPoint returns the channel binding data of the server's certificate; false when its
// signature algorithm names no hash (Ed25519), so that no binding is defined.
func EndPoint(cert *x509.Certificate) ([]byte, bool) {
	var h crypto.Hash
	switch cert.SignatureAlgorithm {
	case x509.MD5WithRSA, x509.SHA1WithRSA, x509.ECDSAWithSHA1, x509.SHA256WithRSA, x509.ECDSAWithSHA256, x509.SHA256WithRSAPSS:
		h = crypto.SHA256
	case x509.SHA384WithRSA, x509.ECDSAWithSHA384, x509.SHA384WithRSAPSS:
		h = crypto.SHA384
	case x509.SHA512WithRSA, x509.ECDSAWithSHA512, x509.SHA512WithRSAPSS:
		h = crypto.SHA512
	default:
		return nil, false
	}
	d := h.New()
	d.Write(cert.Raw)
	return d.Sum(nil), true
}
