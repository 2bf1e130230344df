package mask_test

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"sallyport/ingress/mask"
)

func transform(m mask.Method) *mask.Transform {
	return mask.NewTransform(m, 0, []byte("key"), "column")
}

func methods() []mask.Method { return []mask.Method{mask.Redact, mask.Partial, mask.Hash, mask.Null} }

func TestParseMethod(t *testing.T) {
	for _, m := range methods() {
		if got, err := mask.ParseMethod(m.String()); err != nil || got != m {
			t.Errorf("%s is read as %v, %v", m, got, err)
		}
	}
	if _, err := mask.ParseMethod("Redact"); err == nil {
		t.Error("Redact is taken")
	}
	if new(mask.Method).String() != "redact" {
		t.Error("the zero value is not redact")
	}
}

func TestText(t *testing.T) {
	for _, c := range []struct {
		m           mask.Method
		keep        int
		value, want string
	}{
		{mask.Redact, 0, "secret", "[redacted]"}, {mask.Redact, 0, "", "[redacted]"},
		{mask.Partial, 0, "4111111111111111", "************1111"}, {mask.Partial, 2, "4111111111111111", "**************11"},
		{mask.Partial, 0, "12345", "***45"}, {mask.Partial, 0, "1", "*"}, {mask.Partial, 0, "", ""}, {mask.Partial, 0, "jörgé", "***gé"},
		{mask.Partial, 0, "ab\xff\xfe", "**\ufffd\ufffd"}, {mask.Partial, 100, "abcdef", "***def"},
	} {
		got, null := mask.NewTransform(c.m, c.keep, nil, "").Text([]byte("<"), []byte(c.value))
		if string(got) != "<"+c.want || null {
			t.Errorf("%s of %q is %q, %v", c.m, c.value, got, null)
		}
	}
	if got, null := transform(mask.Null).Text([]byte("<"), []byte("x")); !null || string(got) != "<" {
		t.Errorf("null gives %q, %v", got, null)
	}
}

func TestHash(t *testing.T) {
	hash := func(key, domain, value string) string {
		out, _ := mask.NewTransform(mask.Hash, 0, []byte(key), domain).Text(nil, []byte(value))
		return string(out)
	}
	if got := hash("k", "d", "v"); len(got) != 32 || got != hash("k", "d", "v") {
		t.Errorf("a hash is %q, then %q", got, hash("k", "d", "v"))
	}
	for _, other := range []string{hash("K", "d", "v"), hash("k", "D", "v"), hash("k", "d", "V"), hash("k", "dv", "")} {
		if other == hash("k", "d", "v") {
			t.Error("another key, domain or value has the same hash")
		}
	}
	key := []byte("k")
	tr := mask.NewTransform(mask.Hash, 0, key, "d")
	key[0] = 'x'
	if got, _ := tr.Text(nil, []byte("v")); string(got) != hash("k", "d", "v") {
		t.Error("the key is not copied")
	}
}

func TestInt(t *testing.T) {
	for _, c := range []struct{ v, want int64 }{
		{123456789, 6789}, {-123456789, 6789}, {1234, 34}, {5, 0}, {0, 0}, {math.MinInt64, 5808}, {math.MaxInt64, 5807}, {100001, 1},
	} {
		if got, null := transform(mask.Partial).Int(c.v, 64); got != c.want || null {
			t.Errorf("the last digits of %d are %d", c.v, got)
		}
	}
	if got, _ := transform(mask.Redact).Int(7, 32); got != 0 {
		t.Errorf("redact gives %d", got)
	}
}

