package resources_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sallyport/schemas"
	"sallyport/schemas/resources"
)

func TestCanonical(t *testing.T) {
	for i, want := range []string{
		`{"apiVersion":"sallyport/v1","kind":"Target","metadata":{"labels":{"env":"prod"},"name":"orders"},"spec":{"address":"10.0.0.5:5432","credential":{"password":{"env":"ORDERS_PASSWORD"},"username":"app"},"postgres":{"database":"orders"},"protocol":"postgres"}}`,
		`{"apiVersion":"sallyport/v1","kind":"Role","metadata":{"name":"engineers"},"spec":{"can":["connect"],"members":{"groups":["eng"],"users":["alice@example.com"]},"targets":{"labels":{"env":"prod"}}}}`,
		`{"apiVersion":"sallyport/v1","kind":"Policy","metadata":{"name":"hold-destructive-sql"},"spec":{"approval":{"any":[{"count":1,"groups":["dba"]}],"expires":"15m0s"},"message":"destructive SQL needs a DBA","targets":{"labels":{"env":"prod"}},"verdict":"hold","when":"command.sql.kinds.exists(k, k in [\"DROP\", \"TRUNCATE\"]) || command.sql.unfiltered_write"}}`,
	} {
		r := design(t)[i]
		got, err := resources.MarshalCanonical(r)
		if err != nil || string(got) != want {
			t.Errorf("got  %s, %v\nwant %s", got, err, want)
		}
		back, err := resources.UnmarshalCanonical(got)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(r, back, cmpopts.IgnoreFields(resources.Resource{}, "Source"), cmpopts.EquateEmpty()); d != "" {
			t.Error(d)
		}
	}
}

func TestUnmarshalCanonicalIsStrict(t *testing.T) {
	good := `{"apiVersion":"sallyport/v1","kind":"Role","metadata":{"name":"a"},"spec":{"members":{},"targets":{}}}`
	if _, err := resources.UnmarshalCanonical([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		"", "{}", good + good,
		strings.Replace(good, "v1", "v2", 1),
		strings.Replace(good, "Role", "Rule", 1),
		strings.Replace(good, `"a"`, `""`, 1),
		strings.Replace(good, `"members":{}`, `"members":{"x":1}`, 1),
		strings.Replace(good, `"members":{}`, `"members":{},"can":["fly"]`, 1),
	} {
		if r, err := resources.UnmarshalCanonical([]byte(bad)); err == nil {
			t.Errorf("%s: %v", bad, r)
		}
	}
}

func TestMarshalWantsTheSpecOfTheKind(t *testing.T) {
	for _, r := range []*resources.Resource{
		{Kind: resources.KindRole, Metadata: resources.Metadata{Name: "a"}},
		{Kind: resources.KindRole, Metadata: resources.Metadata{Name: "a"}, Policy: &resources.Policy{}},
		{Kind: resources.KindRole, Metadata: resources.Metadata{Name: "a"}, Policy: &resources.Policy{}, Role: &resources.Role{}},
	} {
		if data, err := resources.MarshalCanonical(r); err == nil {
			t.Errorf("%s", data)
		}
	}
}

func TestRevision(t *testing.T) {
	rs := design(t)
	first := resources.Revision(rs)
	slices.Reverse(rs)
	if resources.Revision(rs) != first {
		t.Error("the order counts")
	}
	rs[0].Mask.With = "hash"
	if resources.Revision(rs) == first {
		t.Error("a change does not count")
	}
	if resources.Revision(nil) == resources.Revision(rs[:1]) {
		t.Error("nothing is something")
	}
}

func TestSelector(t *testing.T) {
	labels := map[string]string{"env": "prod", "team": "pay"}
	for _, c := range []struct {
		s    resources.Selector
		want bool
	}{
		{resources.Selector{}, false},
		{resources.Selector{Names: []string{"orders"}}, true},
		{resources.Selector{Names: []string{"Orders", "order"}}, false},
		{resources.Selector{Names: []string{"*"}}, true},
		{resources.Selector{Labels: map[string]string{"env": "prod"}}, true},
		{resources.Selector{Labels: map[string]string{"env": "prod", "team": "pay"}}, true},
		{resources.Selector{Labels: map[string]string{"env": "prod", "team": "ops"}}, false},
		{resources.Selector{Labels: map[string]string{"zone": "eu"}}, false},
		{resources.Selector{Labels: map[string]string{"zone": ""}}, false},
		{resources.Selector{Labels: map[string]string{"env": "*"}}, true},
		{resources.Selector{Labels: map[string]string{"zone": "*"}}, false},
		{resources.Selector{Names: []string{"other"}, Labels: map[string]string{"env": "prod"}}, true},
	} {
		if got := c.s.Matches("orders", labels); got != c.want {
			t.Errorf("%+v: %v", c.s, got)
		}
	}
}

func TestMembers(t *testing.T) {
	user := &schemas.Principal{Name: "alice", Kind: schemas.PrincipalKind_PRINCIPAL_KIND_USER, Groups: []string{"eng"}}
	agent := &schemas.Principal{Name: "alice", Kind: schemas.PrincipalKind_PRINCIPAL_KIND_AGENT}
	nobody := &schemas.Principal{Name: "alice", Groups: []string{"eng"}}
	for _, c := range []struct {
		m                   resources.Members
		user, agent, nobody bool
	}{
		{resources.Members{}, false, false, false},
		{resources.Members{Users: []string{"alice"}}, true, false, false},
		{resources.Members{Agents: []string{"alice"}}, false, true, false},
		{resources.Members{Groups: []string{"eng"}}, true, false, false},
		{resources.Members{Groups: []string{"alice"}, Users: []string{"eng", "Alice"}}, false, false, false},
		{resources.Members{Users: []string{"*"}}, true, false, false},
		{resources.Members{Agents: []string{"*"}}, false, true, false},
		{resources.Members{Groups: []string{"*"}}, true, true, false},
	} {
		if c.m.Match(user) != c.user || c.m.Match(agent) != c.agent || c.m.Match(nobody) != c.nobody || c.m.Match(nil) {
			t.Errorf("%+v: %v %v %v", c.m, c.m.Match(user), c.m.Match(agent), c.m.Match(nobody))
		}
	}
}
