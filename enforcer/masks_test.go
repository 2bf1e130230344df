package enforcer_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"sallyport/enforcer"
	"sallyport/schemas"
)

const maskRules = `
---
apiVersion: sallyport/v1
kind: Mask
metadata: {name: mail}
spec: {targets: {names: [orders]}, columns: ["*.email"], with: partial}
---
apiVersion: sallyport/v1
kind: Mask
metadata: {name: pii}
spec: {targets: {names: [orders]}, columns: [customers.ssn, "*.email"], with: hash, except: {groups: [privacy]}}
---
apiVersion: sallyport/v1
kind: Mask
metadata: {name: cards}
spec: {targets: {names: [orders]}, detect: [credit-card]}
---
apiVersion: sallyport/v1
kind: Mask
metadata: {name: pay}
spec: {targets: {names: [orders]}, columns: [public.customers.salary], with: "null", predicates: deny}
---
apiVersion: sallyport/v1
kind: Mask
metadata: {name: age}
spec: {targets: {names: [orders]}, columns: [customers.age], predicates: hold}
`

// shop is a small catalogue.
func shop() served {
	columns := func(names ...string) (all []*schemas.Attribute) {
		for i, n := range names {
			all = append(all, &schemas.Attribute{Number: uint32(i + 1), Name: n})
		}
		return all
	}
	return served{"d": {
		Schemas: []string{"public"},
		Relations: []*schemas.Relation{
			{Oid: 1, Schema: "public", Name: "customers", Kind: "r", Columns: columns("id", "name", "email", "ssn", "salary", "age")},
			{Oid: 2, Schema: "public", Name: "orders", Kind: "r", Columns: columns("id", "total")},
			{Oid: 3, Schema: "public", Name: "v", Kind: "v", Columns: columns("a", "b"), Definition: "SELECT customers.id, customers.ssn FROM public.customers"},
		},
		Functions: []*schemas.Function{
			{Schema: "public", Name: "say", Kind: "f", Language: "plpgsql", Arguments: 1, Volatility: "v", Source: "BEGIN RAISE NOTICE '%', $1; RETURN 1; END"},
			{Schema: "public", Name: "by_pay", Kind: "f", Language: "sql", Arguments: 1, Volatility: "s", Source: "SELECT id FROM customers WHERE salary = $1"},
		},
	}}
}

func maskAsk(text string, groups ...string) *schemas.VerdictAsk {
	a := ask(text)
	a.State.Catalogue = []byte("d")
	a.State.ServerVersion = "15.4"
	a.Principal.Groups = append(a.Principal.Groups, groups...)
	return a
}

// plan writes a plan in one line: for each statement its columns as name=recorded/client.
func plan(a *schemas.VerdictAnswer) string {
	var all []string
	for _, r := range a.Plan.GetResults() {
		var columns []string
		for _, c := range r.Columns {
			if c.By == nil {
				columns = append(columns, c.Name)
				continue
			}
			columns = append(columns, fmt.Sprintf("%s=%d/%d", c.Name, c.By.Recorded, c.By.Client))
		}
		switch {
		case r.Clear:
			all = append(all, "clear")
		case len(columns) == 0:
			all = append(all, "whole")
		default:
			all = append(all, strings.Join(columns, " "))
		}
	}
	return strings.Join(all, "; ")
}

func newMasked(t testing.TB) *enforcer.Enforcer {
	e, _ := newEnforcer(t, load(t, rules("allow")+maskRules), func(c *enforcer.Config) { c.Catalogues = shop() })
	return e
}

