package mask_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sallyport/ingress/mask"
)

// both are a set for the recording and one for who is excepted from a part of its rules.
type both struct{ recorded, shown *mask.Set }

func twins(t testing.TB) map[string]both {
	t.Helper()
	rule := func(name string, m mask.Method, d ...mask.Detector) mask.Rule {
		return mask.Rule{Name: name, Transform: mask.NewTransform(m, 4, []byte("key"), "d"), Detect: d}
	}
	made := func(rules ...mask.Rule) *mask.Set {
		s, err := mask.NewSet(rules...)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	everything, cards := rule("all", mask.Redact, all()...), rule("cards", mask.Partial, mask.CreditCard, mask.Phone)
	return map[string]both{
		"excepted from all":      {recorded: made(everything)},
		"from some":              {made(everything), made(cards)},
		"from what is stricter":  {made(rule("null", mask.Null, mask.Email, mask.CreditCard), cards), made(cards)},
		"from what hashes":       {made(rule("hash", mask.Hash, mask.Email, mask.PrivateKey, mask.JWT)), made(rule("keys", mask.Redact, mask.PrivateKey))},
		"of what nothing masks":  {recorded: made(rule("keys", mask.Redact, mask.PrivateKey))},
		"from neither, the same": {made(everything), made(everything)},
	}
}

// restored puts spans in place of what a recording has there.
func restored(t interface{ Fatalf(string, ...any) }, recorded []byte, spans []mask.Span) []byte {
	var out []byte
	at := uint64(0)
	for _, s := range spans {
		if s.At < at || s.At+s.Length > uint64(len(recorded)) {
			t.Fatalf("a span at %d of %d bytes, after %d, in %d", s.At, s.Length, at, len(recorded))
		}
		out = append(append(out, recorded[at:s.At]...), s.Data...)
		at = s.At + s.Length
	}
	return append(out, recorded[at:]...)
}

// alone is one form of a stream, made by a masker of its own.
func alone(t interface{ Fatal(...any) }, set *mask.Set, terminal bool) func(f int, chunk []byte) []byte {
	if set == nil {
		return func(_ int, chunk []byte) []byte { return chunk }
	}
	var m interface {
		Write(dst, chunk []byte) ([]byte, []mask.Hit)
		Flush(dst []byte) ([]byte, []mask.Hit)
		Close(dst []byte) ([]byte, []mask.Hit)
	}
	m, err := mask.NewStream(mask.StreamConfig{Set: set})
	if terminal {
		m, err = mask.NewTerminal(mask.StreamConfig{Set: set})
	}
	if err != nil {
		t.Fatal(err)
	}
	return func(f int, chunk []byte) (out []byte) {
		switch f {
		case write:
			out, _ = m.Write(nil, chunk)
		case flush:
			out, _ = m.Flush(nil)
		default:
			out, _ = m.Close(nil)
		}
		return out
	}
}

const (
	write = iota
	flush
	end
)

// twinned holds, for a text in pieces, that a twin records and shows what maskers of their own give out, and that the
// recorded form and the spans together are what was shown.
func twinned(t interface {
	Fatal(...any)
	Fatalf(string, ...any)
}, name string, b both, terminal, together bool, text []byte, cut func() int, pause func() bool) {
	twin, err := mask.NewTwin(mask.TwinConfig{Recorded: b.recorded, Shown: b.shown, Terminal: terminal, Together: together})
	if err != nil {
		t.Fatal(err)
	}
	aloneRecorded, aloneShown := alone(t, b.recorded, terminal), alone(t, b.shown, terminal)
	var recorded, shown, wantRecorded, wantShown []byte
	var spans []mask.Span
	take := func(f int, chunk []byte) {
		p := map[int]func() mask.Pair{write: func() mask.Pair { return twin.Write(chunk) }, flush: twin.Flush, end: twin.Close}[f]()
		recorded, shown, spans = append(recorded, p.Recorded...), append(shown, p.Shown...), append(spans, p.Spans...)
		wantRecorded, wantShown = append(wantRecorded, aloneRecorded(f, chunk)...), append(wantShown, aloneShown(f, chunk)...)
		known := restored(t, recorded, slices.DeleteFunc(slices.Clone(spans), func(s mask.Span) bool { return s.At+s.Length > uint64(len(recorded)) }))
		if together && !bytes.HasPrefix(known, shown) {
			t.Fatalf("%s: shown before it was recorded: %q, recorded %q", name, shown, known)
		}
	}
	for left := text; len(left) > 0; {
		n := min(max(cut(), 1), len(left))
		take(write, left[:n])
		if left = left[n:]; pause() {
			take(flush, nil)
		}
	}
	take(end, nil)
	if !bytes.Equal(recorded, wantRecorded) || !bytes.Equal(shown, wantShown) {
		t.Fatalf("%s, text %.3000q\nrecorded %s\nalone    %s\nshown %s\nalone %s", name, text, ends(recorded), ends(wantRecorded), ends(shown), ends(wantShown))
	}
	if got := restored(t, recorded, spans); !bytes.Equal(got, shown) {
		t.Fatalf("%s, text %.3000q\nrecorded %s\nwith its spans %s\nshown %s\nspans %.3000v", name, text, ends(recorded), ends(got), ends(shown), spans)
	}
	for _, s := range spans {
		if len(s.Finds) == 0 {
			t.Fatalf("%s: nothing was found in %q", name, s.Data)
		}
	}
	if b.shown == nil && !bytes.Equal(shown, text) {
		t.Fatalf("%s: %q was shown for %q", name, shown, text)
	}
}

// ends is a text, without the middle of a long one.
func ends(b []byte) string {
	if len(b) < 2000 {
		return fmt.Sprintf("%q", b)
	}
	return fmt.Sprintf("%q … %q (%d)", b[:1000], b[len(b)-1000:], len(b))
}

func TestTwin(t *testing.T) {
	all := twins(t)
	for name, b := range all {
		for _, terminal := range []bool{false, true} {
			rapid.Check(t, func(t *rapid.T) {
				text := texts().Draw(t, "text")
				if terminal {
					text = strings.Join(rapid.SliceOfN(rapid.OneOf(bits, rapid.SampledFrom(pieces())), 0, 30).Draw(t, "bits"), "")
				}
				twinned(t, name, b, terminal, rapid.Bool().Draw(t, "together"), []byte(text),
					func() int { return rapid.IntRange(1, 40).Draw(t, "cut") }, func() bool { return rapid.IntRange(0, 9).Draw(t, "pause") == 0 })
			})
		}
	}
}

// TestTwinLong has keys that are longer than what is held back, with colours in them, between addresses.
func TestTwinLong(t *testing.T) {
	body := strings.Repeat("MIIEpAIBAAKCAQEAxyz0\n\x1b[1m", 4000)
	for name, text := range map[string]string{
		"key":    "joe@example.com -----BEGIN PRIVATE KEY-----\n" + body + "-----END PRIVATE KEY-----ann@example.com\n",
		"no end": "-----BEGIN PRIVATE KEY-----\n" + body + "!joe@example.com ",
		"token":  "joe@example.com eyJhbGciOiJIUzI1NiJ9." + strings.Repeat("Q0FGRUJBQkU", 8000) + ".c2ln\x1b]0;joe@example.com\x07",
	} {
		for kind, b := range twins(t) {
			for _, terminal := range []bool{false, true} {
				for _, size := range []int{999, 64 << 10} {
					twinned(t, name+", "+kind, b, terminal, size == 999, []byte(text), func() int { return size }, func() bool { return false })
				}
			}
		}
	}
}

// TestTwinTells holds what is told of a find, in the form in which it was shown.
func TestTwinTells(t *testing.T) {
	b := twins(t)["from some"]
	twin, err := mask.NewTwin(mask.TwinConfig{Recorded: b.recorded, Shown: b.shown, Terminal: true})
	if err != nil {
		t.Fatal(err)
	}
	p := twin.Write([]byte("to \x1b[1mjoe@\x1b[mexample.com, card 4111111111111111.\r\n"))
	if string(p.Recorded) != "to \x1b[1m****\x1b[m***********, card ****************.\r\n" || string(p.Shown) != "to \x1b[1mjoe@\x1b[mexample.com, card ************1111.\r\n" {
		t.Fatalf("%q\n%q", p.Recorded, p.Shown)
	}
	if len(p.Spans) != 2 || string(p.Spans[0].Data) != "joe@\x1b[mexample.com" || p.Spans[0].Finds[0] != mask.Email ||
		string(p.Spans[1].Data) != "************1111" || p.Spans[1].Finds[0] != mask.CreditCard {
		t.Errorf("%v", p.Spans)
	}
}

func FuzzTwin(f *testing.F) {
	for i, p := range pieces() {
		f.Add([]byte("x "+p+"\x1b[1m 1"+p), uint16(i))
	}
	all := twins(f)
	f.Fuzz(func(t *testing.T, value []byte, seed uint16) {
		x := uint32(seed) | 1
		next := func(n uint32) int { x = x*1664525 + 1013904223; return int(x>>16) % int(n) }
		for name, b := range all {
			twinned(t, name, b, seed&1 == 0, seed&2 == 0, value, func() int { return 1 + next(40) }, func() bool { return next(8) == 0 })
		}
	})
}
