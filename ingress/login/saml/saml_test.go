package saml_test

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport/ingress/login"
	"sallyport/ingress/login/saml"
	"sallyport/schemas"
)

func certificate(t testing.TB) *tls.Certificate {
	t.Helper()
	dir := t.TempDir()
	cert, err := saml.Certificate(filepath.Join(dir, "tls", "saml.crt"), filepath.Join(dir, "tls", "saml.key"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	again, err := saml.Certificate(filepath.Join(dir, "tls", "saml.crt"), filepath.Join(dir, "tls", "saml.key"), time.Now())
	if err != nil || !again.Leaf.Equal(cert.Leaf) {
		t.Fatalf("the certificate was made again: %v", err)
	}
	return cert
}

// provider has metadata in a file, of an identity provider with this side's certificate.
func provider(t testing.TB) *saml.Provider {
	t.Helper()
	cert, file := certificate(t), filepath.Join(t.TempDir(), "idp.xml")
	metadata := `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://idp.example"><IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">` +
		`<KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>` + base64.StdEncoding.EncodeToString(cert.Leaf.Raw) + `</X509Certificate></X509Data></KeyInfo></KeyDescriptor>` +
		`<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example/sso"/></IDPSSODescriptor></EntityDescriptor>`
	if err := os.WriteFile(file, []byte(metadata), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := saml.New(saml.Config{
		Name: "idp", MetadataFile: file, Base: "https://gate.example/api/v1/identity/saml/idp", Certificate: cert,
		Mapping: login.Mapping{Name: "email"}, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRequestsAreSigned(t *testing.T) {
	p := provider(t)
	where, relay, err := p.Begin(t.Context())
	if err != nil || !strings.HasPrefix(where, "https://idp.example/sso?") || !strings.Contains(where, "Signature=") || !strings.Contains(where, "RelayState="+relay) {
		t.Errorf("%s, %s, %v", where, relay, err)
	}
	if _, other, _ := p.Begin(t.Context()); other == relay {
		t.Error("two sign-ins have one relay state")
	}
	data, err := p.Metadata()
	if err != nil || xml.Unmarshal(data, new(any)) != nil || !strings.Contains(string(data), `Location="https://gate.example/api/v1/identity/saml/idp/acs"`) {
		t.Errorf("metadata: %v\n%s", err, data)
	}
}

func TestMetadataMustBeSecure(t *testing.T) {
	cert := certificate(t)
	for address, ok := range map[string]bool{"https://idp.example/m": true, "http://127.0.0.1:1/m": true, "http://idp.example/m": false, "file:///etc/passwd": false, "nonsense": false} {
		if _, err := saml.New(saml.Config{MetadataURL: address, Certificate: cert}); (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
	}
	if _, err := saml.New(saml.Config{MetadataFile: "x"}); err == nil {
		t.Error("no certificate was taken")
	}
	p, err := saml.New(saml.Config{MetadataFile: "/nowhere", Certificate: cert, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.Begin(t.Context()); schemas.Shown(err).Code != schemas.CodeUnavailable {
		t.Errorf("without metadata: %v", err)
	}
}

// FuzzFinish posts whatever somebody could: without the provider's key nothing signs in, or panics.
func FuzzFinish(f *testing.F) {
	for _, seed := range []string{
		"", "nonsense", `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"/>`,
		`<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" Version="2.0"><Assertion xmlns="urn:oasis:names:tc:SAML:2.0:assertion"/><EncryptedAssertion xmlns="urn:oasis:names:tc:SAML:2.0:assertion"/></samlp:Response>`,
		`<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>`, `<a xmlns:x="y"><x:Signature xmlns:x="http://www.w3.org/2000/09/xmldsig#"><x:SignedInfo/></x:Signature></a>`,
	} {
		f.Add(seed)
	}
	p := provider(f)
	_, relay, err := p.Begin(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, document string) {
		if found, err := p.Finish(t.Context(), relay, base64.StdEncoding.EncodeToString([]byte(document))); err == nil {
			t.Errorf("%q signed in %v", document, found)
		}
	})
}
