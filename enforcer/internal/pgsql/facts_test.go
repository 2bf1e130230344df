package pgsql_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"sallyport/enforcer/internal/pgsql"
	"sallyport/schemas"
)

func fresh() *schemas.SessionState {
	return &schemas.SessionState{
		User: "app", SearchPath: []string{"$user", "public"}, SearchPathKnown: true,
		StandardConformingStrings: true, ClientEncoding: "UTF8",
	}
}

// short writes facts in one line.
func short(f *schemas.SqlFacts) string {
	var b strings.Builder
	add := func(name string, values []string) {
		if len(values) > 0 {
			b.WriteString(" " + name + "=" + strings.Join(values, ","))
		}
	}
	add("k", f.Kinds)
	add("r", f.Reads)
	add("w", f.Writes)
	add("c", f.Columns)
	add("f", f.Functions)
	for name, set := range map[string]bool{"unfiltered": f.UnfilteredWrite} {
		if set {
			b.WriteString(" " + name)
		}
	}
	if f.Opaque {
		b.WriteString(" opaque")
	}
	if f.Unparsed {
		b.WriteString(" unparsed")
	}
	return strings.TrimSpace(b.String())
}

func TestFacts(t *testing.T) {
	a := pgsql.New(pgsql.Config{})
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"-- nothing", ""},
		{"SELECT 1", "k=SELECT"},
		{"VALUES (1)", "k=SELECT"},
		{"TABLE t", "k=SELECT r=public.t c=public.t.*"},
		{"SELECT a, b.c, b.* FROM t, s.b WHERE lower(d) = 'x'", "k=SELECT r=public.t,s.b c=public.t.a,public.t.d,s.b.*,s.b.a,s.b.c,s.b.d f=pg_catalog.lower"},
		{`SELECT "A" FROM "S"."T"`, "k=SELECT r=S.T c=S.T.A"},
		{`SELECT 1 FROM "a.b"."c""d"`, `k=SELECT r="a.b"."c""d"`},
		{"SELECT f(1), s.g(2), now(), pg_catalog.now()", "k=SELECT f=pg_catalog.now,public.f,s.g"},
		{"SELECT 1 FROM generate_series(1, 2) g, unnest(ARRAY[1]) WITH ORDINALITY", "k=SELECT f=pg_catalog.generate_series,pg_catalog.unnest"},
		{"SELECT 1 OPERATOR(s.+) 2", "k=SELECT f=s.+"},
		{"SELECT relname FROM pg_class", "k=SELECT r=pg_catalog.pg_class c=pg_catalog.pg_class.relname"},
		{"INSERT INTO t VALUES (1)", "k=INSERT w=public.t"},
		{"INSERT INTO t (a) SELECT b FROM u", "k=INSERT,SELECT r=public.u w=public.t c=public.t.a,public.u.b"},
		{"INSERT INTO t DEFAULT VALUES RETURNING a", "k=INSERT r=public.t w=public.t c=public.t.a"},
		{"UPDATE t SET a = b", "k=UPDATE w=public.t c=public.t.a,public.t.b unfiltered"},
		{"UPDATE t SET (a, b) = (SELECT c, d FROM u WHERE u.id = t.id) WHERE id = 1", "k=SELECT,UPDATE r=public.t,public.u w=public.t c=public.t.a,public.t.b,public.t.c,public.t.d,public.t.id,public.u.c,public.u.d,public.u.id"},
		{"DELETE FROM t USING u WHERE t.id = u.id", "k=DELETE r=public.t,public.u w=public.t c=public.t.id,public.u.id"},
		{"TRUNCATE a, b CASCADE", "k=TRUNCATE w=public.a,public.b"},
		{"CREATE TABLE t (a int REFERENCES u (id), b text DEFAULT lower('X'))", "k=CREATE,CREATE_TABLE r=public.u w=public.t f=pg_catalog.lower"},
		{"CREATE TEMP TABLE t (a int)", "k=CREATE,CREATE_TABLE w=pg_temp.t"},
		{"CREATE INDEX ON t (a, (b + 1)) WHERE c", "k=CREATE,CREATE_INDEX w=public.t c=public.t.a,public.t.b,public.t.c"},
		{"CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)", "k=CREATE,CREATE_INDEX w=public.t c=public.t.a"},
		{"CREATE SEQUENCE s", "k=CREATE,CREATE_SEQUENCE w=public.s"},
		{"CREATE TYPE e AS ENUM ('a')", "k=CREATE,CREATE_TYPE"},
		{"CREATE TYPE e AS (a int)", "k=CREATE,CREATE_TYPE w=public.e"},
		{"CREATE DOMAIN d AS int CHECK (value > 0)", "k=CREATE,CREATE_DOMAIN"},
		{"CREATE AGGREGATE a (int) (sfunc = f, stype = int)", "k=CREATE,CREATE_AGGREGATE"},
		{"CREATE DATABASE d", "k=CREATE,CREATE_DATABASE"},
		{"CREATE ROLE r", "k=CREATE,CREATE_ROLE"},
		{"CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION f()", "k=CREATE,CREATE_EVENT_TRIGGER"},
		{"CREATE PUBLICATION p FOR TABLE t", "k=CREATE,CREATE_PUBLICATION r=public.t"},
		{"CREATE SUBSCRIPTION s CONNECTION 'host=x' PUBLICATION p", "k=CREATE,CREATE_SUBSCRIPTION"},
		{"CREATE SERVER s FOREIGN DATA WRAPPER w", "k=CREATE,CREATE_FOREIGN_SERVER"},
		{"CREATE FOREIGN TABLE t (a int) SERVER s", "k=CREATE,CREATE_FOREIGN_TABLE,CREATE_TABLE w=public.t"},
		{"IMPORT FOREIGN SCHEMA a FROM SERVER s INTO b", "k=IMPORT"},
		{"ALTER TABLE t ADD COLUMN a int", "k=ALTER,ALTER_TABLE w=public.t"},
		{"ALTER TABLE t ALTER a TYPE text USING b::text", "k=ALTER,ALTER_TABLE w=public.t c=public.t.a,public.t.b"},
		{"ALTER TABLE t RENAME a TO b", "k=ALTER,ALTER_COLUMN w=public.t c=public.t.a"},
		{"ALTER VIEW v RENAME TO x", "k=ALTER,ALTER_VIEW w=public.v"},
		{"ALTER ROLE r SET search_path = x", "k=ALTER,ALTER_ROLE"},
		{"ALTER DATABASE d SET search_path = x", "k=ALTER,ALTER_DATABASE"},
		{"ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO r", "k=ALTER,ALTER_DEFAULT_PRIVILEGES,GRANT"},
		{"ALTER FUNCTION f() OWNER TO r", "k=ALTER,ALTER_FUNCTION"},
		{"ALTER FUNCTION f() SECURITY DEFINER SET search_path = x", "k=ALTER,ALTER_FUNCTION,SECURITY_DEFINER f=public.f"},
		{"DROP VIEW IF EXISTS a, s.b CASCADE", "k=DROP,DROP_VIEW w=public.a,s.b"},
		{"DROP MATERIALIZED VIEW v", "k=DROP,DROP_MATERIALIZED_VIEW w=public.v"},
		{"DROP FUNCTION f(int), s.g()", "k=DROP,DROP_FUNCTION f=public.f,s.g"},
		{"DROP TRIGGER x ON t", "k=DROP,DROP_TRIGGER w=public.t"},
		{"DROP ROLE r", "k=DROP,DROP_ROLE"},
		{"DROP DATABASE d", "k=DROP,DROP_DATABASE"},
		{"DROP OWNED BY r", "k=DROP,DROP_OWNED"},
		{"DROP EXTENSION e", "k=DROP,DROP_EXTENSION"},
		{"DROP TYPE t", "k=DROP,DROP_TYPE"},
		{"REASSIGN OWNED BY a TO b", "k=ALTER,REASSIGN_OWNED"},
		{"GRANT a TO b", "k=GRANT"},
		{"REVOKE SELECT ON t FROM b", "k=REVOKE w=public.t"},
		{"COMMENT ON TABLE t IS 'x'", "k=COMMENT"},
		{"SECURITY LABEL ON TABLE t IS 'x'", "k=SECURITY_LABEL"},
		{"REFRESH MATERIALIZED VIEW v", "k=REFRESH w=public.v"},
		{"REINDEX TABLE t", "k=REINDEX w=public.t"},
		{"CLUSTER t USING i", "k=CLUSTER w=public.t"},
		{"VACUUM t", "k=VACUUM r=public.t"},
		{"ANALYZE", "k=ANALYZE"},
		{"CHECKPOINT", "k=CHECKPOINT"},
		{"LISTEN c", "k=LISTEN"},
		{"UNLISTEN *", "k=UNLISTEN"},
		{"NOTIFY c, 'x'", "k=NOTIFY"},
		{"LOCK t IN EXCLUSIVE MODE", "k=LOCK r=public.t"},
		{"SHOW ALL", "k=SHOW"},
		{"SET x.y = 1", "k=SET"},
		{"SET CONSTRAINTS ALL DEFERRED", "k=SET"},
		{"SET TRANSACTION READ ONLY", "k=SET"},
		{"RESET x", "k=RESET"},
		{"DISCARD PLANS", "k=DISCARD"},
		{"BEGIN; COMMIT", "k=BEGIN,COMMIT"},
		{"START TRANSACTION; END", "k=BEGIN,COMMIT"},
		{"ABORT", "k=ROLLBACK"},
		{"SAVEPOINT a; ROLLBACK TO a; RELEASE a", "k=RELEASE,ROLLBACK_TO,SAVEPOINT"},
		{"PREPARE TRANSACTION 'x'", "k=PREPARE"},
		{"COMMIT PREPARED 'x'", "k=COMMIT_PREPARED"},
		{"FETCH ALL FROM c", "k=FETCH"},
		{"MOVE c", "k=MOVE"},
		{"CLOSE c", "k=CLOSE"},
		{"DEALLOCATE ALL", "k=DEALLOCATE"},
		{"CALL pg_catalog.f()", "k=CALL f=pg_catalog.f"},
		{"SELECT 1 FROM XMLTABLE('/a' PASSING (SELECT x FROM t) COLUMNS b int)", "k=SELECT r=public.t c=public.t.x"},
		{"SELECT 1 FROM t TABLESAMPLE system (1)", "k=SELECT r=public.t"},
		{"SELECT sum(a) FILTER (WHERE b) OVER w FROM t WINDOW w AS (ORDER BY c)", "k=SELECT r=public.t c=public.t.a,public.t.b,public.t.c f=pg_catalog.sum"},
		{"SELECT 1 FROM a NATURAL JOIN b", "k=SELECT r=public.a,public.b"},
		{"WITH RECURSIVE x AS (SELECT 1 UNION ALL SELECT * FROM x, t) SELECT * FROM x", "k=SELECT r=public.t c=public.t.*"},
		{"SELECT $1", "k=SELECT"},
		{"SELECT 1; SELEC", "unparsed"},
	} {
		got := a.Analyze(c.text, fresh(), nil)
		if s := short(got.Facts); s != c.want {
			t.Errorf("%s\ngot  %s\nwant %s", c.text, s, c.want)
		}
	}
}