// TestTyped holds what a type promises for any value: the result is in range, of valid form, the same
// for the same value, and null is said by Null alone.
func TestTyped(t *testing.T) {
	for _, m := range methods() {
		tr := transform(m)
		rapid.Check(t, func(t *rapid.T) {
			raw := []byte(rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "raw"))
			v := rapid.Int64().Draw(t, "v")
			check := func(what string, null, ok bool) {
				t.Helper()
				if null != (m == mask.Null) || !null && !ok {
					t.Fatalf("%s %s: null %v, ok %v", m, what, null, ok)
				}
			}
			text, null := tr.Text(nil, raw)
			check("text", null, utf8.Valid(text))
			again, _ := tr.Text(nil, raw)
			check("again", null, bytes.Equal(text, again))
			doc, null := tr.JSON(nil, raw)
			check("json", null, json.Valid(doc))
			_, null = tr.Bytes(nil, raw)
			check("bytes", null, true)
			for bits, most := range map[int]int64{16: math.MaxInt16, 32: math.MaxInt32, 64: math.MaxInt64} {
				n, null := tr.Int(v>>(64-bits), bits)
				check("int", null, n >= 0 && n <= most)
			}
			f := math.Float64frombits(uint64(v))
			out, null := tr.Float(f, 64)
			check("float", null, out >= 0 && out < 1<<53 && out == math.Trunc(out))
			out, null = tr.Float(f, 32)
			check("float32", null, out >= 0 && float64(float32(out)) == out)
			b, null := tr.Bool(true)
			check("bool", null, !b)
			num, null := tr.Numeric(nil, strconv.AppendInt(nil, v, 10))
			n, err := strconv.ParseInt(string(num), 10, 64)
			check("numeric", null, err == nil && n >= 0)
			_, null = tr.Numeric(nil, raw)
			check("numeric of anything", null, true)
			when, null := tr.Time(time.Unix(v%(1<<37), 0))
			check("time", null, when.Location() == time.UTC && when.Hour() == 0)
			_, null = tr.UUID([16]byte{1})
			check("uuid", null, true)
		})
	}
}

func TestUUID(t *testing.T) {
	v := [16]byte{0x55, 0x0e, 0x84, 0x00, 0xe2, 0x9b, 0x41, 0xd4, 0xa7, 0x16, 0x44, 0x66, 0x55, 0x44, 0x12, 0x34}
	if got, _ := transform(mask.Redact).UUID(v); got != [16]byte{} {
		t.Errorf("redact gives %x", got)
	}
	if got, _ := transform(mask.Partial).UUID(v); got != [16]byte{14: 0x12, 15: 0x34} {
		t.Errorf("partial gives %x", got)
	}
	if got, _ := mask.NewTransform(mask.Partial, 3, nil, "").UUID(v); got != [16]byte{14: 0x02, 15: 0x34} {
		t.Errorf("partial of three gives %x", got)
	}
	if got, _ := transform(mask.Hash).UUID(v); got[6]>>4 != 8 || got[8]>>6 != 2 {
		t.Errorf("hash gives %x", got)
	}
}

func TestNumeric(t *testing.T) {
	for text, want := range map[string]string{"1234567.89": "567", "-12.5": "2", "NaN": "0", "0.001": "0", "10000000": "0", "": "0", "12345678901234567890": "7890"} {
		if got, _ := transform(mask.Partial).Numeric(nil, []byte(text)); string(got) != want {
			t.Errorf("the last digits of %s are %s", text, got)
		}
	}
}

func TestFloatThatIsNone(t *testing.T) {
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e300} {
		if got, _ := transform(mask.Partial).Float(v, 64); got != 0 {
			t.Errorf("%v becomes %v", v, got)
		}
	}
}

func TestConcurrentHash(t *testing.T) {
	tr := transform(mask.Hash)
	want, _ := tr.Text(nil, []byte("v"))
	done := make(chan string)
	for range 4 {
		go func() {
			bad := ""
			for range 200 {
				if got, _ := tr.Text(nil, []byte("v")); !bytes.Equal(got, want) {
					bad = string(got)
				}
			}
			done <- bad
		}()
	}
	for range 4 {
		if bad := <-done; bad != "" || strings.Contains(bad, "v") {
			t.Errorf("a hash is %q", bad)
		}
	}
}
