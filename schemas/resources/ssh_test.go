package resources_test

import (
	"strings"
	"testing"

	"sallyport/schemas/resources"
)

func TestSSHRules(t *testing.T) {
	s := &resources.SSH{Forwards: &resources.Forwards{
		Local: []string{"*.internal:5432", "10.0.0.0/8:8000-8099", "[::1]:*", "db:80"}, Remote: []string{"127.0.0.1:9000"}}}
	for at, want := range map[string]bool{
		"a.internal 5432": true, "A.Internal. 5432": true, "a.internal 5433": false, "internal 5432": false,
		"10.1.2.3 8000": true, "10.1.2.3 8100": false, "11.1.2.3 8000": false, "::ffff:10.1.2.3 8001": true,
		"::1 1": true, "0:0:0:0:0:0:0:1 1": true, "db 80": true, "db.evil 80": false, "127.0.0.1 9000": false,
	} {
		host, port, _ := strings.Cut(at, " ")
		n := uint32(0)
		for _, c := range port {
			n = n*10 + uint32(c-'0')
		}
		if got := s.AllowsForward(false, host, n); got != want {
			t.Errorf("%s: %v, want %v", at, got, want)
		}
	}
	if !s.AllowsForward(true, "127.0.0.1", 9000) || s.AllowsForward(true, "0.0.0.0", 9000) || (*resources.SSH)(nil).AllowsForward(false, "db", 80) {
		t.Error("rules of listeners")
	}
	for name, want := range map[string]bool{"LANG": true, "LC_ALL": true, "LD_PRELOAD": false, "LC_X=Y": false, "": false} {
		if got := s.AllowsEnv(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestSSHTargetsSayHowTheyProveThemselves(t *testing.T) {
	const head = "apiVersion: sallyport/v1\nkind: Target\nmetadata: {name: web1}\nspec:\n  protocol: ssh\n  address: 10.0.0.5:22\n"
	for spec, want := range map[string]string{
		"  credential: {username: deploy, certificate: true}\n  ssh: {hostKeys: [ssh-ed25519 AAAA]}\n":                                       "",
		"  credential: {username: deploy, certificate: true}\n":                                                                              "nothing is trusted on first use",
		"  credential: {username: deploy}\n  ssh: {knownHosts: /x}\n":                                                                        "exactly one of password, key and certificate",
		"  credential: {username: deploy, certificate: true, key: {env: K}}\n  ssh: {knownHosts: /x}\n":                                      "exactly one of password, key and certificate",
		"  credential: {username: deploy, key: {env: K}}\n  tls: {mode: require}\n  ssh: {knownHosts: /x}\n":                                 "spec.tls",
		"  credential: {username: deploy, key: {env: K}}\n  ssh: {knownHosts: /x, forwards: {local: [\"a:b\"]}}\n":                           "is not host:port",
		"  credential: {username: deploy, key: {env: K, file: f}}\n  ssh: {knownHosts: /x}\n":                                                "spec.credential.key",
		"  credential: {username: deploy, key: {env: K}}\n  ssh: {knownHosts: /x, env: [\"A=*\"]}\n":                                         "is not a pattern of names",
		"  credential: {username: deploy, key: {env: K}}\n  ssh: {hostCAs: [x], files: digest, legacy: true, logins: [root], env: [LC_*]}\n": "",
	} {
		_, err := resources.Load("test.yaml", []byte(head+spec))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", spec, err, want)
		}
	}
}
