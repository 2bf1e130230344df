package mask_test

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sallyport/ingress/mask"
)

func set(t testing.TB, m mask.Method, d ...mask.Detector) *mask.Set {
	t.Helper()
	s, err := mask.NewSet(mask.Rule{Name: "r", Transform: mask.NewTransform(m, 0, []byte("key"), "d"), Detect: d})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func stream(t testing.TB, s *mask.Set, hold int) *mask.Stream {
	t.Helper()
	st, err := mask.NewStream(mask.StreamConfig{Set: s, HoldBack: hold})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// applied is what Apply gives out: the value itself when nothing changed.
func applied(s *mask.Set, value []byte) ([]byte, int) {
	out, hits, _ := s.Apply(nil, value)
	if hits == nil {
		return value, 0
	}
	return out, total(hits)
}

func total(hits []mask.Hit) (n int) {
	for _, h := range hits {
		n += h.Count
	}
	return n
}

// streamed is what a stream gives out for pieces that end where cuts say.
func streamed(st *mask.Stream, value []byte, cuts func() int) (out []byte, n int) {
	var hits []mask.Hit
	for len(value) > 0 {
		k := min(max(cuts(), 1), len(value))
		out, hits = st.Write(out, value[:k])
		n += total(hits)
		value = value[k:]
	}
	out, hits = st.Flush(out)
	return out, n + total(hits)
}

// pieces are what texts are made of here: what is found, what nearly is, and what ties them.
func pieces() []string {
	return []string{
		"4111 1111 1111 1111", "4111-1111-1111-1111", "5555555555554444", "４１１１1111 1111 1111", "1234", "12", "1", "0", "99", "2024-01-02 03:04:05",
		"joe@example.com", `joe\u0040example.com`, "joe%40example.com", "@", ".", "a.b@c", "jörg@müller.example", "+4930123456", "+49 30 123456",
		"(415) 555-2671", "01 23 45 67 89", "phone ", "DE89 3704 0044 0532 0130 00", "GB29NWBK60161331926819", "123-45-6789", "ssn 123456789",
		"(1111111111111115", "AB 12 34 56 C", "12345678-Z", "RSSMRA85T10A562S", "529.982.247-25", "131052-308T", pem, "-----BEGIN EC PRIVATE KEY-----\nMHcCAQ", "-----BEGIN ", "-----END ",
		"PuTTY-User-Key-File-2: x\nAAAA\nPrivate-MAC: 00ff", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl", "eyJ", "eyJhbGciOiJub25lIn0.",
		"AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "ghp_0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX",
		`password = "Zk9x2Qv7Lm4Wp8Tz"`, "api_key:", "password", "secret", "key", " ", "  ", "-", "/", "\n", "\r\n", "\t", "\"", "'", "\\", "\\n", "&", ",", ":", "=",
		"(", ")", "+", "\u00a0", "\u200b", "–", "é", "用", "\xff", "word", "Some more words", "x", "Z", "_", strings.Repeat("lorem ipsum ", 20),
	}
}

func texts() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces()), 0, 24).Draw(t, "pieces"), "")
	})
}

func TestStreamIsApply(t *testing.T) {
	for name, d := range map[string][]mask.Detector{
		"card": {mask.CreditCard}, "email": {mask.Email}, "phone": {mask.Phone}, "iban": {mask.IBAN}, "id": {mask.NationalID},
		"pem": {mask.PrivateKey}, "jwt": {mask.JWT}, "cloud": {mask.CloudKey}, "secret": {mask.Secret}, "all": all(),
	} {
		t.Run(name, func(t *testing.T) {
			s := set(t, mask.Partial, d...)
			rapid.Check(t, func(t *rapid.T) {
				text := []byte(texts().Draw(t, "text"))
				want, wantHits := applied(s, text)
				st, err := mask.NewStream(mask.StreamConfig{Set: s})
				if err != nil {
					t.Fatal(err)
				}
				got, hits := streamed(st, text, func() int { return rapid.IntRange(1, 30).Draw(t, "cut") })
				if !bytes.Equal(got, want) || hits != wantHits {
					t.Fatalf("text %q\nwant %q, %d hits\ngot  %q, %d hits", text, want, wantHits, got, hits)
				}
			})
		})
	}
}

// TestStreamLong has lines longer than the stretches that rules look at, with finds on their borders.
func TestStreamLong(t *testing.T) {
	s := set(t, mask.Partial, all()...)
	rapid.Check(t, func(t *rapid.T) {
		var text []byte
		for range rapid.IntRange(1, 6).Draw(t, "parts") {
			text = append(text, bytes.Repeat([]byte("lorem "), rapid.IntRange(0, 900).Draw(t, "fill"))...)
			text = append(text, rapid.SampledFrom(pieces()).Draw(t, "piece")...)
		}
		want, wantHits := applied(s, text)
		st, err := mask.NewStream(mask.StreamConfig{Set: s})
		if err != nil {
			t.Fatal(err)
		}
		got, hits := streamed(st, text, func() int { return rapid.IntRange(1, 5000).Draw(t, "cut") })
		if !bytes.Equal(got, want) || hits != wantHits {
			t.Fatalf("%d bytes, want %d hits, got %d hits", len(text), wantHits, hits)
		}
	})
}

