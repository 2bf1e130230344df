package saml

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

// life of a certificate that is made here: providers pin it, and replacing it takes both sides.
const life = 10 * 365 * 24 * time.Hour

func signer(c *tls.Certificate) (crypto.Signer, bool) {
	if c == nil || c.Leaf == nil {
		return nil, false
	}
	key, ok := c.PrivateKey.(*rsa.PrivateKey)
	return key, ok
}

// Certificate reads this side's certificate and key, and makes them when neither file is there.
func Certificate(cert, key string, now time.Time) (*tls.Certificate, error) {
	found, err := tls.LoadX509KeyPair(cert, key)
	if errors.Is(err, fs.ErrNotExist) {
		if err := generate(cert, key, now); err != nil {
			return nil, fmt.Errorf("make SAML certificate: %w", err)
		}
		found, err = tls.LoadX509KeyPair(cert, key)
	}
	if err != nil {
		return nil, fmt.Errorf("load SAML certificate: %w", err)
	}
	return &found, nil
}

func generate(cert, key string, now time.Time) error {
	private, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "Sallyport SAML"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(life),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return err
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(key), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}), 0o600); err != nil {
		return err
	}
	return os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
}
