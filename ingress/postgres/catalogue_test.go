package postgres_test

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/ingress/postgres"
	"sallyport/schemas"
)

// asks keeps what verdicts were asked with.
type asks struct {
	mu  sync.Mutex
	all []*schemas.VerdictAsk
}

// asks begins to keep them; effects says what each text does.
func (g *gateway) asks(effects func(text string) []*schemas.StateEffect) *asks {
	kept := &asks{}
	g.Enforcer.Set("r1", func(a *schemas.VerdictAsk) *schemas.VerdictAnswer {
		kept.mu.Lock()
		defer kept.mu.Unlock()
		kept.all = append(kept.all, a)
		answer := &schemas.VerdictAnswer{Outcome: schemas.Outcome_OUTCOME_ALLOW}
		if effects != nil {
			answer.Effects = effects(a.Text)
		}
		return answer
	})
	return kept
}

// about returns the state that the last verdict about text was asked with.
func (k *asks) about(t *testing.T, text string) *schemas.SessionState {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, a := range slices.Backward(k.all) {
		if a.Text == text {
			return a.State
		}
	}
	t.Fatalf("no verdict was asked about %q", text)
	return nil
}

// catalogue asks for a snapshot as the enforcer does.
func (g *gateway) catalogue(t *testing.T, database string, digest []byte) *schemas.CatalogueAnswer {
	t.Helper()
	data, err := (&schemas.CatalogueAsk{Target: "orders", Database: database, Digest: digest}).MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	reply, err := g.Log.Ask(ctx, schemas.AskCatalogue("orders"), data)
	if err != nil {
		t.Fatal(err)
	}
	answer := &schemas.CatalogueAnswer{}
	if err := answer.UnmarshalVT(reply); err != nil {
		t.Fatal(err)
	}
	return answer
}

func relation(c *schemas.Catalogue, schema, name string) *schemas.Relation {
	for _, r := range c.GetRelations() {
		if r.Schema == schema && r.Name == name {
			return r
		}
	}
	return nil
}

func function(c *schemas.Catalogue, schema, name string) *schemas.Function {
	for _, f := range c.GetFunctions() {
		if f.Schema == schema && f.Name == name {
			return f
		}
	}
	return nil
}

// database makes a database of the test's own, through a connection that it leaves alone.
func (g *gateway) database(t *testing.T, name, script string) {
	t.Helper()
	ctx := t.Context()
	direct := g.direct(t)
	if _, err := direct.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		g.stop()
		if _, err := direct.Exec(context.Background(), "DROP DATABASE "+name); err != nil {
			t.Error(err)
		}
	})
	in := connectPgx(t, g.pg.DSN(name))
	if _, err := in.Exec(ctx, script); err != nil {
		t.Fatal(err)
	}
	_ = in.Close(ctx)
}

func TestCatalogueSnapshot(t *testing.T) {
	g := start(t, options{})
	g.database(t, "catalogue_snapshot", `
CREATE SCHEMA crm;
CREATE TABLE crm.people (id int, dropped int, ssn text) PARTITION BY RANGE (id);
ALTER TABLE crm.people DROP COLUMN dropped;
CREATE TABLE crm.people_1 PARTITION OF crm.people FOR VALUES FROM (0) TO (100);
CREATE VIEW public.everybody AS SELECT ssn AS number FROM crm.people;
CREATE FUNCTION public.look(n int, OUT found text) LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = crm, pg_temp
  AS $$ BEGIN SELECT ssn INTO found FROM people WHERE id = n; END $$;
CREATE FUNCTION public.modern() RETURNS SETOF text BEGIN ATOMIC SELECT ssn FROM crm.people; END;
CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER noted BEFORE INSERT ON crm.people_1 FOR EACH ROW EXECUTE FUNCTION public.note();
CREATE TABLE public.ruled (a int); CREATE RULE no_delete AS ON DELETE TO public.ruled DO INSTEAD NOTHING;`)
	kept := g.asks(nil)
	c := g.pgx(t, "dbname=orders/catalogue_snapshot")
	if _, err := c.Exec(t.Context(), "SELECT 1"); err != nil {
		t.Fatal(err)
	}
	state := kept.about(t, "SELECT 1")
	if len(state.Catalogue) == 0 {
		t.Fatal("the verdict was asked without a catalogue")
	}
	answer := g.catalogue(t, "catalogue_snapshot", state.Catalogue)
	if answer.Failure != "" || !bytes.Equal(answer.Digest, state.Catalogue) {
		t.Fatalf("failure %q, digest %x, want %x", answer.Failure, answer.Digest, state.Catalogue)
	}
	found := answer.Catalogue
	people, part := relation(found, "crm", "people"), relation(found, "crm", "people_1")
	if people == nil || people.Kind != "p" || len(people.Columns) != 2 || people.Columns[1].Name != "ssn" || people.Columns[1].Number != 3 || people.Columns[1].Type != 25 {
		t.Errorf("crm.people: %v", people)
	}
	if part == nil || !slices.Equal(part.Parents, []uint32{people.GetOid()}) || !slices.Equal(part.Triggers, []string{"public.note"}) {
		t.Errorf("crm.people_1: %v", part)
	}
	if v := relation(found, "public", "everybody"); v == nil || v.Kind != "v" || !bytes.Contains([]byte(v.Definition), []byte("FROM crm.people")) {
		t.Errorf("public.everybody: %v", v)
	}
	if r := relation(found, "public", "ruled"); r == nil || !r.Rules {
		t.Errorf("public.ruled: %v", r)
	}
	if s := relation(found, "pg_catalog", "pg_stats"); s == nil || len(s.Columns) == 0 || s.Definition != "" {
		t.Errorf("pg_catalog.pg_stats: %v", s)
	}
	look := function(found, "public", "look")
	if look == nil || look.Language != "plpgsql" || !look.SecurityDefiner || look.Volatility != "s" || look.Arguments != 1 ||
		!slices.Equal(look.ArgumentNames, []string{"n", "found"}) || look.ArgumentModes != "io" || !slices.Equal(look.Settings, []string{"search_path=crm, pg_temp"}) {
		t.Errorf("public.look: %v", look)
	}
	if m := function(found, "public", "modern"); m == nil || !m.ReturnsSet || !bytes.Contains([]byte(m.Source), []byte("crm.people")) {
		t.Errorf("public.modern: %v", m)
	}
	if !slices.Contains(found.Schemas, "crm") {
		t.Errorf("schemas: %v", found.Schemas)
	}
}

