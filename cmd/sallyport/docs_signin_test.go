package main_test

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sallyport/ingress/login/authority/authoritytest"
)

// person is a browser and whoever sits at it, for `sallyport login`: it signs in as carol and lets the terminal in
// that the address or the code in its argument is of.
const person = `import json, os, ssl, sys, urllib.parse, urllib.request, http.cookiejar
base, asked = os.environ["GATEWAY"] + "/api/v1/identity/", sys.argv[1]
secure = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"]))
browser = urllib.request.build_opener(secure, urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
def post(path, body):
    r = urllib.request.Request(base + path, json.dumps(body).encode(), {"X-Sallyport": "1", "Content-Type": "application/json"})
    return browser.open(r).read()
post("password", {"user": "carol", "password": os.environ["PASSWORD"]})
if asked.startswith("https:"):
    q = urllib.parse.parse_qs(urllib.parse.urlparse(asked).query)
    answer = json.loads(post("authorize", {k: q[k][0] for k in ("redirect_uri", "state", "code_challenge")}))
    browser.open(answer["location"]).read()
else:
    post("device/" + asked, {"approve": True})
`

// wrapper is sallyport, whose codes somebody enters elsewhere.
const wrapper = `#!/bin/bash
export %s=1
exec 3>&2
%q "$@" 2> >(while read -r line; do
  echo "$line" >&3
  case $line in *"enter the code "*) python3 "$PERSON" "${line##*the code }" >&3 2>&1 ;; esac
done)
`

// TestSignInDocumentRuns runs every shell block of signin.md against a gateway with what the page configures, a certified
// provider and an authority of certificates.
func TestSignInDocumentRuns(t *testing.T) {
	t.Parallel()
	dir, text := t.TempDir(), page(t, "deploy/docs/signin.md")
	at := func(name string) string { return filepath.Join(dir, name) }
	op, corp, mesh := newCertified(t), authoritytest.New(t, "corp"), authoritytest.New(t, "mesh")
	op.start("eng")
	authoritytest.Write(t, at("corp-ca.pem"), corp.Cert)
	authoritytest.Write(t, at("mesh-ca.pem"), mesh.Cert)
	authoritytest.WriteLists(t, at("corp.crl"), corp.Revoke(corp.Cert.NotAfter))
	cert, key := corp.Files(func(c *x509.Certificate) { c.EmailAddresses = []string{"alice@example.com"} })

	settings := "tls: {loopback: true}\nidentity:\n"
	for _, one := range []string{"certificates", "workloads"} {
		_, after, found := strings.Cut(text, "  "+one+":\n")
		block, _, closed := strings.Cut(after, "```")
		if !found || !closed {
			t.Fatalf("the page configures no %s", one)
		}
		settings += "  " + one + ":\n" + block
	}
	settings = strings.NewReplacer(
		"/etc/sallyport", dir, "https://token.actions.example.com", op.issuer(), `"repo:acme/app:*"`, "robot",
		"    claims: {environment: production}\n", "", "ci/{repository}", "ci/{client_id}",
	).Replace(settings)
	g := newGateway(t, newTarget(t), settings)
	const password = "correct horse battery"
	if out, err := g.addUser("carol", password, "--group", "eng"); err != nil {
		t.Fatalf("user add: %v: %s", err, out)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	write(t, at("person.py"), person)
	write(t, at("browser"), "#!/bin/sh\nexec python3 "+at("person.py")+" \"$1\"\n")
	write(t, at("sallyport"), fmt.Sprintf(wrapper, runAsMain, exe))
	for _, name := range []string{"browser", "sallyport"} {
		if err := os.Chmod(at(name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write(t, at("ca.pem"), g.sallyport("ca")+"\n")
	write(t, at("secret"), "robot-secret\n")
	token := op.clientToken("robot")
	write(t, at("token"), token)

	script, ran := "set -euo pipefail\n", 0
	for _, block := range blocks.FindAllStringSubmatch(text, -1) {
		script += strings.NewReplacer("https://gateway.example.com", "https://"+g.web, "gateway-ca.pem", at("ca.pem"), "127.0.0.1:7080", g.web, "port=7432", "port="+g.port).Replace(block[1])
		ran++
	}
	if ran < 5 {
		t.Errorf("only %d blocks were found", ran)
	}
	c := exec.Command("bash", "-c", script)
	c.Dir, c.Stdin = g.dir, strings.NewReader(password+"\n")
	c.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "HOME="+at("home"), "XDG_CONFIG_HOME="+at("home"), "SALLYPORT_TOKEN=",
		"BROWSER="+at("browser"), "PERSON="+at("person.py"), "GATEWAY=https://"+g.web, "PASSWORD="+password,
		"SSL_CERT_FILE="+at("ca.pem"), "CURL_CA_BUNDLE="+at("ca.pem"), "JOB_TOKEN="+token, "JOB_TOKEN_FILE="+at("token"),
		"ISSUER="+op.issuer(), "CLIENT_ID=robot", "SECRET_FILE="+at("secret"), "ME=alice@example.com", "CERT="+cert, "KEY="+key)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\n--- what ran:\n%s", err, out, script)
	}
	for what, n := range map[string]int{"carol is signed in until": 3, "ci/robot is signed in until": 2, `"access_token":"sp_`: 1, `"name":"alice@example.com"`: 1} {
		if strings.Count(string(out), what) != n {
			t.Errorf("%q is not there %d times in what the commands print:\n%s", what, n, out)
		}
	}
}

// clientToken gets a token for a client's credentials.
func (c *certified) clientToken(client string) string {
	c.t.Helper()
	r, err := http.NewRequest(http.MethodPost, c.issuer()+"/token", strings.NewReader(url.Values{"grant_type": {"client_credentials"}}.Encode()))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(client, client+"-secret")
	var token struct {
		Token string `json:"access_token"`
	}
	answer(c.t, r, &token)
	return token.Token
}
