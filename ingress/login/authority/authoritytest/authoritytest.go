// Package authoritytest makes certificate authorities for tests.
package authoritytest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// CA issues certificates.
type CA struct {
	Cert *x509.Certificate

	t     testing.TB
	key   *ecdsa.PrivateKey
	above []*x509.Certificate // between it and the root, itself first; empty: it is the root
	lists int64
}

// New returns a root.
func New(t testing.TB, name string) *CA { return (&CA{t: t}).make(template(name), nil) }

func template(name string) *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
}

func (c *CA) make(t *x509.Certificate, parent *CA) *CA {
	c.t.Helper()
	t.IsCA, t.BasicConstraintsValid, t.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	c.Cert, c.key = sign(c.t, t, parent)
	if parent != nil {
		c.above = append([]*x509.Certificate{c.Cert}, parent.above...)
	}
	return c
}

// Below returns an authority that this one has certified, after change.
func (c *CA) Below(name string, change func(*x509.Certificate)) *CA {
	t := template(name)
	if change != nil {
		change(t)
	}
	return (&CA{t: c.t}).make(t, c)
}

// Issue returns the chain of a client certificate, after change, without the root, and its key.
func (c *CA) Issue(change func(*x509.Certificate)) ([]*x509.Certificate, *ecdsa.PrivateKey) {
	c.t.Helper()
	t := template("client")
	t.NotBefore, t.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	t.KeyUsage, t.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if change != nil {
		change(t)
	}
	leaf, key := sign(c.t, t, c)
	return append([]*x509.Certificate{leaf}, c.above...), key
}

// Files writes a client certificate and its key as PEM, and returns their paths.
func (c *CA) Files(change func(*x509.Certificate)) (cert, key string) {
	c.t.Helper()
	chain, private := c.Issue(change)
	dir := c.t.TempDir()
	cert, key = filepath.Join(dir, "client.crt"), filepath.Join(dir, "client.key")
	Write(c.t, cert, chain...)
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		c.t.Fatal(err)
	}
	put(c.t, key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	return cert, key
}

// Revoke returns a list, in DER, that holds until then.
func (c *CA) Revoke(until time.Time, revoked ...*x509.Certificate) []byte {
	c.t.Helper()
	c.lists++
	list := &x509.RevocationList{Number: big.NewInt(c.lists), ThisUpdate: time.Now().Add(-2 * time.Hour).Add(time.Duration(c.lists) * time.Second), NextUpdate: until}
	for _, r := range revoked {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: r.SerialNumber, RevocationTime: list.ThisUpdate})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, c.Cert, c.key)
	if err != nil {
		c.t.Fatal(err)
	}
	return der
}

func sign(t testing.TB, template *x509.Certificate, parent *CA) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100)); err != nil {
		t.Fatal(err)
	}
	issuer, with := template, key
	if parent != nil {
		issuer, with = parent.Cert, parent.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, key.Public(), with)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// Write writes certificates as PEM.
func Write(t testing.TB, file string, certs ...*x509.Certificate) {
	t.Helper()
	var b bytes.Buffer
	for _, c := range certs {
		if err := pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}); err != nil {
			t.Fatal(err)
		}
	}
	put(t, file, b.Bytes())
}

// WriteLists writes revocation lists as PEM.
func WriteLists(t testing.TB, file string, lists ...[]byte) {
	t.Helper()
	var b bytes.Buffer
	for _, l := range lists {
		if err := pem.Encode(&b, &pem.Block{Type: "X509 CRL", Bytes: l}); err != nil {
			t.Fatal(err)
		}
	}
	put(t, file, b.Bytes())
}

// put replaces a file whole, as whoever keeps one does.
func put(t testing.TB, file string, data []byte) {
	t.Helper()
	if err := os.WriteFile(file+".new", data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

// URI parses a URI.
func URI(t testing.TB, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
