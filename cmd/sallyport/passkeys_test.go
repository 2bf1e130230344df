package main_test

import (
	"encoding/json"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"sallyport/ingress/login/passkey/passkeytest"
)

// desk is a gateway whose pages are open under a name, as passkeys need it.
type desk struct {
	*gateway
	origin, base string
}

func newPasskeyDesk(t *testing.T, settings string) *desk {
	t.Helper()
	g := newGateway(t, newTarget(t), "identity: {sign_ins_per_address: 300, passwords_per_user: 100"+settings+"}\n")
	_, port, _ := strings.Cut(g.web, ":")
	origin := "http://localhost:" + port
	return &desk{gateway: g, origin: origin, base: origin + "/api/v1"}
}

// password is that of everybody here.
const deskPassword = "correct horse battery"

// user makes a user, and returns a browser that is signed in by password.
func (d *desk) user(name string, groups ...string) *surfer {
	d.t.Helper()
	args := []string{}
	for _, group := range groups {
		args = append(args, "--group", group)
	}
	if out, err := d.addUser(name, deskPassword, args...); err != nil {
		d.t.Fatalf("user add: %v: %s", err, out)
	}
	return d.signIn(name)
}

func (d *desk) signIn(name string) *surfer {
	d.t.Helper()
	s := newSurfer(d.t.(*testing.T))
	if status, body := s.call("POST", d.base+"/identity/password", `{"user":"`+name+`","password":"`+deskPassword+`"}`); status != 204 {
		d.t.Fatalf("sign in: %d %s", status, body)
	}
	return s
}

// asked are the options that the gateway sent, or why it did not.
func (d *desk) asked(s *surfer, path string) (options []byte, status int, body string) {
	d.t.Helper()
	status, body = s.call("POST", d.base+path, "")
	var in struct {
		Options json.RawMessage `json:"options"`
	}
	if status == 200 {
		if err := json.Unmarshal([]byte(body), &in); err != nil {
			d.t.Fatalf("%s: %s: %v", path, body, err)
		}
	}
	return in.Options, status, body
}

func (d *desk) enrol(s *surfer, a *passkeytest.Authenticator) (int, string) {
	d.t.Helper()
	options, status, body := d.asked(s, "/passkeys/enrol")
	if status != 200 {
		return status, body
	}
	return s.call("POST", d.base+"/passkeys", `{"name":"laptop","answer":`+string(a.Create(options))+`}`)
}

func (d *desk) stepUp(s *surfer, a *passkeytest.Authenticator) (int, string) {
	d.t.Helper()
	options, status, body := d.asked(s, "/stepup")
	if status != 200 {
		return status, body
	}
	return s.call("POST", d.base+"/stepup/answer", `{"answer":`+string(a.Get(options))+`}`)
}

func (d *desk) enter(s *surfer, a *passkeytest.Authenticator) (int, string) {
	d.t.Helper()
	options, status, body := d.asked(s, "/identity/passkey/ask")
	if status != 200 {
		return status, body
	}
	return s.call("POST", d.base+"/identity/passkey", `{"answer":`+string(a.Get(options))+`}`)
}

// want checks what an answer is.
func (d *desk) want(what string, status int, body string, wanted int, text string) {
	d.t.Helper()
	if status != wanted || !strings.Contains(body, text) {
		d.t.Errorf("%s: %d %s; want %d and %q", what, status, body, wanted, text)
	}
}

