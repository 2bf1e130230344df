package postgres_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sallyport/ingress/credential"
	"sallyport/ingress/session"
	"sallyport/schemas"
)

// unsealed is a value that a recording conceals.
type unsealed struct {
	*schemas.ConcealedValue
	command uint64
	masks   string
}

// concealed opens what the entries of a session conceal.
func concealed(t *testing.T, c *credential.Concealer, id schemas.SessionID, es []*schemas.Entry) []unsealed {
	t.Helper()
	key, err := c.Session(string(id))
	if err != nil {
		t.Fatal(err)
	}
	var all []unsealed
	for _, e := range es {
		f := e.GetConcealed()
		if f == nil {
			continue
		}
		plain, err := key.Open(f.Data)
		if err != nil || f.Key != c.KeyID() {
			t.Fatalf("entry %d, under %s: %v", e.Number, f.Key, err)
		}
		vs := &schemas.ConcealedValues{}
		if err := vs.UnmarshalVT(plain); err != nil {
			t.Fatal(err)
		}
		for _, v := range vs.Values {
			all = append(all, unsealed{v, f.Command, strings.Join(f.Masks, " ")})
		}
	}
	return all
}

// veiledPlan has two masks of columns and two of content, and says who is excepted.
func veiledPlan(revealed ...bool) *schemas.MaskPlan {
	p := &schemas.MaskPlan{Messages: schemas.Messages_MESSAGES_GUARDED, Rules: []*schemas.MaskRule{
		{Name: "ssns", With: "redact"}, {Name: "salaries", With: "partial", Keep: 2},
		{Name: "mails", With: "redact", Detect: []string{"email"}}, {Name: "cards", With: "hash", Detect: []string{"credit-card", "email"}},
	}}
	all := &schemas.MaskedBy{Recorded: 1}
	for i, r := range p.Rules {
		if r.Revealed = revealed[i]; i > 1 {
			continue
		}
		if r.Revealed {
			all.Revealed = append(all.Revealed, uint32(i+1))
		} else if all.Client == 0 {
			all.Client = uint32(i + 1)
		}
	}
	p.Whole, p.Notifications = all, all
	return p
}

const veilMail = "quux.frob@example.org"

