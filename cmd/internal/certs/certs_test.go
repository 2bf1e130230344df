package certs_test

import (
	"crypto/x509"
	"os"
	"testing"
	"time"

	"sallyport/cmd/internal/certs"
)

func TestLoad(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	c := certs.Config{Dir: t.TempDir(), Hosts: []string{"gateway.example.com"}, Now: func() time.Time { return now }}
	first, err := certs.Load(c)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(certs.CAFile(c.Dir))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(data) {
		t.Fatal("the CA file holds no certificate")
	}
	for _, host := range []string{"127.0.0.1", "localhost", "gateway.example.com"} {
		if _, err := first.Leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: roots, CurrentTime: now}); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}

	again, err := certs.Load(c)
	if err != nil {
		t.Fatal(err)
	}
	if again.Leaf.SerialNumber.Cmp(first.Leaf.SerialNumber) != 0 {
		t.Error("a certificate that still holds was made again")
	}

	now = now.Add(80 * 24 * time.Hour)
	renewed, err := certs.Load(c)
	if err != nil {
		t.Fatal(err)
	}
	if renewed.Leaf.SerialNumber.Cmp(first.Leaf.SerialNumber) == 0 {
		t.Error("a certificate near its end was kept")
	}
	if _, err := renewed.Leaf.Verify(x509.VerifyOptions{DNSName: "localhost", Roots: roots, CurrentTime: now}); err != nil {
		t.Errorf("after renewal the CA no longer vouches: %v", err)
	}
}
