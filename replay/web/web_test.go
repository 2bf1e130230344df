package web_test

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"sallyport/replay/web"
)

func get(t *testing.T, path string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	web.Handler().ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var reference = regexp.MustCompile(`(?:src|href)="([^"]+)"`)

// assets are what index.html names: the first load.
func assets(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, m := range reference.FindAllStringSubmatch(body(t, get(t, "/")), -1) {
		out = append(out, m[1])
	}
	if len(out) < 3 {
		t.Fatalf("index.html names %q: want a script, a style sheet and an icon", out)
	}
	return out
}

func TestPagesAreTheApp(t *testing.T) {
	index := body(t, get(t, "/"))
	for _, path := range []string{"/index.html", "/search?q=x", "/sessions/abc?at=3", "/signin", "/no/such/page", "/../etc/passwd"} {
		r := get(t, path)
		if got := body(t, r); r.StatusCode != http.StatusOK || got != index {
			t.Errorf("GET %s: %s, %d bytes; want the app", path, r.Status, len(got))
		}
		if got := r.Header.Get("Cache-Control"); got != "no-cache" {
			t.Errorf("GET %s: Cache-Control %q", path, got)
		}
	}
}

func TestWhatIsNotTheApp(t *testing.T) {
	for _, path := range []string{"/api", "/api/v1/sessions", "/assets/gone-12345678.js", "/assets"} {
		r := get(t, path)
		want := http.StatusNotFound
		if path == "/assets" {
			want = http.StatusOK // a page that the app says is unknown
		}
		if r.StatusCode != want {
			t.Errorf("GET %s: %s, want %d", path, r.Status, want)
		}
	}
	w := httptest.NewRecorder()
	web.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST /: %d", w.Code)
	}
}

func TestHeadersOnEverything(t *testing.T) {
	want := map[string]string{
		"X-Content-Type-Options": "nosniff",
		"Referrer-Policy":        "no-referrer",
		"X-Frame-Options":        "DENY",
	}
	for _, path := range append(assets(t), "/", "/api/v1", "/search") {
		h := get(t, path).Header
		for name, value := range want {
			if h.Get(name) != value {
				t.Errorf("GET %s: %s is %q, want %q", path, name, h.Get(name), value)
			}
		}
		csp := h.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "object-src 'none'"} {
			if !strings.Contains(csp, part) {
				t.Errorf("GET %s: the policy %q lacks %q", path, csp, part)
			}
		}
		if strings.Contains(csp, "unsafe") {
			t.Errorf("GET %s: the policy %q allows what is unsafe", path, csp)
		}
	}
}

func TestIndexHasNothingInline(t *testing.T) {
	index := body(t, get(t, "/"))
	for _, pattern := range []string{`<script[^>]*>[^<]`, `<style`, ` style=`, ` on[a-z]+=`, `https?://`, `="//`} {
		if found := regexp.MustCompile(pattern).FindString(index); found != "" {
			t.Errorf("index.html has %q", found)
		}
	}
}

func TestAssetsStayInCaches(t *testing.T) {
	for _, path := range assets(t) {
		r := get(t, path)
		if r.StatusCode != http.StatusOK || r.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" {
			t.Errorf("GET %s: %s, Cache-Control %q", path, r.Status, r.Header.Get("Cache-Control"))
		}
		if !regexp.MustCompile(`-[\w-]{8}\.\w+$`).MatchString(path) {
			t.Errorf("%s is cached for ever, and its name has no hash", path)
		}
	}
}

func TestUnchangedIsNotSentAgain(t *testing.T) {
	tag := get(t, "/").Header.Get("ETag")
	r := get(t, "/sessions/x", "If-None-Match", tag)
	if r.StatusCode != http.StatusNotModified || body(t, r) != "" {
		t.Errorf("GET with the ETag %s: %s", tag, r.Status)
	}
}

func TestCompression(t *testing.T) {
	sent := 0
	for _, path := range append(assets(t), "/") {
		plain := body(t, get(t, path, "Accept-Encoding", "gzip;q=0"))
		r := get(t, path, "Accept-Encoding", "br, gzip")
		packed := body(t, r)
		sent += len(packed)
		if r.Header.Get("Content-Encoding") == "" {
			continue // too small to be worth it
		}
		z, err := gzip.NewReader(strings.NewReader(packed))
		if err != nil {
			t.Fatal(err)
		}
		unpacked, err := io.ReadAll(z)
		if err != nil || string(unpacked) != plain {
			t.Errorf("GET %s: unpacked it is not the same (%v)", path, err)
		}
	}
	// The page of a session loads the player besides.
	if sent > 45<<10 {
		t.Errorf("the first load is %d bytes", sent)
	}
}

// A lock file that names hosts builds only where those hosts are.
func TestLockFileNamesNoHost(t *testing.T) {
	data, err := os.ReadFile("package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	var lock struct {
		Packages map[string]struct {
			Resolved  string `json:"resolved"`
			Integrity string `json:"integrity"`
		} `json:"packages"`
	}
	if err := json.Unmarshal(data, &lock); err != nil {
		t.Fatal(err)
	}
	for name, p := range lock.Packages {
		if p.Resolved != "" || (name != "" && p.Integrity == "") {
			t.Errorf("%s: resolved %q, integrity %q", name, p.Resolved, p.Integrity)
		}
	}
}
