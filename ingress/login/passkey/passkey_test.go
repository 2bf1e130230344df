package passkey_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"sallyport/ingress/login/once"
	"sallyport/ingress/login/passkey"
	"sallyport/ingress/login/passkey/passkeytest"
	"sallyport/schemas"
	"sallyport/schemas/journal/journaltest"
)

const (
	domain = "gateway.example.com"
	origin = "https://gateway.example.com"
)

// kept is a directory of passkeys.
type kept map[string]*schemas.PasskeyPut

func (k kept) Passkey(id []byte) (*schemas.PasskeyPut, bool) {
	p, ok := k[string(id)]
	return p, ok
}

func (k kept) Passkeys(user string) []*schemas.PasskeyPut {
	var all []*schemas.PasskeyPut
	for _, p := range k {
		if p.User == user {
			all = append(all, p)
		}
	}
	return all
}

// desk is two replicas of what judges passkeys, with one directory and a clock that a test moves.
type desk struct {
	t    *testing.T
	keys [2]*passkey.Keys
	kept kept
	now  time.Time
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, kept: kept{}, now: time.Unix(1_800_000_000, 0)}
	log := journaltest.Open(t)
	for i := range d.keys {
		clock := func() time.Time { return d.now }
		ledger, err := once.New(t.Context(), once.Config{Log: log, Now: clock})
		if err != nil {
			t.Fatal(err)
		}
		d.keys[i], err = passkey.New(passkey.Config{
			RelyingParty: domain, Title: "Sallyport", Origins: []string{origin}, Life: 5 * time.Minute, Most: 3, Key: bytes.Repeat([]byte{7}, 32),
			Directory: func() passkey.Directory { return d.kept }, Spent: ledger, Now: clock,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return d
}

var alice = passkey.Holder{User: "alice", Session: "t-alice"}

// enrol enrols a passkey of somebody with an authenticator.
func (d *desk) enrol(who passkey.Holder, a *passkeytest.Authenticator) *schemas.PasskeyPut {
	d.t.Helper()
	asked, err := d.keys[0].Enrol(who, true)
	if err != nil {
		d.t.Fatal(err)
	}
	put, err := d.keys[1].Enrolled(d.t.Context(), who, asked.State, "laptop", a.Create(asked.Options))
	if err != nil {
		d.t.Fatal(err)
	}
	d.kept[string(put.Id)] = put
	return put
}

func (d *desk) prove(who passkey.Holder) *passkey.Asked {
	d.t.Helper()
	asked, err := d.keys[0].Prove(who)
	if err != nil {
		d.t.Fatal(err)
	}
	return asked
}

// TestPasskey enrols one, proves it and signs in with it.
func TestPasskey(t *testing.T) {
	d := newDesk(t)
	a := passkeytest.New(t, origin)
	a.Count = 1
	put := d.enrol(alice, a)
	want := &schemas.PasskeyPut{User: "alice", Label: "laptop", SignCount: 1, Flags: 0x45, Created: d.now.UnixNano(), Transports: []string{"internal"}, Aaguid: make([]byte, 16)}
	if diff := cmp.Diff(want, put, protocmp.Transform(), protocmp.IgnoreFields(&schemas.PasskeyPut{}, "id", "public_key", "handle")); diff != "" {
		t.Errorf("enrolled (-want +got):\n%s", diff)
	}
	if len(put.Handle) != 64 || bytes.Contains(put.Handle, []byte("alice")) {
		t.Errorf("the handle is %q", put.Handle)
	}
	d.now = d.now.Add(time.Hour)
	asked := d.prove(alice)
	used, err := d.keys[1].Proved(t.Context(), alice, asked.State, a.Get(asked.Options))
	if err != nil || used.SignCount != 2 || used.Used != d.now.UnixNano() || used.Label != "laptop" || used.Suspect {
		t.Fatalf("proved: %v %v", used, err)
	}
	d.kept[string(used.Id)] = used
	asked, err = d.keys[0].Enter()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(asked.Options), "allowCredentials") {
		t.Errorf("whoever signs in is told whose passkeys there are: %s", asked.Options)
	}
	used, err = d.keys[1].Entered(t.Context(), asked.State, a.Get(asked.Options))
	if err != nil || used.User != "alice" || used.SignCount != 3 {
		t.Errorf("signed in: %v %v", used, err)
	}
}

// TestFurtherPasskeys share a handle, exclude each other and are bounded.
func TestFurtherPasskeys(t *testing.T) {
	d := newDesk(t)
	first := d.enrol(alice, passkeytest.New(t, origin))
	second := d.enrol(alice, passkeytest.New(t, origin))
	if !bytes.Equal(first.Handle, second.Handle) || bytes.Equal(first.Id, second.Id) {
		t.Errorf("handles %x and %x, ids %x and %x", first.Handle, second.Handle, first.Id, second.Id)
	}
	asked, err := d.keys[0].Enrol(alice, false)
	if err != nil || passkeytest.Excluded(asked.Options) != 2 {
		t.Errorf("a third: %v, excluding %d", err, passkeytest.Excluded(asked.Options))
	}
	d.enrol(alice, passkeytest.New(t, origin))
	if _, err := d.keys[0].Enrol(alice, false); schemas.Shown(err).Code != schemas.CodeLimit {
		t.Errorf("a fourth of three: %v", err)
	}
	if bob := d.enrol(passkey.Holder{User: "bob"}, passkeytest.New(t, origin)); bytes.Equal(bob.Handle, first.Handle) {
		t.Error("two people share a handle")
	}
}

// TestForgedEnrolments are refused.
func TestForgedEnrolments(t *testing.T) {
	for name, lie := range map[string]func(*passkeytest.Authenticator){
		"another site":                func(a *passkeytest.Authenticator) { a.Origin = "https://evil.example" },
		"the same site, over HTTP":    func(a *passkeytest.Authenticator) { a.Origin = "http://gateway.example.com" },
		"a page beneath":              func(a *passkeytest.Authenticator) { a.Origin = "https://x.gateway.example.com" },
		"another port":                func(a *passkeytest.Authenticator) { a.Origin = origin + ":8443" },
		"in a frame of another site":  func(a *passkeytest.Authenticator) { a.Framed = true },
		"for another relying party":   func(a *passkeytest.Authenticator) { a.RelyingParty = "evil.example" },
		"nobody was verified":         func(a *passkeytest.Authenticator) { a.Unverified = true },
		"a challenge of its own":      func(a *passkeytest.Authenticator) { a.Challenge = strings.Repeat("A", 43) },
		"no challenge worth the name": func(a *passkeytest.Authenticator) { a.Challenge = "AA" },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			asked, err := d.keys[0].Enrol(alice, true)
			if err != nil {
				t.Fatal(err)
			}
			a := passkeytest.New(t, origin)
			lie(a)
			put, err := d.keys[0].Enrolled(t.Context(), alice, asked.State, "", a.Create(asked.Options))
			if put != nil || schemas.Shown(err).Code != schemas.CodeForbidden {
				t.Errorf("enrolled %v: %v", put, err)
			}
		})
	}
}

