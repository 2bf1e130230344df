package postgres_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgproto3/v2"

	"sallyport/ingress/postgres"
)

// FuzzClientMessages: no decoder panics, and what one accepts is, encoded again by another
// implementation, the same message.
func FuzzClientMessages(f *testing.F) {
	for _, m := range []pgproto3.FrontendMessage{
		&query{String: "select 1"}, &parse{Name: "a", Query: "select $1", ParameterOIDs: []uint32{23, 0}},
		&bind{DestinationPortal: "p", PreparedStatement: "a", ParameterFormatCodes: []int16{0, 1}, Parameters: [][]byte{[]byte("x"), nil}, ResultFormatCodes: []int16{1}},
		&execute{Portal: "p", MaxRows: 5}, &describe{ObjectType: 'S', Name: "a"}, &closing{ObjectType: 'P', Name: "p"},
		&pgproto3.FunctionCall{Function: 954, ArgFormatCodes: []uint16{1}, Arguments: [][]byte{{0, 0, 0, 1}, nil}, ResultFormatCode: 1},
	} {
		b := encode(m)
		f.Add(b[0], b[5:])
	}
	f.Add(byte('B'), []byte("\x00\x00\x00\x00\x00\x01\xff\xff\xff\xfe\x00\x00"))
	f.Add(byte('B'), []byte("\x00\x00\xff\xff\xff\xff\xff\xff"))
	f.Add(byte('Q'), []byte{})
	f.Fuzz(func(t *testing.T, typ byte, body []byte) {
		var again pgproto3.FrontendMessage
		switch typ {
		case 'Q':
			if s, ok := postgres.DecodeQuery(body); ok {
				again = &query{String: s}
			}
		case 'P':
			if name, text, types, ok := postgres.DecodeParseFields(body); ok {
				again = &parse{Name: name, Query: text, ParameterOIDs: types}
			}
		case 'B':
			again = rebind(body)
		case 'F':
			again = recall(body)
		case 'E':
			if portal, rows, ok := postgres.DecodeExecute(body); ok {
				again = &execute{Portal: portal, MaxRows: uint32(rows)}
			}
		case 'D':
			if kind, name, ok := postgres.DecodeNamed(body); ok {
				again = &describe{ObjectType: kind, Name: name}
			}
		}
		if again == nil || wasCut(again) {
			return
		}
		if b := encode(again); !bytes.Equal(b[5:], body) {
			t.Errorf("%c %q is read as %q", typ, body, b[5:])
		}
	})
}

// wasCut reports whether a name may have been longer: names are cut as the target cuts them.
func wasCut(m pgproto3.FrontendMessage) bool {
	switch m := m.(type) {
	case *parse:
		return len(m.Name) == 63
	case *bind:
		return len(m.DestinationPortal) == 63 || len(m.PreparedStatement) == 63
	case *execute:
		return len(m.Portal) == 63
	case *describe:
		return len(m.Name) == 63
	}
	return false
}

func rebind(body []byte) pgproto3.FrontendMessage {
	m, ok := postgres.DecodeBindFields(body)
	if !ok {
		return nil
	}
	// The list of formats is not kept, only what it says of each value: take it from the body.
	rest := body[bytes.IndexByte(body, 0)+1:]
	rest = rest[bytes.IndexByte(rest, 0)+1:]
	for range binary.BigEndian.Uint16(rest) {
		m.ParameterFormatCodes = append(m.ParameterFormatCodes, int16(binary.BigEndian.Uint16(rest[2+2*len(m.ParameterFormatCodes):])))
	}
	return m
}

func recall(body []byte) pgproto3.FrontendMessage {
	m, ok := postgres.DecodeFunctionFields(body)
	if !ok {
		return nil
	}
	rest := body[4:] // as in rebind
	for range binary.BigEndian.Uint16(rest) {
		m.ArgFormatCodes = append(m.ArgFormatCodes, binary.BigEndian.Uint16(rest[2+2*len(m.ArgFormatCodes):]))
	}
	return m
}

