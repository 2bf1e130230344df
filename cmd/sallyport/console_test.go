package main_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

const admins = `apiVersion: sallyport/v1
kind: Role
metadata: {name: admins}
spec:
  members: {groups: [admin]}
  targets: {names: ["*"]}
  can: [admin, replay]
---
apiVersion: sallyport/v1
kind: Role
metadata: {name: orders-on-request}
spec:
  members: {groups: [support]}
  targets: {names: [orders]}
  request: {approval: {any: [{groups: [dba]}]}}
`

// teamsLike takes the cards that a workflow of Teams is sent, and remembers them.
type teamsLike struct {
	file  string // with its address
	mu    sync.Mutex
	cards []string
}

func newTeamsLike(t *testing.T) *teamsLike {
	t.Helper()
	c := &teamsLike{file: filepath.Join(t.TempDir(), "url")}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		c.mu.Lock()
		c.cards = append(c.cards, string(body))
		c.mu.Unlock()
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(s.Close)
	write(t, c.file, s.URL)
	return c
}

var signedLink = regexp.MustCompile(`http[^"]*/decide\?t=([^".]+)\.[^"]*`)

// link returns the signed link of a card about text that is for that decision; empty, while there is none.
func (c *teamsLike) link(text, decision string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, card := range c.cards {
		if !strings.Contains(card, text) {
			continue
		}
		for _, found := range signedLink.FindAllStringSubmatch(card, -1) {
			if claim, err := base64.RawURLEncoding.DecodeString(found[1]); err == nil && strings.Contains(string(claim), " "+decision+" ") {
				return found[0]
			}
		}
	}
	return ""
}

// TestBrowserConsole drives a real Chromium through what a reviewer and an administrator do: decide
// what waits, with psql waiting at the other end.
func TestBrowserConsole(t *testing.T) {
	t.Parallel()
	channel, secret := newTeamsLike(t), filepath.Join(t.TempDir(), "hook")
	write(t, secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	g := newGateway(t, newTarget(t), fmt.Sprintf(`
approvals:
  notify:
    - name: channel
      teams: {url: {file: %q}}
    - name: down
      webhook: {url: "http://127.0.0.1:1/hook", secret: {file: %q}}
`, channel.file, secret))
	g.holding()
	file := filepath.Join(g.dir, "glass.yaml")
	write(t, file, strings.Replace(holds, "expires: 10m}", "expires: 10m, breakGlass: [oncall]}", 1))
	g.sallyport("apply", "-f", file)
	file = filepath.Join(g.dir, "admins.yaml")
	write(t, file, admins)
	g.sallyport("apply", "-f", file)
	bob := g.sallyport("token", "create", "--user", "bob@example.com", "--group", "dba", "--group", "admin")
	alice := g.token("alice@example.com")
	b := &browser{t: t, g: g, token: alice}
	b.asked = map[string]func(said) map[string]string{
		// hold has alice run what waits.
		"hold": func(m said) map[string]string {
			sh := g.shell("alice@example.com", alice)
			sh.run(m.Text, "held for approval")
			b.shells[m.Text] = sh
			return map[string]string{}
		},
		// outcome returns once her psql has said something.
		"outcome": func(m said) map[string]string {
			b.shells[m.Text].run("", m.Want)
			return map[string]string{}
		},
		// link returns what the channel was sent to decide a text with.
		"link": func(m said) map[string]string {
			link := ""
			g.await("a link to "+m.Want+" "+m.Text, func() bool { link = channel.link(m.Text, m.Want); return link != "" })
			return map[string]string{"link": link}
		},
	}
	carol := g.sallyport("token", "create", "--user", "carol@example.com", "--group", "support")
	oncall := g.sallyport("token", "create", "--user", "alice@example.com", "--group", "eng", "--group", "oncall")
	b.play("console.mjs", "SALLYPORT_TOKEN="+bob, "SALLYPORT_GUEST="+carol, "SALLYPORT_ONCALL="+oncall)
}
