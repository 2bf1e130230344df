package main_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sallyport/cmd/internal/api"
)

// TestClientCertificates connects with a certificate in place of a password, as libpq does.
func TestClientCertificates(t *testing.T) {
	t.Parallel()
	g := newGateway(t, newTarget(t), "")
	name := filepath.Join(g.dir, "alice")
	var made api.CertificateMade
	out := g.sallyport("token", "create", "--user", "alice", "--group", "eng", "--ttl", "30m", "--certificate", name, "--json")
	if err := json.Unmarshal([]byte(out), &made); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(name + ".key"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file is %v, %v", info, err)
	}
	with := func(user, target string) (string, error) {
		c := g.psql(user, "", "-w", "-c", "SELECT 'in as ' || 'told'")
		c.Args[2] = strings.Replace(c.Args[2], "dbname=orders", "dbname="+target+" sslmode=require sslcert="+name+".crt sslkey="+name+".key", 1)
		out, err := c.CombinedOutput()
		return string(out), err
	}
	if out, err := with("alice", "orders"); err != nil || !strings.Contains(out, "in as told") {
		t.Fatalf("psql with a certificate: %v: %s", err, out)
	}
	g.await("the session to be listed", func() bool { return len(g.sessions()) == 1 && g.newest().Principal == "alice" })
	// The name decides who is to be proven; the certificate proves nobody else.
	g.token("bob")
	if out, err := with("bob", "orders"); err == nil || !strings.Contains(out, "no password supplied") {
		t.Errorf("alice's certificate was taken for bob: %v: %s", err, out)
	}
	// It is no password and no bearer, and its key alone is nothing.
	if status, _ := g.get(strings.ReplaceAll(made.Certificate, "\n", ""), "/me"); status < 400 {
		t.Errorf("a certificate was taken for a bearer: %d", status)
	}
	listed := g.sallyport("token", "list", "--json")
	if !strings.Contains(listed, made.ID) || !strings.Contains(listed, `"serial":"`) {
		t.Errorf("it is not listed: %s", listed)
	}
	// A session of it ends with it.
	s := g.shellOf(g.psql("alice", "", "-w"), "sslmode=require sslcert="+name+".crt sslkey="+name+".key")
	s.run("SELECT 'still ' || 'here';", "still here")
	g.sallyport("token", "revoke", made.ID)
	s.run("SELECT 'after ' || 'all';", "the token was revoked")
	if out, err := with("alice", "orders"); err == nil {
		t.Errorf("a revoked certificate connected: %s", out)
	}
}
