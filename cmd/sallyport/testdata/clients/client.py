# What psycopg2 can do, printed. The place to connect to is in libpq's environment.
import hashlib, io, select, sys, threading
import psycopg2, psycopg2.extras, psycopg2.extensions
from psycopg2 import errors, sql

c = psycopg2.connect("")
c.set_client_encoding("UTF8")


def attempt(what, *args):
    try:
        print(what(*args))
    except psycopg2.Error as e:
        d = e.diag
        print(type(e).__name__, e.pgcode, repr(e.pgerror), d.message_hint, d.context, d.statement_position, d.source_function)


def run(cur, text, values=None):
    cur.execute(text, values)
    out = [cur.statusmessage, cur.rowcount]
    if cur.description:
        out += [[(x.name, x.type_code, x.internal_size, x.precision, x.scale) for x in cur.description],
                [[bytes(v) if isinstance(v, memoryview) else v for v in r] for r in cur.fetchall()]]
    return out


cur = c.cursor()
print(c.server_version, c.protocol_version, c.encoding, c.get_transaction_status(), sorted(
    (k, c.get_parameter_status(k)) for k in ("server_version", "client_encoding", "DateStyle", "TimeZone", "integer_datetimes",
                                             "standard_conforming_strings", "session_authorization", "is_superuser", "application_name")))
attempt(run, cur, "select id, name, tags, scores, doc, raw, born, seen, spent, share, ok, uid::text from app.customers where id < %s order by id", (4,))
attempt(run, cur, "select %s, %s, %s, %s, %s", (None, "quote ' \\ ünï ☃", psycopg2.Binary(bytes(range(256))), [1, None, 2], {"a": 1} and psycopg2.extras.Json({"a": [1, None]})))
print(cur.mogrify("select %s, %s", ("it's", b"\x00\xff")))
attempt(run, cur, "select 1/%s", (0,))
attempt(run, cur, "select 'in a failed transaction'")
c.rollback()
attempt(run, cur, "select nothing from nowhere")
c.rollback()
attempt(run, cur, sql.SQL("select {} from {} limit 1").format(sql.Identifier("name"), sql.Identifier("app", "customers")))
cur.execute("create temp table p (a int primary key, b text)")
psycopg2.extras.execute_values(cur, "insert into p values %s returning a", [(i, "v%d" % i) for i in range(300)], page_size=70)
psycopg2.extras.execute_batch(cur, "update p set b = b || %s where a = %s", [("x", i) for i in range(50)], page_size=20)
cur.executemany("insert into p values (%s, %s)", [(1000 + i, None) for i in range(5)])
attempt(run, cur, "select count(*), count(b), md5(string_agg(b, ',' order by a)) from p")
c.commit()
cur.copy_expert("copy p from stdin (format csv)", io.StringIO("2000,\"x\ny\"\n2001,\n"))
attempt(cur.copy_expert, "copy p from stdin", io.StringIO("2000\tagain\n"))
c.rollback()


class Fails(io.StringIO):
    def read(self, *_):
        raise ValueError("no more")


try:
    cur.copy_expert("copy p from stdin", Fails())
except Exception as e:
    print(type(e).__name__, e)
c.rollback()
o = io.StringIO()
cur.copy_expert("copy (select * from p where a >= 290 order by a) to stdout", o)
print(repr(o.getvalue()))
b = io.BytesIO()
cur.copy_expert("copy app.wide to stdout (format binary)", b)
print(len(b.getvalue()), hashlib.sha256(b.getvalue()).hexdigest())
big = io.StringIO("".join("%d\t%s\n" % (10000 + i, "y" * (i % 200)) for i in range(30000)))
cur.copy_from(big, "p", columns=("a", "b"), size=65536)
print(cur.rowcount)
c.commit()
named = c.cursor("many", scrollable=True)
named.itersize = 50
named.execute("select a from p order by a")
print(sum(r[0] for r in named))
named.scroll(0, mode="absolute")
print(named.fetchmany(3), named.fetchone())
named.close()
hold = c.cursor("held", withhold=True)
hold.execute("select id from app.customers order by id")
c.commit()
print(hold.fetchmany(4))
hold.close()
d = c.cursor(cursor_factory=psycopg2.extras.RealDictCursor)
d.execute("select id, mood from app.customers order by id limit 2")
print([dict(r) for r in d.fetchall()])
c.commit()

