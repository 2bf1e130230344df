import java.io.ByteArrayOutputStream;
import java.io.StringReader;
import java.math.BigDecimal;
import java.security.MessageDigest;
import java.sql.*;
import java.util.*;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.postgresql.copy.CopyManager;
import org.postgresql.largeobject.*;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

// What PostgreSQL's JDBC driver can do, printed. Arguments: URL, user, password, CA file or nothing.
public class Client {
    static String url;
    static Properties base = new Properties();

    interface Step { void run() throws Exception; }

    static void say(Object... what) { System.out.println(Arrays.deepToString(what)); }

    static void attempt(Step s) throws Exception {
        try {
            s.run();
        } catch (BatchUpdateException e) {
            say("batch", e.getUpdateCounts(), e.getSQLState(), e.getMessage());
        } catch (PSQLException e) {
            ServerErrorMessage m = e.getServerErrorMessage();
            say(e.getSQLState(), m == null ? e.getMessage() : Arrays.asList(m.getSeverity(), m.getMessage(), m.getDetail(), m.getHint(), m.getPosition(), m.getWhere(), m.getConstraint(), m.getRoutine()));
        }
    }

    static Connection connect(String... more) throws SQLException {
        Properties p = new Properties();
        p.putAll(base);
        for (int i = 0; i < more.length; i += 2) p.setProperty(more[i], more[i + 1]);
        return DriverManager.getConnection(url, p);
    }

    static void show(ResultSet r) throws SQLException {
        ResultSetMetaData m = r.getMetaData();
        for (int i = 1; i <= m.getColumnCount(); i++) say(m.getColumnLabel(i), m.getColumnTypeName(i), m.getColumnType(i), m.getPrecision(i), m.getScale(i));
        while (r.next()) {
            Object[] row = new Object[m.getColumnCount()];
            for (int i = 0; i < row.length; i++) {
                Object v = r.getObject(i + 1);
                if (v instanceof Array) v = Arrays.deepToString((Object[]) ((Array) v).getArray());
                row[i] = v instanceof byte[] ? Arrays.toString((byte[]) v) : v;
            }
            say(row);
        }
        r.close();
    }

    static String digest(byte[] b) throws Exception {
        return b.length + " " + new java.math.BigInteger(1, MessageDigest.getInstance("SHA-256").digest(b)).toString(16);
    }

    public static void main(String[] a) throws Exception {
        TimeZone.setDefault(TimeZone.getTimeZone("UTC"));
        url = a[0];
        base.setProperty("user", a[1]);
        base.setProperty("password", a[2]);
        base.setProperty("sslmode", a.length > 3 ? "verify-full" : "disable");
        if (a.length > 3) base.setProperty("sslrootcert", a[3]);
        for (String mode : new String[] {"extended", "extendedForPrepared", "extendedCacheEverything", "simple"}) statements(mode);
        batches("reWriteBatchedInserts", "false");
        batches("reWriteBatchedInserts", "true");
        cursors();
        copies();
        largeObjects();
        notifications();
        cancels();
    }

