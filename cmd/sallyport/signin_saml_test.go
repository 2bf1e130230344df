package main_test

import (
	"encoding/base64"
	"html"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/beevik/etree"
)

var hidden = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)"`)

// withSAML is a gateway with a real SAML identity provider.
type withSAML struct {
	withDex // for what it knows of browsers
	idp     *simpleSAML
	base    string // of the provider's endpoints here
}

// answer goes through the provider's pages as alice, and returns what its page would post.
func (w *withSAML) answer(s *surfer) url.Values {
	w.t.Helper()
	page := s.get(w.base+"/start?next=/search", "")
	fields := url.Values{"username": {"alice"}, "password": {"password"}}
	for _, f := range hidden.FindAllStringSubmatch(page.body, -1) {
		fields.Set(html.UnescapeString(f[1]), html.UnescapeString(f[2]))
	}
	page = s.submit(page, "", fields)
	post := url.Values{}
	for _, f := range hidden.FindAllStringSubmatch(page.body, -1) {
		post.Set(html.UnescapeString(f[1]), html.UnescapeString(f[2]))
	}
	if post.Get("SAMLResponse") == "" {
		w.t.Fatalf("the provider's page posts nothing: %d\n%s\n%s", page.status, page.body, w.idp.log)
	}
	return post
}

// post sends what the provider's page would, as a page of another site: without the cookie. Then it
// follows, with it.
func (w *withSAML) post(s *surfer, fields url.Values) visited {
	w.t.Helper()
	stranger := newSurfer(w.t)
	request, err := http.NewRequest(http.MethodPost, w.base+"/acs", strings.NewReader(fields.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	v := stranger.follow(request, "http://"+w.web+"/")
	if !strings.Contains(v.url.Path, "/finish") {
		return v
	}
	return s.get(v.url.String(), "http://"+w.web+"/s")
}

// TestSignInWithSAML goes the whole way with a real provider, and tries on its answers what has worked
// against others.
func TestSignInWithSAML(t *testing.T) {
	t.Parallel()
	idp := newSimpleSAML(t)
	w := &withSAML{idp: idp}
	w.gateway = newGateway(t, newTarget(t), `identity:
  sign_ins_per_address: 200
  providers:
  - name: idp
    title: Identity provider
    saml: {metadata_url: "`+idp.metadata()+`"}
`)
	w.withDex.base = "http://" + w.web + "/api/v1"
	w.base = w.withDex.base + "/identity/saml/idp"
	alice := newSurfer(t)
	if v := alice.get(w.base+"/start", "http://"+w.web+"/signin"); v.url.Path != "/signin" {
		t.Fatalf("without a provider the browser is led to %s (%s)", v.url, v.body)
	}
	idp.trust(w.base, "")
	idp.start()
	if v := alice.get(w.base+"/metadata", ""); v.status != http.StatusOK || !strings.Contains(v.body, w.base+"/acs") || !strings.Contains(v.body, "X509Certificate") {
		t.Errorf("metadata: %d\n%s", v.status, v.body)
	}

	sound := w.answer(alice)
	for name, change := range wrappings() {
		forged := url.Values{"RelayState": {sound.Get("RelayState")}, "SAMLResponse": {rewrite(t, sound.Get("SAMLResponse"), change)}}
		if v := w.post(alice, forged); v.url.Path != "/signin" {
			t.Errorf("%s: led to %s", name, v.url)
		}
		if name, _ := w.me(alice); name != "" {
			t.Fatalf("a forged response signed in %s", name)
		}
	}
	for name, forged := range map[string]url.Values{
		"another relay state": {"RelayState": {"x"}, "SAMLResponse": {sound.Get("SAMLResponse")}},
		"no relay state":      {"SAMLResponse": {sound.Get("SAMLResponse")}},
		"no response":         {"RelayState": {sound.Get("RelayState")}},
		"no XML":              {"RelayState": {sound.Get("RelayState")}, "SAMLResponse": {"bm9uc2Vuc2U="}},
		"an entity": {"RelayState": {sound.Get("RelayState")}, "SAMLResponse": {base64.StdEncoding.EncodeToString(
			[]byte(`<!DOCTYPE r [<!ENTITY e SYSTEM "file:///etc/passwd">]><samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol">&e;</samlp:Response>`))}},
	} {
		if v := w.post(alice, forged); v.url.Path != "/signin" {
			t.Errorf("%s: led to %s", name, v.url)
		}
	}
	// A comment in a signed name must not cut it short.
	commented := url.Values{"RelayState": {sound.Get("RelayState")}, "SAMLResponse": {base64.StdEncoding.EncodeToString(
		[]byte(strings.ReplaceAll(decode64(t, sound.Get("SAMLResponse")), "alice@example.com", "alice@example<!-- -->.com")))}}
	w.post(alice, commented)
	if name, _ := w.me(alice); name != "" && name != "alice@example.com" {
		t.Errorf("a comment made %s of alice@example.com", name)
	}

	alice = newSurfer(t)
	sound = w.answer(alice)
	// Another browser posts it first: nobody is signed in, and it is used up.
	if v := w.post(newSurfer(t), sound); v.url.Path != "/signin" {
		t.Errorf("in a browser that did not begin it: led to %s", v.url)
	}
	if v := w.post(alice, sound); v.url.Path != "/signin" {
		t.Errorf("an answer that was used: led to %s", v.url)
	}
	w.events("identity.sign_in_failed", "used before")

	w.arrives(t, func(response string) string { return response })
	w.arrives(t, func(response string) string { // as providers do that sign assertions alone
		return rewrite(t, response, func(r *etree.Element) *etree.Element {
			r.RemoveChild(r.FindElement("./Signature"))
			return r
		})
	})
	cert, err := os.ReadFile(filepath.Join(w.dir, "data", "tls", "saml.crt"))
	if err != nil {
		t.Fatal(err)
	}
	idp.trust(w.base, string(cert))
	w.arrives(t, func(response string) string {
		if text := decode64(t, response); !strings.Contains(text, "EncryptedAssertion") || strings.Contains(text, "alice@example.com") {
			t.Error("the provider did not encrypt the assertion")
		}
		return response
	})
	w.events("identity.signed_in", `"method":"saml"`)
}

// arrives signs in with the provider's answer, after change, in a fresh browser.
func (w *withSAML) arrives(t *testing.T, change func(response string) string) {
	t.Helper()
	s := newSurfer(t)
	fields := w.answer(s)
	fields.Set("SAMLResponse", change(fields.Get("SAMLResponse")))
	if v := w.post(s, fields); v.url.Path != "/search" {
		t.Errorf("signing in led to %s: %s", v.url, w.events("identity.sign_in_failed", ""))
	}
	if name, groups := w.me(s); name != "alice@example.com" || !slices.Equal(groups, []string{"eng", "oncall"}) {
		t.Errorf("signed in as %q of %v", name, groups)
	}
}

func decode64(t *testing.T, text string) string {
	t.Helper()
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// rewrite changes a response's document.
func rewrite(t *testing.T, response string, change func(*etree.Element) *etree.Element) string {
	t.Helper()
	doc := etree.NewDocument()
	if err := doc.ReadFromString(decode64(t, response)); err != nil {
		t.Fatal(err)
	}
	doc.SetRoot(change(doc.Root()))
	text, err := doc.WriteToString()
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString([]byte(text))
}
