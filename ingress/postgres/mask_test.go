package postgres_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"sallyport/ingress/credential"
	"sallyport/ingress/mask"
	"sallyport/ingress/postgres"
	"sallyport/ingress/session"
	"sallyport/ingress/sessiontest"
	"sallyport/schemas"
	"sallyport/schemas/values"
)

const maskWorld = `drop table if exists m; create table m (id int, small int2, num int4, big int8, amount numeric, money money, f4 float4, f8 float8,
  ok bool, ch "char", t text, v varchar, b bpchar(20), n name, u uuid, raw bytea, d date, ts timestamp, tz timestamptz, tm time, iv interval,
  ip inet, bits bit(8), doc json, docb jsonb, tags text[], nums int[], grid int[][], r int4range, x xml, em text);
  insert into m values (1, 12345, 734195528, 734195528123, 7341955.28, 734.19, 734.5, 734195.528, true, 'x', '734-19-5528', '734-19-5528', '734-19-5528', '734-19-5528',
  '73419552-8734-1955-8734-195587341955', '\x734195528734', '1973-04-19', '1973-04-19 05:28:00', '1973-04-19 05:28:00+00', '07:34:19', '734 days', '73.41.95.52',
  B'01110011', '{"a": "734-19-5528"}', '{"a": "734-19-5528"}', '{734-19-5528,"a b",NULL}', '{734195528,NULL}', '{{734195528,2},{3,4}}', '[734,7341]', '<a>734-19-5528</a>', null),
  (2, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null)`

// planFor masks every column of m but the first by the rule of that number.
func planFor(names []string, b *schemas.MaskedBy, plain bool, table uint32) *schemas.MaskPlan {
	p := &schemas.MaskPlan{Rules: maskRules()[:4], Whole: by(1, 1), Messages: schemas.Messages_MESSAGES_GUARDED, Notifications: b}
	r := &schemas.ResultMasks{}
	for i, n := range names {
		c := &schemas.ColumnMask{Name: n}
		if i > 0 {
			c.By = b
			p.Origins = append(p.Origins, &schemas.Origin{Table: table, Attribute: uint32(i + 1), By: b, Plain: plain})
		}
		r.Columns = append(r.Columns, c)
	}
	p.Results = []*schemas.ResultMasks{r}
	return p
}

// judgeMasked has every text that mentions m be masked as plan says.
func judgeMasked(plan func(text string) *schemas.MaskPlan) func(*schemas.VerdictAsk) *schemas.VerdictAnswer {
	return func(a *schemas.VerdictAsk) *schemas.VerdictAnswer {
		v := sessiontest.Judge(a)
		if v.Plan = plan(a.Text); v.Plan != nil {
			for _, r := range v.Plan.Rules {
				if !r.Revealed {
					v.Masks = append(v.Masks, r.Name)
				}
			}
		}
		return v
	}
}

// maskTable makes m, and returns its columns and number.
func (g *gateway) maskTable(t *testing.T) (names []string, oid uint32) {
	t.Helper()
	c := g.direct(t)
	if _, err := c.PgConn().Exec(t.Context(), maskWorld).ReadAll(); err != nil {
		t.Fatal(err)
	}
	if err := c.QueryRow(t.Context(), "select array_agg(attname order by attnum)::text[], 'm'::regclass::oid from pg_attribute where attrelid = 'm'::regclass and attnum > 0").Scan(&names, &oid); err != nil {
		t.Fatal(err)
	}
	return names, oid
}

func result(t *testing.T, c *pgconn.PgConn, sql string, format int16) *pgconn.Result {
	t.Helper()
	r := c.ExecParams(t.Context(), sql, nil, nil, nil, []int16{format}).Read()
	if r.Err != nil {
		t.Fatalf("%s: %v", sql, r.Err)
	}
	return r
}