func TestSearchPath(t *testing.T) {
	a := pgsql.New(pgsql.Config{})
	for _, c := range []struct {
		path []string
		role string
		want string
	}{
		{[]string{"public"}, "", "r=pg_catalog.pg_class,public.t f=pg_catalog.now,public.f"},
		{[]string{"a", "b"}, "", "r=a.t,b.t,pg_catalog.pg_class f=a.f,b.f,pg_catalog.now"},
		{[]string{"a", "pg_catalog"}, "", "r=a.pg_class,a.t,pg_catalog.pg_class f=a.f,a.now,pg_catalog.now"},
		{[]string{"pg_catalog", "a"}, "", "r=a.t,pg_catalog.pg_class f=a.f,pg_catalog.now"},
		{[]string{"$user"}, "", "r=app.t,pg_catalog.pg_class f=app.f,pg_catalog.now"},
		{[]string{"$user"}, "boss", "r=boss.t,pg_catalog.pg_class f=boss.f,pg_catalog.now"},
		{nil, "", "r=pg_catalog.pg_class,t f=f,pg_catalog.now"},
	} {
		s := fresh()
		s.SearchPath, s.Role = c.path, c.role
		if got := short(a.Analyze("SELECT f(), now() FROM t, pg_class", s, nil).Facts); got != "k=SELECT "+c.want {
			t.Errorf("%v %s\ngot  %s\nwant k=SELECT %s", c.path, c.role, got, c.want)
		}
	}
}

