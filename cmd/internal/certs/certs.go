// Package certs makes the certificates that clients see when none are given: a CA under the data
// directory, and a server certificate that it signs for this machine's names.
package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// How long certificates hold, and how long before its end a server certificate is made again.
const (
	caLife     = 10 * 365 * 24 * time.Hour
	serverLife = 90 * 24 * time.Hour
	renewal    = 30 * 24 * time.Hour
)

// Config says where the files are.
type Config struct {
	Dir   string   // for the CA and the generated certificate
	Cert  string   // given certificate; empty: generate
	Key   string   // its key
	Hosts []string // names and addresses that a generated certificate is for, besides this machine's own
	Now   func() time.Time
}

// Load returns the certificate for clients, generating what is missing.
func Load(c Config) (*tls.Certificate, error) {
	if c.Cert != "" {
		cert, err := tls.LoadX509KeyPair(c.Cert, c.Key)
		if err != nil {
			return nil, fmt.Errorf("load certificate: %w", err)
		}
		return &cert, nil
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make certificate directory: %w", err)
	}
	ca, err := c.authority()
	if err != nil {
		return nil, err
	}
	return c.server(ca)
}

// CAFile is where the CA's certificate is.
func CAFile(dir string) string { return filepath.Join(dir, "ca.crt") }

func (c Config) authority() (*tls.Certificate, error) {
	crt, key := CAFile(c.Dir), filepath.Join(c.Dir, "ca.key")
	cert, err := tls.LoadX509KeyPair(crt, key)
	if err == nil {
		return &cert, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("load CA: %w", err)
	}
	return issue(nil, &x509.Certificate{
		Subject:               pkix.Name{CommonName: "Sallyport CA"},
		NotBefore:             c.Now().Add(-time.Hour),
		NotAfter:              c.Now().Add(caLife),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}, crt, key)
}

func (c Config) server(ca *tls.Certificate) (*tls.Certificate, error) {
	crt, key := filepath.Join(c.Dir, "server.crt"), filepath.Join(c.Dir, "server.key")
	cert, err := tls.LoadX509KeyPair(crt, key)
	if err == nil && cert.Leaf.NotAfter.Sub(c.Now()) > renewal && c.covers(cert.Leaf) {
		return &cert, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("load certificate: %w", err)
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "Sallyport"},
		NotBefore:   c.Now().Add(-time.Hour),
		NotAfter:    c.Now().Add(serverLife),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, h := range c.hosts() {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	return issue(ca, template, crt, key)
}

func (c Config) hosts() []string {
	hosts := []string{"localhost", "127.0.0.1", "::1"}
	if name, err := os.Hostname(); err == nil {
		hosts = append(hosts, name)
	}
	return append(hosts, c.Hosts...)
}

func (c Config) covers(leaf *x509.Certificate) bool {
	for _, h := range c.hosts() {
		if leaf.VerifyHostname(h) != nil {
			return false
		}
	}
	return true
}

// issue makes a key and a certificate signed by parent (nil: by itself), and writes both.
func issue(parent *tls.Certificate, template *x509.Certificate, crt, keyFile string) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate key: %w", err)
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return nil, fmt.Errorf("generate serial number: %w", err)
	}
	signer, signerCert := any(key), template
	if parent != nil {
		signer, signerCert = parent.PrivateKey, parent.Leaf
	}
	der, err := x509.CreateCertificate(rand.Reader, template, signerCert, key.Public(), signer)
	if err != nil {
		return nil, fmt.Errorf("sign certificate: %w", err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	chain := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if parent != nil {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: parent.Certificate[0]})...)
	}
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	if err := os.WriteFile(keyFile, keyPEM, 0o600); err != nil {
		return nil, fmt.Errorf("write key: %w", err)
	}
	if err := os.WriteFile(crt, chain, 0o644); err != nil {
		return nil, fmt.Errorf("write certificate: %w", err)
	}
	cert, err := tls.X509KeyPair(chain, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("load certificate: %w", err)
	}
	return &cert, nil
}