    static void statements(String mode) throws Exception {
        say("mode", mode);
        try (Connection c = connect("preferQueryMode", mode, "prepareThreshold", "2")) {
            DatabaseMetaData d = c.getMetaData();
            say(d.getDatabaseProductVersion(), d.getDriverVersion());
            show(c.createStatement().executeQuery("select name, email, mood, home, tags, scores, doc, raw, born, seen, spent, share, ok, net, uid, bits, span from app.customers order by id limit 4"));
            PreparedStatement p = c.prepareStatement("select ?::int4, ?::int8, ?::float8, ?::text, ?::bytea, ?::timestamptz, ?::date, ?::numeric, ?::uuid, ?::bool, ?::int[]");
            for (int i = 0; i < 5; i++) { // in text first, then prepared at the server and in binary
                p.setInt(1, i);
                p.setLong(2, Long.MAX_VALUE - i);
                p.setDouble(3, i / 3.0);
                p.setString(4, "ünï ☃ " + i);
                if (mode.equals("simple")) p.setString(5, "\\x0001"); // the driver does not write bytes into a text
                else p.setBytes(5, new byte[] {0, 1, (byte) i, -1});
                p.setTimestamp(6, new Timestamp(1000L * i));
                p.setDate(7, java.sql.Date.valueOf("2026-02-28"));
                p.setBigDecimal(8, new BigDecimal("12345678901234567890.123456789"));
                p.setObject(9, new UUID(i, i));
                p.setBoolean(10, i % 2 == 0);
                p.setArray(11, c.createArrayOf("int4", new Integer[] {i, null}));
                show(p.executeQuery());
            }
            attempt(() -> c.createStatement().execute("select 1/0"));
            attempt(() -> c.createStatement().execute("select nothing from nowhere"));
            attempt(() -> c.createStatement().execute("insert into app.orders (customer, amount) values (1, -1)"));
            Statement s = c.createStatement();
            boolean rows = s.execute("select 1 as a; create temp table tmp_" + mode + " (i int); insert into tmp_" + mode + " values (1), (2); select 2 as b");
            for (;;) {
                if (rows) show(s.getResultSet());
                else if (s.getUpdateCount() == -1) break;
                else say("count", s.getUpdateCount());
                rows = s.getMoreResults();
            }
            attempt(() -> c.createStatement().execute("select 1; select 1/0; select 2"));
            s.execute("do $$ begin raise notice 'noticed'; raise warning 'warned'; end $$");
            for (SQLWarning w = s.getWarnings(); w != null; w = w.getNextWarning()) say(w.getSQLState(), w.getMessage());
            c.setAutoCommit(false);
            Savepoint sp = c.setSavepoint("here");
            attempt(() -> c.createStatement().execute("select 1/0"));
            attempt(() -> c.createStatement().execute("select 1"));
            c.rollback(sp);
            PreparedStatement q = c.prepareStatement("insert into app.orders (customer, amount) values (?, ?)", Statement.RETURN_GENERATED_KEYS);
            q.setInt(1, 3);
            q.setBigDecimal(2, new BigDecimal("7.25"));
            say(q.executeUpdate());
            show(q.getGeneratedKeys());
            c.commit();
            c.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
            c.setReadOnly(true);
            attempt(() -> c.createStatement().execute("create table no (i int)"));
            c.rollback();
            c.setReadOnly(false);
            if (!mode.equals("simple")) { // in which the driver writes the result among the arguments
                CallableStatement f = c.prepareCall("{? = call app.twice(?)}");
                f.registerOutParameter(1, Types.INTEGER);
                f.setInt(2, 21);
                f.execute();
                say(f.getInt(1));
                c.commit();
            }
            ResultSet columns = d.getColumns(null, "app", "customers", null);
            while (columns.next()) say(columns.getString("COLUMN_NAME"), columns.getString("TYPE_NAME"), columns.getInt("COLUMN_SIZE"), columns.getString("IS_NULLABLE"));
            ResultSet keys = d.getIndexInfo(null, "app", "customers", false, false);
            while (keys.next()) say(keys.getString("INDEX_NAME"), keys.getString("COLUMN_NAME"), keys.getString("FILTER_CONDITION"));
        }
    }

    static void batches(String... options) throws Exception {
        say(options);
        try (Connection c = connect(options)) {
            c.createStatement().execute("create temp table b (i int primary key, t text)");
            PreparedStatement p = c.prepareStatement("insert into b values (?, ?)");
            for (int i = 0; i < 1000; i++) {
                p.setInt(1, i);
                p.setString(2, "t".repeat(i % 90));
                p.addBatch();
            }
            int sum = 0;
            for (int n : p.executeBatch()) sum += n;
            say(sum);
            for (int i = 998; i < 1010; i++) {
                p.setInt(1, i);
                p.setString(2, null);
                p.addBatch();
            }
            attempt(() -> say(p.executeBatch()));
            Statement s = c.createStatement();
            for (String t : new String[] {"update b set t = 'u' where i < 5", "delete from b where i = 7", "insert into b values (5000, 'x')"}) s.addBatch(t);
            say(s.executeBatch());
            s.addBatch("insert into b values (6000, 'y')");
            s.addBatch("insert into b values (6000, 'z')");
            attempt(() -> say(s.executeBatch()));
            show(c.createStatement().executeQuery("select count(*), sum(i), md5(string_agg(t, '' order by i)) from b"));
        }
    }

