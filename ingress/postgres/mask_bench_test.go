package postgres_test

import (
	"encoding/binary"
	"testing"

	"sallyport/ingress/postgres"
	"sallyport/schemas"
)

// What masking adds to a row: two columns of five, and content on top of that.
func BenchmarkMaskedRow(b *testing.B) {
	columns := []*schemas.Column{{Name: "id", Type: 23}, {Name: "name", Type: 25}, {Name: "email", Type: 25, Table: 1, Attribute: 3},
		{Name: "ssn", Type: 25, Table: 1, Attribute: 4}, {Name: "created", Type: 1184}}
	var cells []byte
	for _, v := range []string{"54321", "Customer number 54321", "customer54321@example.com", "321-21-4321", "2026-11-26 22:00:00.123456+00"} {
		cells = append(binary.BigEndian.AppendUint32(cells, uint32(len(v))), v...)
	}
	for name, detect := range map[string][]string{"columns": nil, "content": {"credit-card", "email", "phone", "iban", "national-id", "private-key", "jwt", "cloud-key", "secret"}} {
		plan := &schemas.MaskPlan{Rules: append(maskRules()[:4], &schemas.MaskRule{Name: "content", With: "redact", Detect: detect}), Results: []*schemas.ResultMasks{{Columns: []*schemas.ColumnMask{
			{Name: "id"}, {Name: "name"}, {Name: "email", By: by(3, 3)}, {Name: "ssn", By: by(1, 1)}, {Name: "created"}}}},
			Origins: []*schemas.Origin{{Table: 1, Attribute: 3, By: by(3, 3), Plain: true}, {Table: 1, Attribute: 4, By: by(1, 1), Plain: true}}}
		row := postgres.RowMasker(postgres.MaskFor(b, plan), columns)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(cells)))
			b.ReportAllocs()
			for b.Loop() {
				if out := row(cells); len(out) == 0 {
					b.Fatal("nothing")
				}
			}
		})
	}
}