for level in (psycopg2.extensions.ISOLATION_LEVEL_SERIALIZABLE, psycopg2.extensions.ISOLATION_LEVEL_REPEATABLE_READ):
    c.set_session(isolation_level=level, readonly=True, deferrable=True)
    attempt(run, cur, "select current_setting('transaction_isolation'), current_setting('transaction_read_only')")
    attempt(run, cur, "insert into p values (1, 'x')")
    c.rollback()
c.set_session(isolation_level="default", readonly=False, deferrable=False, autocommit=True)
attempt(run, cur, "vacuum p")
attempt(run, cur, "do $$ begin raise notice 'noticed %', 1; raise warning 'warned'; end $$")
print(c.notices)
attempt(run, cur, "listen news")
attempt(run, cur, "select pg_notify('news', 'payload ☃')")
attempt(run, cur, "notify news")
other = psycopg2.connect("")
other.autocommit = True
other.cursor().execute("notify news, 'from another'")
while len(c.notifies) < 3:
    if not select.select([c], [], [], 20)[0]:
        print("no notification")
        break
    c.poll()
print(sorted((n.channel, n.payload) for n in c.notifies))
c.autocommit = False

x = c.xid(7, "global ", "branch")
c.tpc_begin(x)
cur.execute("insert into p values (-1, 'two phases')")
attempt(c.tpc_prepare)
c.reset()
c.tpc_begin(c.xid(8, "rolled", "back"))
cur.execute("create table if not exists two (a int); insert into two values (1)")
c.tpc_prepare()
print(sorted(str(i.gtrid) for i in other.tpc_recover() if i.gtrid == "rolled"))
c.tpc_rollback()
attempt(run, cur, "select to_regclass('two')")
c.rollback()
c.tpc_begin(c.xid(9, "kept", "branch"))
cur.execute("create table two (a int); insert into two values (1)")
c.tpc_prepare()
c.tpc_commit()
attempt(run, cur, "select * from two")
c.commit()

lo = c.lobject(0, "wb")
lo.write(bytes(range(256)) * 1000)
lo.seek(300)
print(lo.tell(), lo.truncate(200000))
oid = lo.oid
lo.close()
lo = c.lobject(oid, "rb")
data = lo.read()
print(len(data), hashlib.sha256(data).hexdigest())
lo.seek(100000)
print(lo.read(10))
lo.close()
c.lobject(oid).unlink()
try:
    c.lobject(oid, "rb")
except psycopg2.Error as e:
    print(type(e).__name__, str(e).replace(str(oid), "N"))
c.rollback()
lo = c.lobject(77001, "rt")
print(len(c.lobject(77001, "rb").read()))
c.rollback()

# A cancel, while the statement surely runs: the lock that it waits for is held here.
waiting = psycopg2.connect("")
cur.execute("select pg_advisory_lock(42)")
said = []


def wait():
    try:
        waiting.cursor().execute("select pg_advisory_lock(42)")
    except psycopg2.Error as e:
        said.append((type(e).__name__, e.pgcode, e.pgerror))


t = threading.Thread(target=wait)
t.start()
while True:
    cur.execute("select count(*) from pg_locks where locktype = 'advisory' and not granted and database = (select oid from pg_database where datname = current_database())")
    if cur.fetchone()[0] == 1:
        break
waiting.cancel()
t.join(20)
print(said)
waiting.rollback()
print(run(waiting.cursor(), "select 'goes on'"))

a = psycopg2.connect("", async_=1)
psycopg2.extras.wait_select(a)
ac = a.cursor()
ac.execute("select generate_series(1, %s)", (1000,))
psycopg2.extras.wait_select(a)
print(sum(r[0] for r in ac.fetchall()))
for conn in (a, waiting, other, c):
    conn.close()
