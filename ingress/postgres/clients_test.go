package postgres_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"sallyport/schemas"
)

// script is run through psql on both sides; what it prints must be the same to the byte.
const script = `
\set ON_ERROR_STOP 0
create temp table t (id int primary key, name text, data bytea, n numeric, j jsonb, a int[], ts timestamptz);
insert into t select i, 'name ' || i, decode(md5(i::text), 'hex'), i / 7.0, jsonb_build_object('i', i), array[i, i+1], '2026-01-01 00:00:00+00'::timestamptz + i * interval '1 hour' from generate_series(1, 50) i;
select * from t order by id;
select null, '', 'ünïcode ☃', E'tab\there', 'quote '' end';
select 1/0;
selec 1;
begin; update t set n = 0 where id < 10; select sum(n) from t; rollback;
select sum(n) from t;
begin; savepoint a; select 1/0; rollback to a; select 'after'; commit;
select 1; select 2 \; select 3 \; select 4;
do $$ begin raise notice 'hello %', 1; raise warning 'careful'; end $$;
prepare p as select $1::int + 1; execute p(41); deallocate p; execute p(1);
declare c cursor for select 1;
begin; declare c cursor for select generate_series(1,10); fetch 3 from c; move 2 in c; fetch all from c; close c; commit;
copy (select id, name from t order by id limit 5) to stdout;
copy (select id, name from t order by id limit 5) to stdout with (format csv, header);
copy t (id, name) from stdin;
100	hundred
101	\N
\.
copy t (id, name) from stdin;
x	y
\.
select id, name from t where id >= 100 order by id;
set search_path = pg_catalog; show search_path; reset search_path;
set datestyle = 'German'; select '2026-01-02'::date; reset datestyle;
explain (costs off) select * from t where id = 1;
select generate_series(1, 3000), repeat('x', 100);
create table if not exists t2 (id int); create table if not exists t2 (id int); drop table t2;
table nothing; values (1, 'a'), (2, 'b');
select pg_catalog.lo_from_bytea(990001, '\x0102'); select pg_catalog.lo_get(990001); select lo_unlink(990001);
\gdesc
select 1 as a \gx
select $1::int + $2::int \bind 1 2 \g
\d pg_am
`

func TestPsqlPrintsTheSame(t *testing.T) {
	for name, tls := range map[string]bool{"plain": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			g := start(t, options{tls: tls})
			out, errs := g.psql(t, script)
			wantOut, wantErrs := g.psqlDirect(t, script)
			if diff := cmp.Diff(wantOut, out); diff != "" {
				t.Errorf("stdout (-direct +gateway):\n%s", diff)
			}
			if diff := cmp.Diff(wantErrs, errs); diff != "" {
				t.Errorf("stderr (-direct +gateway):\n%s", diff)
			}
			if !strings.Contains(out, "ünïcode") {
				t.Errorf("the script did not run: %s", out)
			}
			g.Only(t)
		})
	}
}

func TestPgx(t *testing.T) {
	g := start(t, options{})
	ctx := t.Context()
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe,
		pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol} {
		t.Run(mode.String(), func(t *testing.T) {
			c := g.pgx(t)
			for i := range 3 {
				var n int
				var s string
				if err := c.QueryRow(ctx, "select $1::int + 1, $2::text", mode, i, "x").Scan(&n, &s); err != nil || n != i+1 || s != "x" {
					t.Fatalf("got %d %q, %v", n, s, err)
				}
			}
			if _, err := c.Exec(ctx, "select 1/$1::int", mode, 0); err == nil {
				t.Error("no error from a division by zero")
			}
			rows, err := c.Query(ctx, "select generate_series(1, 1000)::int8", mode)
			if err != nil {
				t.Fatal(err)
			}
			if all, err := pgx.CollectRows(rows, pgx.RowTo[int64]); err != nil || len(all) != 1000 || all[999] != 1000 {
				t.Errorf("%d rows, %v", len(all), err)
			}
		})
	}
}

func TestPgxBatchAndCopy(t *testing.T) {
	g := start(t, options{})
	ctx := t.Context()
	c := g.pgx(t)
	if _, err := c.Exec(ctx, "create temp table copied (a int, b text)"); err != nil {
		t.Fatal(err)
	}
	n, err := c.CopyFrom(ctx, pgx.Identifier{"copied"}, []string{"a", "b"}, pgx.CopyFromSlice(20000, func(i int) ([]any, error) {
		return []any{i, strings.Repeat("y", i%50)}, nil
	}))
	if err != nil || n != 20000 {
		t.Fatalf("copied %d, %v", n, err)
	}
	b := &pgx.Batch{}
	for i := range 200 {
		b.Queue("select count(*) from copied where a <= $1", i)
	}
	br := c.SendBatch(ctx, b)
	for i := range 200 {
		var got int
		if err := br.QueryRow().Scan(&got); err != nil || got != i+1 {
			t.Fatalf("query %d of the batch: %d, %v", i, got, err)
		}
	}
	if err := br.Close(); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := c.PgConn().CopyTo(ctx, &out, "copy (select a, b from copied order by a) to stdout"); err != nil || bytes.Count(out.Bytes(), []byte("\n")) != 20000 {
		t.Fatalf("copied out %d lines, %v", bytes.Count(out.Bytes(), []byte("\n")), err)
	}
	_ = c.Close(ctx)
	in, back := sha256.New(), sha256.New()
	for _, e := range g.Only(t) {
		switch b := e.GetBytes(); b.GetChannel() {
		case schemas.Channel_CHANNEL_IN:
			in.Write(b.Data)
		case schemas.Channel_CHANNEL_OUT:
			back.Write(b.Data)
		}
	}
	if want := sha256.Sum256(out.Bytes()); !bytes.Equal(back.Sum(nil), want[:]) {
		t.Error("the COPY data on the log is not what the client got")
	}
	if bytes.Equal(in.Sum(nil), sha256.New().Sum(nil)) {
		t.Error("no COPY data from the client on the log")
	}
}

