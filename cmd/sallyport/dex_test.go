package main_test

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// dexBinary builds the provider once for all tests of this process.
var dexBinary = sync.OnceValues(func() (string, error) {
	file, err := filepath.Abs(filepath.Join("..", "..", ".cache", "test", "dex"))
	if err != nil {
		return "", err
	}
	c := exec.Command("go", "build", "-o", file, ".")
	c.Dir = "testdata/dex"
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the OpenID provider: %w: %s", err, out)
	}
	return file, nil
})

// dex is a running OpenID provider.
type dex struct {
	t      testing.TB
	listen string
	cmd    *exec.Cmd
	log    *lockedBuffer
}

func (d *dex) issuer() string { return "http://" + d.listen + "/dex" }

// start starts it, with new keys and an empty memory.
func (d *dex) start(redirect, group string) {
	d.t.Helper()
	file, err := dexBinary()
	if err != nil {
		d.t.Fatal(err)
	}
	d.log = new(lockedBuffer)
	d.cmd = exec.Command(file, "-listen", d.listen, "-redirect", redirect, "-group", group)
	d.cmd.Stdout, d.cmd.Stderr = d.log, d.log
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		response, err := http.Get(d.issuer() + "/.well-known/openid-configuration")
		if err == nil {
			response.Body.Close()
			return
		}
		if time.Now().After(deadline) {
			d.t.Fatalf("the provider does not answer: %v\n%s", err, d.log)
		}
	}
}

func (d *dex) stop() {
	_ = d.cmd.Process.Kill() // it may have ended
	_ = d.cmd.Wait()
}

// surfer is a browser as far as redirects, cookies and forms make one.
type surfer struct {
	t      testing.TB
	client *http.Client
}

func newSurfer(t testing.TB) *surfer {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &surfer{t: t, client: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// visited is a page, and what led to it.
type visited struct {
	url    *url.URL
	status int
	body   string
	way    []string
	header http.Header
}

// get visits an address and follows where it leads, until an address that starts with until (which
// is not visited), or the end. Without until, everything is followed.
func (s *surfer) get(address, until string) visited {
	s.t.Helper()
	request, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.follow(request, until)
}

func (s *surfer) follow(request *http.Request, until string) (v visited) {
	s.t.Helper()
	for range 20 {
		v.way = append(v.way, request.URL.String())
		response, err := s.client.Do(request)
		if err != nil {
			s.t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			s.t.Fatal(err)
		}
		v.url, v.status, v.body, v.header = request.URL, response.StatusCode, string(body), response.Header
		where, err := response.Location()
		if err != nil {
			return v
		}
		if v.url = where; until != "" && strings.HasPrefix(where.String(), until) {
			return v
		}
		if request, err = http.NewRequest(http.MethodGet, where.String(), nil); err != nil {
			s.t.Fatal(err)
		}
	}
	s.t.Fatalf("there is no end to the redirects: %v", v.way)
	return v
}

var formAction = regexp.MustCompile(`<form[^>]*action="([^"]*)"`)

// submit fills in the form of a page.
func (s *surfer) submit(page visited, until string, fields url.Values) visited {
	s.t.Helper()
	found := formAction.FindStringSubmatch(page.body)
	if found == nil {
		s.t.Fatalf("%s has no form:\n%s", page.url, page.body)
	}
	action, err := page.url.Parse(html.UnescapeString(found[1]))
	if err != nil {
		s.t.Fatal(err)
	}
	request, err := http.NewRequest(http.MethodPost, action.String(), strings.NewReader(fields.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return s.follow(request, until)
}

// call sends a request as the app does, and returns the status and the body.
func (s *surfer) call(method, address, body string, header ...string) (int, string) {
	s.t.Helper()
	request, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("X-Sallyport", "1")
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := s.client.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response.StatusCode, string(data)
}