// TestStepUp approves what asks for a passkey: with none, with one, on the command line, and in the name of others.
func TestStepUp(t *testing.T) {
	t.Parallel()
	d := newPasskeyDesk(t, "")
	bobToken := d.holding()
	file := filepath.Join(d.dir, "stepup.yaml")
	write(t, file, strings.Replace(holds, "expires: 10m}", "expires: 10m, stepUp: true}", 1))
	d.sallyport("apply", "-f", file)
	bob, key := d.user("bob", "dba"), passkeytest.New(t, d.origin)
	alice := d.token("alice@example.com")
	sh := d.shell("alice@example.com", alice)
	sh.run("DELETE FROM customers;", "held for approval")
	a := d.waiting(bobToken)
	review := d.base + "/approvals/" + a.ID + "/reviews"
	approve := func(s *surfer) (int, string) { return s.call("POST", review, `{"decision":"approve"}`) }

	status, body := approve(bob)
	d.want("approved without a passkey", status, body, 403, `"code":"step_up"`)
	status, body = d.stepUp(bob, key)
	d.want("stepping up without one", status, body, 409, "no passkey")
	out, err := d.as(bobToken, "approvals", "approve", a.ID)
	if err == nil || !strings.Contains(out, "confirm it in the browser: ") || !strings.Contains(out, "/approvals/"+a.ID) {
		t.Errorf("on the command line: %v %s", err, out)
	}
	out, err = d.as(bobToken, "approvals", "approve", a.ID, "a-nothing")
	if err == nil || !strings.Contains(out, "/approvals/"+a.ID) {
		t.Errorf("several on the command line: %v %s", err, out)
	}

	status, body = d.enrol(bob, key)
	d.want("a first passkey, having just signed in", status, body, 200, `"name":"laptop"`)
	status, body = approve(bob)
	d.want("enrolling is not proving", status, body, 403, `"code":"step_up"`)
	thief := d.signIn("bob")
	status, body = d.enrol(thief, passkeytest.New(t, d.origin))
	d.want("a further passkey by who knows the password alone", status, body, 403, `"code":"step_up"`)
	lying := key.Clone()
	lying.Unverified = true
	status, body = d.stepUp(bob, lying)
	d.want("with nobody verified", status, body, 403, "not proved")
	options, _, _ := d.asked(bob, "/stepup")
	status, body = thief.call("POST", d.base+"/stepup/answer", `{"answer":`+string(key.Get(options))+`}`)
	d.want("an answer in another browser", status, body, 403, "not begun in this browser")
	d.events("identity.sign_in_failed", `"method":"step_up"`)

	status, body = d.stepUp(bob, key)
	d.want("stepping up", status, body, 204, "")
	d.events("identity.signed_in", `"method":"step_up"`)
	status, body = approve(thief)
	d.want("approved in another session of the same person", status, body, 403, `"code":"step_up"`)
	status, body = approve(bob)
	d.want("approved", status, body, 200, `"by":["bob"]`) // and, by now, maybe used
	sh.run("", "DELETE 2")
	d.sallyport("verify")
}

// TestPasskeysOfUsers signs in without a password, by a link at first, and manages passkeys.
func TestPasskeysOfUsers(t *testing.T) {
	t.Parallel()
	d := newPasskeyDesk(t, "")
	link := d.sallyport("user", "add", "carol", "--group", "eng", "--passkey")
	u, err := url.Parse(link[strings.Index(link, "http"):])
	if err != nil || u.Host != strings.TrimPrefix(d.origin, "http://") || u.Query().Get("next") != "/passkeys" {
		t.Fatalf("the link is %s", link)
	}
	carol, key := newSurfer(t), passkeytest.New(t, d.origin)
	key.Count = 1
	code := strings.TrimPrefix(u.Fragment, "code=")
	status, body := carol.call("POST", d.base+"/signin", `{"token":"`+code+`"}`)
	d.want("the link signs in", status, body, 204, "")
	status, body = newSurfer(t).call("POST", d.base+"/signin", `{"token":"`+code+`"}`)
	d.want("once", status, body, 401, "")
	if status, body := carol.call("GET", d.base+"/me", ""); status != 200 || !strings.Contains(body, `"provider":"local"`) || !strings.Contains(body, `"groups":["eng"]`) {
		t.Errorf("carol is %d %s", status, body)
	}
	_, body = carol.call("GET", d.base+"/identity/providers", "")
	d.want("the sign-in page, before anybody has one", 200, body, 200, `"passkeys":""`)
	status, body = d.enrol(carol, key)
	d.want("enrolled", status, body, 200, "laptop")
	_, body = carol.call("GET", d.base+"/identity/providers", "")
	d.want("the sign-in page", 200, body, 200, `"passkeys":"`+d.origin+`"`)

	clone := key.Clone()
	browser := newSurfer(t)
	status, body = d.enter(browser, key)
	d.want("signing in", status, body, 204, "")
	_, body = browser.call("GET", d.base+"/me", "")
	d.want("who it is", 200, body, 200, `"name":"carol"`)
	d.want("it counts as proved", 200, body, 200, `"proven_until"`)
	d.events("identity.signed_in", `"method":"passkey"`)
	foreign := newSurfer(t)
	status, body = foreign.call("POST", d.base+"/identity/passkey/ask", "", "Origin", "https://evil.example", "X-Sallyport", "")
	d.want("from another site", status, body, 403, "other sites")

	second := passkeytest.New(t, d.origin)
	status, body = d.enrol(browser, second)
	d.want("a second, having proved the first", status, body, 200, "")
	if out := d.sallyport("user", "list"); !strings.Contains(out, "carol  eng     no        2") {
		t.Errorf("user list:\n%s", out)
	}
	var made struct{ ID string }
	if err := json.Unmarshal([]byte(body), &made); err != nil {
		t.Fatal(err)
	}
	status, body = browser.call("PUT", d.base+"/passkeys/"+made.ID, `{"name":"phone"}`)
	d.want("named", status, body, 204, "")
	stranger := d.user("dave", "eng")
	for _, method := range []string{"PUT", "DELETE"} {
		status, body = stranger.call(method, d.base+"/passkeys/"+made.ID, `{"name":"mine"}`)
		d.want("somebody else's: "+method, status, body, 404, "no such passkey")
	}
	status, body = carol.call("DELETE", d.base+"/passkeys/"+made.ID, "")
	d.want("removed without proof", status, body, 403, `"code":"step_up"`)
	if out := d.sallyport("passkeys", "list", "carol"); !strings.Contains(out, made.ID+"  phone") {
		t.Errorf("passkeys list:\n%s", out)
	}
	d.sallyport("passkeys", "remove", made.ID)
	d.events("identity.passkey_removed", made.ID)

	status, body = d.enter(newSurfer(t), clone)
	d.want("a clone, whose count is behind", status, body, 401, "may have been copied")
	d.events("identity.sign_in_failed", "sign count did not rise")
	suspected := d.events("identity.passkey_suspected", `"carol"`)
	if !strings.Contains(suspected, `"severity_id":4`) || !strings.Contains(suspected, `"laptop"`) {
		t.Errorf("the event is %s", suspected)
	}
	status, body = d.enter(newSurfer(t), key)
	d.want("the original after that", status, body, 401, "")
	status, body = d.stepUp(browser, key)
	d.want("stepping up with it", status, body, 409, "copied")
	_, body = carol.call("GET", d.base+"/passkeys", "")
	var hers struct{ Passkeys []struct{ ID string } }
	if err := json.Unmarshal([]byte(body), &hers); err != nil || len(hers.Passkeys) != 1 {
		t.Fatalf("her passkeys are %s, %v", body, err)
	}
	status, body = carol.call("PUT", d.base+"/passkeys/"+hers.Passkeys[0].ID, `{"name":"the copied one"}`)
	d.want("named", status, body, 204, "")
	d.events("identity.passkey_changed", "the copied one")
	if n := strings.Count(d.sallyport("events"), `"type":"sallyport.identity.passkey_suspected.v1"`); n != 1 {
		t.Errorf("that it is suspect is told %d times", n)
	}

	d.sallyport("user", "remove", "carol")
	if out := d.sallyport("passkeys", "list", "carol"); strings.Contains(out, "laptop") {
		t.Errorf("passkeys outlive their user:\n%s", out)
	}
	if out, err := d.addUser("carol", deskPassword); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	status, body = d.enter(newSurfer(t), key)
	d.want("the next carol's account", status, body, 401, "")
	d.stop()
	holdsNot(t, d.gateway, code)
}

