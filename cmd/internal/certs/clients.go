package certs

import (
	"crypto/rand"
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

// Clients signs the certificates of clients. Its CA is not the one that servers' certificates are
// signed by, so that neither stands for the other.
type Clients struct {
	ca  *tls.Certificate
	now func() time.Time
}

// OpenClients returns the signer of a directory, making its CA when there is none.
func OpenClients(c Config) (*Clients, error) {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make certificate directory: %w", err)
	}
	crt, key := filepath.Join(c.Dir, "client-ca.crt"), filepath.Join(c.Dir, "client-ca.key")
	ca, err := tls.LoadX509KeyPair(crt, key)
	if err == nil {
		return &Clients{ca: &ca, now: c.Now}, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("load client CA: %w", err)
	}
	made, err := issue(nil, &x509.Certificate{
		Subject: pkix.Name{CommonName: "Sallyport client CA"}, NotBefore: c.Now().Add(-time.Hour), NotAfter: c.Now().Add(caLife),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}, crt, key)
	return &Clients{ca: made, now: c.Now}, err
}

// Pool holds the CA.
func (c *Clients) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(c.ca.Leaf)
	return pool
}

// Sign answers a certificate request (PEM, PKCS #10) with a certificate for name that holds until
// then. Of the request only the key is taken.
func (c *Clients) Sign(request []byte, name string, until time.Time) (*x509.Certificate, error) {
	block, _ := pem.Decode(request)
	if block == nil || block.Type != "CERTIFICATE REQUEST" {
		return nil, errors.New("it is not a certificate request in PEM")
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read certificate request: %w", err)
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, fmt.Errorf("the certificate request is not signed with its key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("generate serial number: %w", err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: c.now().Add(-5 * time.Minute), NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, BasicConstraintsValid: true,
	}, c.ca.Leaf, csr.PublicKey, c.ca.PrivateKey)
	if err != nil {
		return nil, fmt.Errorf("sign certificate: %w", err)
	}
	return x509.ParseCertificate(der)
}
