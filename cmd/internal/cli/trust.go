package cli

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"sallyport/cmd/internal/certs"
	"sallyport/cmd/internal/signin"
)

// trust returns who vouches for the server at an address, beside the authorities of the system: whom --ca names, else
// whom login kept, else, where a configuration says where the server is, its own authority. nil: nobody else. pem is the same
// as it is kept.
func (a *app) trust(where string) (pem []byte, authorities *x509.CertPool, err error) {
	file := a.caFile
	if file == "" {
		if file, err = signin.AuthoritiesFile(where); err != nil {
			return nil, nil, err
		}
		if _, err := os.Stat(file); err != nil && a.url == "" {
			c, err := a.load()
			if err != nil {
				return nil, nil, err
			}
			if c.TLS.Cert == "" {
				file = certs.CAFile(c.TLSDir())
			}
		}
	}
	pem, err = os.ReadFile(file)
	if a.caFile == "" && errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read who vouches for the server: %w", err)
	}
	if authorities, err = certs.Trusting(pem); err != nil {
		return nil, nil, fmt.Errorf("read who vouches for the server: %s: %w", file, err)
	}
	return pem, authorities, nil
}
