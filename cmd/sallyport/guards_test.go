package main_test

import (
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"sallyport/ingress/login/passkey/passkeytest"
)

// guardsDeclared lets admins administer and end sessions, and conceals names from all but privacy.
const guardsDeclared = `apiVersion: sallyport/v1
kind: Role
metadata: {name: admins}
spec:
  members: {groups: [admin]}
  targets: {names: ["*"]}
  can: [admin, kill]
---
apiVersion: sallyport/v1
kind: Role
metadata: {name: doomed}
spec: {members: {groups: [nobody]}, targets: {names: ["*"]}}
---
apiVersion: sallyport/v1
kind: Mask
metadata: {name: names}
spec: {targets: {names: [orders]}, columns: ["customers.name"], except: {groups: [privacy]}}
`

// guarded is something that asks for a passkey.
type guarded struct {
	name, method, path, body string
	done                     int // status when it is done
}

// guardsDesk has a session of carol's to reveal, and an open one of hers to end.
func guardsDesk(t *testing.T) (d *desk, closed string, actions []guarded) {
	t.Helper()
	d = newPasskeyDesk(t, ", passkeys: {required_for: [resources, users, tokens, reveal, kill]}")
	file := filepath.Join(d.dir, "guards.yaml")
	write(t, file, guardsDeclared)
	d.sallyport("apply", "-f", file)
	token := d.sallyport("token", "create", "--user", "carol", "--group", "eng", "--group", "privacy", "--ttl", "1h")
	if out, err := d.psql("carol", token, "-c", "SELECT name FROM customers").CombinedOutput(); err != nil || !strings.Contains(string(out), "Grace") {
		t.Fatalf("carol is excepted, and sees %s %v", out, err)
	}
	d.await("carol's session to be closed", func() bool {
		for _, s := range d.sessions() {
			if s.Principal == "carol" && !s.Open {
				closed = s.ID
			}
		}
		return closed != ""
	})
	d.shell("carol", token).run("SELECT 1;", "1")
	open := ""
	d.await("another to be open", func() bool {
		for _, s := range d.sessions() {
			if s.Principal == "carol" && s.Open {
				open = s.ID
			}
		}
		return open != ""
	})
	if out, err := d.addUser("victim", deskPassword); err != nil {
		t.Fatalf("user add: %v: %s", err, out)
	}
	role := `{"apiVersion":"sallyport/v1","kind":"Role","metadata":{"name":"guests"},"spec":{"members":{"groups":["guest"]},"targets":{"names":["*"]}}}`
	return d, closed, []guarded{
		{"apply", "POST", "/apply", role, 200},
		{"put a resource", "PUT", "/resources/role/guests", role, 200},
		{"delete a resource", "DELETE", "/resources/role/doomed", "", 204},
		{"change a user", "POST", "/users", `{"name":"victim","groups":["eng"]}`, 204},
		{"delete a user", "DELETE", "/users/victim", "", 204},
		{"kill", "POST", "/sessions/" + open + "/kill", `{"reason":"x"}`, 204},
	}
}

func (d *desk) act(s *surfer, a guarded, header ...string) (int, string) {
	d.t.Helper()
	return s.call(a.method, d.base+a.path, a.body, header...)
}

// TestGuards has people without the permission, without a passkey, and with what proves nothing try what
// identity.passkeys.required_for guards; and then who may.
func TestGuards(t *testing.T) {
	t.Parallel()
	d, closed, actions := guardsDesk(t)
	reveal := guarded{"reveal", "POST", "/sessions/" + closed + "/reveal", `{"reason":"a question"}`, 200}

	// Who may not is refused for that, before they are asked for anything, and whatever they have proved.
	mallory, hers := d.user("mallory", "guest"), passkeytest.New(t, d.origin)
	dave := d.user("dave", "eng") // reads sessions, and is not excepted from the mask
	unpermitted := func(when string) {
		t.Helper()
		for _, a := range append(actions, reveal) {
			status, body := d.act(mallory, a)
			d.want("without the permission, "+when+": "+a.name, status, body, 403, `"code":"forbidden"`)
		}
		status, body := d.act(dave, reveal)
		d.want("read, and not excepted, "+when, status, body, 403, "not excepted")
	}
	unpermitted("with no passkey")
	for _, s := range []*surfer{mallory, dave} {
		if status, body := d.enrol(s, hers); status != 200 {
			t.Fatalf("enrol: %d %s", status, body)
		}
		if status, body := d.stepUp(s, hers); status != 204 {
			t.Fatalf("step up: %d %s", status, body)
		}
		hers = passkeytest.New(t, d.origin)
	}
	unpermitted("having proved one")

	root, key := d.user("root2", "admin"), passkeytest.New(t, d.origin)
	carol, carols := d.user("carol", "eng", "privacy"), passkeytest.New(t, d.origin)
	asked := func(when string) {
		t.Helper()
		for _, a := range actions {
			status, body := d.act(root, a)
			d.want(when+": "+a.name, status, body, 403, `"code":"step_up"`)
		}
		status, body := d.act(carol, reveal)
		d.want(when+": reveal", status, body, 403, `"code":"step_up"`)
		if strings.Contains(body, "Grace") {
			t.Errorf("%s: revealed in %s", when, body)
		}
	}
	asked("without a passkey")
	for s, a := range map[*surfer]*passkeytest.Authenticator{root: key, carol: carols} {
		if status, body := d.enrol(s, a); status != 200 {
			t.Fatalf("enrol: %d %s", status, body)
		}
	}
	asked("with one that was not proved")
	d.forge(root, key, carols)
	asked("after what proves nothing")

	// What was proved counts in that browser session alone.
	spent, cookie := d.prove(root, key)
	status, body := root.call("POST", d.base+"/stepup/answer", spent, "Cookie", cookie)
	d.want("the same answer again", status, body, 403, "")
	other := d.signIn("root2")
	status, body = other.call("POST", d.base+"/stepup/answer", spent, "Cookie", cookie)
	d.want("the same answer in another session", status, body, 403, "")
	for _, a := range actions {
		status, body := d.act(other, a)
		d.want("in a session that proved nothing: "+a.name, status, body, 403, `"code":"step_up"`)
	}
	token := d.sallyport("token", "create", "--user", "root2", "--group", "admin", "--ttl", "1h")
	for _, a := range actions {
		status, body := d.act(newSurfer(t), a, "Authorization", "Bearer "+token)
		d.want("with a token: "+a.name, status, body, 403, "which a token cannot")
	}
	if out := d.sallyport("get", "role", "doomed"); !strings.Contains(out, "doomed") || !strings.Contains(d.sallyport("user", "list"), "victim") {
		t.Errorf("a refused deletion was done:\n%s", out)
	}

	d.prove(carol, carols)
	status, body = d.act(carol, reveal)
	d.want("revealed to who proved it", status, body, 200, "Grace")
	for _, a := range actions {
		status, body := d.act(root, a)
		d.want("by who may and proved it: "+a.name, status, body, a.done, "")
	}
	if out := d.sallyport("user", "list"); strings.Contains(out, "victim") {
		t.Errorf("still there:\n%s", out)
	}
	d.events("session.viewed", `"reveal"`)
	d.sallyport("verify")
}

