package local_test

import (
	"strings"
	"testing"

	"sallyport/ingress/login/local"
	"sallyport/schemas"
)

type directory map[string]*schemas.UserPut

func (d directory) User(name string) (*schemas.UserPut, bool) {
	u, ok := d[name]
	return u, ok
}

func users(t testing.TB, d directory, key string) *local.Users {
	t.Helper()
	u, err := local.New(local.Config{Directory: func() local.Directory { return d }, Key: []byte(key)})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestCheck(t *testing.T) {
	d := directory{}
	u := users(t, d, "0123456789abcdef0123456789abcdef")
	const password = "pássword of some length" // composed
	phc, err := u.Hash("pa\u0301ssword of some length")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := u.Hash(password); err != nil || again == phc || strings.Contains(phc, "password") {
		t.Errorf("hashes %s and %s, %v", phc, again, err)
	}
	d["alice"] = &schemas.UserPut{Name: "alice", Groups: []string{"eng"}, Password: phc}
	d["keys-only"] = &schemas.UserPut{Name: "keys-only"}
	d["broken"] = &schemas.UserPut{Name: "broken", Password: "$argon2id$v=19$m=99999999999,t=1,p=1$YWJjZGVmZ2g$YQ"}
	if p, err := u.Check(t.Context(), "alice", password); err != nil || p.Name != "alice" || p.Groups[0] != "eng" {
		t.Errorf("the right password: %v, %v", p, err)
	}
	for name, password := range map[string]string{
		"alice": "pássword of some lengt", "bob": password, "keys-only": "", "broken": password, "": "the password of nobody at all",
	} {
		p, err := u.Check(t.Context(), name, password)
		if schemas.Shown(err).Code != schemas.CodeUnauthenticated {
			t.Errorf("%q with %q: %v, %v", name, password, p, err)
		}
	}
	if _, err := u.Check(t.Context(), "alice", password+strings.Repeat("x", 2000)); err == nil {
		t.Error("an endless password was taken")
	}
	if _, err := users(t, d, "another key, 32 bytes, other log").Check(t.Context(), "alice", password); err == nil {
		t.Error("the hash alone, without the gateway's key, is enough")
	}
	for _, bad := range []string{"", "short", strings.Repeat("x", 1025)} {
		if _, err := u.Hash(bad); err == nil {
			t.Errorf("a password of %d bytes was taken", len(bad))
		}
	}
}

// FuzzKept reads whatever could be kept as a hash: it must not panic, nor let anybody in.
func FuzzKept(f *testing.F) {
	for _, seed := range []string{"", "$argon2id$v=19$m=8,t=1,p=1$YWJjZGVmZ2g$YQ", "$argon2id$v=19$m=19456,t=2,p=1$$", "$$$$$", "$argon2i$v=19$m=8,t=1,p=1$YWJjZGVmZ2g$YQ"} {
		f.Add(seed)
	}
	d := directory{}
	u := users(f, d, "0123456789abcdef0123456789abcdef")
	f.Fuzz(func(t *testing.T, phc string) {
		if strings.Contains(phc, "m=") && !strings.Contains(phc, "m=8,") {
			return // much memory takes long, and is not what is looked for
		}
		d["alice"] = &schemas.UserPut{Name: "alice", Password: phc}
		if _, err := u.Check(t.Context(), "alice", "whatever it may be"); err == nil {
			t.Errorf("%q lets alice in", phc)
		}
	})
}
