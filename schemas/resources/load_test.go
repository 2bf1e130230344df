package resources_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sallyport/schemas/resources"
)

func design(t *testing.T) []*resources.Resource {
	t.Helper()
	data, err := os.ReadFile("testdata/design.yaml")
	if err != nil {
		t.Fatal(err)
	}
	rs, err := resources.Load("design.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	return rs
}

func TestLoadDesign(t *testing.T) {
	prod := resources.Selector{Labels: map[string]string{"env": "prod"}}
	want := []*resources.Resource{
		{
			Kind:     resources.KindTarget,
			Metadata: resources.Metadata{Name: "orders", Labels: map[string]string{"env": "prod"}},
			Target: &resources.Target{
				Protocol: "postgres", Address: "10.0.0.5:5432",
				Credential: resources.Credential{Username: "app", Password: &resources.SecretRef{Env: "ORDERS_PASSWORD"}},
				Postgres:   &resources.Postgres{Database: "orders"},
			},
		},
		{
			Kind: resources.KindRole, Metadata: resources.Metadata{Name: "engineers"},
			Role: &resources.Role{
				Members: resources.Members{Groups: []string{"eng"}, Users: []string{"alice@example.com"}},
				Targets: prod, Can: []string{"connect"},
			},
		},
		{
			Kind: resources.KindPolicy, Metadata: resources.Metadata{Name: "hold-destructive-sql"},
			Policy: &resources.Policy{
				Targets: prod,
				When:    `command.sql.kinds.exists(k, k in ["DROP", "TRUNCATE"]) || command.sql.unfiltered_write`,
				Verdict: "hold",
				Approval: &resources.Approval{
					Any:     []resources.Reviewers{{Groups: []string{"dba"}, Count: 1}},
					Expires: resources.Duration(15 * time.Minute),
				},
				Message: "destructive SQL needs a DBA",
			},
		},
		{
			Kind: resources.KindMask, Metadata: resources.Metadata{Name: "customer-pii"},
			Mask: &resources.Mask{
				Targets: prod, Columns: []string{"*.email", "customers.ssn"},
				Detect: []string{"credit-card", "private-key"}, With: "redact",
				Except: &resources.Members{Groups: []string{"privacy"}},
			},
		},
	}
	got := design(t)
	if d := cmp.Diff(want, got, cmpopts.IgnoreFields(resources.Resource{}, "Source"), cmpopts.EquateEmpty()); d != "" {
		t.Error(d)
	}
	if at := got[2].Source.Fields["spec.when"]; at != (resources.Position{Line: 23, Column: 9}) {
		t.Errorf("spec.when is at %v", at)
	}
}

const target = "apiVersion: sallyport/v1\nkind: Target\nmetadata: {name: a}\nspec:\n  protocol: postgres\n  address: h:1\n  credential: {username: u}\n"

const policy = "apiVersion: sallyport/v1\nkind: Policy\nmetadata: {name: a}\nspec:\n  targets: {names: [a]}\n  when: 'true'\n  verdict: deny\n"

// TestDetectors loads a Mask with every detector that there is.
func TestDetectors(t *testing.T) {
	want := []string{"credit-card", "email", "phone", "iban", "national-id", "private-key", "jwt", "cloud-key", "secret", "external"}
	yaml := "apiVersion: sallyport/v1\nkind: Mask\nmetadata: {name: a}\nspec:\n  targets: {}\n  detect: [" + strings.Join(want, ", ") + "]\n"
	got, err := resources.Load("f.yaml", []byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got[0].Mask.Detect); d != "" {
		t.Error(d)
	}
}

func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		yaml string
		want []string // beginnings of the errors, in order
	}{
		"unknown field":       {target + "  adress: h:2\n", []string{"f.yaml:8:3: spec.adress: unknown field; did you mean address?"}},
		"unknown top":         {target + "extra: 1\n", []string{"f.yaml:8:1: extra: unknown field; known here: apiVersion"}},
		"unknown nested":      {strings.Replace(policy, "names", "nmaes", 1), []string{"f.yaml:5:13: spec.targets.nmaes: unknown field; did you mean names?"}},
		"wrong type":          {strings.Replace(target, "postgres", "5", 1), []string{"f.yaml:5:13: spec.protocol: must be a string, not a number (quote it)"}},
		"bool for text":       {strings.Replace(policy, "'true'", "true", 1), []string{"f.yaml:6:9: spec.when: must be a string, not true or false (quote it)"}},
		"text for bool":       {target + "  strict: 'yes'\n", []string{"f.yaml:8:11: spec.strict: must be true or false, not a string"}},
		"list for mapping":    {strings.Replace(policy, "{names: [a]}", "[a]", 1), []string{"f.yaml:5:12: spec.targets: must be a mapping, not a list"}},
		"text for list":       {strings.Replace(policy, "[a]", "a", 1), []string{"f.yaml:5:20: spec.targets.names: must be a list, not a string"}},
		"label number":        {strings.Replace(target, "{name: a}", "{name: a, labels: {tier: 1}}", 1), []string{"f.yaml:3:36: metadata.labels.tier: must be a string, not a number (quote it)"}},
		"no name":             {strings.Replace(target, "{name: a}", "{}", 1), []string{"f.yaml:3:11: metadata.name: is missing"}},
		"no metadata":         {strings.Replace(target, "metadata: {name: a}\n", "", 1), []string{"f.yaml:1:1: metadata: is missing"}},
		"bad name":            {strings.Replace(target, "{name: a}", "{name: A/b}", 1), []string{`f.yaml:3:18: metadata.name: "A/b" is not a name`}},
		"enum":                {strings.Replace(policy, "deny", "refuse", 1), []string{`f.yaml:7:12: spec.verdict: "refuse" is not one of allow, deny, hold`}},
		"kind":                {strings.Replace(policy, "Policy", "Polcy", 1), []string{`f.yaml:2:7: kind: "Polcy" is not one of Target`}},
		"version":             {strings.Replace(policy, "v1", "v2", 1), []string{`f.yaml:1:13: apiVersion: "sallyport/v2" is not one of sallyport/v1`}},
		"null":                {strings.Replace(policy, " deny", "", 1), []string{"f.yaml:7:12: spec.verdict: has no value"}},
		"missing field":       {strings.Replace(policy, "  verdict: deny\n", "", 1), []string{"f.yaml:5:3: spec.verdict: is missing"}},
		"approval of a deny":  {policy + "  approval: {any: [{groups: [dba]}]}\n", []string{"f.yaml:8:13: spec.approval: is for the verdict hold only"}},
		"duration":            {strings.Replace(policy, "deny", "hold\n  approval: {expires: soon}", 1), []string{`f.yaml:8:23: spec.approval.expires: "soon" is not a duration`}},
		"count":               {strings.Replace(policy, "deny", "hold\n  approval: {all: [{groups: [a], count: 0}]}", 1), []string{"f.yaml:8:41: spec.approval.all[0].count: must be at least 1"}},
		"hours":               {strings.Replace(policy, "deny", "hold\n  approval: {any: [{groups: [a], hours: {from: \"9:00\", to: \"17:00\"}}]}", 1), []string{"f.yaml:8:41: spec.approval.any[0].hours: \"9:00\" is not a time of day such as 09:00 or 17:30"}},
		"steps and any":       {strings.Replace(policy, "deny", "hold\n  approval: {any: [{groups: [a]}], steps: [{any: [{groups: [b]}]}]}", 1), []string{"f.yaml:8:43: spec.approval.steps: stands instead of any and all"}},
		"escalate, but when":  {strings.Replace(policy, "deny", "hold\n  approval: {steps: [{any: [{groups: [b]}], escalate: [{groups: [c]}]}]}", 1), []string{"f.yaml:8:55: spec.approval.steps[0].escalate: needs within: after how long"}},
		"a step of nobody":    {strings.Replace(policy, "deny", "hold\n  approval: {steps: [{within: 5m}]}", 1), []string{"f.yaml:8:22: spec.approval.steps[0]: any or all must say who takes it"}},
		"no reviewers":        {strings.Replace(policy, "deny", "hold\n  approval: {all: [{groups: []}]}", 1), []string{"f.yaml:8:20: spec.approval.all[0]: groups or agents must say who"}},
		"port":                {strings.Replace(target, "h:1", "h", 1), []string{`f.yaml:6:12: spec.address: "h" is not an address: a port is missing`}},
		"two secrets":         {strings.Replace(target, "u}", "u, password: {env: A, file: b}}", 1), []string{"f.yaml:7:39: spec.credential.password: exactly one"}},
		"duplicate":           {target + "---\n" + target, []string{"f.yaml:11:18: metadata.name: Target/a is there already, on line 3"}},
		"duplicate key":       {target + "  address: h:2\n", []string{"f.yaml:8:3: "}},
		"several":             {target + "  a: 1\n  b: 2\n", []string{"f.yaml:8:3: spec.a: ", "f.yaml:9:3: spec.b: "}},
		"second document":     {target + "---\n" + strings.Replace(policy, "deny", "x", 1), []string{"f.yaml:15:12: spec.verdict: "}},
		"unknown detector":    {"apiVersion: sallyport/v1\nkind: Mask\nmetadata: {name: a}\nspec:\n  targets: {}\n  detect: [mail]\n", []string{`f.yaml:6:12: spec.detect[0]: "mail" is not one of credit-card`}},
		"mask of nothing":     {"apiVersion: sallyport/v1\nkind: Mask\nmetadata: {name: a}\nspec:\n  targets: {}\n", []string{"f.yaml:5:3: spec: columns or detect"}},
		"merge key":           {strings.Replace(target, "  protocol", "  <<: {strict: true}\n  protocol", 1), []string{"f.yaml:5:3: spec: a key must be a string, not a merge key"}},
		"not yaml":            {"a: [1\nb: }", []string{"f.yaml:"}},
		"not utf-8":           {"a: \xff", []string{"f.yaml: not UTF-8"}},
		"scalar":              {"hello", []string{"f.yaml:1:1: must be a mapping, not a string"}},
		"unknown alias":       {strings.Replace(policy, "{names: [a]}", "*x", 1), []string{"f.yaml:"}},
		"circular":            {strings.Replace(policy, "{names: [a]}", "&x {names: *x}", 1), []string{"f.yaml:"}},
		"vault is not there":  {strings.Replace(target, "u}", "u, password: {vault: A}}", 1), []string{"f.yaml:7:40: spec.credential.password.vault: unknown field"}},
		"other protocol":      {strings.Replace(target, "postgres", "oracle", 1), []string{`f.yaml:5:13: spec.protocol: "oracle" is not one of postgres`}},
		"star as a label":     {strings.Replace(policy, "{names: [a]}", `{labels: {"*": x}}`, 1), []string{"f.yaml:5:21: spec.targets.labels: "}},
		"large":               {target + "---\n# " + strings.Repeat("x", resources.MaxDocument), []string{"f.yaml:8:1: the document is larger"}},
		"no value of a label": {strings.Replace(policy, "{names: [a]}", `{labels: {a: }}`, 1), []string{"f.yaml:5:"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := resources.Load("f.yaml", []byte(c.yaml))
			var es resources.Errors
			if !errors.As(err, &es) {
				t.Fatalf("error is %v", err)
			}
			if len(es) != len(c.want) {
				t.Fatalf("%d errors, want %d:\n%v", len(es), len(c.want), err)
			}
			for i, e := range es {
				if !strings.HasPrefix(e.Error(), c.want[i]) {
					t.Errorf("got  %s\nwant %s", e, c.want[i])
				}
			}
		})
	}
}

