package mask_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"sallyport/ingress/mask"
)

// prose has no finds, but what looks a little like them: times, amounts, numbers.
func prose() []byte {
	line := "2026-11-23 10:15:42 order 48213 of customer 7731 shipped to Main Street 12, total 149.90 EUR, carrier ref A7-2291.\n"
	words := "The quick brown fox jumps over the lazy dog while nobody looks, and then it goes home again.\n"
	return []byte(strings.Repeat(words+words+line+words, 200))
}

func columns() map[string]string {
	return map[string]string{"name": "Margaret Atherton-Smith", "date": "2026-11-23 10:15:42.123456+00", "number": "48213", "uuid": "550e8400-e29b-41d4-a716-446655440000"}
}

func benchmarkSets() map[string][]mask.Detector {
	return map[string][]mask.Detector{
		"email+card+id": {mask.Email, mask.CreditCard, mask.NationalID},
		"pii":           {mask.Email, mask.CreditCard, mask.NationalID, mask.Phone, mask.IBAN},
		"keys":          {mask.PrivateKey, mask.JWT, mask.CloudKey},
		"secret":        {mask.Secret},
		"all":           all(),
	}
}

func BenchmarkProse(b *testing.B) {
	text := prose()
	for name, d := range benchmarkSets() {
		s := set(b, mask.Redact, d...)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			before := cpu(b)
			for range b.N {
				s.Apply(nil, text)
			}
			b.ReportMetric(float64(len(text))*float64(b.N)/1e6/(cpu(b)-before), "MB/cpu-s")
		})
	}
}

// cpu is the processor time of the process in seconds: other processes do not count.
func cpu(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

func BenchmarkColumn(b *testing.B) {
	s := set(b, mask.Redact, mask.Email, mask.CreditCard, mask.NationalID)
	for name, text := range columns() {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for range b.N {
				s.Apply(nil, []byte(text))
			}
		})
	}
}

func BenchmarkHits(b *testing.B) {
	text := []byte(strings.Repeat("Margaret Atherton-Smith,joe@example.com,4111 1111 1111 1111,123-45-6789,Main Street 12\n", 200))
	for _, m := range []mask.Method{mask.Redact, mask.Partial, mask.Hash} {
		s := set(b, m, mask.Email, mask.CreditCard, mask.NationalID)
		b.Run(fmt.Sprint(m), func(b *testing.B) {
			var out []byte
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for range b.N {
				out, _, _ = s.Apply(out[:0], text)
			}
		})
	}
}

func TestNothingFoundAllocatesNothing(t *testing.T) {
	text := prose()
	for name, d := range benchmarkSets() {
		s := set(t, mask.Redact, d...)
		if _, hits, _ := s.Apply(nil, text); hits != nil {
			t.Fatalf("%s finds %v", name, hits)
		}
		if n := testing.AllocsPerRun(10, func() { s.Apply(nil, text) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
