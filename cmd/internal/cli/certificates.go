package cli

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"sallyport/cmd/internal/api"
)

// createCertificate makes a key here, and has the server sign what is asked for with it: the key
// never leaves this machine.
func (a *app) createCertificate(c *cobra.Command, in api.NewToken, name string, asJSON bool) error {
	server, err := a.client()
	if err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("generate key: %w", err)
	}
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return fmt.Errorf("make certificate request: %w", err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode key: %w", err)
	}
	asked := api.NewCertificate{NewToken: in, Request: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: request}))}
	var made api.CertificateMade
	if err := server.Do(c.Context(), "POST", "/certificates", nil, asked, &made); err != nil {
		return err
	}
	if err := os.WriteFile(name+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600); err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	if err := os.WriteFile(name+".crt", []byte(made.Certificate), 0o644); err != nil {
		return fmt.Errorf("write certificate: %w", err)
	}
	if asJSON {
		return json.NewEncoder(a.Out).Encode(made)
	}
	_, err = fmt.Fprintf(a.Out, "%s.crt and %s.key hold until %s: psql \"sslmode=require sslcert=%s.crt sslkey=%s.key …\"\n", name, name, made.Expires.Local().Format(time.DateTime), name, name)
	return err
}
