package enforcer_test

import (
	"errors"
	"strings"
	"testing"

	"sallyport/enforcer"
	"sallyport/schemas/resources"
)

func TestCheckPolicy(t *testing.T) {
	for when, want := range map[string]struct {
		line, column int
		message      string
	}{
		`true`: {},
		`command.sql.kinds.exists(k, k in ["DROP", "TRUNCATE"]) || command.sql.unfiltered_write`:                              {},
		`command.sql.reads.exists(t, t.startsWith("public.")) && principal.kind == "agent" && now.getHours("UTC") >= 18`:      {},
		`run.agent == "x" || run.id != "" || session.id == "" || target.labels["env"] == "prod" || "eng" in principal.groups`: {},
		`command.sql.kindz.size() > 0`:           {1, 12, "undefined field 'kindz'"},
		"true &&\n  command.sql.unfilterd_write": {2, 14, "undefined field 'unfilterd_write'"},
		`principle.name == "x"`:                  {1, 1, "undeclared reference to 'principle'"},
		`command.sql.statements == "1"`:          {1, 24, "found no matching overload for '_==_' applied to '(int, string)'"},
		`command.text`:                           {1, 1, "must be true or false, not string"},
		`command.sql.kinds.exists(k, `:           {1, 29, "Syntax error"},
		`"x" in command.sql.kinds ||`:            {1, 28, "Syntax error"},
		`command.http.method == "GET"`:           {1, 8, "undefined field 'http'"},
		`command.Text == ""`:                     {1, 8, "undefined field 'Text'"},
		"true\n&& unknown.field\n&& another":     {2, 4, "undeclared reference to 'unknown' (and 1 more)"},
	} {
		err := enforcer.CheckPolicy(&resources.Resource{
			Kind: resources.KindPolicy, Metadata: resources.Metadata{Name: "p"}, Policy: &resources.Policy{When: when, Verdict: "deny"},
		})
		var bad *enforcer.PolicyError
		switch {
		case want.line == 0 && err != nil:
			t.Errorf("%s: %v", when, err)
		case want.line == 0:
		case !errors.As(err, &bad):
			t.Errorf("%s: %v", when, err)
		case bad.Line != want.line || bad.Column != want.column || !strings.Contains(bad.Message, want.message):
			t.Errorf("%s\n%d:%d %s\nwant %d:%d %s", when, bad.Line, bad.Column, bad.Message, want.line, want.column, want.message)
		case !strings.Contains(err.Error(), "policy p: when: line ") || !strings.HasSuffix(bad.Snippet, "^"):
			t.Errorf("%v", err)
		}
	}
	if err := enforcer.CheckPolicy(&resources.Resource{Kind: resources.KindRole, Role: &resources.Role{}}); err != nil {
		t.Error(err)
	}
}
