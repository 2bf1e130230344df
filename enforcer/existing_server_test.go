package enforcer_test

import (
	"context"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/jackc/pgx/v5/pgconn"

	"sallyport/enforcer"
	"sallyport/schemas"
)

// What exists already on a real server is seen through its catalogue: the rule fires, and what is
// allowed leaves the vault alone.
func TestExistingObjectsOnAServer(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	s := newMaskServer(ctx, t)
	s.world = string(file(t, "testdata/evasions/catalogue/world.sql"))
	var cases []evasion
	if err := yaml.UnmarshalWithOptions(file(t, "testdata/evasions/catalogue/existing.yaml"), &cases, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	rules := string(file(t, "testdata/evasions/policies.yaml")) + "---\n" + string(file(t, "testdata/evasions/catalogue/policies.yaml"))
	harmful := 0
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			s.t = t
			s.renew(ctx, true)
			e, _ := newEnforcer(t, load(t, rules), func(c *enforcer.Config) { c.Catalogues = s.known })
			a := ask(c.SQL)
			a.State = c.State.state()
			a.State.Catalogue = s.last
			got := e.Verdict(ctx, a)
			judged(t, c, got)

			state := c.State
			state.Role = ""
			conn := session(ctx, t, s.url, state)
			for name := range c.State.Temporary {
				_, _ = conn.Exec(ctx, "CREATE TEMP TABLE "+name+" (id int, v text); DROP TABLE pg_temp."+name).ReadAll()
			}
			_, _ = conn.Exec(ctx, c.SQL).ReadAll() // some fail, as a trick may
			_ = conn.Close(ctx)
			if !unharmed(ctx, t, s.root) {
				harmful++
				if got.Outcome == schemas.Outcome_OUTCOME_ALLOW {
					t.Errorf("allowed, and it did harm: %s", c.SQL)
				}
			}
		})
	}
	t.Logf("%d of %d cases change the vault", harmful, len(cases))
	if harmful < 12 {
		t.Errorf("only %d cases change the vault: is the world as they need it?", harmful)
	}
}

func unharmed(ctx context.Context, t *testing.T, root *pgconn.PgConn) bool {
	t.Helper()
	rs, err := root.Exec(ctx, "SELECT to_regclass('public.vault') IS NOT NULL").ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if string(rs[0].Rows[0][0]) != "t" {
		return false
	}
	rs, err = root.Exec(ctx, "SELECT coalesce((SELECT string_agg(v, ',' ORDER BY id) FROM public.vault), '') = 'a,b,c'").ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return string(rs[0].Rows[0][0]) == "t"
}
