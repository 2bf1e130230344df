package values_test

import (
	"encoding/hex"
	"errors"
	"testing"

	"sallyport/schemas"
	"sallyport/schemas/values"
)

// expressions are asked of a real PostgreSQL in both formats: the binary form must be rendered as
// the text form that the server itself gives.
var expressions = []string{
	"true", "false", "1::int2", "(-32768)::int2", "2147483647", "(-9223372036854775808)::int8",
	"0::float8", "-0.0::float8", "1e14::float8", "1e15::float8", "1.5e-5::float8", "0.0001::float8", "0.1::float8+0.2", "'NaN'::float8", "'-Infinity'::float8", "1.7976931348623157e308::float8",
	"1e5::float4", "1e6::float4", "0.1::float4", "123456.7::float4", "'Infinity'::float4",
	"0::numeric", "0.00::numeric(5,2)", "12345678901234567890.123456789", "-0.00001", "1e-20::numeric", "1e30::numeric", "100000000", "10000.0001", "'NaN'::numeric", "'Infinity'::numeric", "'-Infinity'::numeric", "99999999", "0.1::numeric", "1234.5::numeric(20,10)",
	"'naïve'::text", "''::text", "'x '::bpchar(4)", "'abc'::varchar", "'n'::name", "'a'::\"char\"", "''::\"char\"",
	"'\\xdeadbeef'::bytea", "''::bytea",
	"'2026-11-22'::date", "'infinity'::date", "'-infinity'::date", "'0044-03-15 BC'::date", "'0001-01-01'::date", "'4713-01-01 BC'::date", "'5874897-12-31'::date",
	"'2026-11-22 10:11:12.345'::timestamp", "'1999-12-31 23:59:59.999999'::timestamp", "'1900-01-01'::timestamp", "'infinity'::timestamp", "'-infinity'::timestamptz", "'294276-12-31 23:59:59'::timestamp", "'0044-03-15 12:00:01.5 BC'::timestamp",
	"'2026-11-22 10:11:12+01'::timestamptz",
	"'00:00'::time", "'24:00'::time", "'23:59:59.000001'::time", "'10:00+05:30'::timetz", "'10:00-08'::timetz", "'10:00:01.5+01:02:03'::timetz",
	"'0'::interval", "'1 year 2 mons 3 days 04:05:06.789'::interval", "'-1 day 02:03:04'::interval", "'-1 year -2 mons +3 days -04:05:06'::interval", "'1 mon'::interval", "'-00:00:01.5'::interval", "'1 year -1 mon'::interval", "'300:00:00'::interval", "'-1 mon'::interval", "'1 day'::interval", "'-13 mons'::interval",
	"'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", "'{\"a\": [1, null]}'::json", "'{\"a\": [1, null]}'::jsonb", "'$.a[*]'::jsonpath",
	"4294967295::oid", "'(7,3)'::tid", "'16/B374D848'::pg_lsn", "'99'::xid8", "'<a>1</a>'::text",
	"'10.0.0.1'::inet", "'10.0.0.1/8'::inet", "'10.0.0.0/8'::cidr", "'::1'::inet", "'2001:db8::/32'::cidr", "'::ffff:1.2.3.4'::inet", "'08:00:2b:01:02:03'::macaddr", "'08:00:2b:01:02:03:04:05'::macaddr8",
	"B'10110'::bit(5)", "B''::varbit", "B'101010101'::varbit", "'(1.5,-2)'::point",
	"'{}'::int4[]", "array[1,null,3]", "array[[1,2],[3,4]]", "'[0:1]={5,6}'::int4[]", "array['a b','','null','q\"q','b\\s','{','x,y',null]::text[]", "array['2026-11-22 10:11:12'::timestamp]", "array[1.50,2]::numeric[]", "array['\\x01'::bytea]", "array[true,false]", "array['1 day'::interval]", "array[['a'],['b']]::text[]",
	"'1 2 3'::int2vector", "'1 2'::oidvector", "''::oidvector",
	"row(1,'a b',null,true)", "row('q\"','b\\s','')", "row(row(1,2),array[1,2])",
	"'[1,5)'::int4range", "'empty'::int4range", "'(,5]'::numrange", "'[2026-01-01,2026-02-01)'::daterange", "'[2026-01-01 00:00,)'::tsrange",
}

func TestBinaryIsRenderedAsTheServerRendersText(t *testing.T) {
	c := postgres(t)
	if _, err := c.Exec(t.Context(), "set timezone to 'UTC'"); err != nil {
		t.Fatal(err)
	}
	for _, e := range expressions {
		text := c.PgConn().ExecParams(t.Context(), "select "+e, nil, nil, nil, []int16{0}).Read()
		binary := c.PgConn().ExecParams(t.Context(), "select "+e, nil, nil, nil, []int16{1}).Read()
		if text.Err != nil || binary.Err != nil {
			t.Errorf("%s: %v, %v", e, text.Err, binary.Err)
			continue
		}
		f := binary.FieldDescriptions[0]
		got, err := values.Render(f.DataTypeOID, true, binary.Rows[0][0])
		if want := string(text.Rows[0][0]); err != nil || got != want {
			t.Errorf("%s (%s %x): got %q (%v), want %q", e, values.TypeName(f.DataTypeOID), binary.Rows[0][0], got, err, want)
		}
		plain, err := values.Render(f.DataTypeOID, false, text.Rows[0][0])
		if err != nil || plain != string(text.Rows[0][0]) {
			t.Errorf("%s: text became %q, %v", e, plain, err)
		}
	}
}

