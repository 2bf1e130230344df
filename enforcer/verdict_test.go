package enforcer_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"sallyport/enforcer"
	"sallyport/schemas"
)

const base = `
apiVersion: sallyport/v1
kind: Target
metadata: {name: orders, labels: {env: prod}}
spec: {protocol: postgres, address: "h:5432", credential: {username: app}, unparsed: UNPARSED}
---
apiVersion: sallyport/v1
kind: Role
metadata: {name: engineers}
spec: {members: {groups: [eng]}, targets: {labels: {env: prod}}}
`

// rules returns base with policies, each "name verdict when".
func rules(unparsed string, policies ...string) string {
	var b strings.Builder
	b.WriteString(strings.Replace(base, "UNPARSED", unparsed, 1))
	for _, p := range policies {
		parts := strings.SplitN(p, " ", 3)
		b.WriteString("---\napiVersion: sallyport/v1\nkind: Policy\nmetadata: {name: " + parts[0] + "}\nspec:\n  targets: {names: [orders]}\n  verdict: " +
			parts[1] + "\n  when: >-\n    " + parts[2] + "\n")
	}
	return b.String()
}

const (
	opaque   = "DO $$ BEGIN EXECUTE current_setting('a.b'); END $$"
	unparsed = "SELEC 1"
)

func TestCombining(t *testing.T) {
	for name, c := range map[string]struct {
		rules string
		text  string
		want  string
		by    []string
	}{
		"nothing speaks":                      {rules("deny"), "SELECT 1", "allow", nil},
		"allow":                               {rules("deny", "a allow true"), "SELECT 1", "allow", []string{"a"}},
		"deny beats allow":                    {rules("deny", "a allow true", "b deny true"), "SELECT 1", "deny", []string{"b"}},
		"deny beats hold":                     {rules("deny", "a hold true", "b deny true"), "SELECT 1", "deny", []string{"b"}},
		"hold beats allow":                    {rules("deny", "a hold true", "b allow true"), "SELECT 1", "hold", []string{"a"}},
		"every hold":                          {rules("deny", "a hold true", "b hold true", "c hold false"), "SELECT 1", "hold", []string{"a", "b"}},
		"every denial":                        {rules("deny", "a deny true", "b deny true"), "SELECT 1", "deny", []string{"a", "b"}},
		"opaque":                              {rules("deny"), opaque, "deny", []string{"builtin/opaque"}},
		"opaque held by the target":           {rules("hold"), opaque, "hold", []string{"builtin/opaque"}},
		"opaque allowed by the target":        {rules("allow"), opaque, "allow", nil},
		"opaque allowed by a policy":          {rules("deny", "a allow principal.name == 'alice'"), opaque, "allow", []string{"a"}},
		"opaque allowed by name":              {rules("deny", "a allow command.sql.opaque"), opaque, "allow", []string{"a"}},
		"facts do not allow the opaque":       {rules("deny", "a allow command.sql.kinds.all(k, k == 'DO')"), opaque, "deny", []string{"builtin/opaque"}},
		"opaque held by a policy":             {rules("deny", "a hold command.sql.kinds.exists(k, k == 'DO')"), opaque, "hold", []string{"a"}},
		"unparsed":                            {rules("deny"), unparsed, "deny", []string{"builtin/unparsed"}},
		"unparsed held":                       {rules("hold"), unparsed, "hold", []string{"builtin/unparsed"}},
		"unparsed allowed":                    {rules("allow"), unparsed, "allow", nil},
		"facts do not allow the unparsed":     {rules("deny", "a allow command.sql.writes.size() == 0"), unparsed, "deny", []string{"builtin/unparsed"}},
		"nor does a word about opaque":        {rules("deny", "a allow !command.sql.opaque"), unparsed, "deny", []string{"builtin/unparsed"}},
		"nor the object as a whole":           {rules("deny", "a allow command.sql != null"), unparsed, "deny", []string{"builtin/unparsed"}},
		"unparsed allowed by name":            {rules("deny", "a allow command.sql.unparsed"), unparsed, "allow", []string{"a"}},
		"an error denies":                     {rules("deny", "a allow target.labels.nothing == 'x'"), "SELECT 1", "deny", []string{"a"}},
		"an error denies even beside others":  {rules("deny", "a hold target.labels['nothing'] == 'x'", "b allow true"), "SELECT 1", "deny", []string{"a"}},
		"a cost denies":                       {rules("deny", "a allow command.text.matches('(a*)*b') && [1,2,3,4,5,6,7,8,9].all(a, [1,2,3,4,5,6,7,8,9].all(b, [1,2,3,4,5,6,7,8,9].all(c, [1,2,3,4,5,6,7,8,9].all(d, [1,2,3,4,5,6,7,8,9].all(e, a+b+c+d+e > 0)))))|| true"), "SELECT 'b'", "deny", []string{"a"}},
		"a policy that does not compile":      {rules("deny", "a allow command.sql.kind == 'x'"), "SELECT 1", "deny", []string{"a"}},
		"what a policy sees of the principal": {rules("deny", "a deny principal.kind == 'user' && 'eng' in principal.groups && run.id == '' && session.id == 's'"), "SELECT 1", "deny", []string{"a"}},
		"what a policy sees of the target":    {rules("deny", "a deny target.name == 'orders' && target.labels.env == 'prod'"), "SELECT 1", "deny", []string{"a"}},
		"what a policy sees of the command":   {rules("deny", "a deny command.protocol == 'postgres' && command.text == 'SELECT 1' && command.digest == '0102' && command.sql.statements == 1"), "SELECT 1", "deny", []string{"a"}},
		"now":                                 {rules("deny", "a deny now < timestamp('2026-01-02T00:00:00Z')"), "SELECT 1", "deny", []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			e, _ := newEnforcer(t, load(t, c.rules), func(c *enforcer.Config) {
				c.Now = func() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }
			})
			a := ask(c.text)
			a.Digest = []byte{1, 2}
			got := e.Verdict(t.Context(), a)
			if d := cmp.Diff(c.by, policies(got)); got.Outcome != outcomes[c.want] || d != "" {
				t.Errorf("%v, want %s: %s\n%v", got.Outcome, c.want, d, got)
			}
			if got.Revision == "" {
				t.Error("no revision")
			}
		})
	}
}