func TestCatalogueFollowsTheSession(t *testing.T) {
	g := start(t, options{})
	g.database(t, "catalogue_session", "CREATE TABLE before (a int)")
	kept := g.asks(func(text string) []*schemas.StateEffect {
		switch {
		case strings.HasPrefix(text, "CREATE"):
			return []*schemas.StateEffect{{Kind: schemas.StateEffect_KIND_CATALOGUE}}
		case text == "BEGIN":
			return []*schemas.StateEffect{{Kind: schemas.StateEffect_KIND_BEGIN}}
		case text == "COMMIT":
			return []*schemas.StateEffect{{Kind: schemas.StateEffect_KIND_COMMIT}}
		}
		return nil
	})
	out, errs, err := program(t, g.dsn("dbname=orders/catalogue_session"), nil, "psql", "-X", "-v", "ON_ERROR_STOP=1",
		"-c", "SELECT 1", "-c", "CREATE TABLE made (a int)", "-c", "SELECT 2",
		"-c", "BEGIN", "-c", "CREATE TABLE later (a int)", "-c", "SELECT 3", "-c", "COMMIT", "-c", "SELECT 4")
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, errs)
	}
	digests := map[string][]byte{}
	for _, q := range []string{"SELECT 1", "SELECT 2", "SELECT 3", "SELECT 4"} {
		if digests[q] = kept.about(t, q).Catalogue; len(digests[q]) == 0 {
			t.Fatalf("%s was judged without a catalogue", q)
		}
	}
	if bytes.Equal(digests["SELECT 1"], digests["SELECT 2"]) {
		t.Error("the table that the session made is not in the catalogue of its next command")
	}
	if !bytes.Equal(digests["SELECT 2"], digests["SELECT 3"]) {
		t.Error("the catalogue changed before the transaction was over")
	}
	if bytes.Equal(digests["SELECT 3"], digests["SELECT 4"]) {
		t.Error("the table of the transaction is not in the catalogue of the command after it")
	}
}

// Others change the catalogue behind the gateway's back, and somebody ends its connection.
func TestCatalogueFollowsOthers(t *testing.T) {
	g := start(t, options{config: func(c *postgres.Config) { c.Limits.CataloguePoll = 20 * time.Millisecond }})
	g.database(t, "catalogue_others", "CREATE TABLE before (a int)")
	kept := g.asks(nil)
	c := g.pgx(t, "dbname=orders/catalogue_others")
	ctx := t.Context()
	digest := func() []byte {
		if _, err := c.Exec(ctx, "SELECT 'now'"); err != nil {
			t.Fatal(err)
		}
		return kept.about(t, "SELECT 'now'").Catalogue
	}
	first := digest()
	other := g.direct(t)
	if _, err := other.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sallyport' AND datname = 'catalogue_others'`); err != nil {
		t.Fatal(err)
	}
	in := connectPgx(t, g.pg.DSN("catalogue_others"))
	if _, err := in.Exec(ctx, "CREATE TABLE behind (a int)"); err != nil {
		t.Fatal(err)
	}
	_ = in.Close(ctx)
	deadline := time.Now().Add(20 * time.Second)
	for {
		now := digest()
		if len(now) > 0 && !bytes.Equal(now, first) {
			if relation(g.catalogue(t, "catalogue_others", now).Catalogue, "public", "behind") == nil {
				t.Error("the new snapshot does not have the table")
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the change was not noticed")
		}
	}
	_ = c.Close(ctx)
	left := func() (n int) {
		if err := other.QueryRow(ctx, `SELECT count(*) FROM pg_stat_activity WHERE application_name = 'sallyport' AND datname = 'catalogue_others'`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for left() > 0 {
		if time.Now().After(deadline) {
			t.Fatal("the connection outlives the last session")
		}
	}
	if a := g.catalogue(t, "catalogue_others", first); a.Failure == "" {
		t.Error("a snapshot is served that no session uses")
	}
}

// A target that has no catalogue, or does not show it, has sessions all the same.
func TestCatalogueUnreadable(t *testing.T) {
	g := start(t, options{config: func(c *postgres.Config) { c.Limits.CatalogueRead = time.Nanosecond }})
	kept := g.asks(nil)
	c := g.pgx(t)
	var one int
	if err := c.QueryRow(t.Context(), "SELECT 1").Scan(&one); err != nil || one != 1 {
		t.Fatalf("%d %v", one, err)
	}
	if d := kept.about(t, "SELECT 1").Catalogue; len(d) > 0 {
		t.Errorf("a digest without a catalogue: %x", d)
	}
}