func TestTypeNames(t *testing.T) {
	for oid, want := range map[uint32]string{23: "int4", 1007: "int4[]", 1009: "text[]", 25: "text", 3802: "jsonb", 16384: "16384"} {
		if got := values.TypeName(oid); got != want {
			t.Errorf("TypeName(%d) = %q, want %q", oid, got, want)
		}
	}
}

func TestMalformedBinaryIsAnError(t *testing.T) {
	for _, c := range []struct {
		oid  uint32
		data string
	}{
		{23, "000001"}, {23, "0000000001"}, {16, "02"}, {1700, "0001000000000000"},
		{2950, "00"}, {1007, "00000001000000000000001700000001000000010000000800000001"}, {3802, "02"}, {1186, "80000000000000000000000000000000"},
	} {
		data, _ := hex.DecodeString(c.data)
		if s, err := values.Render(c.oid, true, data); !errors.Is(err, values.ErrMalformed) {
			t.Errorf("%s %s: %q, %v", values.TypeName(c.oid), c.data, s, err)
		}
		if got := values.Text(c.oid, true, data); got != `\x`+c.data {
			t.Errorf("%s %s: shown as %q", values.TypeName(c.oid), c.data, got)
		}
	}
}

func TestUnknownBinaryIsHexadecimal(t *testing.T) {
	if got, err := values.Render(600000, true, []byte{1, 0xAB}); err != nil || got != `\x01ab` {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestCleanKeepsEveryByteVisible(t *testing.T) {
	if got := values.Clean([]byte("a\xffü\xc3")); got != `a\xFFü\xC3` {
		t.Errorf("got %q", got)
	}
}

func walk(r *schemas.Rows) (rows [][]string, err error) {
	for row, e := range values.Rows(r) {
		if e != nil {
			return rows, e
		}
		var cells []string
		for _, c := range row {
			if c.Null {
				cells = append(cells, "<null>")
			} else {
				cells = append(cells, string(c.Data))
			}
		}
		rows = append(rows, cells)
	}
	return rows, nil
}

func TestRows(t *testing.T) {
	whole := []byte("\x00\x00\x00\x01a\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x02bc")
	got, err := walk(&schemas.Rows{Columns: 2, Count: 2, Cells: whole})
	if err != nil || len(got) != 2 || got[0][0] != "a" || got[0][1] != "<null>" || got[1][0] != "" || got[1][1] != "bc" {
		t.Fatalf("got %q, %v", got, err)
	}
	for name, r := range map[string]*schemas.Rows{
		"cut short":       {Columns: 2, Count: 2, Cells: whole[:len(whole)-1]},
		"left over":       {Columns: 2, Count: 1, Cells: whole},
		"too many rows":   {Columns: 2, Count: 1 << 31, Cells: whole},
		"too many cells":  {Columns: 1 << 31, Count: 2, Cells: whole},
		"rows of nothing": {Columns: 0, Count: 1 << 31},
	} {
		if _, err := walk(r); !errors.Is(err, values.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, err := walk(&schemas.Rows{Count: 3}); err != nil || len(got) != 3 {
		t.Errorf("rows without columns: %q, %v", got, err)
	}
}

func FuzzRender(f *testing.F) {
	for _, oid := range []uint32{16, 17, 18, 23, 701, 1700, 1082, 1114, 1184, 1186, 1266, 869, 1560, 1007, 1009, 2249, 3904, 22, 3802, 600} {
		f.Add(oid, []byte{0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 23, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 7})
		f.Add(oid, []byte{0, 1, 0, 0, 0, 0, 0, 0, 0, 1})
		f.Add(oid, []byte{})
	}
	f.Fuzz(func(t *testing.T, oid uint32, data []byte) {
		s, err := values.Render(oid, true, data)
		if err != nil && !errors.Is(err, values.ErrMalformed) {
			t.Errorf("%v", err)
		}
		if values.Clean([]byte(s)) != s {
			t.Errorf("%q is not UTF-8", s)
		}
	})
}

func FuzzRows(f *testing.F) {
	f.Add(uint32(2), uint32(2), []byte("\x00\x00\x00\x01a\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x02bc"))
	f.Add(uint32(0xF2000000), uint32(0), []byte{})
	f.Fuzz(func(t *testing.T, columns, count uint32, cells []byte) {
		rows := uint32(0)
		var failed error
		for row, err := range values.Rows(&schemas.Rows{Columns: columns, Count: count, Cells: cells}) {
			if failed = err; err == nil {
				if rows++; len(row) != int(columns) {
					t.Errorf("a row of %d cells", len(row))
				}
			}
		}
		if failed == nil && rows != count {
			t.Errorf("%d rows of %d", rows, count)
		}
	})
}