// Of every type the masked form is a value of the type, the same in both formats, and tells nothing.
func TestMaskedTypes(t *testing.T) {
	g := start(t, options{})
	names, oid := g.maskTable(t)
	c := g.pgx(t, "default_query_exec_mode=exec").PgConn()
	back := g.direct(t)
	for rule, want := range map[uint32]string{1: "[redacted]", 2: "", 3: "*******5528", 4: ""} {
		for _, plain := range []bool{true, false} {
			g.Enforcer.Set(schemas.Revision(fmt.Sprint("r", rule, plain)), judgeMasked(func(string) *schemas.MaskPlan { return planFor(names, by(rule, rule), plain, oid) }))
			text, bin := result(t, c, "select * from m order by id", 0), result(t, c, "select * from m order by id", 1)
			for row := range text.Rows {
				for i, f := range text.FieldDescriptions {
					got, other := text.Rows[row][i], bin.Rows[row][i]
					shown := values.Text(f.DataTypeOID, true, other)
					switch f.Name {
					case "tags", "nums", "grid":
						shown = strings.ReplaceAll(shown, "null", "NULL")
					case "tz":
						got = bytes.TrimSuffix(got, []byte("+00"))
						shown = strings.TrimSuffix(shown, "+00")
					case "f4", "f8", "b", "money", "raw", "bits", "doc", "docb", "amount":
						shown = strings.TrimSpace(shown)
						got = bytes.TrimSpace(got)
					}
					hidden := i > 0 && (rule == 4 || row == 1 && plain)
					if (got == nil) != (other == nil) || i > 0 && f.Name != "em" && hidden != (got == nil) {
						t.Errorf("rule %d plain %t: %s of row %d: null is %t in text, %t in binary", rule, plain, f.Name, row, got == nil, other == nil)
					}
					if other != nil && string(got) != shown && f.Name != "bits" && f.Name != "iv" {
						t.Errorf("rule %d plain %t: %s is %q in text, %q in binary", rule, plain, f.Name, got, shown)
					}
					if rule != 3 && i > 0 && strings.Contains(string(got), "734") && rule != 2 {
						t.Errorf("rule %d: %s shows %q", rule, f.Name, got)
					}
					if f.Name == "t" && row == 0 && plain && want != "" && string(got) != want {
						t.Errorf("rule %d: text is %q", rule, got)
					}
					if got != nil { // the server itself takes it for a value of the type
						if _, err := back.Exec(t.Context(), fmt.Sprintf("select cast($1::text as %s)", typeOf(t, f.DataTypeOID)), string(got)); err != nil {
							t.Errorf("rule %d plain %t: %s: %v", rule, plain, f.Name, err)
						}
					}
				}
			}
			if !plain && rule != 4 && string(text.Rows[0][10]) != "[redacted]" {
				t.Errorf("computed, rule %d: %q", rule, text.Rows[0][10])
			}
		}
	}
}

func typeOf(t *testing.T, oid uint32) string {
	t.Helper()
	if oid == 18 {
		return `"char"`
	}
	return values.TypeName(oid)
}

