package main_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// slackLike answers as Slack's Web API does, and remembers what it was asked.
type slackLike struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string // path and body
}

func newSlackLike(t *testing.T) *slackLike {
	s := &slackLike{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.asked = append(s.asked, r.URL.Path+" "+string(body))
		s.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"ok":true,"channel":"C1","ts":"1548261231.000200","user":{"profile":{"email":"bob@example.com"}}}`)
	}))
	t.Cleanup(s.Close)
	return s
}

// saw reports whether it was asked something with all these words.
func (s *slackLike) saw(words ...string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.asked {
		all := true
		for _, w := range words {
			all = all && strings.Contains(one, w)
		}
		if all {
			return true
		}
	}
	return false
}

const slackSecret = "8f742231b10e8888abcd99yyyzzz85a5"

// press sends what Slack sends when somebody presses a button.
func (g *gateway) press(action, request, respond string, sign bool) int {
	g.t.Helper()
	payload := fmt.Sprintf(`{"type":"block_actions","user":{"id":"U061F7AUR"},"trigger_id":"1","response_url":%q,"actions":[{"action_id":%q,"block_id":"decide","value":%q,"type":"button"}]}`, respond, action, request)
	body := url.Values{"payload": {payload}}.Encode()
	at := strconv.FormatInt(time.Now().Unix(), 10)
	mac := hmac.New(sha256.New, []byte(slackSecret))
	_, _ = io.WriteString(mac, "v0:"+at+":"+body)
	r, err := http.NewRequest("POST", "http://"+g.web+"/hooks/slack/channel", strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Slack-Request-Timestamp", at)
	if sign {
		r.Header.Set("X-Slack-Signature", "v0="+hex.EncodeToString(mac.Sum(nil)))
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		g.t.Fatal(err)
	}
	defer answer.Body.Close()
	return answer.StatusCode
}

// TestDecidedInSlack holds a command, tells a channel, and runs the command when a button is pressed
// there; a webhook that is down delays nothing, and is seen.
func TestDecidedInSlack(t *testing.T) {
	t.Parallel()
	slack := newSlackLike(t)
	secrets := t.TempDir()
	for name, secret := range map[string]string{"token": "xoxb-planted", "signing": slackSecret + "\n", "hook": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"} {
		write(t, filepath.Join(secrets, name), secret)
	}
	g := newGateway(t, newTarget(t), fmt.Sprintf(`
approvals:
  notify:
    - name: channel
      slack: {token: {file: %[1]s/token}, signing_secret: {file: %[1]s/signing}, channel: C1, api: "%[2]s/api", respond: "%[2]s/respond/"}
    - name: hook
      webhook: {url: "http://127.0.0.1:1/hook", secret: {file: %[1]s/hook}}
`, secrets, slack.URL))
	bob := g.holding()
	sh := g.shell("alice@example.com", g.token("alice@example.com"))
	sh.run("DELETE FROM customers;", "held for approval")
	a := g.waiting(bob)
	g.await("the channel to be told", func() bool {
		return slack.saw("/api/chat.postMessage", a.ID, "DELETE FROM customers", "alice@example.com")
	})
	if code := g.press("approve", a.ID, slack.URL+"/respond/1", false); code != http.StatusUnauthorized {
		t.Errorf("not signed: %d", code)
	}
	if code := g.press("approve", "a-nothing", slack.URL+"/respond/1", true); code != http.StatusOK {
		t.Errorf("no such request: %d", code)
	}
	g.await("bob to be told that there is none", func() bool { return slack.saw("/respond/1", "there is no such request") })
	if code := g.press("approve", a.ID, slack.URL+"/respond/2", true); code != http.StatusOK {
		t.Errorf("pressed: %d", code)
	}
	sh.run("SELECT 'left: ' || count(*) FROM customers;", "left: 0")
	g.await("the message to change", func() bool {
		return slack.saw("/api/chat.update", "approved by bob@example.com") || slack.saw("/api/chat.update", "used")
	})
	g.await("the deliveries to be seen", func() bool {
		out := g.sallyport("approvals", "deliveries")
		return strings.Contains(out, "channel") && strings.Contains(out, "delivered") && strings.Contains(out, "retrying")
	})
	if strings.Contains(g.log.String(), "planted") || strings.Contains(g.log.String(), slackSecret) {
		t.Error("a secret is in the log")
	}
}
