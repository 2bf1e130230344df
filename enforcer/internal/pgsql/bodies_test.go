package pgsql_test

import (
	"testing"

	"sallyport/enforcer/internal/pgsql"
)

// Ordinary functions are seen whole: what they need of PL/pgSQL must not make them opaque.
func TestOrdinaryFunctionsAreNotOpaque(t *testing.T) {
	a := pgsql.New(pgsql.Config{})
	for text, want := range map[string]string{
		"CREATE FUNCTION f(a int, b text DEFAULT 'x') RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN a; END $$":                                                                                                                         "k=CREATE,CREATE_FUNCTION",
		"CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN RETURN; END $$":                                                                                                                                                   "k=CREATE,CREATE_FUNCTION",
		"CREATE FUNCTION f(OUT a int, INOUT b int) LANGUAGE plpgsql AS $$ BEGIN a := 1; b := b + 1; END $$":                                                                                                                              "k=CREATE,CREATE_FUNCTION",
		"CREATE FUNCTION f() RETURNS TABLE (a int, b text) LANGUAGE plpgsql AS $$ BEGIN a := 1; RETURN NEXT; RETURN QUERY SELECT x, y FROM t; END $$":                                                                                    "k=CREATE,CREATE_FUNCTION,SELECT r=public.t c=public.t.x,public.t.y",
		"CREATE FUNCTION f() RETURNS SETOF int LANGUAGE plpgsql AS $$ BEGIN RETURN NEXT 1; RETURN; END $$":                                                                                                                               "k=CREATE,CREATE_FUNCTION",
		"CREATE FUNCTION f(r t) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN r.a; END $$":                                                                                                                                             "k=CREATE,CREATE_FUNCTION",
		"CREATE FUNCTION f(VARIADIC a int[]) RETURNS int LANGUAGE plpgsql AS $$ DECLARE n int; BEGIN FOREACH n IN ARRAY a LOOP NULL; END LOOP; RETURN 1; END $$":                                                                         "k=CREATE,CREATE_FUNCTION",
		"CREATE FUNCTION f(int, text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN $1; END $$":                                                                                                                                        "k=CREATE,CREATE_FUNCTION",
		"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF TG_OP = 'INSERT' THEN NEW.at := now(); INSERT INTO log VALUES (OLD.*); END IF; RETURN NEW; END $$":                                                          "k=CREATE,CREATE_FUNCTION,INSERT w=public.log f=pg_catalog.now",
		"CREATE FUNCTION f() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '%', tg_tag; END $$":                                                                                                                        "k=CREATE,CREATE_FUNCTION",
		"CREATE PROCEDURE f(INOUT a int) LANGUAGE plpgsql AS $$ BEGIN a := 2; COMMIT; END $$":                                                                                                                                            "k=COMMIT,CREATE,CREATE_PROCEDURE",
		"CREATE FUNCTION f(a anyelement) RETURNS anyelement LANGUAGE plpgsql AS $$ DECLARE x a%TYPE; r t%ROWTYPE; BEGIN SELECT * INTO r FROM t WHERE id = 1; x := r.b; RETURN x; END $$":                                                 "k=CREATE,CREATE_FUNCTION,SELECT r=public.t c=public.t.*,public.t.id",
		"DO $$ DECLARE a int := 1; BEGIN WHILE a < 5 LOOP a := a + 1; CONTINUE WHEN a = 2; EXIT WHEN a = 4; END LOOP; CASE a WHEN 1 THEN NULL; ELSE NULL; END CASE; END $$":                                                              "k=DO",
		"DO $$ DECLARE n int; BEGIN UPDATE t SET a = 1 WHERE id = 2; GET DIAGNOSTICS n = ROW_COUNT; ASSERT n = 1, 'x'; EXCEPTION WHEN unique_violation OR SQLSTATE '22012' THEN GET STACKED DIAGNOSTICS n = MESSAGE_TEXT; RAISE; END $$": "k=DO,UPDATE r=public.t w=public.t c=public.t.a,public.t.id",
		"DO $$ DECLARE c refcursor; r record; BEGIN OPEN c FOR SELECT 1; FETCH c INTO r; MOVE NEXT FROM c; CLOSE c; END $$":                                                                                                              "k=DO,SELECT",
		"DO $$ DECLARE c CURSOR (k int) FOR SELECT * FROM t WHERE id = k; BEGIN FOR r IN c(5) LOOP UPDATE t SET a = 1 WHERE CURRENT OF c; END LOOP; END $$":                                                                              "k=DO,SELECT,UPDATE r=public.t w=public.t c=public.t.*,public.t.a,public.t.id,public.t.k",
		"CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql AS 'SELECT $1 + a'":                                                                                                                                                           "k=CREATE,CREATE_FUNCTION,SELECT",
		"CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql RETURN a + 1":                                                                                                                                                                 "k=CREATE,CREATE_FUNCTION",
		"CREATE FUNCTION f() RETURNS text LANGUAGE internal AS 'now'":                                                                                                                                                                    "k=CREATE,CREATE_FUNCTION f=pg_catalog.now",
	} {
		if got := short(a.Analyze(text, fresh(), nil).Facts); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", text, got, want)
		}
	}
}
