package scram_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"sallyport/ingress/internal/scram"
)

func keys(t testing.TB, secrets ...string) []scram.Keys {
	t.Helper()
	var out []scram.Keys
	for _, s := range secrets {
		k, err := scram.Derive(s, []byte("salty"), 4096)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, k)
	}
	return out
}

func exchange(s *scram.Server, c *scram.Client) (int, error) {
	first, err := s.First(c.Mechanism(), c.First())
	if err != nil {
		return -1, err
	}
	final, err := c.Final(first)
	if err != nil {
		return -1, err
	}
	answer, key, err := s.Final(final)
	if err != nil {
		return -1, err
	}
	return key, c.Verify(answer)
}

func TestExchange(t *testing.T) {
	point, other := []byte("endpoint"), []byte("another")
	for name, c := range map[string]struct {
		secrets  []string
		password string
		server   []byte
		client   []byte
		offered  bool
		key      int
		err      error
	}{
		"one":                     {secrets: []string{"a"}, password: "a", key: 0},
		"second of three":         {secrets: []string{"a", "b", "c"}, password: "b", key: 1},
		"wrong":                   {secrets: []string{"a"}, password: "b", key: -1, err: scram.ErrProof},
		"nobody":                  {password: "a", key: -1, err: scram.ErrProof},
		"bound":                   {secrets: []string{"a"}, password: "a", server: point, client: point, key: 0},
		"bound to somebody else":  {secrets: []string{"a"}, password: "a", server: point, client: other, key: -1, err: scram.ErrBinding},
		"binding declined":        {secrets: []string{"a"}, password: "a", server: point, key: 0},
		"the offer was taken off": {secrets: []string{"a"}, password: "a", server: point, offered: true, key: -1, err: scram.ErrBinding},
		"binding without offer":   {secrets: []string{"a"}, password: "a", client: point, key: -1, err: scram.ErrMalformed},
		"could but no offer":      {secrets: []string{"a"}, password: "a", offered: true, key: 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := scram.NewServer([]byte("salty"), 4096, keys(t, c.secrets...), c.server)
			key, err := exchange(s, scram.NewClient(c.password, c.client, c.offered))
			if key != c.key || !errors.Is(err, c.err) {
				t.Errorf("got key %d, %v; want %d, %v", key, err, c.key, c.err)
			}
		})
	}
}

// The example of RFC 7677 section 3, whose server-side values PostgreSQL stores in the same form.
func TestDerive(t *testing.T) {
	k, err := scram.Derive("pencil", []byte("[m\x99h\x9d\x125\x8e\xec\xa0K\x14\x126\xfa\x81"), 4096)
	if err != nil {
		t.Fatal(err)
	}
	if len(k.StoredKey) != 32 || len(k.ServerKey) != 32 || bytes.Equal(k.StoredKey, k.ServerKey) {
		t.Errorf("keys %x %x", k.StoredKey, k.ServerKey)
	}
}

func TestClientRefusesServerThatDoesNotKnow(t *testing.T) {
	s := scram.NewServer([]byte("salty"), 4096, keys(t, "a"), nil)
	c := scram.NewClient("a", nil, false)
	first, err := s.First(c.Mechanism(), c.First())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Final(first); err != nil {
		t.Fatal(err)
	}
	for _, m := range []string{"", "v=", "e=other-error", "v=" + strings.Repeat("A", 43) + "="} {
		if err := c.Verify([]byte(m)); !errors.Is(err, scram.ErrServer) {
			t.Errorf("%q: %v", m, err)
		}
	}
	if _, err := c.Final([]byte("r=other,s=c2FsdHk=,i=4096")); err == nil {
		t.Error("another nonce was accepted")
	}
	if _, err := c.Final(append(first, "000000000"...)); err == nil {
		t.Error("an absurd iteration count was accepted")
	}
}

func FuzzServer(f *testing.F) {
	f.Add([]byte("n,,n=,r=abc"), []byte("c=biws,r=abc,p=AAAA"), false)
	f.Add([]byte("p=tls-server-end-point,,n=,r=abc"), []byte("c=,r=,p="), true)
	f.Add([]byte("y,,n=,r=,"), []byte(",p="), true)
	ks := keys(f, "a")
	f.Fuzz(func(t *testing.T, first, final []byte, bound bool) {
		var point []byte
		mechanism := scram.SHA256
		if bound {
			point, mechanism = []byte("x"), scram.SHA256Plus
		}
		s := scram.NewServer([]byte("salty"), 4096, ks, point)
		if _, err := s.First(mechanism, first); err != nil {
			return
		}
		if _, key, err := s.Final(final); err == nil || key >= 0 {
			t.Fatalf("a proof made without the secret was accepted: %q %q", first, final)
		}
	})
}

func FuzzClient(f *testing.F) {
	f.Add([]byte("r=abc,s=c2FsdHk=,i=1"), []byte("v=AAAA"))
	f.Fuzz(func(t *testing.T, first, final []byte) {
		if bytes.Contains(first, []byte("i=")) && len(first) > 64 {
			return // iteration counts cost time
		}
		c := scram.NewClient("a", nil, false)
		c.First()
		_, _ = c.Final(first)
		if c.Verify(final) == nil {
			t.Fatalf("%q was accepted", final)
		}
	})
}
