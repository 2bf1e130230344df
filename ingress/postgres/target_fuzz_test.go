package postgres_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/jackc/pgproto3/v2"

	"sallyport/ingress/postgres"
)

// FuzzFrames: messages are cut where their lengths say, whatever pieces they come in.
func FuzzFrames(f *testing.F) {
	f.Add(encode(&query{String: "select 1"}, &sync_{}, &parse{Query: strings.Repeat("x", 5000)}, &flush{}), 7)
	f.Add([]byte("Q\x00\x00\x00\x03"), 1)
	f.Add([]byte("Q\xff\xff\xff\xff"), 2)
	f.Fuzz(func(t *testing.T, data []byte, n int) {
		got := postgres.Frames(data, max(1, n%9000), 1<<16)
		if whole := bytes.Join(got, nil); !bytes.HasPrefix(data, whole) {
			t.Errorf("%q is not what %q begins with", whole, data)
		}
		for _, raw := range got {
			if size := int(raw[1])<<24 | int(raw[2])<<16 | int(raw[3])<<8 | int(raw[4]); size != len(raw)-1 {
				t.Errorf("a message of %d bytes says %d", len(raw)-1, size)
			}
		}
	})
}

// FuzzTargetStart: a target that says anything at all is not taken for one that has proven itself.
func FuzzTargetStart(f *testing.F) {
	say := func(ms ...pgproto3.BackendMessage) []byte {
		var b []byte
		for _, m := range ms {
			b, _ = m.Encode(b)
		}
		return b
	}
	ready := &pgproto3.ReadyForQuery{TxStatus: 'I'}
	f.Add(say(&pgproto3.AuthenticationOk{}, &pgproto3.ParameterStatus{Name: "a", Value: "b"}, &pgproto3.BackendKeyData{ProcessID: 1, SecretKey: 2}, ready))
	f.Add(say(&pgproto3.AuthenticationMD5Password{}, &pgproto3.AuthenticationOk{}, ready))
	f.Add(say(&pgproto3.AuthenticationCleartextPassword{}, &pgproto3.NoticeResponse{Severity: "WARNING"}, &pgproto3.AuthenticationOk{}, ready))
	f.Add(say(&pgproto3.AuthenticationSASL{AuthMechanisms: []string{"SCRAM-SHA-256"}}, &pgproto3.AuthenticationSASLContinue{Data: []byte("r=x,s=eA==,i=4096")},
		&pgproto3.AuthenticationSASLFinal{Data: []byte("v=eA==")}, &pgproto3.AuthenticationOk{}, ready))
	f.Add(say(&pgproto3.ErrorResponse{Code: "28P01", Message: "no"}))
	f.Fuzz(func(t *testing.T, data []byte) {
		ready, proven, asked := postgres.Begin(data, "")
		if proven || ready && asked {
			t.Errorf("SCRAM ended well with %q", data)
		}
		if ready, _, _ := postgres.Begin(data, "require"); ready {
			t.Errorf("channel binding was required, and %q is enough", data)
		}
	})
}

// FuzzCatalogue: what the gateway reads of a target for itself.
func FuzzCatalogue(f *testing.F) {
	row, _ := (&pgproto3.DataRow{Values: [][]byte{[]byte("t"), nil, []byte("17"), []byte(`["a","b"]`), []byte(`"$user", public`)}}).Encode(nil)
	f.Add(row[5:])
	f.Fuzz(func(t *testing.T, body []byte) {
		want, whole := postgres.CheckRow(body)
		if n, ok := postgres.Cells(body); ok != whole || ok && n != want {
			t.Errorf("%d cells (%v), want %d (%v)", n, ok, want, whole)
		}
		if names, ok := postgres.SplitPath(string(body)); ok && len(names) > len(body) {
			t.Errorf("%d names in %q", len(names), body)
		}
	})
}
