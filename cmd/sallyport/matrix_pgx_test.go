package main_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgtype"
)

// unknownName is the error about a prepared statement that does not exist: the gateway, which keeps
// the names, says it itself, and has no line of PostgreSQL's source to name.
var unknownName = regexp.MustCompile(`(Code:26000 .*) File:\S* Line:\d+ Routine:\S*`)

func comparePgx(t *testing.T, m *matrix) {
	m.compare(t, func(t *testing.T, p place) string {
		r := &pgxRun{t: t, p: p}
		r.c = r.connect()
		for _, step := range []func(){r.values, r.batch, r.copy, r.pipeline, r.cursor, r.largeObject, r.listen, r.cancel} {
			step()
		}
		return unknownName.ReplaceAllString(r.out.String(), "$1")
	})
}

// pgxRun writes down what pgx gets to see.
type pgxRun struct {
	t   *testing.T
	p   place
	c   *pgx.Conn
	out bytes.Buffer
}

func (r *pgxRun) connect() *pgx.Conn {
	r.t.Helper()
	config, err := pgx.ParseConfig("sslmode=disable max_protocol_version=latest") // 3.2 where it is spoken
	if err != nil {
		r.t.Fatal(err)
	}
	port, err := strconv.ParseUint(r.p.port, 10, 16)
	if err != nil {
		r.t.Fatal(err)
	}
	config.Host, config.Port, config.Database, config.User, config.Password = r.p.host, uint16(port), r.p.database, r.p.user, r.p.password
	if r.p.ca != "" {
		pem, err := os.ReadFile(r.p.ca)
		if err != nil {
			r.t.Fatal(err)
		}
		config.TLSConfig = &tls.Config{RootCAs: x509.NewCertPool(), ServerName: r.p.host}
		config.TLSConfig.RootCAs.AppendCertsFromPEM(pem)
		config.ChannelBinding = "require"
	}
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { r.say("notice", *(*pgconn.PgError)(n)) }
	// A context that ends cancels the statement, and not the connection.
	config.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: c, DeadlineDelay: patience}
	}
	c, err := pgx.ConnectConfig(r.t.Context(), config)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

func (r *pgxRun) say(what ...any) {
	for _, w := range what {
		if err, ok := w.(error); ok {
			if e := new(pgconn.PgError); errors.As(err, &e) {
				w = *e
			}
		}
		fmt.Fprintf(&r.out, "%+v ", w)
	}
	r.out.WriteByte('\n')
}

// show writes down a result as it came: columns with all that is said of them, and bytes.
func (r *pgxRun) show(rows pgx.Rows, err error) {
	if err != nil {
		r.say("error", err)
		return
	}
	for _, f := range rows.FieldDescriptions() {
		r.say(f.Name, f.DataTypeOID, f.DataTypeSize, f.TypeModifier, f.Format, f.TableAttributeNumber)
	}
	for rows.Next() {
		for _, v := range rows.RawValues() {
			if fmt.Fprintf(&r.out, "%x|", v); v == nil {
				r.out.WriteString("null|")
			}
		}
		r.out.WriteByte('\n')
	}
	rows.Close()
	r.say(rows.CommandTag(), rows.Err())
}