    static void cursors() throws Exception {
        try (Connection c = connect("defaultRowFetchSize", "40")) {
            c.setAutoCommit(false);
            PreparedStatement p = c.prepareStatement("select id, name from app.customers where id > ? order by id");
            p.setInt(1, 20);
            ResultSet r = p.executeQuery();
            int n = 0;
            while (r.next()) n += r.getInt(1);
            say(n);
            Statement s = c.createStatement();
            s.setFetchSize(7);
            s.setMaxRows(50);
            ResultSet one = s.executeQuery("select generate_series(1, 100) as i"), two = p.executeQuery();
            int interleaved = 0;
            while (one.next() && two.next()) interleaved += one.getInt(1) * two.getInt(1);
            say(interleaved);
            one.close();
            two.close();
            attempt(() -> { // an error after some of the rows
                Statement bad = c.createStatement();
                bad.setFetchSize(10);
                ResultSet x = bad.executeQuery("select 10 / (25 - i) from generate_series(1, 100) i");
                int got = 0;
                try {
                    while (x.next()) got++;
                } finally {
                    say("got", got);
                }
            });
            c.rollback();
            ResultSet scroll = c.createStatement(ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_READ_ONLY).executeQuery("select generate_series(1, 9)");
            scroll.last();
            say(scroll.getInt(1), scroll.getRow());
            c.commit();
            show(c.createStatement().executeQuery("select id, length(body), md5(body) from app.wide order by id"));
        }
    }

    static void copies() throws Exception {
        try (Connection c = connect()) {
            CopyManager m = c.unwrap(PGConnection.class).getCopyAPI();
            c.createStatement().execute("create temp table k (i int, t text)");
            StringBuilder b = new StringBuilder();
            for (int i = 0; i < 20000; i++) b.append(i).append('\t').append("k".repeat(i % 70)).append('\n');
            say(m.copyIn("copy k from stdin", new StringReader(b.toString())));
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            say(m.copyOut("copy (select * from k order by i) to stdout", out), digest(out.toByteArray()));
            out.reset();
            say(m.copyOut("copy app.wide to stdout (format binary)", out), digest(out.toByteArray()));
            attempt(() -> m.copyIn("copy k from stdin", new StringReader("x\ty\n")));
            attempt(() -> m.copyIn("copy nowhere from stdin", new StringReader("1\n")));
            org.postgresql.copy.CopyIn in = m.copyIn("copy k from stdin");
            in.writeToCopy("1\tgiven up\n".getBytes(), 0, 11);
            in.cancelCopy();
            show(c.createStatement().executeQuery("select count(*), sum(i) from k"));
        }
    }

    static void largeObjects() throws Exception {
        try (Connection c = connect()) {
            c.setAutoCommit(false);
            LargeObjectManager m = c.unwrap(PGConnection.class).getLargeObjectAPI();
            long oid = m.createLO();
            LargeObject o = m.open(oid, LargeObjectManager.READWRITE);
            byte[] data = new byte[300000];
            new Random(7).nextBytes(data);
            o.write(data);
            o.seek64(1000, LargeObject.SEEK_SET);
            say(o.tell64(), o.size64(), digest(o.read(250000)));
            o.truncate64(500);
            say(o.size());
            o.close();
            m.unlink(oid);
            attempt(() -> {
                try {
                    m.open(oid, LargeObjectManager.READ);
                } catch (PSQLException e) {
                    say(e.getSQLState());
                }
            });
            c.rollback();
            say(digest(m.open(77001, LargeObjectManager.READ).read(100000)));
            c.commit();
        }
    }

    static void notifications() throws Exception {
        try (Connection c = connect(); Connection other = connect()) {
            c.createStatement().execute("listen news");
            other.createStatement().execute("notify news, 'from another ☃'");
            for (PGNotification n : c.unwrap(PGConnection.class).getNotifications(20000)) say(n.getName(), n.getParameter());
        }
    }

    static void cancels() throws Exception {
        try (Connection c = connect()) {
            Statement s = c.createStatement();
            s.setQueryTimeout(1);
            attempt(() -> s.execute("select pg_sleep(60)"));
            s.setQueryTimeout(0);
            show(s.executeQuery("select 'goes on'"));
        }
    }
}