// What somebody excepted sees is not what is recorded; it is sealed beside it, and found again.
func TestExceptedFromMasks(t *testing.T) {
	key := bytes.Repeat([]byte{7}, 32)
	conceal, err := credential.NewConcealer(key)
	if err != nil {
		t.Fatal(err)
	}
	g := start(t, options{session: func(c *session.Config) { c.Concealer = conceal }})
	names, oid := g.maskTable(t)
	g.Enforcer.Set("r2", judgeMasked(func(text string) *schemas.MaskPlan {
		p := planFor(names, by(2, 0), true, oid)
		if strings.HasPrefix(text, "copy") {
			p.Results = copyPlan(copyFormats()[0]).Results
			p.Results[0].Columns = []*schemas.ColumnMask{{Name: "id", Type: 23}, {Name: "t", Type: 25, Plain: true, By: by(2, 0)}}
		}
		p.Whole = by(2, 0)
		return p
	}))
	c := g.pgx(t).PgConn()
	r := result(t, c, "select * from m order by id", 1)
	var out bytes.Buffer
	if _, err := c.CopyTo(t.Context(), &out, "copy (select id, t from m order by id) to stdout"); err != nil {
		t.Fatal(err)
	}
	_, err = c.Exec(t.Context(), "select 'zanzibar'::int from m").ReadAll()
	if err == nil || !strings.Contains(err.Error(), "zanzibar") {
		t.Errorf("the client is told %v", err)
	}
	_ = c.Close(context.Background())
	if string(r.Rows[0][10]) != "734-19-5528" || out.String() != "1\t734-19-5528\n2\t\\N\n" {
		t.Errorf("shown %q, copied %q", r.Rows[0][10], out.String())
	}
	es := g.Only(t)
	seen := map[string]string{}
	for _, e := range es {
		if b, err := e.MarshalVT(); err != nil || bytes.Contains(b, []byte("734-19-5528")) || e.GetCommand() == nil && bytes.Contains(b, []byte("zanzibar")) {
			t.Errorf("the log holds it: %v", e)
		}
	}
	for _, v := range concealed(t, conceal, g.Sessions(t)[0], es) {
		if v.masks != "hashes" {
			t.Errorf("%v", v)
		}
		if v.Part == "" {
			seen[fmt.Sprint(v.command != 0, v.Row, v.Column)] += string(v.Data)
		}
	}
	if seen["true 1 11"] != "734-19-5528" || seen["true 1 2"] != "734-19-5528\x30\x39" && seen["true 1 2"] != "\x30\x39734-19-5528" || seen["true 2 11"] != "" {
		t.Errorf("concealed %q", seen)
	}
	counted(t, es, "hashes", "t", "", true, 1)
	counted(t, es, "hashes", "", "", true, 1)
}

// counted fails unless so many values are told in facts.
func counted(t *testing.T, es []*schemas.Entry, mask, column, detector string, revealed bool, least uint64) {
	t.Helper()
	var n uint64
	for _, e := range es {
		for _, c := range e.GetMasked().GetCounts() {
			if c.Mask == mask && c.Column == column && c.Detector == detector && c.Revealed == revealed {
				n += c.Count
			}
		}
	}
	if n < least {
		t.Errorf("%s of %q (%s, revealed %t): %d values, want %d", mask, column, detector, revealed, n, least)
	}
}

// A session that only listens is shown what the masks say that are in force when it is notified, and nothing while nobody tells
// what they are.
func TestNotificationsFollowMasks(t *testing.T) {
	g := start(t, options{})
	const mail = "zanzibar@example.org"
	masked := judgeMasked(func(string) *schemas.MaskPlan { return &schemas.MaskPlan{Rules: maskRules()[4:]} })
	unable := func(a *schemas.VerdictAsk) *schemas.VerdictAnswer {
		v := sessiontest.Judge(a)
		v.Failure = "not today"
		return v
	}
	n, told := g.pgx(t), g.direct(t)
	if _, err := n.Exec(t.Context(), "listen followed"); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		revision schemas.Revision
		judge    func(*schemas.VerdictAsk) *schemas.VerdictAnswer
		want     string
	}{{"r1", sessiontest.Judge, "to " + mail}, {"r2", masked, "to [redacted]"}, {"r3", unable, "the text is hidden, as it may quote masked values"}, {"r4", sessiontest.Judge, "to " + mail}} {
		g.Enforcer.Set(step.revision, step.judge)
		if _, err := told.Exec(t.Context(), "select pg_notify('followed', 'to "+mail+"')"); err != nil {
			t.Fatal(err)
		}
		if got, err := n.WaitForNotification(t.Context()); err != nil || got.Payload != step.want {
			t.Errorf("%s: %+v %v, want %q", step.revision, got, err, step.want)
		}
	}
	_ = n.Close(context.Background())
	commands, recorded := 0, []string{}
	for _, e := range g.Only(t) {
		if e.GetCommand() != nil {
			commands++
		}
		if x := e.GetNotice(); x != nil && x.Channel != "" {
			recorded = append(recorded, x.Payload)
		}
	}
	want := []string{"to " + mail, "to [redacted]", "the text is hidden, as it may quote masked values", "to " + mail}
	if !slices.Equal(want, recorded) || commands != 1 {
		t.Errorf("%d commands, recorded %q", commands, recorded)
	}
}

