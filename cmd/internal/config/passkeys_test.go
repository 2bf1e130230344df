package config_test

import (
	"slices"
	"strings"
	"testing"

	"sallyport/cmd/internal/api"
	"sallyport/cmd/internal/config"
)

// TestSite holds where browsers have passkeys: under names, over TLS or on this machine.
func TestSite(t *testing.T) {
	for public, want := range map[string][2]string{
		"http://127.0.0.1:7080":            {"localhost", "http://localhost:7080"},
		"http://[::1]:7080":                {"localhost", "http://localhost:7080"},
		"http://localhost:7080":            {"localhost", "http://localhost:7080"},
		"https://gateway.example.com":      {"gateway.example.com", "https://gateway.example.com"},
		"https://gateway.example.com:8443": {"gateway.example.com", "https://gateway.example.com:8443"},
		"http://gateway.example.com":       {"", "not https"},
		"https://10.0.0.5:7080":            {"", "a number"},
		"":                                 {"", "no address"},
	} {
		p := config.Passkeys{}
		domain, origin, off := p.Site(public)
		if domain != want[0] || origin != want[1] && !(off != "" && strings.Contains(off, want[1])) {
			t.Errorf("%s: %q, %q, off because %q", public, domain, origin, off)
		}
	}
	for rp, domain := range map[string]string{"example.com": "example.com", "gateway.example.com": "gateway.example.com", "evil.example": "", "ample.com": ""} {
		p := config.Passkeys{RelyingParty: rp}
		if got, _, _ := p.Site("https://gateway.example.com"); got != domain {
			t.Errorf("bound to %s: %q", rp, got)
		}
	}
}

// TestRequiredFor takes what the API can guard, and nothing else.
func TestRequiredFor(t *testing.T) {
	c, err := load(t, "identity: {passkeys: {required_for: ["+strings.Join(api.Guards(), ", ")+"]}}")
	if err != nil || !slices.Equal(c.Identity.Passkeys.RequiredFor, api.Guards()) {
		t.Errorf("%v %v", c, err)
	}
	for text, want := range map[string]string{
		"required_for: [everything]": "none of resources", "fresh: 0s": "fresh: must be above zero", "link: 25h": "24h at most", "most: 0": "most: must be above zero",
	} {
		if _, err := load(t, "identity: {passkeys: {"+text+"}}"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