func TestPlans(t *testing.T) {
	e := newMasked(t)
	const none, guarded, hidden = schemas.Messages_MESSAGES_UNSPECIFIED, schemas.Messages_MESSAGES_GUARDED, schemas.Messages_MESSAGES_HIDDEN
	for _, c := range []struct {
		text     string
		group    string
		want     string
		messages schemas.Messages
	}{
		{"SELECT 1", "", "clear", none},
		{"", "", "", none},
		{"SELECT id, name FROM customers", "", "clear", guarded},
		{"SELECT email FROM customers", "", "email=2/2", guarded}, // hash is stricter than partial
		{"SELECT email FROM customers", "privacy", "email=2/1", guarded},
		{"SELECT ssn FROM customers", "privacy", "ssn=2/0", guarded},
		{"SELECT concat(ssn, salary) FROM customers", "privacy", "concat=4/4", guarded}, // null is the strictest
		{"SELECT * FROM customers", "", "id name email=2/2 ssn=2/2 salary=4/4 age=5/5", guarded},
		{"SELECT * FROM orders", "", "id total", none},
		{"SELECT 1; SELECT b FROM v; BEGIN", "", "clear; b=2/2; clear", guarded},
		{"SELECT * FROM nowhere", "", "whole", guarded},
		{"SELECT x FROM nowhere", "", "x=4/4", guarded},
		{"SELECT say(ssn) FROM customers", "", "say=2/2", hidden},
		{"SELECT strange(1)", "", "strange=4/4", hidden},
		{"INSERT INTO orders VALUES (1, 2)", "", "clear", none},
		{"INSERT INTO orders VALUES (1, 2) RETURNING *", "", "id total", none},
		{"EXPLAIN SELECT ssn FROM customers", "", "QUERY PLAN=2/2", guarded},
		{"EXPLAIN SELECT id FROM customers", "", "clear", guarded},
		{"FETCH ALL FROM c", "", "whole", guarded},
		{"COPY customers (id, ssn) TO STDOUT", "", "id ssn=2/2", guarded},
		{"COPY customers (id, ssn) FROM STDIN", "", "id ssn=2/2", guarded},
		{"COMMIT", "", "clear", guarded},
		{"SELECT CASE WHEN true THEN ssn END, ARRAY[ssn], ROW(ssn), (SELECT ssn AS q FROM customers), ssn::int, -salary FROM customers", "", "case=2/2 array=2/2 row=2/2 q=2/2 ssn=2/2 ?column?=4/4", guarded},
		{"SELECT extract(day FROM ssn::date), true, coalesce(ssn), greatest(ssn, 'x'), nullif(ssn, ''), EXISTS (SELECT ssn FROM customers) FROM customers", "", "extract=2/2 ?column? coalesce=2/2 greatest=2/2 nullif=2/2 exists=2/2", guarded},
	} {
		got := e.Verdict(t.Context(), maskAsk(c.text, c.group))
		if s := plan(got); s != c.want || got.Plan.Messages != c.messages {
			t.Errorf("%s\ngot  %s %v\nwant %s %v\n%v", c.text, s, got.Plan.Messages, c.want, c.messages, got.Reasons)
		}
		if got.Plan.Whole.GetRecorded() != 4 || got.Plan.Whole.GetClient() != 4 || got.Plan.Notifications.GetClient() != 4 || len(got.Plan.Rules) != 5 {
			t.Errorf("%s: %v", c.text, got.Plan)
		}
	}
}

func TestOrigins(t *testing.T) {
	got := newMasked(t).Verdict(t.Context(), maskAsk("SELECT 1", "privacy"))
	var origins []string
	for _, o := range got.Plan.Origins {
		origins = append(origins, fmt.Sprintf("%d.%d=%d/%d%v", o.Table, o.Attribute, o.By.Recorded, o.By.Client, o.By.Revealed))
	}
	if s := strings.Join(origins, " "); s != "1.3=2/1[2] 1.4=2/0[2] 1.5=4/4[] 1.6=5/5[] 3.2=2/0[2]" {
		t.Error(s)
	}
	if !slices.Equal(got.Masks, []string{"mail", "cards", "pay", "age"}) || !got.Plan.Rules[1].Revealed || got.Plan.Rules[0].Keep != 4 {
		t.Errorf("%v %v", got.Masks, got.Plan.Rules)
	}
}