// Content is found in values of all types, in results, COPY, messages, notifications, and texts.
func TestMaskedContent(t *testing.T) {
	g := start(t, options{})
	g.Enforcer.Set("r2", judgeMasked(func(text string) *schemas.MaskPlan {
		p := &schemas.MaskPlan{Rules: maskRules()[4:]}
		if strings.HasPrefix(text, "copy") {
			f := copyFormats()[0]
			if strings.Contains(text, "csv") {
				f = &schemas.CopyFormat{Format: "csv", Delimiter: ",", Quote: `"`, Escape: `"`}
			} else if strings.Contains(text, "binary") {
				f = &schemas.CopyFormat{Format: "binary"}
			}
			p.Results = []*schemas.ResultMasks{{Clear: true, Copy: f}}
		}
		return p
	}))
	const card, mail = "4111111111111111", "zanzibar.quux@example.org"
	split := "select '" + mail[:8] + "' || '" + mail[8:] + "' as a, 'x' as b, " + card[:15] + "1::int8 as c, ('{\"k\": ' || " + card[:15] + "1 || '}')::jsonb as d, array['" + mail[:8] + "' || '" + mail[8:] + "', 'y'] as e, '" + card[:8] + "' || '" + card[8:] + "' as f"
	c := g.pgx(t).PgConn()
	for format := range int16(2) {
		r := result(t, c, split, format)
		for i, v := range r.Rows[0] {
			shown := values.Text(r.FieldDescriptions[i].DataTypeOID, format == 1, v)
			want := []string{"[redacted]", "x", "0", `"[redacted]"`, "{[redacted],y}", "[redacted]"}[i]
			if shown != want {
				t.Errorf("format %d, column %d: %s, want %s", format, i, shown, want)
			}
		}
	}
	for _, f := range []string{"text", "csv", "binary"} {
		var out bytes.Buffer
		if _, err := c.CopyTo(t.Context(), &out, "copy ("+split+") to stdout (format "+f+")"); err != nil || strings.Contains(out.String(), mail) || strings.Contains(out.String(), card) {
			t.Errorf("%s: %v\n%q", f, err, out.String())
		}
	}
	var told []string
	n := g.pgx(t)
	if _, err := n.Exec(t.Context(), "listen masked_channel"); err != nil {
		t.Fatal(err)
	}
	if _, err := g.direct(t).Exec(t.Context(), "select pg_notify('masked_channel', 'mail "+mail+"')"); err != nil {
		t.Fatal(err)
	}
	got, err := n.WaitForNotification(t.Context())
	if err != nil || got.Payload != "mail [redacted]" {
		t.Errorf("notified %+v %v", got, err)
	}
	_, errs := g.psql(t, "do $$ begin raise notice 'to %', '"+mail[:8]+"' || '"+mail[8:]+"'; end $$;")
	if strings.Contains(errs, mail) || !strings.Contains(errs, "to [redacted]") {
		t.Errorf("told %s", errs)
	}
	_, _ = n.Exec(t.Context(), "select $1::text", mail)
	_ = n.Close(context.Background())
	_ = c.Close(context.Background())
	for _, id := range g.Sessions(t) {
		for _, e := range g.Closed(t, id) {
			if b, err := e.MarshalVT(); err != nil || bytes.Contains(b, []byte(mail)) || bytes.Contains(b, []byte(card)) {
				told = append(told, e.String())
			}
		}
	}
	if len(told) > 0 {
		t.Errorf("the log holds %s", strings.Join(told, "\n"))
	}
}

// A detector that does not answer hides the value.
func TestExternalDetectorThatIsDown(t *testing.T) {
	down := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }))
	defer down.Close()
	external, err := mask.NewExternal(mask.Config{URL: down.URL})
	if err != nil {
		t.Fatal(err)
	}
	plan := func(string) *schemas.MaskPlan {
		return &schemas.MaskPlan{Rules: []*schemas.MaskRule{{Name: "outside", With: "redact", Detect: []string{"external"}}}}
	}
	g := start(t, options{session: func(c *session.Config) { c.External = external }})
	g.Enforcer.Set("r2", judgeMasked(plan))
	if out, _ := g.psql(t, "select 'Ada Lovelace' as a, true as b;", "-At"); out != "[redacted]|t\n" {
		t.Errorf("shown %q", out)
	}
	without := start(t, options{})
	without.Enforcer.Set("r2", judgeMasked(plan))
	if _, errs := without.psql(t, "select 1;"); !strings.Contains(errs, "has none") {
		t.Errorf("told %q", errs)
	}
}