func TestNotAdmitted(t *testing.T) {
	e, _ := newEnforcer(t, load(t, rules("deny", "a allow true")), nil)
	for name, c := range map[string]struct {
		change func(*schemas.VerdictAsk)
		by     string
	}{
		"stranger":       {func(a *schemas.VerdictAsk) { a.Principal.Groups = nil }, "builtin/role"},
		"nobody":         {func(a *schemas.VerdictAsk) { a.Principal = nil }, "builtin/role"},
		"no kind":        {func(a *schemas.VerdictAsk) { a.Principal.Kind = 0 }, "builtin/role"},
		"no such target": {func(a *schemas.VerdictAsk) { a.Target = "x" }, "builtin/target"},
		"other protocol": {func(a *schemas.VerdictAsk) { a.Protocol = "mysql" }, "builtin/failure"},
	} {
		t.Run(name, func(t *testing.T) {
			a := ask("SELECT 1")
			c.change(a)
			got := e.Verdict(t.Context(), a)
			if got.Outcome != schemas.Outcome_OUTCOME_DENY || len(got.Reasons) != 1 || got.Reasons[0].Policy != c.by || got.Reasons[0].Message == "" {
				t.Errorf("%v", got)
			}
		})
	}
	if got := e.Verdict(t.Context(), nil); got.Outcome != schemas.Outcome_OUTCOME_DENY {
		t.Errorf("nothing asked: %v", got)
	}
}

