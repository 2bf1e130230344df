package postgres_test

import (
	"strings"
	"testing"

	"sallyport/ingress/sessiontest"
	"sallyport/schemas"
)

func TestPsqlSession(t *testing.T) {
	g := start(t, options{})
	out, errs := g.psql(t, "select 1 as one, 'two' as two;\nselect * from nowhere;\nselect generate_series(1,3);\n", "-At")
	if out != "1|two\n1\n2\n3\n" {
		t.Errorf("stdout %q", out)
	}
	if !strings.Contains(errs, `relation "nowhere" does not exist`) {
		t.Errorf("stderr %q", errs)
	}
	es := g.Only(t)
	if es[0].GetOpened().GetPrincipal().GetName() != user {
		t.Errorf("first entry %v", es[0])
	}
	want := []string{"select 1 as one, 'two' as two;", "select * from nowhere;", "select generate_series(1,3);"}
	if got := commands(es); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("commands %q", got)
	}
	rs := results(es)
	if len(rs) != 3 || rs[0].Tag != "SELECT 1" || rs[1].Error.GetCode() != "42P01" || rs[2].Rows != 3 {
		t.Errorf("results %v", rs)
	}
	var rows []*schemas.Rows
	for _, e := range es {
		if r := e.GetRows(); r != nil {
			rows = append(rows, r)
		}
	}
	if len(rows) != 2 || string(rows[0].Cells) != "\x00\x00\x00\x011\x00\x00\x00\x03two" || rows[1].Count != 3 {
		t.Errorf("rows %v", rows)
	}
	if c := es[len(es)-1].GetClosed(); c.Reason != "client" || c.Commands != 3 || c.Rows != 4 {
		t.Errorf("closed %v", c)
	}
}

func TestPsqlRefusal(t *testing.T) {
	g := start(t, options{})
	out, errs := g.psql(t, "select '"+sessiontest.Forbidden+"';\nselect 2;\n", "-At")
	if out != "2\n" {
		t.Errorf("stdout %q", out)
	}
	if !strings.Contains(errs, "ERROR:  refused: that is forbidden") || !strings.Contains(errs, "HINT:  policy: no-forbidden") {
		t.Errorf("stderr %q", errs)
	}
}