// The client sees none of what the gateway adds to know columns; cursors by rows are masked to the end, and what was
// bound before the masks changed, whole.
func TestMaskedPortals(t *testing.T) {
	g := start(t, options{})
	names, oid := g.maskTable(t)
	g.Enforcer.Set("r2", judgeMasked(func(string) *schemas.MaskPlan {
		p := planFor(names[:1], by(1, 1), true, oid)
		p.Results[0].Columns = append(p.Results[0].Columns, &schemas.ColumnMask{Name: "t", By: by(1, 1)})
		return p
	}))
	c := g.raw(t)
	c.send(&parse{Query: "select id, t from m order by id"}, &bind{}, &execute{MaxRows: 1}, &execute{MaxRows: 1}, &execute{}, &sync_{})
	got := c.until('Z')
	if strings.Contains(got, "734-19") || strings.Count(got, "[redacted]") != 2 || kindsOf(got) != "12DsDsCZ" {
		t.Errorf("answers %s:\n%s", kindsOf(got), got)
	}
	c.send(&parse{Name: "s", Query: "select id, t from m order by id"}, &describe{ObjectType: 'S', Name: "s"}, &bind{PreparedStatement: "s"}, &execute{}, &sync_{})
	if got = c.until('Z'); kindsOf(got) != "1tT2DDCZ" || strings.Contains(got, "734-19") {
		t.Errorf("answers %s:\n%s", kindsOf(got), got)
	}
	c.send(&query{String: "begin"})
	c.until('Z')
	c.send(&bind{PreparedStatement: "s", DestinationPortal: "p", ResultFormatCodes: []int16{1, 1}}, &flush{})
	c.until('2')
	g.Enforcer.Set("r3", judgeMasked(func(string) *schemas.MaskPlan {
		return &schemas.MaskPlan{Rules: maskRules()[:4], Whole: by(1, 1), Results: []*schemas.ResultMasks{{Clear: true}}}
	}))
	c.send(&execute{Portal: "p"}, &sync_{})
	if got = c.until('Z'); strings.Contains(got, "734-19") || strings.Count(got, "[redacted]") != 2 {
		t.Errorf("bound before the masks changed:\n%s", got)
	}
	_ = c.Close()
	for _, e := range g.Only(t) {
		if b, err := e.MarshalVT(); err != nil || bytes.Contains(b, []byte("734-19-5528")) {
			t.Errorf("the log holds it: %v", e)
		}
	}
}

// kindsOf are the types of the messages of a transcript.
func kindsOf(transcript string) string {
	var b strings.Builder
	for _, line := range strings.Split(strings.TrimSpace(transcript), "\n") {
		b.WriteByte(line[0])
	}
	return b.String()
}