// TestWhoMayEnrol has sessions that nobody vouched for, or not lately, try to enrol a first passkey.
func TestWhoMayEnrol(t *testing.T) {
	t.Parallel()
	d := newPasskeyDesk(t, ", passkeys: {fresh: 1ns}")
	status, body := d.enrol(d.user("alice", "eng"), passkeytest.New(t, d.origin))
	d.want("long after signing in", status, body, 403, "soon after signing in")
	token, found := d.token("erin@example.com"), newSurfer(t)
	status, body = found.call("POST", d.base+"/signin", `{"token":"`+token+`"}`)
	d.want("signed in with a token", status, body, 204, "")
	status, body = d.enrol(found, passkeytest.New(t, d.origin))
	d.want("a token that was found", status, body, 403, "not with a token")
	status, body = newSurfer(t).call("POST", d.base+"/passkeys/enrol", "", "Authorization", "Bearer "+token)
	d.want("a client's token", status, body, 403, "signed in with a browser")
	status, body = newSurfer(t).call("POST", d.base+"/passkeys/enrol", "")
	d.want("nobody", status, body, 401, "")
}

// TestAdministratorsStepUp asks administrators for a passkey, where the configuration wants it.
func TestAdministratorsStepUp(t *testing.T) {
	t.Parallel()
	d := newPasskeyDesk(t, ", passkeys: {required_for: [resources, users, tokens]}")
	file := filepath.Join(d.dir, "admins.yaml")
	write(t, file, "apiVersion: sallyport/v1\nkind: Role\nmetadata: {name: admins}\nspec:\n  members: {groups: [admin]}\n  targets: {names: [\"*\"]}\n  can: [admin]\n")
	d.sallyport("apply", "-f", file) // through the socket: nobody is asked
	root, key := d.user("root2", "admin"), passkeytest.New(t, d.origin)
	role := `{"apiVersion":"sallyport/v1","kind":"Role","metadata":{"name":"guests"},"spec":{"members":{"groups":["guest"]},"targets":{"names":["*"]}}}`
	actions := map[string]func() (int, string){
		"apply":        func() (int, string) { return root.call("POST", d.base+"/apply", role) },
		"put":          func() (int, string) { return root.call("PUT", d.base+"/resources/role/guests", role) },
		"add a user":   func() (int, string) { return root.call("POST", d.base+"/users", `{"name":"x","create":true}`) },
		"make a token": func() (int, string) { return root.call("POST", d.base+"/tokens", `{"agent":"ci"}`) },
		"open a run":   func() (int, string) { return root.call("POST", d.base+"/runs", `{"agent":"ci","prompt":"x"}`) },
	}
	for name, act := range actions {
		status, body := act()
		d.want(name+" without a passkey", status, body, 403, `"code":"step_up"`)
	}
	status, body := root.call("POST", d.base+"/apply?dry_run=true", role)
	d.want("looking what would change", status, body, 200, "guests")
	status, body = root.call("GET", d.base+"/resources/role", "")
	d.want("reading", status, body, 200, "engineers")
	status, body = root.call("POST", d.base+"/tokens", `{}`)
	d.want("a token for themselves", status, body, 200, `"token"`)
	var own struct{ Token string }
	if err := json.Unmarshal([]byte(body), &own); err != nil {
		t.Fatal(err)
	}
	if status, body := d.enrol(root, key); status != 200 {
		t.Fatalf("enrol: %d %s", status, body)
	}
	if status, body := d.stepUp(root, key); status != 204 {
		t.Fatalf("step up: %d %s", status, body)
	}
	status, body = newSurfer(t).call("POST", d.base+"/users", `{"name":"y","create":true}`, "Authorization", "Bearer "+own.Token)
	d.want("a token that they made", status, body, 403, "which a token cannot")
	for name, act := range actions {
		if status, body := act(); status == 403 || strings.Contains(body, "step_up") {
			t.Errorf("%s, proved: %d %s", name, status, body)
		}
	}
}

