package enforcer_test

import (
	"context"
	"crypto/sha256"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"sallyport/schemas"
)

// What a gateway reads of a server's catalogue; lists are separated by U+001F.
const (
	relationsQuery = `
		SELECT c.oid, n.nspname, c.relname, c.relkind,
		       CASE WHEN c.relkind IN ('v', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema') THEN pg_get_viewdef(c.oid) ELSE '' END,
		       coalesce((SELECT string_agg(inhparent::oid::text, E'\x1f') FROM pg_inherits WHERE inhrelid = c.oid), ''),
		       coalesce((SELECT string_agg(DISTINCT pn.nspname || '.' || p.proname, E'\x1f') FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
		                 JOIN pg_namespace pn ON pn.oid = p.pronamespace WHERE t.tgrelid = c.oid AND NOT t.tgisinternal), ''),
		       EXISTS (SELECT FROM pg_rewrite w WHERE w.ev_class = c.oid AND w.rulename <> '_RETURN'),
		       c.relpersistence = 't'
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p', 'c', 'S')`
	attributesQuery = `
		SELECT attrelid, attnum, attname, atttypid, attgenerated <> '' FROM pg_attribute
		WHERE attnum > 0 AND NOT attisdropped ORDER BY attrelid, attnum`
	functionsQuery = `
		SELECT n.nspname, p.proname, p.prokind, l.lanname, coalesce(pg_get_function_sqlbody(p.oid), p.prosrc), p.provolatile,
		       p.prosecdef, coalesce(array_to_string(p.proconfig, E'\x1f'), ''), p.pronargs, p.pronargdefaults, p.provariadic <> 0,
		       coalesce(array_to_string(p.proargnames, E'\x1f'), ''), coalesce(array_to_string(p.proargmodes, ''), ''), p.prorettype,
		       p.proretset, t.typrelid
		FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang JOIN pg_type t ON t.oid = p.prorettype
		WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')`
	schemasQuery = `SELECT nspname FROM pg_namespace`
)

// loadCatalogue reads the catalogue of the database that c is connected to.
func loadCatalogue(ctx context.Context, t testing.TB, c *pgconn.PgConn) (*schemas.Catalogue, []byte) {
	t.Helper()
	rows := func(sql string) [][][]byte {
		rs, err := c.Exec(ctx, "SET search_path = pg_catalog; "+sql).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		return rs[1].Rows
	}
	number := func(b []byte) uint32 {
		n, err := strconv.ParseUint(string(b), 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		return uint32(n)
	}
	list := func(b []byte) []string {
		if len(b) == 0 {
			return nil
		}
		return strings.Split(string(b), "\x1f")
	}
	all := &schemas.Catalogue{}
	byOID := map[uint32]*schemas.Relation{}
	for _, r := range rows(relationsQuery) {
		x := &schemas.Relation{
			Oid: number(r[0]), Schema: string(r[1]), Name: string(r[2]), Kind: string(r[3]), Definition: string(r[4]),
			Triggers: list(r[6]), Rules: string(r[7]) == "t", Temporary: string(r[8]) == "t",
		}
		for _, p := range list(r[5]) {
			x.Parents = append(x.Parents, number([]byte(p)))
		}
		byOID[x.Oid] = x
		all.Relations = append(all.Relations, x)
	}
	for _, r := range rows(attributesQuery) {
		if x := byOID[number(r[0])]; x != nil {
			x.Columns = append(x.Columns, &schemas.Attribute{Number: number(r[1]), Name: string(r[2]), Type: number(r[3]), Generated: string(r[4]) == "t"})
		}
	}
	for _, r := range rows(functionsQuery) {
		all.Functions = append(all.Functions, &schemas.Function{
			Schema: string(r[0]), Name: string(r[1]), Kind: string(r[2]), Language: string(r[3]), Source: string(r[4]), Volatility: string(r[5]),
			SecurityDefiner: string(r[6]) == "t", Settings: list(r[7]), Arguments: number(r[8]), Defaults: number(r[9]), Variadic: string(r[10]) == "t",
			ArgumentNames: list(r[11]), ArgumentModes: string(r[12]), ResultType: number(r[13]), ReturnsSet: string(r[14]) == "t", ResultRelation: number(r[15]),
		})
	}
	for _, r := range rows(schemasQuery) {
		all.Schemas = append(all.Schemas, string(r[0]))
	}
	data, err := all.MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(data)
	return all, digest[:]
}

// served are catalogues that an enforcer may ask for.
type served map[string]*schemas.Catalogue

func (s served) Catalogue(_ context.Context, _, _ string, digest []byte) (*schemas.Catalogue, error) {
	if c, ok := s[string(digest)]; ok {
		return c, nil
	}
	return nil, &schemas.Error{Message: "there is no such catalogue"}
}