// More results than were announced, and others, are masked whole; a function call like the SELECT it stands for.
func TestMaskedWhole(t *testing.T) {
	g := start(t, options{})
	g.Enforcer.Set("r2", judgeMasked(func(text string) *schemas.MaskPlan {
		p := &schemas.MaskPlan{Rules: maskRules()[:4], Whole: by(1, 1)}
		switch {
		case strings.Contains(text, "loread"):
			p.Results = []*schemas.ResultMasks{{Columns: []*schemas.ColumnMask{{Name: "loread", By: by(1, 1)}}}}
		case strings.Contains(text, "lo_") || strings.Contains(text, "begin"):
			p.Results = []*schemas.ResultMasks{{Clear: true}}
		default:
			p.Results = []*schemas.ResultMasks{{Columns: []*schemas.ColumnMask{{Name: "a"}}}}
		}
		return p
	}))
	out, _ := g.psql(t, "select 'seen' as a\\; select 'hidden' as a;\nselect 'hidden' as b;\nselect 'hidden' as a, 1 as b;\nselect 'seen' as a;", "-At")
	if out != "seen\n[redacted]\n[redacted]\n[redacted]|0\nseen\n" {
		t.Errorf("shown %q", out)
	}
	if _, err := g.direct(t).Exec(t.Context(), "select lo_from_bytea(880077, 'secret bytes')"); err != nil {
		t.Fatal(err)
	}
	c := g.raw(t)
	c.send(&query{String: "begin"})
	c.until('Z')
	c.send(call(loOpen, 880077, 0x40000))
	c.until('Z')
	c.send(call(loRead, 0, 100))
	if got := c.until('Z'); strings.Contains(got, "secret") || !strings.Contains(got, "[redacted]") {
		t.Errorf("read %s", got)
	}
	_ = c.Close()
	if _, err := g.direct(t).Exec(t.Context(), "select lo_unlink(880077)"); err != nil {
		t.Error(err)
	}
	for _, id := range g.Sessions(t) {
		for _, e := range g.Closed(t, id) {
			if b, err := e.MarshalVT(); err != nil || e.GetCommand() == nil && (bytes.Contains(b, []byte("hidden")) || bytes.Contains(b, []byte("secret bytes"))) {
				t.Errorf("the log holds it: %v", e)
			}
		}
	}
}

// A held command is masked as the verdict that held it says.
func TestMaskedAfterAHold(t *testing.T) {
	g, d := startHeld(t, options{})
	g.Enforcer.Set("r2", func(a *schemas.VerdictAsk) *schemas.VerdictAnswer {
		v := judgeHeld(a)
		v.Plan = &schemas.MaskPlan{Rules: maskRules()[:4], Whole: by(1, 1), Results: []*schemas.ResultMasks{{Columns: []*schemas.ColumnMask{{Name: "a", By: by(1, 1)}}}}}
		return v
	})
	var out string
	wait := async(func() error {
		out, _ = g.psql(t, "select 'planted' as a /* please */;", "-At")
		return nil
	})
	if code := d.review("bob", d.waiting(1)[0].ID, "approve", ""); code != http.StatusOK {
		t.Fatalf("review: %d", code)
	}
	_ = wait()
	if out != "[redacted]\n" {
		t.Errorf("shown %q", out)
	}
}

func TestMessagesThatQuoteNothing(t *testing.T) {
	for _, c := range []struct {
		code, text, command string
		positioned, want    bool
	}{
		{"22012", "division by zero", "", false, true},
		{"22P02", `invalid input syntax for type integer: "734-19-5528"`, "select ssn::int from customers", false, false},
		{"23505", `duplicate key value violates unique constraint "customers_email_key"`, "insert", false, true},
		{"42P01", `relation "nowhere" does not exist`, "select * from Nowhere", true, true},
		{"42P01", `relation "734-19-5528" does not exist`, "select ssn::regclass from customers", false, false},
		{"42883", `operator does not exist: 734-19-5528`, "select ssn::regoperator from customers", false, false},
		{"42883", `operator does not exist: text + integer`, "select 'a'::text + 1", true, true},
		{"42883", `function "734-19-5528" does not exist`, "select ssn::regproc from customers", false, false},
		{"42704", `unrecognized configuration parameter "734-19-5528"`, "select set_config(ssn, '', false) from customers", false, false},
		{"22023", `time zone "734-19-5528" not recognized`, "select now() at time zone ssn from customers", false, false},
		{"P0001", `it is 734-19-5528`, "select fail(ssn) from customers", false, false},
		{"42703", `column "nothing" does not exist`, "select nothing from customers", true, true},
		{"42703", `column c.nothing does not exist`, "select c.nothing from customers c", true, true},
		{"40P01", "deadlock detected", "", false, true},
		{"22003", `value "91827364591827364" is out of range for type integer`, "select 1", false, false},
	} {
		if got := postgres.QuotesNothing(c.code, c.text, c.command, c.positioned); got != c.want {
			t.Errorf("%s %s after %s: %t", c.code, c.text, c.command, got)
		}
	}
}