func effect(k schemas.StateEffect_Kind, name string, values ...string) *schemas.StateEffect {
	return &schemas.StateEffect{Kind: k, Name: name, Values: values}
}

func local(e *schemas.StateEffect) *schemas.StateEffect {
	e.Local = true
	return e
}

func TestEffects(t *testing.T) {
	const (
		path     = schemas.StateEffect_KIND_SEARCH_PATH
		role     = schemas.StateEffect_KIND_ROLE
		prepare  = schemas.StateEffect_KIND_PREPARE
		dealloc  = schemas.StateEffect_KIND_DEALLOCATE
		unknown  = schemas.StateEffect_KIND_UNKNOWN
		reset    = schemas.StateEffect_KIND_RESET
		begin    = schemas.StateEffect_KIND_BEGIN
		commit   = schemas.StateEffect_KIND_COMMIT
		rollback = schemas.StateEffect_KIND_ROLLBACK
		setting  = schemas.StateEffect_KIND_SETTING
		dropped  = schemas.StateEffect_KIND_TEMPORARY_DROPPED
		closed   = schemas.StateEffect_KIND_CURSOR_CLOSED
		changed  = schemas.StateEffect_KIND_CATALOGUE
	)
	type effects = []*schemas.StateEffect
	a := pgsql.New(pgsql.Config{})
	for text, want := range map[string]effects{
		"SELECT 1":                                             nil,
		"SET search_path = A, \"B\", 'c d'":                    {effect(path, "", "a", "B", "c d")},
		"SET search_path TO ''":                                {effect(path, "")},
		"SET LOCAL search_path = x":                            {local(effect(path, "", "x"))},
		"SET SESSION search_path = 'a, b'":                     {effect(path, "", "a, b")},
		"SET SCHEMA 'x'":                                       {effect(path, "", "x")},
		"SET search_path TO DEFAULT":                           {effect(reset, "search_path")},
		"RESET search_path":                                    {effect(reset, "search_path")},
		"RESET ALL":                                            {effect(reset, "")},
		"DISCARD ALL":                                          {effect(dropped, ""), effect(reset, ""), effect(dealloc, ""), effect(closed, "")},
		"DISCARD TEMP":                                         {effect(dropped, "")},
		"SET ROLE bob":                                         {effect(role, "", "bob")},
		"SET ROLE NONE":                                        {effect(role, "", "")},
		"RESET ROLE":                                           {effect(role, "", "")},
		"SET LOCAL ROLE \"Bob\"":                               {local(effect(role, "", "Bob"))},
		"SET SESSION AUTHORIZATION bob":                        {effect(role, "", ""), effect(setting, "session_authorization", "bob")},
		"SET SESSION AUTHORIZATION DEFAULT":                    {effect(reset, "session_authorization")},
		"SET standard_conforming_strings = off":                {effect(setting, "standard_conforming_strings", "off")},
		"SET Standard_Conforming_Strings TO false":             {effect(setting, "standard_conforming_strings", "false")},
		"SET client_encoding = 'SJIS'":                         {effect(setting, "client_encoding", "SJIS")},
		"SET NAMES 'LATIN1'":                                   {effect(setting, "client_encoding", "LATIN1")},
		"SET statement_timeout = 5":                            {effect(setting, "statement_timeout", "5")},
		"SET x.y = -1.5":                                       {effect(setting, "x.y", "-1.5")},
		"SET TIME ZONE 'UTC'":                                  {effect(setting, "timezone", "UTC")},
		"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE":         nil,
		"PREPARE p AS SELECT 1":                                {effect(prepare, "p", "SELECT 1")},
		"prepare \"as\" (text, int) as select $1 as as_ ;":     {effect(prepare, "as", "select $1 as as_")},
		"SELECT 1; PREPARE p AS SELECT 2; SELECT 3":            {effect(prepare, "p", "SELECT 2")},
		"DEALLOCATE p":                                         {effect(dealloc, "p")},
		"DEALLOCATE ALL":                                       {effect(dealloc, "")},
		"BEGIN":                                                {effect(begin, "")},
		"BEGIN; COMMIT":                                        {effect(begin, ""), effect(commit, "")},
		"ROLLBACK AND CHAIN":                                   {effect(rollback, ""), effect(begin, "")},
		"SAVEPOINT a; RELEASE a; ROLLBACK TO a":                {effect(schemas.StateEffect_KIND_SAVEPOINT, "a"), effect(schemas.StateEffect_KIND_RELEASE, "a"), effect(schemas.StateEffect_KIND_ROLLBACK_TO, "a")},
		"SELECT set_config('search_path', ' A,\"B\" ', false)": {effect(path, "", "a", "B")},
		"SELECT set_config('search_path', 'x', true)":          {local(effect(path, "", "x"))},
		"SELECT set_config('role', 'bob', false)":              {effect(role, "", "bob")},
		"SELECT set_config('search_path', a, true) FROM t":     {effect(unknown, "")},
		"SELECT set_config('search_path', 'x', true) FROM t":   {effect(unknown, "")},
		"SELECT 1 WHERE set_config('a', 'x', true) = ''":       {effect(unknown, "")},
		"SELECT set_config(name, 'x', false) FROM pg_settings WHERE name = 'jit'": {effect(unknown, "")},
		"DO $$ BEGIN SET search_path = x; END $$":                                 {effect(unknown, ""), effect(changed, "")},
		"DO $$ BEGIN EXECUTE a(); END $$":                                         {effect(unknown, ""), effect(changed, "")},
		"CALL f()":                                                                {effect(unknown, ""), effect(changed, "")},
		"EXPLAIN SELECT set_config('search_path', 'x', true)":                     nil,
		"UPDATE pg_settings SET setting = 'x'":                                    {effect(unknown, "")},
		"nonsense":                                                                {effect(unknown, "")},
	} {
		got := a.Analyze(text, fresh(), nil).Effects
		if d := cmp.Diff(want, got, protocmp.Transform()); d != "" {
			t.Errorf("%s\n%s", text, d)
		}
	}
}