func TestListenAndNotify(t *testing.T) {
	g := start(t, options{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	a, b := g.pgx(t), g.pgx(t)
	if _, err := a.Exec(ctx, "listen news"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Exec(ctx, "select pg_notify('news', 'hello')"); err != nil {
		t.Fatal(err)
	}
	n, err := a.WaitForNotification(ctx)
	if err != nil || n.Payload != "hello" {
		t.Fatalf("got %v, %v", n, err)
	}
	_, _ = a.Close(ctx), b.Close(ctx)
	found := false
	for _, id := range g.Sessions(t) {
		for _, e := range g.Closed(t, id) {
			found = found || e.GetNotice().GetChannel() == "news" && e.GetNotice().GetPayload() == "hello"
		}
	}
	if !found {
		t.Error("the notification is not on the log")
	}
}

func TestCancelReachesTheRightBackend(t *testing.T) {
	for name, tls := range map[string]bool{"plain": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			g := start(t, options{tls: tls})
			a, b := g.pgx(t), g.pgx(t)
			done := make(chan error, 2)
			for i, c := range []*pgx.Conn{a, b} {
				go func() {
					_, err := c.Exec(context.Background(), fmt.Sprintf("select pg_sleep(%d)", 30*(1-i)+2*i))
					done <- err
				}()
			}
			admin := g.direct(t)
			waitFor(t, func() bool {
				var n int
				return admin.QueryRow(t.Context(), "select count(*) from pg_stat_activity where query like 'select pg_sleep(%' and state = 'active'").Scan(&n) == nil && n == 2
			})
			began := time.Now()
			if err := a.PgConn().CancelRequest(t.Context()); err != nil {
				t.Fatal(err)
			}
			err := <-done
			if err == nil || !strings.Contains(err.Error(), "57014") {
				t.Errorf("the first to end: %v, want a cancellation", err)
			}
			if err := <-done; err != nil {
				t.Errorf("the other one: %v", err)
			}
			if time.Since(began) > time.Minute {
				t.Error("the statement ran to its end")
			}
		})
	}
}

func waitFor(t testing.TB, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatal("what was waited for did not happen")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestLargeCellAndText(t *testing.T) {
	g := start(t, options{})
	ctx := t.Context()
	c := g.pgx(t)
	var s string
	if err := c.QueryRow(ctx, "select repeat('0123456789', 1000000)").Scan(&s); err != nil || len(s) != 10_000_000 {
		t.Fatalf("got %d bytes, %v", len(s), err)
	}
	text := "select length('" + strings.Repeat("z", 20_000_000) + "')"
	var n int
	if err := c.QueryRow(ctx, text, pgx.QueryExecModeSimpleProtocol).Scan(&n); err != nil || n != 20_000_000 {
		t.Fatalf("got %d, %v", n, err)
	}
	if err := c.QueryRow(ctx, "select length($1::text), $2::int", strings.Repeat("p", 3_000_000), 5).Scan(&n, new(int)); err != nil || n != 3_000_000 {
		t.Fatalf("got %d, %v", n, err)
	}
	_ = c.Close(ctx)
	var cells, texts, params int
	for _, e := range g.Only(t) {
		if r := e.GetRows(); r != nil {
			cells += len(r.Cells)
		}
		if p := e.GetText(); p.GetParameter() == 0 {
			texts += len(p.GetData())
		} else {
			params += len(p.GetData())
		}
	}
	if cells < 10_000_000 || texts != len(text) || params != 3_000_000 {
		t.Errorf("on the log: %d bytes of cells, %d of text, %d of parameters", cells, texts, params)
	}
}

// What does not fit into a fact does not end the session.
func TestLongMessagesNamesAndManyParameters(t *testing.T) {
	g := start(t, options{})
	ctx := t.Context()
	c := g.pgx(t)
	if _, err := c.Exec(ctx, "do $$ begin raise notice '%', repeat('n', 3000000); raise exception '%', repeat('e', 2000000); end $$"); code(err) != "P0001" {
		t.Fatalf("got %v", err)
	}
	if _, err := c.Prepare(ctx, strings.Repeat("s", 9_000), "select 1"); err != nil {
		t.Fatal(err)
	}
	marks, values := make([]string, 60000), make([]any, 60000)
	for i := range marks {
		marks[i], values[i] = fmt.Sprintf("($%d::text)", i+1), fmt.Sprint("value ", i)
	}
	values[59998], values[59999] = nil, ""
	var n int
	if err := c.QueryRow(ctx, "select count(v) from (values "+strings.Join(marks, ",")+") as t (v)", values...).Scan(&n); err != nil || n != 59999 {
		t.Fatalf("got %d, %v", n, err)
	}
	_ = c.Close(ctx)
	var told, parameters int
	for _, e := range g.Only(t) {
		if b := e.GetBytes(); b.GetChannel() == schemas.Channel_CHANNEL_ERR {
			told += len(b.Data)
		}
		if e.GetCommand().GetKind() == schemas.CommandKind_COMMAND_KIND_EXECUTE {
			parameters += len(e.GetCommand().GetParameters())
		}
		if e.GetText().GetParameter() > 4096 {
			parameters++
		}
	}
	if told != 5_000_000 || parameters < 59999 {
		t.Errorf("on the log: %d bytes of messages, %d parameters", told, parameters)
	}
}

func TestPsycopg2(t *testing.T) {
	if _, err := os.Stat("/usr/bin/python3"); err != nil {
		t.Skip("no python3")
	}
	g := start(t, options{})
	out, errs, err := program(t, g.dsn(), strings.NewReader(`
import psycopg2, psycopg2.extras, io
c = psycopg2.connect("")
cur = c.cursor()
cur.execute("create temp table p (a int, b text)")
psycopg2.extras.execute_values(cur, "insert into p values %s", [(i, "v%d" % i) for i in range(300)])
cur.copy_expert("copy p from stdin", io.StringIO("1000\tx\n1001\ty\n"))
c.commit()
try:
    cur.execute("select 'forbidden'")
except psycopg2.errors.InsufficientPrivilege as e:
    print("refused", e.diag.message_hint)
c.rollback()
named = c.cursor("many", withhold=False)
named.itersize = 50
named.execute("select a from p order by a")
print(sum(r[0] for r in named))
named.close()
o = io.StringIO()
cur.copy_expert("copy (select * from p where a >= 1000 order by a) to stdout", o)
print(repr(o.getvalue()))
cur.execute("select lo_from_bytea(0, %s)", (b"\x01\x02",))
oid = cur.fetchone()[0]
cur.execute("select lo_get(%s)", (oid,))
print(bytes(cur.fetchone()[0]))
c.commit()
`), "/usr/bin/python3", "-")
	if strings.Contains(errs, "No module named") {
		t.Skip("no psycopg2")
	}
	want := "refused policy: no-forbidden\n46851\n'1000\\tx\\n1001\\ty\\n'\nb'\\x01\\x02'\n"
	if err != nil || out != want {
		t.Errorf("%v\n%s\ngot  %q\nwant %q", err, errs, out, want)
	}
	g.Only(t)
}

func TestPgbenchAndDump(t *testing.T) {
	g := start(t, options{})
	bin := g.pg.Bin
	if _, err := g.pg.Psql(t.Context(), "postgres", "drop database if exists bench; create database bench"); err != nil {
		t.Fatal(err)
	}
	dsn := strings.Replace(g.dsn(), "dbname=orders", "dbname=orders/bench", 1)
	for _, args := range [][]string{{"-i", "-s", "1", "-q"}, {"-n", "-t", "20", "-c", "3"}, {"-n", "-t", "50", "-S", "-M", "extended"},
		{"-n", "-t", "50", "-S", "-M", "prepared", "-c", "2"}, {"-n", "-t", "5", "-f", writeFile(t, pipeline), "-M", "extended"}} {
		if out, errs, err := program(t, dsn, nil, filepath.Join(bin, "pgbench"), args...); err != nil {
			t.Fatalf("pgbench %v: %v\n%s%s", args, err, out, errs)
		}
	}
	got, errs, err := program(t, dsn, nil, filepath.Join(bin, "pg_dump"))
	if err != nil {
		t.Fatalf("pg_dump: %v %s", err, errs)
	}
	want, errs, err := program(t, g.pg.DSN("bench"), nil, filepath.Join(bin, "pg_dump"))
	if err != nil {
		t.Fatalf("pg_dump: %v %s", err, errs)
	}
	if unrestricted(got) != unrestricted(want) || len(got) < 1_000_000 {
		t.Errorf("dumps differ: %d bytes, want %d", len(got), len(want))
	}
}

// unrestricted drops the lines with pg_dump's random key.
func unrestricted(dump string) string {
	var b strings.Builder
	for l := range strings.Lines(dump) {
		if !strings.HasPrefix(l, `\restrict`) && !strings.HasPrefix(l, `\unrestrict`) {
			b.WriteString(l)
		}
	}
	return b.String()
}

const pipeline = `\startpipeline
select 1;
begin;
update pgbench_accounts set abalance = abalance + 1 where aid = 1;
commit;
select abalance from pgbench_accounts where aid = 1;
\endpipeline
`

func writeFile(t testing.TB, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
