package trace_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"sallyport/schemas/trace"
)

const example = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" // of the specification

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		example: example,
		"cc" + example[2:] + "-what-the-future-will-be-like": "cc" + example[2:],
		"":                                    "",
		example + "0":                         "",
		example + "-later":                    "",
		"ff" + example[2:]:                    "",
		"cc" + example[2:] + ".x":             "",
		strings.ToUpper(example):              "",
		strings.Replace(example, "b", "g", 1): "",
		"00-00000000000000000000000000000000-b7ad6b7169203331-01": "",
		"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01": "",
		"00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01": "",
	} {
		got, err := trace.Parse(text)
		if string(got) != want || (err == nil) != (want != "") {
			t.Errorf("%q is read as %q, %v", text, got, err)
		}
	}
	if id := trace.Parent(example).TraceID(); id != "0af7651916cd43dd8448eb211c80319c" {
		t.Errorf("its trace is %s", id)
	}
}

func TestComment(t *testing.T) {
	for text, want := range map[string]map[string]string{
		// The specification's own example.
		"SELECT * FROM FOO /*action='%2Fparam*d',controller='index',framework='spring',traceparent='" + example + "',tracestate='congo%3Dt61rcWkgMzE%2Crojo%3D00f067aa0ba902b7'*/": {
			"action": "/param*d", "controller": "index", "framework": "spring", "traceparent": example, "tracestate": "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7",
		},
		"SELECT 1 /* route='%2Forders%2F%3Aid' , name='DROP%20TABLE%20FOO' */ ;\n": {"route": "/orders/:id", "name": "DROP TABLE FOO"},
		`/*route='a'*/ SELECT 1`:       {"route": "a"},
		`SELECT 1 /*k='it\'s'*/`:       {"k": "it's"},
		`SELECT 1 /*%66oo='bar'*/`:     {"foo": "bar"},
		`SELECT '/*a=''b''*/'`:         nil,
		`SELECT 1 /* a comment */`:     nil,
		`SELECT 1 /*a='b', and more*/`: nil,
		`SELECT 1 /*a='b',*/`:          nil,
		`SELECT 1 /*a='b`:              nil,
		`SELECT 1 /*a=b*/`:             nil,
		`SELECT 1 /*a='%zz'*/`:         nil,
		`SELECT 1 /*='b'*/`:            nil,
		`SELECT 1 /*/`:                 nil,
		`*/`:                           nil,
		"":                             nil,
		"SELECT 1 /*a='" + strings.Repeat("x", trace.MaxValue+1) + "'*/": nil,
	} {
		if diff := cmp.Diff(want, trace.Comment(text)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", text, diff)
		}
	}
}

func FuzzComment(f *testing.F) {
	f.Add("SELECT 1 /*a='b',c='%20'*/;")
	f.Add("/*a='\\''*/ x")
	f.Fuzz(func(t *testing.T, text string) {
		found := trace.Comment(text)
		if len(found) > trace.MaxPairs {
			t.Errorf("%d pairs", len(found))
		}
		for k, v := range found {
			if k == "" || len(k) > trace.MaxKey || len(v) > trace.MaxValue || !utf8.ValidString(k+v) {
				t.Errorf("%q = %q", k, v)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add(example)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := trace.Parse(text)
		if again, wrong := trace.Parse(string(p)); err == nil && (wrong != nil || again != p || len(p.TraceID()) != 32) {
			t.Errorf("%q is read as %q", text, p)
		}
	})
}
