package enforcer_test

import (
	"fmt"
	"testing"

	"sallyport/schemas"
)

const (
	pgbench = "SELECT abalance FROM pgbench_accounts WHERE aid = 12345;"
	joined  = `SELECT o.id, c.name, sum(l.price * l.quantity) AS total FROM orders o JOIN customers c ON c.id = o.customer_id
		JOIN lines l ON l.order_id = o.id WHERE o.created > now() - interval '7 days' AND c.country IN ('CH', 'DE', 'AT')
		GROUP BY 1, 2 HAVING sum(l.price * l.quantity) > 100 ORDER BY total DESC LIMIT 50`
)

func BenchmarkVerdict(b *testing.B) {
	rs := load(b, string(file(b, "testdata/evasions/policies.yaml")))
	for name, text := range map[string]string{"short": pgbench, "joined": joined} {
		b.Run(name+"/cached", func(b *testing.B) {
			e, _ := newEnforcer(b, rs, nil)
			a := ask(text)
			b.ReportAllocs()
			for b.Loop() {
				if e.Verdict(b.Context(), a).Outcome != schemas.Outcome_OUTCOME_ALLOW {
					b.Fatal("not allowed")
				}
			}
		})
		b.Run(name+"/uncached", func(b *testing.B) {
			e, _ := newEnforcer(b, rs, nil)
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				n++
				if e.Verdict(b.Context(), ask(fmt.Sprintf("%s -- %d", text, n))).Outcome != schemas.Outcome_OUTCOME_ALLOW {
					b.Fatal("not allowed")
				}
			}
		})
	}
}