func TestSnippet(t *testing.T) {
	_, err := resources.Load("f.yaml", []byte(strings.Replace(policy, "deny", "refuse", 1)))
	want := `f.yaml:7:12: spec.verdict: "refuse" is not one of allow, deny, hold
     6 |   when: 'true'
>    7 |   verdict: refuse
       |            ^`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestSecretsWrittenByMistakeAreNotShown(t *testing.T) {
	for _, bad := range []string{"{username: u, password: hunter2}", "{username: u, passwd: hunter2}", "{username: u, password: {value: hunter2}}"} {
		_, err := resources.Load("f.yaml", []byte(strings.Replace(target, "{username: u}", bad, 1)))
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestAliases(t *testing.T) {
	rs, err := resources.Load("f.yaml", []byte(strings.Replace(policy, "{names: [a]}", "{names: &n [a, b], labels: {x: &v y, z: *v}}", 1)))
	if err != nil {
		t.Fatal(err)
	}
	want := resources.Selector{Names: []string{"a", "b"}, Labels: map[string]string{"x": "y", "z": "y"}}
	if d := cmp.Diff(want, rs[0].Policy.Targets); d != "" {
		t.Error(d)
	}
}

func TestEmptyDocuments(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "---\n---\n", "---\n# a\n---\n" + target} {
		rs, err := resources.Load("f.yaml", []byte(text))
		if want := strings.Count(text, "kind:"); err != nil || len(rs) != want {
			t.Errorf("%q: %d, %v", text, len(rs), err)
		}
	}
}

func TestJSONIsYAML(t *testing.T) {
	for _, r := range design(t) {
		data, err := resources.MarshalCanonical(r)
		if err != nil {
			t.Fatal(err)
		}
		rs, err := resources.Load("body", data)
		if err != nil || len(rs) != 1 {
			t.Fatalf("%s: %v", data, err)
		}
		if d := cmp.Diff(r, rs[0], cmpopts.IgnoreFields(resources.Resource{}, "Source"), cmpopts.EquateEmpty()); d != "" {
			t.Error(d)
		}
	}
}

func FuzzLoad(f *testing.F) {
	data, err := os.ReadFile("testdata/design.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(target))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		rs, err := resources.Load("f", data)
		if err != nil {
			return
		}
		for _, r := range rs {
			stored, err := resources.MarshalCanonical(r)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := resources.UnmarshalCanonical(stored); err != nil {
				t.Fatalf("%s: %v", stored, err)
			}
		}
	})
}
