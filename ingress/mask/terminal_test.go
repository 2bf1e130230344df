package mask_test

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sallyport/ingress/mask"
	"sallyport/schemas/screen"
)

func terminal(t testing.TB, s *mask.Set) *mask.Terminal {
	t.Helper()
	term, err := mask.NewTerminal(mask.StreamConfig{Set: s})
	if err != nil {
		t.Fatal(err)
	}
	return term
}

// shown is what a terminal gives out for pieces of n bytes.
func shown(term *mask.Terminal, value string, n int) (out []byte, finds int) {
	var hits []mask.Hit
	for len(value) > 0 {
		k := min(n, len(value))
		out, hits = term.Write(out, []byte(value[:k]))
		finds += total(hits)
		value = value[k:]
	}
	out, hits = term.Close(out)
	return out, finds + total(hits)
}

func TestTerminalMasks(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"plain":                 {"card 4111 1111 1111 1111 ok\r\n", "card ******************* ok\r\n"},
		"coloured within":       {"\x1b[31m4111\x1b[0m1111\x1b[1m11111111\x1b[0m\r\n", "\x1b[31m****\x1b[0m****\x1b[1m********\x1b[0m\r\n"},
		"found by grep":         {"m: \x1b[01;31m\x1b[Kalice@\x1b[m\x1b[Kexample.com\r\n", "m: \x1b[01;31m\x1b[K******\x1b[m\x1b[K***********\r\n"},
		"behind a movement":     {"abc\x1b[5;1H4111111111111111\x1b[6;1Hx", "abc\x1b[5;1H****************\x1b[6;1Hx"},
		"blanks by movement":    {"4111\x1b[C1111\x1b[C1111\x1b[C1111 ", "****\x1b[C****\x1b[C****\x1b[C**** "},
		"wide characters":       {"名@例え.jp \r\n", "********** \r\n"},
		"title":                 {"\x1b]0;alice@example.com\x07$ ", "\x1b]0;[redacted]\x07$ "},
		"nothing":               {"\x1b[?1049h\x1b[H~\x1b[7mtext\x1b[m 12 \x1b[K\x1b]133;A\x07", "\x1b[?1049h\x1b[H~\x1b[7mtext\x1b[m 12 \x1b[K\x1b]133;A\x07"},
		"a sequence at the end": {"alice@example.com\x1b[0", "*****************\x1b[0"},
	} {
		t.Run(name, func(t *testing.T) {
			s := set(t, mask.Redact, mask.CreditCard, mask.Email)
			for n := 1; n <= len(c.in); n++ {
				if got, _ := shown(terminal(t, s), c.in, n); string(got) != c.want {
					t.Fatalf("in pieces of %d:\n%q, want\n%q", n, got, c.want)
				}
			}
		})
	}
}

func TestTerminalKeepsThePart(t *testing.T) {
	if got, n := shown(terminal(t, set(t, mask.Partial, mask.CreditCard)), "4111\x1b[1m111111111111\x1b[m.\n", 3); string(got) != "****\x1b[1m********1111\x1b[m.\n" || n != 1 {
		t.Errorf("%q %d", got, n)
	}
}

// TestTerminalKeys holds that Enter ends what somebody types, and that a key that is pasted is found over its lines.
func TestTerminalKeys(t *testing.T) {
	for in, c := range map[string]struct {
		want string
		held int
	}{
		"mail joe@example.com\r":                       {"mail ***************\r", 0},
		"api_key = Zk9x2Qv7Lm4Wp8Tz\rls\r":             {"", 0},
		"ls\x1b[A\r":                                   {"ls\x1b[A\r", 0},
		strings.ReplaceAll(pem, "\n", "\r") + "\rls\r": {"", 0},
		"joe@exam": {"", 8},
	} {
		term, err := mask.NewTerminal(mask.StreamConfig{Set: set(t, mask.Redact, all()...), Keys: true})
		if err != nil {
			t.Fatal(err)
		}
		out, _ := term.Write(nil, []byte(in))
		if c.want != "" && string(out) != c.want || term.Held() != c.held || len(out)+term.Held() != len(in) {
			t.Errorf("%q: %q, and %d held", in, out, term.Held())
		}
		if strings.Contains(string(out), "Zk9x2Qv7Lm4Wp8Tz") || strings.Contains(string(out), "MII") || strings.Contains(string(out), "MHc") {
			t.Errorf("%q: %q", in, out)
		}
	}
}

