package main_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestSignInBrowser signs in with every kind of provider, and signs terminals in, in a real Chromium.
func TestSignInBrowser(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("../../replay/web/node_modules/playwright-core"); err != nil {
		t.Fatal("the browser tests need what `deploy/web.sh install` installs")
	}
	idp, secret := newSimpleSAML(t), filepath.Join(t.TempDir(), "secret")
	write(t, secret, "gateway-secret\n")
	d := &dex{t: t, listen: "127.0.0.1:" + freePort(t)}
	g := newGateway(t, newTarget(t), `identity:
  sign_ins_per_address: 300
  providers:
  - {name: corp, title: Corp, oidc: {issuer: "`+d.issuer()+`", client_id: gateway, client_secret: {file: `+secret+`}, scopes: [openid, email, groups]}}
  - {name: idp, title: Identity provider, saml: {metadata_url: "`+idp.metadata()+`"}}
`)
	base := "http://" + g.web + "/api/v1/identity"
	d.start(base+"/oidc/corp/callback", "eng")
	t.Cleanup(d.stop)
	idp.trust(base+"/saml/idp", "")
	idp.start()
	const password = "correct horse battery"
	if out, err := g.addUser("alice", password, "--group", "eng"); err != nil {
		t.Fatalf("user add: %v: %s", err, out)
	}
	here, elsewhere := g.login(t), g.login(t, "--device")
	given, err := json.Marshal(map[string]string{
		"user": "alice", "password": password, "oidc": "Corp", "saml": "Identity provider",
		"login": here.saw(g, `(?m)^(http\S+/login\?\S+)$`)[1], "code": elsewhere.saw(g, `enter the code (\S+)`)[1],
	})
	if err != nil {
		t.Fatal(err)
	}
	script := exec.Command("node", "e2e/signin.mjs")
	script.Dir = "../../replay/web"
	script.Env = append(os.Environ(), "SALLYPORT_URL=http://"+g.web, "SALLYPORT_SIGNIN="+string(given), browserPatience())
	script.Stderr = os.Stderr
	out, err := script.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := script.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = script.Process.Kill() })
	done := (&browser{t: t, g: g}).drive(out)
	if err := script.Wait(); err != nil || !done {
		t.Errorf("the browser's half ended: %v", err)
	}
	here.works(g, "alice", "eng")
	elsewhere.works(g, "alice", "eng")
}
