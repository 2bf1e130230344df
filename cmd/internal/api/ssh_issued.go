package api

import (
	"crypto/rsa"
	"net/http"

	"golang.org/x/crypto/ssh"

	"sallyport/schemas"
)

// issued records a certificate before anybody has it.
func (s SSH) issued(r *http.Request, who *schemas.Principal, key ssh.PublicKey, c Certificate) error {
	_, err := s.Log.AppendControl(r.Context(), schemas.AreaSignIn, who.GetName(), &schemas.Control{
		By: who.GetName(), Kind: &schemas.Control_CertificateIssued{CertificateIssued: &schemas.CertificateIssued{
			Principal: who, Serial: c.Serial, Fingerprint: ssh.FingerprintSHA256(key), Expires: c.Expires.UnixNano()}}}, nil)
	if err != nil {
		return unavailable(err)
	}
	return nil
}

// bits is the size of an RSA key; 0: it is none.
func bits(key ssh.CryptoPublicKey) int {
	if k, ok := key.CryptoPublicKey().(*rsa.PublicKey); ok {
		return k.N.BitLen()
	}
	return 0
}
