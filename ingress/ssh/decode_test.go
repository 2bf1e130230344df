package ssh_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/ingress/ssh"
)

func term(s string) ssh.Part     { return ssh.Part{Format: "terminal", Data: s} }
func withheld(n string) ssh.Part { return ssh.Part{Format: "withheld", Data: n} }

// A step is what is typed (>) or what comes back (<), and what is recorded of input then.
type step struct {
	what string
	want []ssh.Part
}

func TestEcho(t *testing.T) {
	for name, steps := range map[string][]step{
		"typed and echoed": {
			{">l", []ssh.Part{withheld("1")}}, {"<l", []ssh.Part{term("l")}}, {">s", []ssh.Part{term("s")}}, {"<s", nil},
			{">\r", []ssh.Part{term("\r")}}, {"<\r\nfile\r\n$ ", nil}, {">x", []ssh.Part{withheld("1")}}, {"<x", []ssh.Part{term("x")}},
		},
		"pasted line": {{">ls -l\r", []ssh.Part{withheld("5"), withheld("1")}}, {"<ls -l\r\n", []ssh.Part{term("ls -l\r")}}},
		"password":    {{"<Password: ", nil}, {">s3cret\r", []ssh.Part{withheld("6"), withheld("1")}}, {"<\r\n", []ssh.Part{term("[not echoed]\r")}}},
		"password, key by key": {
			{"<who? ", nil}, {">s", []ssh.Part{withheld("1")}}, {">3", []ssh.Part{withheld("1")}}, {">\r", []ssh.Part{withheld("1")}},
			{"<\r\nok\r\n", []ssh.Part{term("[not echoed]\r")}},
		},
		"a prompt for a secret is never believed": {{"<Enter passphrase: ", nil}, {">s", []ssh.Part{withheld("1")}}, {"<s", nil},
			{">\r", []ssh.Part{withheld("1")}}, {"<\r\n", []ssh.Part{term("[not echoed]\r")}}},
		"stars":        {{"<key? ", nil}, {">ab\r", []ssh.Part{withheld("2"), withheld("1")}}, {"<**\r\n", []ssh.Part{term("[not echoed]\r")}}},
		"control keys": {{">\x1b[A", []ssh.Part{term("\x1b[A")}}, {"<ls", nil}, {">\r", []ssh.Part{term("\r")}}},
		"drawn again":  {{">l", []ssh.Part{withheld("1")}}, {"<\r$ \x1b[32ml\x1b[0m", []ssh.Part{term("l")}}},
		"cursor moves": {{">ls", []ssh.Part{withheld("2")}}, {"<l", nil}, {"<\bls", []ssh.Part{term("ls")}}},
		"never shown":  {{">abc", []ssh.Part{withheld("3")}}, {"end", []ssh.Part{term("[not echoed]")}}},
		"password, pasted with the next line": {{"<Password: ", nil}, {">pw\rls\r", []ssh.Part{withheld("2"), withheld("1"), withheld("2"), withheld("1")}},
			{"<\r\n", []ssh.Part{term("[not echoed]\r")}}, {"<$ ls\r\n", []ssh.Part{term("ls\r")}}},
	} {
		t.Run(name, func(t *testing.T) {
			e := ssh.NewEcho()
			for i, s := range steps {
				var got []ssh.Part
				switch {
				case s.what == "end":
					got = e.Close()
				case s.what[0] == '>':
					got = e.Input(s.what[1:])
				default:
					got = e.Output(s.what[1:])
				}
				if d := cmp.Diff(s.want, got); d != "" {
					t.Errorf("step %d %q: %s", i, s.what, d)
				}
			}
		})
	}
}

// Whatever goes to and fro: a line that nothing echoed is nowhere in what is recorded.
func FuzzEcho(f *testing.F) {
	f.Add("Password: ", "hunter2", "\r\n$ ")
	f.Add("\x1b[2J? ", "a b\tc", "\x1b]0;title\x07\r\n")
	f.Add("", "é\x1b[A\x7f", "****\r\n")
	f.Fuzz(func(t *testing.T, prompt, typed, after string) {
		const secret = "ZQXJVK-0451"
		if strings.ContainsAny(prompt+after+typed, "ZQXJVK") {
			return
		}
		e := ssh.NewEcho()
		var recorded strings.Builder
		note := func(ps []ssh.Part) {
			for _, p := range ps {
				recorded.WriteString(p.Data)
			}
		}
		note(e.Input(typed))
		note(e.Output(typed + "\r\n" + prompt + "\r\nPassword: "))
		note(e.Input("\r"))
		note(e.Output("\r\nPassword: "))
		note(e.Input(secret))
		note(e.Input("\r"))
		note(e.Output("\r\n" + after))
		note(e.Close())
		if strings.Contains(recorded.String(), secret) {
			t.Fatalf("%q is recorded", secret)
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x05xterm\x00\x00\x00\x50\x00\x00\x00\x18\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00"))
	f.Add([]byte("\x00\x00\x00\x04LANG\x00\x00\x00\x01C"))
	f.Add([]byte("a%2Bb+c+d"))
	f.Fuzz(func(_ *testing.T, b []byte) { ssh.DecodeAll(b) })
}

// A request that is decoded names what it is about; what is malformed is an error and nothing else.
func FuzzSFTP(f *testing.F) {
	for typ := range 24 {
		f.Add(byte(typ), []byte("\x00\x00\x00\x01\x00\x00\x00\x02/a\x00\x00\x00\x00"))
	}
	f.Add(byte(200), []byte("\x00\x00\x00\x01\x00\x00\x00\x18posix-rename@openssh.com\x00\x00\x00\x01a\x00\x00\x00\x01b"))
	f.Fuzz(func(t *testing.T, typ byte, body []byte) {
		path, to, operation, known, err := ssh.DecodeSFTP(typ, body)
		if len(path)+len(to) > len(body) {
			t.Fatalf("%q and %q out of %d bytes", path, to, len(body))
		}
		if operation != "" && (!known || err != nil) {
			t.Fatalf("operation %q, known %v, %v", operation, known, err)
		}
	})
}

func TestPaths(t *testing.T) {
	if typ, body := ssh.Realpath("/x"); typ != 16 || string(body) != "\x00\x00\x00\x07\x00\x00\x00\x02/x" {
		t.Errorf("%d %q", typ, body)
	}
	for p, want := range map[string][2]string{"/a/b": {"/a", "b"}, "a": {".", "a"}, "/a": {"/", "a"}, "a/b/": {"a", "b"}} {
		if dir, base, whole := ssh.Split(p); dir != want[0] || base != want[1] || whole {
			t.Errorf("%s: %q, %q, %v", p, dir, base, whole)
		}
	}
	for _, p := range []string{"", "/", ".", "..", "a/..", "a/."} {
		if _, base, whole := ssh.Split(p); base != "" || !whole {
			t.Errorf("%s has a name", p)
		}
	}
}