// TestForgedProofs are refused, for stepping up and for signing in alike.
func TestForgedProofs(t *testing.T) {
	for name, lie := range map[string]func(*passkeytest.Authenticator){
		"another site":               func(a *passkeytest.Authenticator) { a.Origin = "https://evil.example" },
		"in a frame of another site": func(a *passkeytest.Authenticator) { a.Framed = true },
		"for another relying party":  func(a *passkeytest.Authenticator) { a.RelyingParty = "evil.example" },
		"nobody was verified":        func(a *passkeytest.Authenticator) { a.Unverified = true },
		"a challenge of its own":     func(a *passkeytest.Authenticator) { a.Challenge = strings.Repeat("A", 43) },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			a := passkeytest.New(t, origin)
			d.enrol(alice, a)
			lie(a)
			asked := d.prove(alice)
			if put, err := d.keys[0].Proved(t.Context(), alice, asked.State, a.Get(asked.Options)); put != nil || schemas.Shown(err).Code != schemas.CodeForbidden {
				t.Errorf("proved %v: %v", put, err)
			}
			asked, err := d.keys[0].Enter()
			if err != nil {
				t.Fatal(err)
			}
			if put, err := d.keys[0].Entered(t.Context(), asked.State, a.Get(asked.Options)); put != nil || schemas.Shown(err).Code != schemas.CodeForbidden {
				t.Errorf("signed in %v: %v", put, err)
			}
		})
	}
}