// values asks in every mode of execution, with every format.
func (r *pgxRun) values() {
	ctx := r.t.Context()
	at := time.Date(2026, 11, 23, 1, 2, 3, 4000, time.UTC)
	number := pgtype.Numeric{Int: big.NewInt(-123456789012345678), Exp: -9, Valid: true}
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe,
		pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol} {
		for range 2 {
			r.show(r.c.Query(ctx, "select $1::int4, $2::text, $3::bytea, $4::numeric, $5::timestamptz, $6::int8[], $7::jsonb, $8::interval, $9::bool", mode,
				7, "ünï ☃ '\\", []byte{0, 255}, number, at, []int64{1, -2}, map[string]any{"a": []int{1}}, 90*time.Minute, nil))
			r.show(r.c.Query(ctx, "select * from app.customers where id <= $1 order by id", mode, 3))
			r.show(r.c.Query(ctx, "select 1/$1::int4", mode, 0))
			r.show(r.c.Query(ctx, "select nothing from nowhere", mode))
			r.show(r.c.Query(ctx, "", mode))
		}
	}
	for _, format := range []pgx.QueryResultFormats{{pgx.TextFormatCode}, {pgx.BinaryFormatCode}} {
		r.show(r.c.Query(ctx, "select id, name, scores, doc, raw, born, seen, spent, share, ok, uid, bits, span from app.customers where id < $1 order by id", format, 6))
	}
	large := strings.Repeat("large ☃ ", 400_000)
	var back string
	err := r.c.QueryRow(ctx, "select $1::text", large).Scan(&back)
	r.say(len(back), back == large, err)
	for _, sql := range []string{"do $$ begin raise notice 'noticed'; raise warning 'warned' using hint = 'so'; end $$", "select 1; select 'two', 2; select 1/0; select 4"} {
		results, err := r.c.PgConn().Exec(ctx, sql).ReadAll()
		for _, one := range results {
			r.say(one.CommandTag, one.Rows, one.Err)
		}
		r.say(err)
	}
}

// batch sends much before it reads anything, with an error in the midst.
func (r *pgxRun) batch() {
	ctx := r.t.Context()
	for _, bad := range []int{-1, 60} {
		b := &pgx.Batch{}
		for i := range 120 {
			if i == bad {
				b.Queue("select 1/$1::int", 0)
			}
			b.Queue("select $1::int * 2, repeat('b', $2::int)", i, i)
		}
		results := r.c.SendBatch(ctx, b)
		for range b.Len() {
			rows, err := results.Query()
			r.show(rows, err)
		}
		r.say(results.Close())
	}
}

func (r *pgxRun) copy() {
	ctx := r.t.Context()
	r.show(r.c.Query(ctx, "create table copied (i int, n numeric, s text, at timestamptz)"))
	rows := pgx.CopyFromSlice(20_000, func(i int) ([]any, error) {
		return []any{i, float64(i) / 4, strings.Repeat("c", i%80), time.Unix(int64(i), 0)}, nil
	})
	r.say(r.c.CopyFrom(ctx, pgx.Identifier{"copied"}, []string{"i", "n", "s", "at"}, rows))
	for _, sql := range []string{"copy (select * from copied order by i) to stdout", "copy app.wide to stdout (format binary)", "copy nowhere to stdout"} {
		tag, err := r.c.PgConn().CopyTo(ctx, &r.out, sql)
		r.say(tag, err)
	}
	for _, data := range []string{"1\t2\tx\t\\N\n", "no number\n"} {
		tag, err := r.c.PgConn().CopyFrom(ctx, strings.NewReader(data), "copy copied from stdin")
		r.say(tag, err)
	}
	broken := errors.New("the source breaks")
	r.say(r.c.CopyFrom(ctx, pgx.Identifier{"copied"}, []string{"i"}, pgx.CopyFromFunc(func() ([]any, error) { return nil, broken })))
	r.show(r.c.Query(ctx, "select count(*), sum(i), sum(n), max(at) from copied"))
}

