package ssh_test

import (
	"bytes"
	"crypto/sha256"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport/ingress/credential"
	"sallyport/ingress/session"
	"sallyport/ingress/sessiontest"
	"sallyport/ingress/ssh"
	"sallyport/schemas"
	"sallyport/schemas/resources"
)

// sealer is a key that a test can open with what sessions concealed.
func sealer(t *testing.T) *credential.Concealer {
	t.Helper()
	c, err := credential.NewConcealer(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// startSealing starts a gateway whose sessions conceal with a key of the test's.
func startSealing(t *testing.T, c *credential.Concealer, o options) *gateway {
	t.Helper()
	o.env = sessiontest.New(t, ssh.Protocol, func(s *session.Config) { s.Concealer = c })
	return start(t, o)
}

// whole has output rest for long before what may be the beginning of a value is given out, so that none is cut
// where a busy machine pauses.
func whole(c *ssh.Config) { c.Limits.MaskRest = time.Minute }

// revealed puts what is sealed of a stream of a command in place of what is recorded of it. masks are those of
// each sealed frame.
func revealed(t *testing.T, g *gateway, c *credential.Concealer, es []*schemas.Entry, command uint64, channel schemas.Channel, formats ...string) (text string, masks []string) {
	t.Helper()
	opens, err := c.Session(string(g.Sessions(t)[0]))
	if err != nil {
		t.Fatal(err)
	}
	recorded := sent(es, command, channel, formats...)
	var out strings.Builder
	at := uint64(0)
	for _, e := range es {
		f := e.GetConcealed()
		if f == nil || f.Command != command {
			continue
		}
		plain, err := opens.Open(f.Data)
		if err != nil {
			t.Fatal(err)
		}
		var all schemas.ConcealedValues
		if err := all.UnmarshalVT(plain); err != nil {
			t.Fatal(err)
		}
		for _, v := range all.Values {
			if v.Part != schemas.PartOf(channel) {
				continue
			}
			masks = append(masks, strings.Join(f.Masks, "+"))
			if v.Row < at || v.Row+v.Length > uint64(len(recorded)) {
				t.Fatalf("%v is out of place: at %d of %d", v, at, len(recorded))
			}
			out.WriteString(recorded[at:v.Row])
			out.Write(v.Data)
			at = v.Row + v.Length
		}
	}
	out.WriteString(recorded[at:])
	return out.String(), masks
}

// rules is an enforcer whose verdicts have the plan of masks given.
func rules(all ...*schemas.MaskRule) func(*schemas.VerdictAsk) *schemas.VerdictAnswer {
	return func(*schemas.VerdictAsk) *schemas.VerdictAnswer {
		return &schemas.VerdictAnswer{Outcome: schemas.Outcome_OUTCOME_ALLOW, Plan: &schemas.MaskPlan{Rules: all}}
	}
}

func TestWhatSomebodyExceptedSeesIsSealed(t *testing.T) {
	key := sealer(t)
	g := startSealing(t, key, options{config: whole})
	g.Enforcer.Set("r", rules(
		&schemas.MaskRule{Name: "mail", With: "redact", Detect: []string{"email"}, Revealed: true},
		&schemas.MaskRule{Name: "pii", With: "hash", Detect: []string{"email", "phone"}, Revealed: true},
		&schemas.MaskRule{Name: "cards", With: "partial", Keep: 4, Detect: []string{"credit-card"}}))
	got := g.ssh(t, "", "gw", `printf 'to plan%s@example.com, %s1111 1111 1111 and +49 30 1%s.\n' ted '4111 ' 23456; printf 'err plan%s@example.org' ted >&2`)
	if want := "to planted@example.com, ***************1111 and +49 30 123456.\n"; got.out != want || got.err != "err planted@example.org" {
		t.Errorf("%+v", got)
	}
	es := g.closed(t)
	command := es[1].Number
	if recorded := sent(es, command, schemas.Channel_CHANNEL_OUT); strings.Contains(recorded, "planted") || !strings.HasPrefix(recorded, "to [redacted], ***************1111 and ") {
		t.Errorf("recorded %q", recorded)
	}
	if out, masks := revealed(t, g, key, es, command, schemas.Channel_CHANNEL_OUT); out != got.out || !slices.Equal(masks, []string{"mail+pii", "pii"}) {
		t.Errorf("revealed %q, for %q", out, masks)
	}
	if out, masks := revealed(t, g, key, es, command, schemas.Channel_CHANNEL_ERR); out != got.err || !slices.Equal(masks, []string{"mail+pii"}) {
		t.Errorf("revealed %q, for %q", out, masks)
	}
	for _, e := range es {
		plain, err := e.MarshalVT()
		if err != nil || bytes.Contains(plain, []byte("planted@")) || bytes.Contains(plain, []byte("30 123456")) {
			t.Errorf("%v: on the log: %v", err, e)
		}
	}
}

// Much output, in pieces as they come, with keys in it longer than what masks hold back.
func TestMuchIsSealed(t *testing.T) {
	for _, strict := range []bool{false, true} {
		key := sealer(t)
		g := startSealing(t, key, options{config: whole, target: func(r *resources.Target) { r.Strict = strict }})
		g.Enforcer.Set("r", rules(&schemas.MaskRule{Name: "pii", With: "redact", Detect: []string{"email", "private-key"}, Revealed: true}))
		body := strings.Repeat("MIIEpAIBAAKCAQEAxyz0\n", 2000)
		text := strings.Repeat("some words, planted@example.com, and more\n", 3000) +
			"-----BEGIN PRIVATE KEY-----\n" + body + "-----END PRIVATE KEY-----\nplanted@example.org"
		file := t.TempDir() + "/much"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got := g.ssh(t, "", "gw", "cat "+file)
		if got.out != text || got.status != 0 {
			t.Fatalf("%d bytes came of %d, status %d, %s", len(got.out), len(text), got.status, got.err)
		}
		es := g.closed(t)
		command := es[1].Number
		recorded := sent(es, command, schemas.Channel_CHANNEL_OUT)
		if strings.Contains(recorded, "planted") || strings.Contains(recorded, "MIIE") || strings.Count(recorded, "[redacted]") != 3002 {
			t.Errorf("recorded: %d bytes, %d masked", len(recorded), strings.Count(recorded, "[redacted]"))
		}
		if out, _ := revealed(t, g, key, es, command, schemas.Channel_CHANNEL_OUT); out != text {
			t.Errorf("revealed: %d bytes of %d", len(out), len(text))
		}
		if n := maskCount(es); n != 3001 {
			t.Errorf("%d addresses masked", n)
		}
	}
}

// What is sent to a command reaches it as it is, and is recorded as masks leave it, sealed for who is excepted.
func TestInputIsMasked(t *testing.T) {
	for _, excepted := range []bool{false, true} {
		key := sealer(t)
		g := startSealing(t, key, options{})
		g.Enforcer.Set("r", masking(excepted))
		text := strings.Repeat("some words, planted@example.com, and more\n", 4000) + "planted@example.org"
		file := t.TempDir() + "/much"
		got := g.ssh(t, text, "gw", "cat > "+file)
		if there, err := os.ReadFile(file); err != nil || string(there) != text || got.status != 0 {
			t.Fatalf("%v: %d bytes came of %d; %+v", err, len(there), len(text), got)
		}
		es := g.closed(t)
		command := es[1].Number
		recorded := sent(es, command, schemas.Channel_CHANNEL_IN, "text")
		if strings.Contains(recorded, "planted") || strings.Count(recorded, "[redacted]") != 4001 {
			t.Errorf("recorded: %d bytes, %d masked", len(recorded), strings.Count(recorded, "[redacted]"))
		}
		out, _ := revealed(t, g, key, es, command, schemas.Channel_CHANNEL_IN, "text")
		if want := map[bool]string{false: recorded, true: text}[excepted]; out != want {
			t.Errorf("excepted %v: revealed: %d bytes of %d", excepted, len(out), len(want))
		}
		if n := maskCount(es); n != 4001 {
			t.Errorf("%d addresses masked", n)
		}
	}
}

// What is typed key by key is recorded once its line has ended, and masked; that it was typed, before.
func TestKeysAreMasked(t *testing.T) {
	g := start(t, options{})
	g.Enforcer.Set("r", masking(false))
	x := g.shell(t).start()
	for _, k := range ": planted@example.com" {
		x.type_(string(k))
		x.await(string(k))
	}
	x.type_("\r")
	x.await("ready$ ")
	x.type_("exit\r")
	_ = x.s.Wait()
	es := g.closedAfter(t, x)
	typed := sent(es, 0, schemas.Channel_CHANNEL_IN, "terminal")
	if strings.Contains(typed, "planted@") || !strings.Contains(typed, ": *******************\rexit\r") {
		t.Errorf("recorded: %q", typed)
	}
}

// What a terminal shows to somebody excepted, typed and printed.
func TestTerminalIsSealed(t *testing.T) {
	for name, mode := range map[string]string{"shell": "", "restricted": resources.ModeRestricted} {
		t.Run(name, func(t *testing.T) {
			key := sealer(t)
			g := startSealing(t, key, options{config: whole, target: func(r *resources.Target) { r.SSH.Mode = mode }})
			g.Enforcer.Set("r", masking(true))
			x := g.shell(t)
			prompt := ":~$ "
			if mode == "" {
				x.start()
				prompt = "ready$ "
			} else {
				if err := x.s.Shell(); err != nil {
					t.Fatal(err)
				}
				x.await(prompt)
			}
			x.type_(`printf '\033[31mplan%s\033[0m@example.com|\n' ted` + "\r")
			x.await("\x1b[31mplanted\x1b[0m@example.com|")
			x.await(prompt)
			x.type_("exit\r")
			_ = x.s.Wait()
			es := g.closedAfter(t, x)
			command := es[1].Number
			recorded := sent(es, command, schemas.Channel_CHANNEL_OUT)
			if strings.Contains(recorded, "planted\x1b[0m@") || !strings.Contains(recorded, "\x1b[31m*******\x1b[0m************|") {
				t.Errorf("recorded\n%q", recorded)
			}
			out, masks := revealed(t, g, key, es, command, schemas.Channel_CHANNEL_OUT)
			if out != x.seen.String() || !slices.Equal(masks, []string{"pii", "pii"}) {
				t.Errorf("revealed\n%q for %q, seen\n%q", out, masks, x.seen.String())
			}
			want := uint64(2) // what was typed looks like an address, too
			if mode == "" {
				want++ // as input
			}
			if n := maskCount(es); n != want {
				t.Errorf("%d masked", n)
			}
		})
	}
}

// Of files, recordings have what masks leave of them, whichever way they are moved, and sealed what somebody excepted moved.
// (Who is not excepted is not let read them: that is the enforcer's.)
func TestFilesAreMasked(t *testing.T) {
	private := strings.Repeat("MIIEpAIBAAKCAQEAxyz0\n", 2000)
	text := strings.Repeat("some words, planted@example.com, and more\n", 4000) + // so that values lie across what moves at once
		"-----BEGIN PRIVATE KEY-----\n" + private + "-----END PRIVATE KEY-----\n\x00\xff\x01 planted@example.org"
	sum := sha256.Sum256([]byte(text))
	for _, c := range []struct{ flag, who string }{{"-s", "excepted"}, {"-O", "excepted"}, {"-s", "excepted, strict"}, {"-O", "excepted, strict"}, {"-s", "nobody"}, {"-O", "nobody"}} {
		for _, channel := range []schemas.Channel{schemas.Channel_CHANNEL_IN, schemas.Channel_CHANNEL_OUT} {
			if c.who == "nobody" && channel == schemas.Channel_CHANNEL_OUT {
				continue
			}
			t.Run(c.who+c.flag+channel.String(), func(t *testing.T) {
				t.Parallel()
				key := sealer(t)
				g := startSealing(t, key, options{target: func(r *resources.Target) { r.Strict = strings.Contains(c.who, "strict") }})
				rule := &schemas.MaskRule{Name: "pii", With: "redact", Detect: []string{"email", "private-key"}, Revealed: c.who != "nobody"}
				g.Enforcer.Set("r", func(ask *schemas.VerdictAsk) *schemas.VerdictAnswer {
					a := transfers(ask)
					a.Plan = &schemas.MaskPlan{Rules: []*schemas.MaskRule{rule}}
					return a
				})
				from, to := t.TempDir()+"/a", t.TempDir()+"/b"
				if err := os.WriteFile(from, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				args := []string{"-q", c.flag, from, "gw:" + to}
				if channel == schemas.Channel_CHANNEL_OUT {
					args = []string{"-q", c.flag, "gw:" + from, to}
				}
				if got := finish(t, g.command(t, "scp", args...)); got.status != 0 || string(mustRead(t, to)) != text {
					t.Fatalf("%+v", got)
				}
				es := g.closed(t)
				var f *schemas.File
				for _, e := range es {
					if plain, err := e.MarshalVT(); err != nil || bytes.Contains(plain, []byte("planted@")) || bytes.Contains(plain, []byte("MIIEp")) {
						t.Errorf("%v: on the log: %v", err, e)
					}
					if e.GetFile() != nil {
						f = e.GetFile()
					}
				}
				if f.GetBytesIn()+f.GetBytesOut() != uint64(len(text)) || !f.GetKept() || !f.GetMasked() || !bytes.Equal(append(f.GetDigestIn(), f.GetDigestOut()...), sum[:]) {
					t.Errorf("%v", f)
				}
				recorded := sent(es, f.GetCommand(), channel, "file")
				if n := strings.Count(recorded, "[redacted]"); n != 4002 || maskCount(es) != 4001 || !strings.HasSuffix(recorded, "\n\x00\xff\x01 [redacted]") {
					t.Errorf("recorded: %d bytes, %d masked, %d addresses counted", len(recorded), n, maskCount(es))
				}
				inOrder(t, es, f.GetCommand())
				want := map[bool]string{true: text, false: recorded}[rule.Revealed]
				if out, _ := revealed(t, g, key, es, f.GetCommand(), channel, "file"); out != want {
					t.Errorf("revealed: %d bytes of %d", len(out), len(want))
				}
			})
		}
	}
}

// inOrder checks that pieces of a file that a command moved lie one after another.
func inOrder(t *testing.T, es []*schemas.Entry, command uint64) {
	t.Helper()
	at := uint64(0)
	for _, e := range es {
		if b := e.GetBytes(); b != nil && b.Command == command && b.Format == "file" {
			if b.Offset != at {
				t.Errorf("a piece lies at %d, after %d bytes", b.Offset, at)
			}
			at += uint64(len(b.Data))
		}
	}
}

// What begins in the middle of a file may be a part of anything, and is not recorded where masks look for something.
func TestPartsOfMaskedFilesAreNotRecorded(t *testing.T) {
	g := start(t, options{})
	g.Enforcer.Set("r", masking(true))
	dir := t.TempDir()
	text := "whoever planted@example.com wrote, was not there"
	for name, data := range map[string]string{"here": text, "there": text[:10]} {
		if err := os.WriteFile(dir+"/"+name, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := g.command(t, "sftp", "-oBatchMode=no", "-b", "-", "gw")
	cmd.Stdin = strings.NewReader("reput " + dir + "/here " + dir + "/there\n")
	if got := finish(t, cmd); got.status != 0 || string(mustRead(t, dir+"/there")) != text {
		t.Fatalf("%+v", got)
	}
	es := g.closed(t)
	if f := files(es)["there"]; f == nil || f.Kept || !f.Masked || f.BytesIn != uint64(len(text)-10) {
		t.Errorf("%v", f)
	}
	for _, e := range es {
		if b := e.GetBytes(); b != nil && b.Format == "file" {
			t.Errorf("recorded: %v", b)
		}
	}
}