// Texts of errors, notices and notifications that somebody excepted was shown are sealed, for people who are excepted
// from all that might be in them.
func TestExceptedFromMasksOfMessages(t *testing.T) {
	conceal, err := credential.NewConcealer(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	g := start(t, options{session: func(c *session.Config) { c.Concealer = conceal }})
	direct := g.direct(t)
	if _, err := direct.PgConn().Exec(t.Context(), "drop table if exists veiled; create table veiled (ssn text); insert into veiled values ('zanzibar')").ReadAll(); err != nil {
		t.Fatal(err)
	}
	g.Enforcer.Set("r2", judgeMasked(func(string) *schemas.MaskPlan {
		p := veiledPlan(true, true, true, true)
		p.Results = []*schemas.ResultMasks{{Clear: true}, {Clear: true}}
		return p
	}))
	c := g.pgx(t, "default_query_exec_mode=exec")
	for _, sql := range []string{
		"do $$ declare v text := (select ssn from veiled); begin raise notice 'it is %', v using detail = 'really ' || v; raise notice 'again %', v; raise exception 'at last %', v using hint = 'ask ' || v, column = v; end $$",
		"select ('x' || ssn)::int from veiled",
	} {
		if _, err = c.PgConn().Exec(t.Context(), sql).ReadAll(); err == nil || !strings.Contains(err.Error(), "zanzibar") {
			t.Errorf("%s: the client is told %v", sql, err)
		}
	}
	if _, err = c.Exec(t.Context(), "select ssn::int from veiled where ssn > $1", "a"); err == nil || !strings.Contains(err.Error(), "zanzibar") {
		t.Errorf("the client is told %v", err)
	}
	if _, err = c.Exec(t.Context(), "listen veiled_channel"); err != nil {
		t.Fatal(err)
	}
	if _, err := direct.Exec(t.Context(), "select pg_notify('veiled_channel', ssn || ' "+veilMail+"') from veiled"); err != nil {
		t.Fatal(err)
	}
	if n, err := c.WaitForNotification(t.Context()); err != nil || n.Payload != "zanzibar "+veilMail {
		t.Errorf("notified %v %v", n, err)
	}
	_ = c.Close(context.Background())
	es := g.Only(t)
	texts := map[uint64]string{}
	for _, e := range es {
		if b, err := e.MarshalVT(); err != nil || bytes.Contains(b, []byte("zanzibar")) || bytes.Contains(b, []byte(veilMail)) {
			t.Errorf("the log holds it: %v", e)
		}
		if k := e.GetCommand(); k != nil {
			texts[e.Number] = strings.Fields(k.Text)[0]
		}
	}
	var got []string
	for _, v := range concealed(t, conceal, g.Sessions(t)[0], es) {
		got = append(got, fmt.Sprintf("%s %d %s: %s (%s)", texts[v.command], v.Row, v.Part, v.Data, v.masks))
	}
	want := []string{
		"do 1 notice message: it is zanzibar (ssns salaries)", "do 1 notice detail: really zanzibar (ssns salaries)",
		"do 2 notice message: again zanzibar (ssns salaries)", "do 3 error message: at last zanzibar (ssns salaries)",
		"do 3 error hint: ask zanzibar (ssns salaries)", "do 3 error column: zanzibar (ssns salaries)",
		`select 1 error message: invalid input syntax for type integer: "xzanzibar" (ssns salaries)`,
		`select 1 error message: invalid input syntax for type integer: "zanzibar" (ssns salaries)`,
		" 1 notification payload: zanzibar " + veilMail + " (ssns salaries mails cards)",
	}
	got = slices.DeleteFunc(got, func(s string) bool { return strings.Contains(s, " where: ") })
	if !slices.Equal(got, want) {
		t.Errorf("concealed\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Who is excepted from one mask, and not from another that would hide the value too, is not shown it later.
func TestConcealedForAllThatMask(t *testing.T) {
	conceal, err := credential.NewConcealer(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	g := start(t, options{session: func(c *session.Config) { c.Concealer = conceal }})
	g.Enforcer.Set("r2", judgeMasked(func(string) *schemas.MaskPlan {
		p := veiledPlan(true, true, true, true)
		column := func(name string, rules ...uint32) *schemas.ColumnMask {
			return &schemas.ColumnMask{Name: name, By: &schemas.MaskedBy{Recorded: rules[0], Revealed: rules}}
		}
		p.Results = []*schemas.ResultMasks{{Columns: []*schemas.ColumnMask{column("both", 1, 2), column("one", 2), column("mail", 1), {Name: "content"}, {Name: "card"}}}, {Columns: []*schemas.ColumnMask{column("second", 1)}}}
		return p
	}))
	c := g.pgx(t).PgConn()
	results, err := c.Exec(t.Context(), "select 'a' as both, 'b' as one, '"+veilMail+"' as mail, '"+veilMail+"' as content, 4111111111111111::int8 as card; select 7 as second").ReadAll()
	if err != nil || len(results) != 2 || string(results[0].Rows[0][3]) != veilMail {
		t.Fatalf("%v %v", results, err)
	}
	_ = c.Close(context.Background())
	es := g.Only(t)
	var got []string
	for _, v := range concealed(t, conceal, g.Sessions(t)[0], es) {
		got = append(got, fmt.Sprintf("%d.%d %s: %s", v.Row, v.Column, v.Data, v.masks))
	}
	slices.Sort(got)
	want := []string{"1.1 a: ssns salaries", "1.2 b: salaries", "1.3 " + veilMail + ": ssns mails cards", "1.4 " + veilMail + ": mails cards", "1.5 4111111111111111: cards", "2.1 7: ssns"}
	if !slices.Equal(got, want) {
		t.Errorf("concealed\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	columns, values := 0, 0 // what was concealed is on the log before the columns of the next result are
	for _, e := range es {
		if e.GetColumns() != nil {
			columns++
		}
		if e.GetConcealed() != nil && columns == 1 {
			values++
		}
	}
	if columns != 2 || values != 5 {
		t.Errorf("%d descriptions, %d frames between them", columns, values)
	}
}