// pipeline mixes all that may stand between two Syncs.
func (r *pgxRun) pipeline() {
	p := r.c.PgConn().StartPipeline(r.t.Context())
	p.SendPrepare("piped", "select $1::int, $2::text", nil)
	p.SendQueryPrepared("piped", [][]byte{[]byte("1"), nil}, nil, []int16{1})
	p.SendFlushRequest()
	p.SendQueryParams("select 1/$1::int", [][]byte{[]byte("0")}, nil, nil, nil)
	p.SendQueryParams("select 'skipped'", nil, nil, nil, nil)
	p.SendPipelineSync()
	p.SendQueryParams("begin", nil, nil, nil, nil)
	p.SendQueryParams("insert into app.orders (customer, amount) values (1, 1)", nil, nil, nil, nil)
	p.SendPipelineSync()
	p.SendQueryPrepared("piped", [][]byte{[]byte("2"), []byte("two")}, nil, nil)
	p.SendDeallocate("piped")
	p.SendQueryPrepared("piped", [][]byte{[]byte("3"), nil}, nil, nil)
	p.SendPipelineSync()
	p.SendQueryParams("rollback", nil, nil, nil, nil)
	p.SendPipelineSync()
	r.say(p.Flush())
	for range 40 {
		results, err := p.GetResults()
		switch got := results.(type) {
		case *pgconn.ResultReader:
			read := got.Read()
			r.say("result", read.CommandTag, read.Rows, read.Err)
		case *pgconn.StatementDescription:
			r.say("statement", got.Name, got.ParamOIDs, len(got.Fields))
		default:
			if r.say(fmt.Sprintf("%T", got), err); got == nil && err == nil {
				r.say(p.Close())
				return
			}
		}
	}
	r.t.Error("the pipeline does not end")
}

// cursor reads a portal in portions, with other statements between.
func (r *pgxRun) cursor() {
	ctx := r.t.Context()
	tx, err := r.c.Begin(ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	r.show(tx.Query(ctx, "declare c scroll cursor for select id, name from app.customers order by id"))
	for _, sql := range []string{"fetch 3 from c", "select 'between'", "move 10 in c", "fetch backward 2 from c", "close c", "fetch c"} {
		r.show(tx.Query(ctx, sql))
	}
	inner, err := tx.Begin(ctx)
	r.say(err)
	if inner != nil {
		r.say(inner.Rollback(ctx))
	}
	r.say(tx.Rollback(ctx))
}

func (r *pgxRun) largeObject() {
	ctx := r.t.Context()
	tx, err := r.c.Begin(ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	objects := tx.LargeObjects()
	oid, err := objects.Create(ctx, 991199)
	r.say(oid, err)
	o, err := objects.Open(ctx, oid, pgx.LargeObjectModeRead|pgx.LargeObjectModeWrite)
	if err != nil {
		r.t.Fatal(err)
	}
	r.say(o.Write(bytes.Repeat([]byte{0, 1, 2, 255}, 300_000)))
	r.say(o.Seek(1000, 0))
	var back [5000]byte
	n, err := o.Read(back[:])
	r.say(n, err, back[:20])
	r.say(o.Truncate(10), o.Close(), objects.Unlink(ctx, oid), tx.Commit(ctx))
}

func (r *pgxRun) listen() {
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	other := r.connect()
	r.show(r.c.Query(ctx, "listen news"))
	r.show(other.Query(ctx, "select pg_notify('news', 'from another ☃')"))
	n, err := r.c.WaitForNotification(ctx)
	if n != nil {
		r.say(n.Channel, n.Payload)
	}
	r.say(err, other.Close(ctx))
}

// cancel ends a statement by its context; the connection goes on.
func (r *pgxRun) cancel() {
	ctx, cancel := context.WithCancel(r.t.Context())
	holder := r.connect()
	r.show(holder.Query(ctx, "select pg_advisory_lock(7)"))
	watch := r.connect()
	go func() {
		defer cancel()
		for waits := 0; waits == 0 && ctx.Err() == nil; {
			if watch.QueryRow(ctx, "select count(*) from pg_locks where locktype = 'advisory' and not granted and database = (select oid from pg_database where datname = current_database())").Scan(&waits) != nil {
				return
			}
		}
	}()
	_, err := r.c.Exec(ctx, "select pg_advisory_lock(7)")
	e := new(pgconn.PgError)
	r.say(errors.As(err, &e), e.Code, e.Message)
	r.show(r.c.Query(r.t.Context(), "select 'goes on'"))
}