// TestStreamHoldsBack has a key and a token that are longer than what may be held: nothing of them is
// seen, what comes after is.
func TestStreamHoldsBack(t *testing.T) {
	body := strings.Repeat("MIIEpAIBAAKCAQEAxyz0\n", 4000)
	for name, long := range map[string]string{
		"key":    "-----BEGIN PRIVATE KEY-----\n" + body + "-----END PRIVATE KEY-----",
		"no end": "-----BEGIN PRIVATE KEY-----\n" + body + "!",
		"token":  "eyJhbGciOiJIUzI1NiJ9." + strings.Repeat("Q0FGRUJBQkU", 8000) + ".c2ln",
		"number": strings.Repeat("1234", 20000),
		"word":   strings.Repeat("lorem", 20000),
		"line":   strings.Repeat("api_key ", 10000),
	} {
		for _, size := range []int{1000, 1 << 20} {
			st := stream(t, set(t, mask.Partial, all()...), 0)
			text, held := []byte("before "+long+"\n{after}\n"), 0
			out, _ := streamed(st, text, func() int { held = max(held, st.Held()); return size })
			if held > mask.DefaultHoldBack+size {
				t.Errorf("%s: %d bytes were held", name, held)
			}
			if !bytes.HasPrefix(out, []byte("before ")) || !bytes.HasSuffix(out, []byte("{after}\n")) {
				t.Errorf("%s: begins %.40q, ends %q", name, out, out[max(0, len(out)-40):])
			}
			secret := name == "key" || name == "no end" || name == "token"
			if secret && (bytes.Contains(out, []byte("MIIE")) || bytes.Contains(out, []byte("Q0FG")) || len(out) > 300) {
				t.Errorf("%s: %d bytes: %.100q", name, len(out), out)
			}
			if !secret && !bytes.Equal(out, text) {
				t.Errorf("%s: %d bytes became %d", name, len(text), len(out))
			}
		}
	}
}

// TestStreamGivesOutAtOnce holds that what cannot become a find is not held.
func TestStreamGivesOutAtOnce(t *testing.T) {
	s := set(t, mask.Redact, mask.CreditCard, mask.Email, mask.PrivateKey)
	for text, held := range map[string]int{
		"$ ": 0, "done.\r\n": 0, "some words, and more\n": 0, "total 42\n": 0, "card 4111 1111": 9, "mail joe@exam": 8, "-----BEGIN PRI": 14,
	} {
		st := stream(t, s, 0)
		out, _ := st.Write(nil, []byte(text))
		if st.Held() < held || st.Held() > held+5 || len(out)+st.Held() != len(text) {
			t.Errorf("%q: %d bytes are held, %q is out", text, st.Held(), out)
		}
	}
}

func TestStreamFlush(t *testing.T) {
	st := stream(t, set(t, mask.Redact, mask.CreditCard), 0)
	out, _ := st.Write(nil, []byte("a 4111111111111111"))
	out, hits := st.Flush(out)
	if string(out) != "a [redacted]" || total(hits) != 1 || st.Held() != 0 {
		t.Errorf("flushed %q, %v, %d held", out, hits, st.Held())
	}
	out, _ = st.Write(nil, []byte("5555555555554444 ")) // the rest of a longer number: what was before is known
	out, _ = st.Flush(out)
	if string(out) != "5555555555554444 " {
		t.Errorf("then %q", out)
	}
}

func TestStreamNull(t *testing.T) {
	st := stream(t, set(t, mask.Null, mask.Email), 0)
	out, _ := st.Write(nil, []byte("a joe@example.com b\n"))
	if string(out) != "a [redacted] b\n" {
		t.Errorf("out is %q", out)
	}
}

func FuzzStream(f *testing.F) {
	for i, p := range pieces() {
		f.Add([]byte("x "+p+" 1"+p), uint16(i))
	}
	s := set(f, mask.Partial, all()...)
	f.Fuzz(func(t *testing.T, value []byte, seed uint16) {
		if len(value) > 6000 { // more may be longer than what is held
			return
		}
		want, wantHits := applied(s, value)
		x := uint32(seed) | 1
		got, hits := streamed(stream(t, s, 0), value, func() int {
			x = x*1664525 + 1013904223
			return int(x>>24)%40 + 1
		})
		if !bytes.Equal(got, want) || hits != wantHits {
			t.Fatalf("%q: want %q, %d hits, got %q, %d hits", value, want, wantHits, got, hits)
		}
	})
}
