package api_test

import (
	"net/url"
	"strings"
	"testing"

	"sallyport/cmd/internal/api"
)

func TestInside(t *testing.T) {
	for next, want := range map[string]string{
		"": "/", "/": "/", "/search?q=a%20b": "/search?q=a%20b", "/sessions/a%2Fb?at=3": "/sessions/a%2Fb?at=3",
		"https://evil.example/": "/", "//evil.example/": "/", "/\\evil.example": "/", "\\\\evil.example": "/", "///evil.example": "/evil.example",
		"javascript:alert(1)": "/", "data:text/html,x": "/", "search": "/", "/%2F/evil.example": "/%2F/evil.example", "/..//evil.example": "/evil.example",
		"/signin": "/", "/signin?next=/signin": "/", "/api/v1/signout": "/", "/x/../api/v1/me": "/", "/a\r\nSet-Cookie: x=y": "/",
		"https:/evil.example": "/", "/\t/evil.example": "/", "//user@evil.example": "/", "/device?code=AB-CD": "/device?code=AB-CD",
	} {
		if got := api.Inside(next); got != want {
			t.Errorf("%q leads to %q, want %q", next, got, want)
		}
	}
}

// FuzzInside holds that no text leads to another site.
func FuzzInside(f *testing.F) {
	for _, seed := range []string{"/search", "//evil.example", "/\\evil", "/%5cevil", "/%2f%2fevil", "http:evil"} {
		f.Add(seed)
	}
	home, err := url.Parse("https://gate.example/api/v1/identity/oidc/corp/callback")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, next string) {
		out := api.Inside(next)
		where, err := home.Parse(out)
		if err != nil || where.Host != home.Host || where.Scheme != home.Scheme || !strings.HasPrefix(out, "/") || strings.HasPrefix(out, "//") || strings.Contains(out, "\\") {
			t.Errorf("%q leads to %q", next, out)
		}
	})
}