const cookieProof = "sallyport_passkey_proof"

// cookie is what a browser holds under a name.
func (d *desk) cookie(s *surfer, name string) string {
	d.t.Helper()
	u, err := url.Parse(d.origin)
	if err != nil {
		d.t.Fatal(err)
	}
	for _, c := range s.client.Jar.Cookies(u) {
		if c.Name == name {
			return c.Value
		}
	}
	d.t.Fatalf("there is no cookie %s", name)
	return ""
}

// prove steps up, and returns what was sent: the answer and the cookie.
func (d *desk) prove(s *surfer, a *passkeytest.Authenticator) (answer, cookie string) {
	d.t.Helper()
	options, status, body := d.asked(s, "/stepup")
	if status != 200 {
		d.t.Fatalf("step up: %d %s", status, body)
	}
	cookie = (&http.Cookie{Name: cookieProof, Value: d.cookie(s, cookieProof)}).String()
	answer = `{"answer":` + string(a.Get(options)) + `}`
	if status, body := s.call("POST", d.base+"/stepup/answer", answer); status != 204 {
		d.t.Fatalf("step up: %d %s", status, body)
	}
	return answer, cookie
}

// forge answers with what was made for another action, by somebody else, or for a question that another asked.
func (d *desk) forge(s *surfer, key, another *passkeytest.Authenticator) {
	d.t.Helper()
	refused := func(what string, options []byte, a *passkeytest.Authenticator, header ...string) {
		d.t.Helper()
		status, body := s.call("POST", d.base+"/stepup/answer", `{"answer":`+string(a.Get(options))+`}`, header...)
		d.want(what, status, body, 403, "")
		if strings.Contains(body, `"code":"step_up"`) {
			d.t.Errorf("%s: %s", what, body)
		}
	}
	for path, name := range map[string]string{"/identity/passkey/ask": "sallyport_passkey_signin", "/passkeys/enrol": "sallyport_passkey_new"} {
		from := s
		if name == "sallyport_passkey_new" { // a first one, that of somebody who has none
			from = d.user("erin", "eng")
		}
		options, status, body := d.asked(from, path)
		if status != 200 {
			d.t.Fatalf("%s: %d %s", path, status, body)
		}
		refused("an answer to "+path+" with its own cookie", options, key, "Cookie", cookieProof+"="+d.cookie(from, name))
		if _, status, body := d.asked(s, "/stepup"); status != 200 {
			d.t.Fatalf("step up: %d %s", status, body)
		}
		refused("an answer to "+path+" with the cookie of a proof", options, key)
	}
	options, _, _ := d.asked(s, "/stepup")
	refused("somebody else's passkey", options, another)
	thief := d.signIn("root2")
	options, _, _ = d.asked(thief, "/stepup")
	refused("a question asked of another session", options, key, "Cookie", cookieProof+"="+d.cookie(thief, cookieProof))
	options, _, _ = d.asked(s, "/stepup")
	lying := key.Clone()
	lying.Unverified = true
	refused("touched by whoever was there", options, lying)
	if _, status, body := d.asked(s, "/stepup"); status != 200 {
		d.t.Fatalf("step up: %d %s", status, body)
	}
	refused("a challenge that was asked before", options, key)
}
