package pace_test

import (
	"fmt"
	"testing"
	"time"

	"sallyport/ingress/login/pace"
)

func TestPace(t *testing.T) {
	now := time.Unix(0, 0)
	p := pace.New(6, func() time.Time { return now })
	tries := func(key string) (n int) {
		for range 20 {
			if p.Allow(key) {
				n++
			}
		}
		return n
	}
	if got := tries("a"); got != 6 {
		t.Errorf("%d tries at once, want 6", got)
	}
	if got := tries("b"); got != 6 {
		t.Errorf("%d tries of another, want 6", got)
	}
	now = now.Add(20 * time.Second)
	if got := tries("a"); got != 2 {
		t.Errorf("%d tries after 20 s, want 2", got)
	}
	for i := range 60_000 { // made-up keys push others out, and shut nobody out
		if !p.Allow(fmt.Sprint("flood ", i)) {
			t.Fatal("a new key was refused")
		}
	}
}

func TestAddress(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1:9": "192.0.2.1", "[::ffff:192.0.2.1]:9": "192.0.2.1", "[2001:db8:1:2:3::4]:9": "2001:db8:1:2::/64",
		"[fe80::1%eth0]:9": "fe80::/64", "@": "@",
	} {
		if got := pace.Address(remote); got != want {
			t.Errorf("%s: %s, want %s", remote, got, want)
		}
	}
}