func FuzzTargetMessages(f *testing.F) {
	row, _ := (&pgproto3.DataRow{Values: [][]byte{[]byte("a"), nil, {}}}).Encode(nil)
	columns, _ := (&pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{{Name: []byte("a"), DataTypeOID: 23}}}).Encode(nil)
	failure, _ := (&pgproto3.ErrorResponse{Severity: "ERROR", Code: "42601", Message: "m", Hint: "h"}).Encode(nil)
	for _, b := range [][]byte{row, columns, failure} {
		f.Add(b[5:], 3)
	}
	f.Add([]byte("\x00\x01\xff\xff\xff\xfe"), 1)
	f.Add([]byte("\xff\xff"), 1)
	f.Add([]byte("\xff\xff\xff\xff0"), 3)
	f.Fuzz(func(t *testing.T, body []byte, n int) {
		_, ok := postgres.CheckRow(body)
		if n = max(1, n%64); postgres.WalkCells(body, n) != ok {
			t.Errorf("whole: %v, in pieces of %d: %v", ok, n, !ok)
		}
		if _, one := postgres.CheckRow(append([]byte{0, 1}, body...)); postgres.WholeCell(body) != one {
			t.Errorf("one cell: %v", !one)
		}
		_, _ = postgres.DecodeFailure(body)
		_ = postgres.DecodeTypes(body)
		_, _, _ = postgres.DecodePair(body)
		_, _, _ = postgres.DecodeNotification(body)
		_, _, _ = postgres.DecodeCopy(body)
		if columns, ok := postgres.DecodeColumns(body); ok && len(columns)*19+2 > len(body) {
			t.Errorf("%d columns in %d bytes", len(columns), len(body))
		}
	})
}

func FuzzStartup(f *testing.F) {
	f.Add(uint32(3<<16), []byte("user\x00a\x00database\x00b\x00\x00"))
	f.Add(uint32(3<<16|2), []byte("user\x00a\x00options\x00-c search_path=x\\ y --geqo=off\x00_pq_.a\x001\x00\x00"))
	f.Add(uint32(2<<16), []byte{})
	f.Fuzz(func(t *testing.T, code uint32, body []byte) {
		user, database, parameters, refused := postgres.DecodeStartup(code, body)
		if refused != "" {
			return
		}
		if user == "" || database == "" {
			t.Errorf("accepted without a name: %q", body)
		}
		for name := range parameters {
			if slices.Contains([]string{"role", "session_authorization", "standard_conforming_strings", "options", "replication"}, strings.ToLower(name)) {
				t.Errorf("%s is passed on: %q", name, body)
			}
		}
	})
}

func TestSplitOptions(t *testing.T) {
	for in, want := range map[string][]string{
		"":                      nil,
		"-c a=b":                {"-c", "a=b"},
		"  -ca=b\t--c=d ":       {"-ca=b", "--c=d"},
		`-c a=x\ y -c b=\\`:     {"-c", "a=x y", "-c", `b=\`},
		`-c search_path=a\,b\ `: {"-c", "search_path=a,b "},
	} {
		if got := postgres.SplitOptions(in); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestSplitPath(t *testing.T) {
	for in, want := range map[string][]string{
		`"$user", public`: {"$user", "public"},
		`A, "A""b" ,c`:    {"a", `A"b`, "c"},
		``:                nil,
		`""`:              {""},
	} {
		if got, ok := postgres.SplitPath(in); !ok || !slices.Equal(got, want) {
			t.Errorf("%q: got %q %v, want %q", in, got, ok, want)
		}
	}
	for _, in := range []string{"a,", `"a`, "a b", ",a", `a"b"`} {
		if got, ok := postgres.SplitPath(in); ok {
			t.Errorf("%q: got %q", in, got)
		}
	}
}