// TestPasskeysInBrowser enrols a passkey in a real Chromium, confirms an approval with it and signs in.
func TestPasskeysInBrowser(t *testing.T) {
	t.Parallel()
	d := newPasskeyDesk(t, "")
	bobToken := d.holding()
	file := filepath.Join(d.dir, "stepup.yaml")
	write(t, file, strings.Replace(holds, "expires: 10m}", "expires: 10m, stepUp: true}", 1))
	d.sallyport("apply", "-f", file)
	if out, err := d.addUser("bob", deskPassword, "--group", "dba"); err != nil {
		t.Fatalf("user add: %v: %s", err, out)
	}
	sh := d.shell("alice@example.com", d.token("alice@example.com"))
	sh.run("DELETE FROM customers;", "held for approval")
	given, err := json.Marshal(map[string]string{"user": "bob", "password": deskPassword, "request": d.waiting(bobToken).ID})
	if err != nil {
		t.Fatal(err)
	}
	(&browser{t: t, g: d.gateway}).play("passkeys.mjs", "SALLYPORT_URL="+d.origin, "SALLYPORT_PASSKEYS="+string(given))
	sh.run("", "DELETE 2")
}

// TestStepUpInBrowser has a real Chromium go on with what was begun once a passkey was proved: without consent, and with several
// reviews at once.
func TestStepUpInBrowser(t *testing.T) {
	t.Parallel()
	d := newPasskeyDesk(t, "")
	bobToken := d.holding()
	file := filepath.Join(d.dir, "stepup.yaml")
	write(t, file, strings.Replace(holds, "expires: 10m}", "expires: 10m, stepUp: true, breakGlass: [oncall]}", 1))
	d.sallyport("apply", "-f", file)
	if out, err := d.addUser("bob", deskPassword, "--group", "dba", "--group", "oncall"); err != nil {
		t.Fatalf("user add: %v: %s", err, out)
	}
	own, others := "UPDATE customers SET name = 'x' || name;", []string{"UPDATE customers SET name = upper(name);", "UPDATE customers SET name = lower(name);"}
	held := map[string]*shell{own: d.shell("bob", d.token("bob"))}
	for _, text := range others {
		held[text] = d.shell("alice@example.com", d.token("alice@example.com"))
	}
	for text, sh := range held {
		sh.run(text, "held for approval")
	}
	d.await("three requests", func() bool {
		out, err := d.as(bobToken, "approvals", "list", "--json")
		return err == nil && strings.Count(out, "\n") == 2
	})
	given, err := json.Marshal(map[string]any{"user": "bob", "password": deskPassword, "own": own, "others": others})
	if err != nil {
		t.Fatal(err)
	}
	(&browser{t: t, g: d.gateway}).play("stepup.mjs", "SALLYPORT_URL="+d.origin, "SALLYPORT_STEPUP="+string(given))
	for _, sh := range held {
		sh.run("", "UPDATE 2")
	}
	d.sallyport("verify")
}