func TestMasksJudge(t *testing.T) {
	e := newMasked(t)
	for text, want := range map[string]string{
		"SELECT id FROM customers WHERE salary > 5":                       "deny builtin/mask-predicate",
		"SELECT id FROM customers WHERE age > 5":                          "hold builtin/mask-predicate",
		"SELECT id FROM customers WHERE ssn = '1'":                        "allow",
		"SELECT id FROM customers ORDER BY salary":                        "deny builtin/mask-predicate",
		"SELECT salary FROM customers ORDER BY 1":                         "deny builtin/mask-predicate",
		"SELECT salary AS id FROM customers ORDER BY id":                  "deny builtin/mask-predicate",
		"SELECT count(*) FROM customers GROUP BY salary":                  "deny builtin/mask-predicate",
		"SELECT DISTINCT salary FROM customers":                           "deny builtin/mask-predicate",
		"SELECT salary FROM customers UNION SELECT 1":                     "deny builtin/mask-predicate",
		"SELECT salary FROM customers UNION ALL SELECT 1":                 "allow",
		"SELECT 1 FROM customers a JOIN customers b USING (salary)":       "deny builtin/mask-predicate",
		"SELECT 1 FROM customers a NATURAL JOIN customers b":              "deny builtin/mask-predicate",
		"SELECT 1 FROM orders LIMIT (SELECT salary FROM customers)":       "deny builtin/mask-predicate",
		"SELECT 1 FROM customers c, generate_series(1, c.salary)":         "deny builtin/mask-predicate",
		"SELECT 1/(salary - 5) FROM customers":                            "deny builtin/mask-predicate",
		"SELECT CASE WHEN salary > 5 THEN pg_sleep(1) END FROM customers": "deny builtin/mask-predicate",
		"EXPLAIN SELECT id FROM customers WHERE salary > 5":               "deny builtin/mask-predicate",
		"SELECT by_pay(5)": "deny builtin/mask-predicate",
		"UPDATE customers SET name = 'x' WHERE salary = 5":                                  "deny builtin/mask-predicate",
		"SELECT salary, max(salary) OVER (), salary::text || 'x' FROM customers":            "allow",
		"SELECT rank() OVER (ORDER BY salary) FROM customers":                               "deny builtin/mask-predicate",
		"MERGE INTO orders o USING customers c ON c.salary = o.id WHEN MATCHED THEN DELETE": "deny builtin/mask-predicate",
		"INSERT INTO orders SELECT id, salary FROM customers":                               "deny builtin/mask-store",
		"CREATE TABLE x AS SELECT ssn FROM customers":                                       "deny builtin/mask-store",
		"UPDATE customers SET email = lower(email)":                                         "allow",
		"UPDATE customers SET email = ssn":                                                  "allow", // email is under ssn's mask too
		"UPDATE customers SET ssn = email":                                                  "deny builtin/mask-store",
		"DO $$ BEGIN PERFORM ssn FROM customers; END $$":                                    "deny builtin/mask",
		"DO $$ BEGIN EXECUTE current_setting('a.b'); END $$":                                "deny builtin/mask",
		"SELEC":                     "deny builtin/mask",
		"COPY orders FROM '/tmp/x'": "deny builtin/mask",
		"CREATE FOREIGN TABLE f (a int) SERVER s": "deny builtin/mask",
		"SELECT dblink_exec('c', 'x')":            "deny builtin/mask",
	} {
		got := e.Verdict(t.Context(), maskAsk(text))
		s := map[schemas.Outcome]string{1: "allow", 2: "deny", 3: "hold"}[got.Outcome]
		for _, p := range policies(got) {
			s += " " + p
		}
		if s != want {
			t.Errorf("%s\ngot  %s\nwant %s\n%v", text, s, want, got.Reasons)
		}
	}
	got := e.Verdict(t.Context(), maskAsk("SELECT id FROM customers WHERE salary > 5"))
	if m := got.Reasons[0].Message; !strings.Contains(m, "public.customers.salary") || !strings.Contains(m, "pay") {
		t.Error(m)
	}
	if got := e.Verdict(t.Context(), maskAsk("CREATE TABLE x AS SELECT ssn FROM customers", "privacy")); got.Outcome != schemas.Outcome_OUTCOME_ALLOW {
		t.Errorf("who is excepted may not keep: %v", got.Reasons)
	}
}