// TestChallengesServeOnce, on all replicas, soon, for whom and for what they were made.
func TestChallengesServeOnce(t *testing.T) {
	d := newDesk(t)
	a := passkeytest.New(t, origin)
	d.enrol(alice, a)
	enter := func() *passkey.Asked {
		asked, err := d.keys[0].Enter()
		if err != nil {
			t.Fatal(err)
		}
		return asked
	}
	refused := func(what string, err error) {
		t.Helper()
		if e := schemas.Shown(err); e.Code != schemas.CodeForbidden || !strings.Contains(e.Message, "was not begun in this browser") {
			t.Errorf("%s: %v", what, err)
		}
	}
	asked := d.prove(alice)
	answer := a.Get(asked.Options)
	if _, err := d.keys[0].Proved(t.Context(), alice, asked.State, answer); err != nil {
		t.Fatal(err)
	}
	_, err := d.keys[1].Proved(t.Context(), alice, asked.State, answer)
	refused("the same answer again, at another replica", err)

	asked = d.prove(alice)
	wrong := passkeytest.New(t, "https://evil.example")
	*wrong = *a
	wrong.Unverified = true
	if _, err := d.keys[0].Proved(t.Context(), alice, asked.State, wrong.Get(asked.Options)); err == nil {
		t.Error("unverified, and accepted")
	}
	_, err = d.keys[0].Proved(t.Context(), alice, asked.State, a.Get(asked.Options))
	refused("a second try at the same challenge", err)

	asked = d.prove(alice)
	_, err = d.keys[0].Proved(t.Context(), passkey.Holder{User: "alice", Session: "t-other"}, asked.State, a.Get(asked.Options))
	refused("in another browser session", err)
	_, err = d.keys[0].Proved(t.Context(), passkey.Holder{User: "bob", Session: "t-alice"}, asked.State, a.Get(asked.Options))
	refused("as somebody else", err)
	_, err = d.keys[0].Entered(t.Context(), asked.State, a.Get(asked.Options))
	refused("to sign in, though it was to step up", err)
	asked = enter()
	_, err = d.keys[0].Proved(t.Context(), alice, asked.State, a.Get(asked.Options))
	refused("to step up, though it was to sign in", err)
	_, err = d.keys[0].Enrolled(t.Context(), alice, asked.State, "", a.Get(asked.Options))
	refused("to enrol, though it was to sign in", err)

	asked = d.prove(alice)
	_, err = d.keys[0].Proved(t.Context(), alice, strings.ToUpper(asked.State), a.Get(asked.Options))
	refused("with a cookie that was altered", err)
	_, err = d.keys[0].Proved(t.Context(), alice, "", a.Get(asked.Options))
	refused("with no cookie", err)
	d.now = d.now.Add(5*time.Minute + time.Second)
	_, err = d.keys[0].Proved(t.Context(), alice, asked.State, a.Get(asked.Options))
	refused("too late", err)
}

// TestOthersPasskeys prove nothing of somebody, whatever they say.
func TestOthersPasskeys(t *testing.T) {
	d := newDesk(t)
	hers, his := passkeytest.New(t, origin), passkeytest.New(t, origin)
	d.enrol(alice, hers)
	bobs := d.enrol(passkey.Holder{User: "bob"}, his)
	asked := d.prove(alice)
	if put, err := d.keys[0].Proved(t.Context(), alice, asked.State, his.Get(asked.Options)); put != nil || schemas.Shown(err).Code != schemas.CodeForbidden {
		t.Errorf("bob's passkey proved alice: %v %v", put, err)
	}
	// Her answer under the id of his, and his answer with her handle.
	for _, key := range []string{"id", "handle"} {
		asked, err := d.keys[0].Enter()
		if err != nil {
			t.Fatal(err)
		}
		var mine, other map[string]any
		if json.Unmarshal(his.Get(asked.Options), &mine) != nil || json.Unmarshal(hers.Get(asked.Options), &other) != nil {
			t.Fatal("no answers")
		}
		if key == "id" {
			mine["id"], mine["rawId"] = other["id"], other["rawId"]
		} else {
			mine["response"].(map[string]any)["userHandle"] = other["response"].(map[string]any)["userHandle"]
		}
		forged, err := json.Marshal(mine)
		if err != nil {
			t.Fatal(err)
		}
		if put, err := d.keys[0].Entered(t.Context(), asked.State, forged); put != nil || schemas.Shown(err).Code != schemas.CodeForbidden {
			t.Errorf("another %s signed in %v: %v", key, put, err)
		}
	}
	delete(d.kept, string(bobs.Id))
	asked, err := d.keys[0].Enter()
	if err != nil {
		t.Fatal(err)
	}
	if put, err := d.keys[0].Entered(t.Context(), asked.State, his.Get(asked.Options)); put != nil || err == nil {
		t.Errorf("a passkey that was removed signed in %v", put)
	}
	if _, err := d.keys[0].Prove(passkey.Holder{User: "bob"}); schemas.Shown(err).Code != schemas.CodeConflict {
		t.Errorf("bob has none, and is asked for it: %v", err)
	}
}

