package credential_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sallyport/ingress/credential"
	"sallyport/schemas"
	"sallyport/schemas/resources"
)

func TestResolve(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("SALLYPORT_TEST_SECRET", "from env")
	t.Setenv("SALLYPORT_TEST_EMPTY", "")
	key, err := credential.LoadKey(filepath.Join(dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := credential.NewSealer(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		ref  *resources.SecretRef
		want string
		fail bool
	}{
		"none":          {ref: nil, want: ""},
		"env":           {ref: &resources.SecretRef{Env: "SALLYPORT_TEST_SECRET"}, want: "from env"},
		"env unset":     {ref: &resources.SecretRef{Env: "SALLYPORT_TEST_NOTHING"}, fail: true},
		"env empty":     {ref: &resources.SecretRef{Env: "SALLYPORT_TEST_EMPTY"}, fail: true},
		"file":          {ref: &resources.SecretRef{File: write("a", "pass word\n")}, want: "pass word"},
		"file crlf":     {ref: &resources.SecretRef{File: write("b", "x\r\n")}, want: "x"},
		"file two":      {ref: &resources.SecretRef{File: write("c", "x\n\n")}, want: "x\n"},
		"file empty":    {ref: &resources.SecretRef{File: write("d", "\n")}, fail: true},
		"file missing":  {ref: &resources.SecretRef{File: filepath.Join(dir, "nothing")}, fail: true},
		"file is a dir": {ref: &resources.SecretRef{File: dir}, fail: true},
		"file too big":  {ref: &resources.SecretRef{File: write("e", strings.Repeat("x", credential.MaxFile+1))}, fail: true},
		"sealed":        {ref: &resources.SecretRef{Sealed: sealer.Seal(credential.NewSecret("s3cret"))}, want: "s3cret"},
		"sealed junk":   {ref: &resources.SecretRef{Sealed: "v1.AAAA"}, fail: true},
		"empty ref":     {ref: &resources.SecretRef{}, fail: true},
		"two":           {ref: &resources.SecretRef{Env: "A", File: "b"}, fail: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := credential.New(credential.Config{Sealer: sealer}).Resolve(context.Background(), c.ref)
			if (err != nil) != c.fail {
				t.Fatalf("error %v, want one: %v", err, c.fail)
			}
			if got.Reveal() != c.want {
				t.Errorf("got %q, want %q", got.Reveal(), c.want)
			}
			if err != nil && schemas.Shown(err).Code == schemas.CodeInternal {
				t.Errorf("error %v is not for the user", err)
			}
		})
	}
}

func TestSecretIsNeverPrinted(t *testing.T) {
	s := struct{ S credential.Secret }{credential.NewSecret("hunter2")}
	j, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprint(s), fmt.Sprintf("%+v %#v %s %q", s, s, s.S, s.S), string(j)} {
		if strings.Contains(text, "hunter2") {
			t.Errorf("secret shown in %s", text)
		}
	}
}

func TestSealedIsBoundToKeyAndText(t *testing.T) {
	dir := t.TempDir()
	a := sealerOf(t, filepath.Join(dir, "a"))
	b := sealerOf(t, filepath.Join(dir, "b"))
	text := a.Seal(credential.NewSecret("s3cret"))
	if again := sealerOf(t, filepath.Join(dir, "a")); again != nil {
		if got, err := again.Open(text); err != nil || got.Reveal() != "s3cret" {
			t.Errorf("a key that was loaded again does not open: %v", err)
		}
	}
	if _, err := b.Open(text); err == nil {
		t.Error("another key opened it")
	}
	for i := range len(text) {
		c := byte('A')
		if text[i] == c {
			c = 'B'
		}
		if got, err := a.Open(text[:i] + string(c) + text[i+1:]); err == nil && got.Reveal() != "s3cret" {
			t.Fatalf("altered at %d: opened as something else", i)
		}
	}
}

func TestLoadKeyRefusesOpenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, make([]byte, 32), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := credential.LoadKey(path); err == nil {
		t.Error("a key that others may read was accepted")
	}
}

func sealerOf(t *testing.T, path string) *credential.Sealer {
	t.Helper()
	key, err := credential.LoadKey(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := credential.NewSealer(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