func TestConcealed(t *testing.T) {
	e := newMasked(t)
	for _, c := range []struct {
		text, want string
		parameters []uint32
	}{
		{"INSERT INTO customers (id, name, ssn) VALUES (1, 'Ada', '734'), (2, 'Bob', lower('x') || $1)", "INSERT INTO customers (id, name, ssn) VALUES (1, 'Ada', ‹›), (2, 'Bob', lower(‹›) || ‹$›)", []uint32{1}},
		{"INSERT INTO customers SELECT 1, 'Ada', 'a@b'", "INSERT INTO customers SELECT 1, 'Ada', ‹›", nil},
		{"UPDATE customers SET ssn = '1', name = 'n' WHERE email = E'a\\'b' AND name = 'x'", "UPDATE customers SET ssn = ‹›, name = 'n' WHERE email = ‹› AND name = 'x'", nil},
		{"UPDATE customers SET salary = -5 WHERE id = 7", "UPDATE customers SET salary = -‹› WHERE id = 7", nil},
		{"SELECT id FROM customers WHERE ssn IN ('1', $3) AND id = $2", "SELECT id FROM customers WHERE ssn IN (‹›, ‹$›) AND id = $2", []uint32{3}},
		{"SELECT id FROM customers WHERE ssn LIKE $$7$$ OR starts_with(email, 'z')", "SELECT id FROM customers WHERE ssn LIKE ‹› OR starts_with(email, ‹›)", nil},
		{"SELECT id FROM customers WHERE name = 'x'", "SELECT id FROM customers WHERE name = 'x'", nil},
		{"SELECT 1 FROM v WHERE b = '7'", "SELECT 1 FROM v WHERE b = ‹›", nil},
		{"PREPARE p AS SELECT id FROM customers WHERE ssn = '7'", "PREPARE p AS SELECT id FROM customers WHERE ssn = ‹›", nil},
		{"SELECT query_to_xml('SELECT id FROM customers WHERE ssn = ''7''', true, true, '')", "SELECT query_to_xml(‹›, true, true, ‹›)", nil},
		{"MERGE INTO customers c USING orders o ON c.id = o.id WHEN NOT MATCHED THEN INSERT (id, ssn) VALUES (1, '7')", "MERGE INTO customers c USING orders o ON c.id = o.id WHEN NOT MATCHED THEN INSERT (id, ssn) VALUES (1, ‹›)", nil},
	} {
		got := e.Verdict(t.Context(), maskAsk(c.text))
		text, last := "", 0
		for _, s := range got.Secrets {
			text += c.text[last:s.Offset] + "‹›"
			last = int(s.Offset + s.Length)
		}
		text += c.text[last:]
		if want := strings.NewReplacer("‹$›", "$1").Replace(c.want); text != want && text != strings.ReplaceAll(c.want, "‹$›", "$3") || !slices.Equal(got.SecretParameters, c.parameters) {
			t.Errorf("got  %s %v\nwant %s %v", text, got.SecretParameters, c.want, c.parameters)
		}
	}
	a := maskAsk("EXECUTE p('7', 'x')")
	a.State.Prepared = []*schemas.Prepared{{Name: "p", Text: "SELECT id FROM customers WHERE ssn = $1 AND name = $2"}}
	if got := e.Verdict(t.Context(), a); len(got.Secrets) != 1 || got.Secrets[0].Offset != 10 {
		t.Errorf("%v", got.Secrets)
	}
}

func TestMaskReuse(t *testing.T) {
	e := newMasked(t)
	for text, want := range map[string]schemas.Reuse{
		"SELECT id FROM customers WHERE id = 5":    schemas.Reuse_REUSE_SHAPE,
		"SELECT ssn FROM customers WHERE id = 5":   schemas.Reuse_REUSE_SHAPE,
		"SELECT id FROM orders ORDER BY 1":         schemas.Reuse_REUSE_SHAPE,
		"SELECT id, ssn FROM customers ORDER BY 1": schemas.Reuse_REUSE_EXACT,
		"SELECT id FROM customers WHERE ssn = '5'": schemas.Reuse_REUSE_EXACT,
		"INSERT INTO customers (ssn) VALUES (5)":   schemas.Reuse_REUSE_EXACT,
		"SELECT a FROM v WHERE a = 5":              schemas.Reuse_REUSE_SHAPE,
	} {
		if got := e.Verdict(t.Context(), maskAsk(text)); got.Reuse != want {
			t.Errorf("%s: %v", text, got.Reuse)
		}
	}
}

// Without a catalogue nothing is vouched for but what needs none.
func TestNoCatalogue(t *testing.T) {
	e, _ := newEnforcer(t, load(t, rules("allow")+maskRules), nil)
	for text, want := range map[string]string{
		"SELECT * FROM orders":          "whole",
		"SELECT id FROM orders":         "id=4/4",
		"SELECT lower('X'), now()":      "clear",
		"SELECT oid FROM pg_class":      "clear",
		"SELECT f(1)":                   "f=4/4",
		"INSERT INTO orders VALUES (1)": "clear",
	} {
		if got := e.Verdict(t.Context(), ask(text)); plan(got) != want {
			t.Errorf("%s: %s", text, plan(got))
		}
	}
	a := maskAsk("SELECT id FROM orders") // one that cannot be had
	a.State.Catalogue = []byte("other")
	if got := e.Verdict(t.Context(), a); plan(got) != "id=4/4" {
		t.Errorf("%s", plan(got))
	}
}