func TestApprovalNeed(t *testing.T) {
	e, _ := newEnforcer(t, load(t, rules("deny", "a hold true", "b hold true")+
		"  approval: {any: [{groups: [dba]}, {groups: [sec, ops], count: 2}], all: [{groups: [legal]}], expires: 15m}\n  message: ask them\n"), nil)
	got := e.Verdict(t.Context(), ask("SELECT 1"))
	need := new(schemas.ApprovalNeed)
	if err := need.UnmarshalVT(got.Approval); err != nil {
		t.Fatal(err)
	}
	want := &schemas.ApprovalNeed{Policies: need.Policies, Rules: []*schemas.ApprovalRule{
		{Policy: "a", Message: "held by policy a"},
		{
			Policy: "b", Message: "ask them", Expires: int64(15 * time.Minute),
			Any: []*schemas.ApprovalReviewers{{Groups: []string{"dba"}, Count: 1}, {Groups: []string{"sec", "ops"}, Count: 2}},
			All: []*schemas.ApprovalReviewers{{Groups: []string{"legal"}, Count: 1}},
		},
	}}
	if d := cmp.Diff(want, need, protocmp.Transform()); d != "" {
		t.Error(d)
	}
}

func TestReuse(t *testing.T) {
	const (
		none  = schemas.Reuse_REUSE_UNSPECIFIED
		exact = schemas.Reuse_REUSE_EXACT
		shape = schemas.Reuse_REUSE_SHAPE
	)
	for name, c := range map[string]struct {
		rules string
		text  string
		want  schemas.Reuse
	}{
		"facts alone":           {rules("deny", "a deny command.sql.opaque"), "SELECT 1 FROM t WHERE id = 5", shape},
		"text":                  {rules("deny", "a deny command.text == 'x'"), "SELECT 1", exact},
		"digest":                {rules("deny", "a deny command.digest == 'x'"), "SELECT 1", exact},
		"command as a whole":    {rules("deny", "a deny command == command && false"), "SELECT 1", exact},
		"now":                   {rules("deny", "a deny now < timestamp('1999-01-01T00:00:00Z')"), "SELECT 1", none},
		"now behind a shortcut": {rules("deny", "a deny false && now < timestamp('1999-01-01T00:00:00Z')"), "SELECT 1", none},
		"session":               {rules("deny", "a deny session.id == 'x'"), "SELECT 1", shape},
		"hold":                  {rules("deny", "a hold true"), "SELECT 1", exact},
		"constant condition":    {rules("deny"), "DELETE FROM t WHERE 1 = 1", exact},
		"setting":               {rules("deny"), "SET statement_timeout = 5", exact},
		"ddl":                   {rules("deny"), "CREATE TABLE t (a int)", exact},
		"begin":                 {rules("deny"), "BEGIN", shape},
		"typmod":                {rules("deny"), "SELECT a::numeric(10,2) FROM t", exact},
		"float":                 {rules("deny"), "SELECT CAST(a AS float(20)) FROM t", exact},
		"unparsed":              {rules("allow"), "SELEC 1", exact},
		"nothing":               {rules("deny"), "", exact},
	} {
		t.Run(name, func(t *testing.T) {
			e, _ := newEnforcer(t, load(t, c.rules), nil)
			if got := e.Verdict(t.Context(), ask(c.text)); got.Reuse != c.want {
				t.Errorf("%v", got)
			}
		})
	}
}

func TestChangesAreSeen(t *testing.T) {
	e, d := newEnforcer(t, load(t, rules("deny")), nil)
	before := e.Verdict(t.Context(), ask("SELECT 1"))
	d.set(load(t, rules("deny", "a deny true")))
	after := e.Verdict(t.Context(), ask("SELECT 1"))
	if before.Outcome != schemas.Outcome_OUTCOME_ALLOW || after.Outcome != schemas.Outcome_OUTCOME_DENY || before.Revision == after.Revision {
		t.Errorf("%v\n%v", before, after)
	}
	d.set(nil)
	if got := e.Verdict(t.Context(), ask("SELECT 1")); got.Outcome != schemas.Outcome_OUTCOME_DENY {
		t.Errorf("%v", got)
	}
}