// TestTakenCredential is that of somebody else.
func TestTakenCredential(t *testing.T) {
	d := newDesk(t)
	mallory := passkey.Holder{User: "mallory", Session: "t-mallory"}
	asked, err := d.keys[0].Enrol(mallory, true)
	if err != nil {
		t.Fatal(err)
	}
	a := passkeytest.New(t, origin)
	answer := a.Create(asked.Options)
	var said struct{ ID []byte }
	raw := struct {
		ID string `json:"rawId"`
	}{}
	if err := json.Unmarshal(answer, &raw); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(`{"ID":"`+strings.NewReplacer("-", "+", "_", "/").Replace(raw.ID)+`="}`), &said); err != nil {
		t.Fatal(err)
	}
	d.kept[string(said.ID)] = &schemas.PasskeyPut{Id: said.ID, User: "alice"}
	if put, err := d.keys[0].Enrolled(t.Context(), mallory, asked.State, "", answer); put != nil || schemas.Shown(err).Code != schemas.CodeConflict {
		t.Errorf("mallory enrolled what is alice's: %v %v", put, err)
	}
}

// TestClonedAuthenticator is noticed by its count, and neither copy proves anything after that.
func TestClonedAuthenticator(t *testing.T) {
	d := newDesk(t)
	a := passkeytest.New(t, origin)
	a.Count = 5
	d.enrol(alice, a)
	clone := a.Clone()
	asked := d.prove(alice)
	used, err := d.keys[0].Proved(t.Context(), alice, asked.State, a.Get(asked.Options))
	if err != nil {
		t.Fatal(err)
	}
	d.kept[string(used.Id)] = used
	asked = d.prove(alice)
	suspect, err := d.keys[0].Proved(t.Context(), alice, asked.State, clone.Get(asked.Options))
	if schemas.Shown(err).Code != schemas.CodeForbidden || !suspect.GetSuspect() || suspect.SignCount != used.SignCount || suspect.Used != used.Used {
		t.Fatalf("a clone: %v %v", suspect, err)
	}
	d.kept[string(suspect.Id)] = suspect
	if _, err := d.keys[0].Prove(alice); schemas.Shown(err).Code != schemas.CodeConflict {
		t.Errorf("a suspect is asked for: %v", err)
	}
	asked, err = d.keys[0].Enter()
	if err != nil {
		t.Fatal(err)
	}
	if put, err := d.keys[0].Entered(t.Context(), asked.State, a.Get(asked.Options)); put != nil || err == nil {
		t.Errorf("a suspect signed in: %v", put)
	}
}

func TestLabels(t *testing.T) {
	for text, want := range map[string]string{"": "Passkey", "  phone ": "phone", "a\nb": "!", strings.Repeat("x", 101): "!", "a\xff": "!", "Schlüssel": "Schlüssel"} {
		got, err := passkey.Label(text)
		if err != nil {
			got = "!"
		}
		if got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

// FuzzAnswers holds that nothing that a browser may send is taken for what was asked, and nothing panics.
func FuzzAnswers(f *testing.F) {
	ledger := anyUse{}
	keep := kept{}
	keys, err := passkey.New(passkey.Config{
		RelyingParty: domain, Title: "Sallyport", Origins: []string{origin}, Life: time.Minute, Most: 3, Key: make([]byte, 32),
		Directory: func() passkey.Directory { return keep }, Spent: ledger, Now: time.Now,
	})
	if err != nil {
		f.Fatal(err)
	}
	a := passkeytest.New(f, origin)
	first, err := keys.Enrol(alice, true)
	if err != nil {
		f.Fatal(err)
	}
	created := a.Create(first.Options)
	put, err := keys.Enrolled(f.Context(), alice, first.State, "", created)
	if err != nil {
		f.Fatal(err)
	}
	keep[string(put.Id)] = put
	old, err := keys.Prove(alice)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(created)
	f.Add(a.Get(old.Options))
	f.Add([]byte(`{"id":"AA","rawId":"AA","type":"public-key","response":{}}`))
	enrol, err := keys.Enrol(alice, true)
	if err != nil {
		f.Fatal(err)
	}
	prove, err := keys.Prove(alice)
	if err != nil {
		f.Fatal(err)
	}
	enter, err := keys.Enter()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		if put, err := keys.Enrolled(t.Context(), alice, enrol.State, "", answer); err == nil {
			t.Errorf("enrolled %v", put)
		}
		if put, err := keys.Proved(t.Context(), alice, prove.State, answer); err == nil {
			t.Errorf("proved %v", put)
		}
		if put, err := keys.Entered(t.Context(), enter.State, answer); err == nil {
			t.Errorf("signed in %v", put)
		}
		_, _ = keys.Proved(t.Context(), alice, string(answer), answer)
	})
}