func TestDetectionAlone(t *testing.T) {
	mask := "---\napiVersion: sallyport/v1\nkind: Mask\nmetadata: {name: m}\nspec: {targets: {names: [orders]}, detect: [email], except: {groups: [privacy]}}\n"
	e, _ := newEnforcer(t, load(t, rules("allow")+mask), nil)
	got := e.Verdict(t.Context(), ask("SELECT * FROM t"))
	if got.Outcome != schemas.Outcome_OUTCOME_ALLOW || len(got.Plan.Rules) != 1 || got.Plan.Whole != nil || len(got.Plan.Results) != 0 || got.Plan.Notifications != nil {
		t.Errorf("%v", got)
	}
	e, _ = newEnforcer(t, load(t, rules("allow")), nil)
	if got := e.Verdict(t.Context(), ask("SELECT * FROM t")); got.Plan != nil {
		t.Errorf("%v", got.Plan)
	}
}

func TestTemporaryRelations(t *testing.T) {
	e := newMasked(t)
	effect := func(text string, groups ...string) string {
		var all []string
		for _, f := range e.Verdict(t.Context(), maskAsk(text, groups...)).Effects {
			all = append(all, fmt.Sprint(strings.TrimPrefix(f.Kind.String(), "KIND_"), " ", f.Name, f.Values))
		}
		return strings.Join(all, "; ")
	}
	for text, want := range map[string]string{
		"CREATE TEMP TABLE x AS SELECT id, name AS n FROM customers": "TEMPORARY x[id n]",
		"CREATE TEMP TABLE x (a int, b int)":                         "TEMPORARY x[a b]",
		"CREATE TEMP TABLE x (LIKE orders)":                          "TEMPORARY x[]",
		"SELECT id INTO TEMP x FROM orders":                          "TEMPORARY x[id]",
		"CREATE TEMP VIEW x(q) AS SELECT id FROM orders":             "TEMPORARY x[q]",
		"CREATE TABLE x AS SELECT 1":                                 "CATALOGUE []",
		"DROP TABLE orders":                                          "CATALOGUE []",
		"CREATE TEMP TABLE x (a int); DROP TABLE x":                  "TEMPORARY x[a]; TEMPORARY_DROPPED x[]; CATALOGUE []",
		"BEGIN; DECLARE c CURSOR FOR SELECT 1; CLOSE c":              "BEGIN []; CURSOR c[SELECT 1]; CURSOR_CLOSED c[]",
	} {
		if got := effect(text); got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
	if got := effect("CREATE TEMP TABLE x AS SELECT id, ssn FROM customers", "privacy"); got != "TEMPORARY x[]" {
		t.Errorf("what holds masked values is taken for clear: %s", got)
	}
	a := maskAsk("SELECT * FROM scratch; SELECT a, email FROM scratch")
	a.State.Temporary = []*schemas.Temporary{{Name: "scratch", Columns: []string{"a", "email"}}}
	if got := plan(e.Verdict(t.Context(), a)); got != "a email=2/2; a email=2/2" {
		t.Error(got)
	}
}

// A name of a temporary relation stands for it and for what it hides, which it may no longer do when the
// statement runs.
func TestTemporaryRelationsThatHideOthers(t *testing.T) {
	e := newMasked(t)
	for text, want := range map[string]string{
		"SELECT note FROM customers":                         "clear",
		"SELECT ssn FROM customers":                          "ssn=2/2",
		"SELECT reverse(ssn) AS r FROM customers":            "r=2/2",
		"SELECT email FROM customers":                        "email=4/4",
		"SELECT note, salary FROM customers":                 "note salary=4/4",
		"SELECT reverse(ssn) AS r FROM pg_temp.customers":    "r=2/2",
		"SELECT reverse(c.ssn) AS r FROM public.customers c": "r=2/2",
		"PREPARE p AS SELECT ssn FROM customers":             "clear",
	} {
		a := maskAsk(text)
		a.State.Temporary = []*schemas.Temporary{{Name: "customers", Columns: []string{"id", "note", "ssn"}}}
		if got := plan(e.Verdict(t.Context(), a)); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