// TestTerminalFlush holds that what somebody types shows when output pauses, and that a find goes on to be masked.
func TestTerminalFlush(t *testing.T) {
	term := terminal(t, set(t, mask.Redact, mask.CreditCard))
	out, _ := term.Write(nil, []byte("$ 41"))
	if out, _ = term.Flush(out); string(out) != "$ 41" || term.Held() != 0 {
		t.Fatalf("%q, %d held", out, term.Held())
	}
	if out, _ = term.Write(nil, []byte("\x1b[1mls\r\n")); string(out) != "\x1b[1mls\r\n" {
		t.Errorf("%q", out)
	}
}

// TestTerminalSequencesBrokenOff holds that what a terminal would show is masked also where one sequence begins
// inside of another.
func TestTerminalSequencesBrokenOff(t *testing.T) {
	for in, want := range map[string]string{
		"\x1b[\x1b[31malice@example.com\n":     "\x1b[\x1b[31m*****************\n",
		"\x1b]0;t\x1b[31malice@example.com\n":  "\x1b]0;t\x1b[31m*****************\n",
		"\x1bP q\x07\x1b\\alice@example.com\n": "\x1bP q\x07\x1b\\*****************\n",
		"\x1b[3\r\nmalice@example.com\n":       "\x1b[3\r\nm*****************\n",
	} {
		if out, n := shown(terminal(t, set(t, mask.Redact, mask.Email)), in, 1); string(out) != want || n != 1 {
			t.Errorf("%q became %q, %d finds", in, out, n)
		}
	}
}

// bits are what the output of programs is made of here.
var bits = rapid.SampledFrom([]string{
	"a", "word ", "4111111111111111", "4111 1111", " 1111 1111", "alice@example.com", "alice", "@", ".com", "\r\n", "\r", "\b", "\t", "名前",
	"\x1b[31m", "\x1b[0m", "\x1b[K", "\x1b[2J", "\x1b[3;4H", "\x1b[C", "\x1b[D", "\x1b7", "\x1b8", "\x1bM", "\x1b(0", "\x1b(B", "\x1b]0;t\x07", "\x1b]8;;http://h/\x1b\\", "\x1b[?25l", "\x1b", "\x1b[", "\x1b]0;", "\x1bP", "\x07", "\xff", "e\u0301",
})

// TestTerminalMovesNothing holds that what is masked takes as many columns, wherever output is cut: on the
// screen, every other cell is what it was, and so is the cursor.
func TestTerminalMovesNothing(t *testing.T) {
	s := set(t, mask.Redact, mask.CreditCard, mask.Email)
	rapid.Check(t, func(t *rapid.T) {
		in := strings.Join(rapid.SliceOfN(bits, 0, 30).Draw(t, "bits"), "")
		term, err := mask.NewTerminal(mask.StreamConfig{Set: s})
		if err != nil {
			t.Fatal(err)
		}
		out, n := shown(term, in, rapid.IntRange(1, 20).Draw(t, "pieces"))
		if n == 0 {
			if string(out) != in {
				t.Fatalf("%q became %q", in, out)
			}
			return
		}
		a, b := screen.New(screen.Config{Columns: 200, Rows: 50}), screen.New(screen.Config{Columns: 200, Rows: 50})
		_, _ = a.Write([]byte(in))
		_, _ = b.Write(bytes.Clone(out))
		ax, ay := a.Cursor()
		bx, by := b.Cursor()
		if ax != bx || ay != by {
			t.Fatalf("the cursor is at %d,%d and not %d,%d: %q became %q", bx, by, ax, ay, in, out)
		}
		for y, line := range a.Lines() {
			for x, cell := range line.Cells {
				other := b.Lines()[y].Cells[x]
				if other.Rune != '*' && (other.Rune != cell.Rune || other.Half != cell.Half) {
					t.Fatalf("row %d, column %d: %q became %q", y, x, in, out)
				}
			}
		}
	})
}

func FuzzTerminal(f *testing.F) {
	f.Add("4111\x1b[1m111111111111\x1b[5;1Halice@example.com\x1b]0;x\x07", 3)
	s := set(f, mask.Redact, mask.CreditCard, mask.Email, mask.PrivateKey, mask.Secret)
	f.Fuzz(func(t *testing.T, in string, n int) {
		n = 1 + (n&0x7fffffff)%50
		want, found := shown(terminal(t, s), in, len(in)+1)
		got, again := shown(terminal(t, s), in, n)
		if string(got) != string(want) || found != again {
			t.Errorf("in pieces of %d: %q (%d), whole: %q (%d)", n, got, again, want, found)
		}
		if found == 0 && string(want) != in {
			t.Errorf("nothing was found, and %q became %q", in, want)
		}
	})
}
