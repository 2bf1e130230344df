package postgres

import (
	"testing"
)

// Whatever a target says its plan is, the estimate is one that the log takes.
func FuzzPlan(f *testing.F) {
	f.Add([]byte(`[{"Plan": {"Node Type": "Hash Join", "Plan Rows": 3, "Total Cost": 1.5, "Plans": [{"Node Type": "Seq Scan", "Schema": "s", "Relation Name": "t", "Plan Rows": 9}]}}]`))
	f.Add([]byte(`[{"Plan": {"Plan Rows": -1}}]`))
	f.Add([]byte(`[]`))
	f.Add([]byte(`[{"Plan": {"Plan Rows": 1e999}}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := decodePlan(data)
		if err != nil {
			return
		}
		if !(e.Rows >= 0) || !(e.Cost >= 0) {
			t.Errorf("rows %v, cost %v", e.Rows, e.Cost)
		}
		for _, s := range e.Scans {
			if s.Relation == "" || !(s.Rows >= 0) {
				t.Errorf("scan %v", s)
			}
		}
	})
}
