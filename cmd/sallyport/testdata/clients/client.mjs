// What node's pg can do, printed. The place is in argv: host, port, user, password, database, CA file or nothing.
import crypto from 'node:crypto'
import fs from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { Readable } from 'node:stream'
import pg from 'pg'
import Cursor from 'pg-cursor'
import { from, to } from 'pg-copy-streams'

const [host, port, user, password, database, ca] = process.argv.slice(2)
const config = { host, port: Number(port), user, password, database, ssl: ca ? { ca: fs.readFileSync(ca), rejectUnauthorized: true } : false }
const say = (...what) => console.log(JSON.stringify(what, (k, v) => (v?.type === 'Buffer' ? Buffer.from(v.data).toString('hex') : v)))
const shown = r => ({ command: r.command, count: r.rowCount, fields: r.fields.map(f => [f.name, f.columnID, f.dataTypeID, f.dataTypeSize, f.dataTypeModifier, f.format]), rows: r.rows })
const failed = e => ({ name: e.name, message: e.message, severity: e.severity, code: e.code, detail: e.detail, hint: e.hint, position: e.position, where: e.where, schema: e.schema, table: e.table, column: e.column, constraint: e.constraint, file: e.file, routine: e.routine })
const attempt = async (c, ...q) => {
  try {
    const r = await c.query(...q)
    say(Array.isArray(r) ? r.map(shown) : shown(r))
  } catch (e) {
    say(failed(e))
  }
}

const c = new pg.Client(config)
c.on('notice', n => say('notice', failed(n)))
await c.connect()
say(c.connection.stream.encrypted ?? false)
await attempt(c, 'select id, name, home, tags, scores, doc, raw, born, seen, spent, share, ok, net, uid, bits, span from app.customers order by id limit 5')
await attempt(c, 'select $1::int + 1 as n, $2::text, $3::bytea, $4::int[], $5::jsonb, $6::timestamptz', [41, 'ünï ☃ \'', Buffer.from([0, 1, 255]), [1, null], { a: [1] }, new Date(0)])
await attempt(c, { text: 'select 1 as a; select 2 as b; select 3 as c' })
await attempt(c, 'select 1; select 1/0; select 3')
await attempt(c, 'select 1/$1::int', [0])
await attempt(c, 'selec')
await attempt(c, '')
await attempt(c, 'select $1::int', ['x'])
await attempt(c, 'select $1::int, $2::int', [1])
for (let i = 0; i < 3; i++) await attempt(c, { name: 'named', text: 'select id, raw from app.customers where id = $1', values: [i], binary: true })
await attempt(c, { name: 'bad', text: 'select nothing' })
await attempt(c, { name: 'bad', text: 'select nothing' })
await attempt(c, { text: 'select id, name from app.customers order by id limit 3', rowMode: 'array' })
await attempt(c, { text: 'select generate_series(1, 20)', rows: 7 })
await attempt(c, "do $$ begin raise notice 'noticed'; raise warning 'warned' using detail = 'so'; end $$")
// Without waiting: pg queues, and sends the next when the one before is done.
await Promise.all([1, 2, 0, 4].map(i => attempt(c, 'select 10 / $1::int as tenth', [i])))
await attempt(c, 'begin')
await attempt(c, 'insert into app.orders (customer, amount) values ($1, $2) returning customer', [1, '2.50'])
await attempt(c, 'insert into app.orders (customer, amount) values ($1, $2)', [1, '-1'])
await attempt(c, 'select 1')
await attempt(c, 'rollback')

const cursor = c.query(new Cursor('select id, name from app.customers where id > $1 order by id', [100]))
for (;;) {
  const rows = await cursor.read(30)
  say(rows.length, rows[0])
  if (rows.length === 0) break
}
await cursor.close()
const half = c.query(new Cursor('select generate_series(1, 1000) as i'))
say(await half.read(3))
await half.close()
await attempt(c, 'select $1::text as after', ['the cursor'])

await c.query('create temp table copied (a int, b text)')
await pipeline(Readable.from((function* () { for (let i = 0; i < 20000; i++) yield i + '\t' + 'z'.repeat(i % 60) + '\n' })()), c.query(from('copy copied from stdin')))
await pipeline(Readable.from(['x\ty\n']), c.query(from('copy copied from stdin'))).catch(e => say(failed(e)))
const digest = async text => {
  const hash = crypto.createHash('sha256')
  let size = 0
  for await (const chunk of c.query(to(text))) { hash.update(chunk); size += chunk.length }
  say(size, hash.digest('hex'))
}
await digest('copy (select * from copied order by a) to stdout')
await digest('copy app.wide to stdout (format binary)')
await attempt(c, 'select count(*), sum(a) from copied')
const large = 'l'.repeat(3_000_000)
say((await c.query('select length($1::text) as n, $1::text as t', [large])).rows[0].t === large)

const heard = new Promise(done => c.on('notification', n => done([n.channel, n.payload])))
await c.query('listen news')
const other = new pg.Client(config)
await other.connect()
await other.query("notify news, 'from another ☃'")
say(await heard)
await attempt(other, "set statement_timeout = 100; select pg_sleep(30)")
await other.end()
const pool = new pg.Pool({ ...config, max: 3 })
say((await Promise.all([...Array(9).keys()].map(i => pool.query('select $1::int as i', [i])))).map(r => r.rows[0].i))
await pool.end()
await c.end()
