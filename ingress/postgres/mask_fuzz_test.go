package postgres_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"sallyport/ingress/postgres"
	"sallyport/schemas"
)

// maskRules are one rule of each way, of which the last detects; somebody is excepted from the second.
func maskRules() []*schemas.MaskRule {
	return []*schemas.MaskRule{
		{Name: "redacts", With: "redact"}, {Name: "hashes", With: "hash", Revealed: true}, {Name: "parts", With: "partial", Keep: 4},
		{Name: "nulls", With: "null"}, {Name: "detects", With: "redact", Detect: []string{"email", "credit-card"}},
	}
}

func by(recorded, client uint32) *schemas.MaskedBy {
	return &schemas.MaskedBy{Recorded: recorded, Client: client}
}

// copyPlan masks the second of three columns.
func copyPlan(f *schemas.CopyFormat) *schemas.MaskPlan {
	return &schemas.MaskPlan{Rules: maskRules(), Whole: by(1, 1), Results: []*schemas.ResultMasks{{Copy: f, Columns: []*schemas.ColumnMask{
		{Name: "id", Type: 23}, {Name: "ssn", By: by(3, 3), Plain: true, Type: 25}, {Name: "note", Type: 25}}}}}
}

func copyFormats() []*schemas.CopyFormat {
	return []*schemas.CopyFormat{
		{Format: "text", Delimiter: "\t", Null: `\N`}, {Format: "csv", Delimiter: ",", Quote: `"`, Escape: `"`, Header: true},
		{Format: "csv", Delimiter: ";", Quote: "'", Escape: `\`, Null: "nil"}, {Format: "binary"}, {Format: "strange"},
	}
}

// However the data is cut, the same comes out.
func FuzzMaskCopy(f *testing.F) {
	f.Add(uint8(0), uint8(3), []byte("1\t734-19-5528\ta@example.org\n2\t\\N\tx\\ty\\n\n\\.\n"))
	f.Add(uint8(1), uint8(1), []byte("id,ssn,note\n1,734-19-5528,\"a\"\"b\nc\"\n2,,\"\"\n"))
	f.Add(uint8(2), uint8(2), []byte("1;'7\\'3;4';x\n"))
	f.Add(uint8(3), uint8(7), append([]byte("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"), "\x00\x03\x00\x00\x00\x04\x00\x00\x00\x01\x00\x00\x00\x03abc\xff\xff\xff\xff\xff\xff"...))
	f.Add(uint8(4), uint8(1), []byte("anything"))
	formats := copyFormats()
	f.Fuzz(func(t *testing.T, which, n uint8, data []byte) {
		format := formats[int(which)%len(formats)]
		m := postgres.MaskFor(t, copyPlan(format))
		binary := format.Format == "binary"
		client, recorded, err := postgres.MaskCopy(m, binary, 3, len(data)+1, bytes.Clone(data))
		c2, r2, err2 := postgres.MaskCopy(m, binary, 3, int(n)%64+1, bytes.Clone(data))
		if (err == nil) != (err2 == nil) {
			t.Fatalf("whole: %v; in pieces of %d: %v", err, n, err2)
		}
		if err == nil && (!bytes.Equal(client, c2) || !bytes.Equal(recorded, r2)) {
			t.Fatalf("whole %q, in pieces of %d %q", client, n, c2)
		}
	})
}

// What comes out of a row is a row.
func FuzzMaskRow(f *testing.F) {
	types := []uint32{16, 17, 18, 20, 21, 23, 25, 114, 600, 700, 701, 790, 869, 1007, 1009, 1042, 1082, 1114, 1184, 1186, 1560, 1700, 2249, 2950, 3802, 3904, 99999}
	f.Add(uint8(5), uint8(1), []byte("\x00\x00\x00\x04\x00\x00\x00\x07"))
	f.Add(uint8(6), uint8(4), []byte("\x00\x00\x00\x0da@example.org"))
	f.Add(uint8(13), uint8(1), []byte("\x00\x00\x00\x18\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x17\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x04\x00\x00\x00\x07"))
	f.Add(uint8(22), uint8(0), []byte("\x00\x00\x00\x10\x00\x00\x00\x01\x00\x00\x00\x19\x00\x00\x00\x04abcd"))
	f.Fuzz(func(t *testing.T, which, rule uint8, cells []byte) {
		for _, isBinary := range []bool{false, true} {
			for _, plain := range []bool{false, true} {
				column := &schemas.Column{Name: "c", Type: types[int(which)%len(types)], Binary: isBinary, Table: 7, Attribute: 1}
				n := uint32(rule) % 5 // the last looks at content alone
				plan := &schemas.MaskPlan{Rules: maskRules(), Results: []*schemas.ResultMasks{{Columns: []*schemas.ColumnMask{{Name: "c"}}}}}
				if n < 4 {
					plan.Results[0].Columns[0].By = by(n+1, n+1)
					plan.Origins = []*schemas.Origin{{Table: 7, Attribute: 1, By: by(n+1, n+1), Plain: plain}}
				}
				client, recorded, ok := postgres.MaskRow(postgres.MaskFor(t, plan), []*schemas.Column{column}, bytes.Clone(cells))
				if ok != postgres.WholeCell(cells) {
					t.Fatalf("%x: ok is %t", cells, ok)
				}
				if ok && (!postgres.WholeCell(client) || !postgres.WholeCell(recorded)) {
					t.Fatalf("%x became %x and %x", cells, client, recorded)
				}
			}
		}
	})
}

func FuzzMaskArray(f *testing.F) {
	f.Add([]byte(`{a,"b\"c",NULL,{d}}`), false)
	f.Add([]byte(`[2:3]={1,2}`), false)
	f.Add([]byte("\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x17\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x04\x00\x00\x00\x07"), true)
	f.Fuzz(func(t *testing.T, v []byte, isBinary bool) {
		out, ok := postgres.MaskArray(bytes.Clone(v), isBinary)
		if !ok {
			return
		}
		again, ok := postgres.MaskArray(bytes.Clone(out), isBinary)
		if !ok || !bytes.Equal(out, again) {
			t.Fatalf("%q became %q, and that %q (%t)", v, out, again, ok)
		}
	})
}

// What is hidden of a message is a message, and what is guarded does not grow.
func FuzzMaskMessage(f *testing.F) {
	f.Add([]byte("SERROR\x00C22P02\x00Minvalid input syntax for type integer: \"734\"\x00P8\x00\x00"), "select 1")
	f.Add([]byte("SERROR\x00VERROR\x00C42P01\x00Mrelation \"x\" does not exist\x00P15\x00\x00"), "select * from x")
	plan := &schemas.MaskPlan{Rules: maskRules(), Whole: by(1, 1)}
	f.Fuzz(func(t *testing.T, body []byte, command string) {
		raw := binary.BigEndian.AppendUint32([]byte{'E'}, uint32(4+len(body)))
		raw = append(raw, body...)
		m := postgres.MaskFor(t, plan)
		for _, guard := range []schemas.Messages{0, 1, 2} {
			client, recorded, ok := postgres.MaskMessage(m, guard, command, slices.Clone(raw))
			_, decodes := postgres.DecodeFailure(body)
			if ok != decodes {
				t.Fatalf("%q: ok is %t", body, ok)
			}
			for _, out := range [][]byte{client, recorded} {
				if ok && (len(out) < 5 || int(binary.BigEndian.Uint32(out[1:])) != len(out)-1) {
					t.Fatalf("%q became %q", raw, out)
				}
			}
		}
	})
}