func TestSecrets(t *testing.T) {
	a := pgsql.New(pgsql.Config{})
	for text, want := range map[string]string{
		"SELECT 'x'": "SELECT 'x'",
		"ALTER ROLE bob PASSWORD 'hunter2' VALID UNTIL '2030-01-01'":                "ALTER ROLE bob PASSWORD ‹› VALID UNTIL '2030-01-01'",
		"CREATE USER bob VALID UNTIL '2030-01-01' PASSWORD E'hun\\'ter2'":           "CREATE USER bob VALID UNTIL '2030-01-01' PASSWORD ‹›",
		"CREATE ROLE bob ENCRYPTED /* PASSWORD */ PASSWORD $x$hunter2$x$":           "CREATE ROLE bob ENCRYPTED /* PASSWORD */ PASSWORD ‹›",
		"ALTER ROLE bob PASSWORD U&'hunter\\0032'":                                  "ALTER ROLE bob PASSWORD ‹›",
		"ALTER ROLE bob PASSWORD 'hun'\n  'ter2'":                                   "ALTER ROLE bob PASSWORD ‹›",
		"ALTER ROLE bob PASSWORD NULL":                                              "ALTER ROLE bob PASSWORD NULL",
		"SELECT 'a'; ALTER ROLE bob PASSWORD 'hunter2'; SELECT 'b'":                 "SELECT 'a'; ALTER ROLE bob PASSWORD ‹›; SELECT 'b'",
		"ALTER ROLE a PASSWORD 'hunter2'; ALTER ROLE b PASSWORD 'hunter2'":          "ALTER ROLE a PASSWORD ‹›; ALTER ROLE b PASSWORD ‹›",
		"ALTER ROLE ü PASSWORD 'hunter2'":                                           "ALTER ROLE ü PASSWORD ‹›",
		"CREATE USER MAPPING FOR a SERVER s OPTIONS (user 'u', password 'hunter2')": "CREATE USER MAPPING FOR a SERVER s OPTIONS (user ‹›, password ‹›)",
		"ALTER USER MAPPING FOR a SERVER s OPTIONS (SET password 'hunter2')":        "ALTER USER MAPPING FOR a SERVER s OPTIONS (SET password ‹›)",
		"CREATE SUBSCRIPTION s CONNECTION 'host=h password=hunter2' PUBLICATION p":  "CREATE SUBSCRIPTION s CONNECTION ‹› PUBLICATION p",
		"ALTER SUBSCRIPTION s CONNECTION 'password=hunter2'":                        "ALTER SUBSCRIPTION s CONNECTION ‹›",
		"CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (host 'h')":                 "CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (host 'h')",
		"CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (password 'hunter2')":       "CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (password ‹›)",
		"ALTER SYSTEM SET primary_conninfo = 'password=hunter2'":                    "ALTER SYSTEM SET primary_conninfo = ‹›",
		"SET my.api_key = 'hunter2'":                                                "SET my.api_key = ‹›",
		"SELECT set_config('my.password', 'hunter2', true)":                         "SELECT set_config('my.password', ‹›, true)",
		"SELECT dblink_connect('host=h password=hunter2')":                          "SELECT dblink_connect(‹›)",
		"SELECT * FROM dblink('postgres://u:hunter2@h/d', 'SELECT 1') AS t(a int)":  "SELECT * FROM dblink(‹›, 'SELECT 1') AS t(a int)",
		"SELECT dblink_connect('host=h ' || 'password=hunter2')":                    "SELECT dblink_connect(‹› || ‹›)",
		"SELECT crypt('hunter2', gen_salt('bf'))":                                   "SELECT crypt(‹›, gen_salt('bf'))",
		"SELECT pgp_sym_decrypt(x, 'hunter2') FROM t":                               "SELECT pgp_sym_decrypt(x, ‹›) FROM t",
		"DO $$ BEGIN ALTER ROLE bob PASSWORD 'hunter2'; END $$":                     "DO ‹›",
		"DO $$ BEGIN EXECUTE 'ALTER ROLE bob PASSWORD ''hunter2'''; END $$":         "DO ‹›",
		"SELEC hunter2": "‹unparsed›",
		"":              "",
	} {
		var b strings.Builder
		last := 0
		for _, s := range a.Analyze(text, fresh(), nil).Secrets {
			b.WriteString(text[last:s.Offset])
			b.WriteString(map[string]string{pgsql.MarkerSecret: "‹›", pgsql.MarkerUnparsed: "‹unparsed›"}[s.Marker])
			last = int(s.Offset + s.Length)
		}
		b.WriteString(text[last:])
		if b.String() != want {
			t.Errorf("%s\ngot  %s\nwant %s", text, b.String(), want)
		}
	}
}

func TestCopiesIn(t *testing.T) {
	a := pgsql.New(pgsql.Config{})
	for text, want := range map[string]bool{
		"COPY t FROM STDIN": true, "SELECT 1; COPY t (a) FROM STDIN WHERE a > 1": true,
		"COPY t TO STDOUT": false, "COPY t FROM '/x'": false, "COPY t FROM PROGRAM 'x'": false, "SELECT 1": false,
	} {
		if got := a.Analyze(text, fresh(), nil).CopiesIn; got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func newPrepared(text string) *schemas.Prepared { return &schemas.Prepared{Name: "p", Text: text} }
