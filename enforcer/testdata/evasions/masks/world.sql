-- What the tricks against masks are played in. The planted values are those of masked columns.
DROP SCHEMA IF EXISTS public, crm, shadow, other CASCADE;
SET search_path = public;
CREATE SCHEMA public; CREATE SCHEMA crm; CREATE SCHEMA shadow; CREATE SCHEMA other;
CREATE TABLE customers (id int PRIMARY KEY, name text, email text UNIQUE, ssn text, note text, salary int, created timestamptz DEFAULT now(), manager int);
INSERT INTO customers (id, name, email, ssn, note, salary, manager) VALUES
  (1, 'Ada', 'zanzibar.quux@example.org', '734-19-5528', 'likes tea', 918273, NULL),
  (2, 'Bob', 'yggdrasil.frob@example.net', '861-42-9937', 'likes cake', 645191, 1);
CREATE TABLE orders (id int PRIMARY KEY, customer_id int REFERENCES customers, total numeric, status text);
INSERT INTO orders VALUES (1, 1, 10, 'open'), (2, 2, 20, 'paid');
CREATE TABLE notes (id serial PRIMARY KEY, body text, n int);
INSERT INTO notes (body, n) VALUES ('plain', 1);
CREATE TABLE vips (id int, ssn text, extra text);
-- a second table of the same masks
CREATE TABLE crm.contacts (id int, email text, phone text);
INSERT INTO crm.contacts VALUES (1, 'zanzibar.quux@example.org', '1');
-- a name that hides another
CREATE TABLE shadow.customers (id int, name text, ssn text);
INSERT INTO shadow.customers VALUES (9, 'Nobody', 'none');
-- inheritance: the mask is of the parent, and of a partition
CREATE TABLE people (id int, ssn text);
CREATE TABLE employees (desk text) INHERITS (people);
INSERT INTO employees VALUES (1, '734-19-5528', 'd1');
CREATE TABLE events (id int, kind text, secret text) PARTITION BY LIST (kind);
CREATE TABLE events_a PARTITION OF events FOR VALUES IN ('a');
CREATE TABLE events_b PARTITION OF events FOR VALUES IN ('b');
INSERT INTO events VALUES (1, 'a', '734-19-5528'), (2, 'b', '861-42-9937');
-- views
CREATE VIEW customer_codes AS SELECT id, name, ssn AS code FROM customers;
CREATE VIEW codes_again AS SELECT id, upper(code) AS c, name FROM customer_codes;
CREATE VIEW customer_names AS SELECT id, name FROM customers WHERE email IS NOT NULL;
CREATE MATERIALIZED VIEW customer_mat AS SELECT id, reverse(ssn) AS backwards FROM customers;
CREATE RECURSIVE VIEW chain(id, boss, trail) AS
  SELECT id, manager, ssn FROM customers WHERE manager IS NULL UNION ALL SELECT c.id, c.manager, chain.trail FROM customers c JOIN chain ON c.manager = chain.id;
-- functions
CREATE FUNCTION ssn_of(i int) RETURNS text LANGUAGE sql STABLE AS 'SELECT ssn FROM customers WHERE id = i';
CREATE FUNCTION ssn_atomic(i int) RETURNS text LANGUAGE sql STABLE BEGIN ATOMIC SELECT ssn FROM customers WHERE id = i; END;
CREATE FUNCTION ssn_pl(i int) RETURNS text LANGUAGE plpgsql AS $$ DECLARE v text; BEGIN SELECT ssn INTO v FROM customers WHERE id = i; RETURN v; END $$;
CREATE FUNCTION ssn_hidden(i int) RETURNS text LANGUAGE plpgsql AS $$ DECLARE v text; BEGIN EXECUTE 'SELECT s' || 'sn FROM customers WHERE id = $1' INTO v USING i; RETURN v; END $$;
CREATE FUNCTION run(q text) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE q; END $$;
CREATE FUNCTION everybody() RETURNS SETOF customers LANGUAGE sql STABLE AS 'SELECT * FROM customers';
CREATE FUNCTION pairs() RETURNS TABLE (key int, value text) LANGUAGE sql STABLE AS 'SELECT id, ssn FROM customers';
CREATE FUNCTION names() RETURNS TABLE (key int, value text) LANGUAGE sql STABLE AS 'SELECT id, name FROM customers';
CREATE FUNCTION shout(t text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper(t)';
CREATE FUNCTION shout_pl(t text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN upper(t); END $$;
CREATE FUNCTION tell(t text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'it is %', t; RETURN 1; END $$;
CREATE FUNCTION fail(t text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'it is %', t; END $$;
CREATE FUNCTION keep(t text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN INSERT INTO notes (body) VALUES (t); RETURN 1; END $$;
CREATE FUNCTION label(c customers) RETURNS text LANGUAGE sql STABLE AS 'SELECT (c).ssn';
CREATE FUNCTION cursor_of() RETURNS refcursor LANGUAGE plpgsql AS $$ DECLARE c refcursor; BEGIN OPEN c FOR SELECT ssn FROM customers; RETURN c; END $$;
CREATE PROCEDURE give(INOUT v text) LANGUAGE plpgsql AS $$ BEGIN SELECT ssn INTO v FROM customers WHERE id = 1; END $$;
CREATE PROCEDURE touch(i int) LANGUAGE plpgsql AS $$ BEGIN UPDATE orders SET status = 'seen' WHERE id = i; END $$;
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'row %', NEW; RETURN NEW; END $$;
CREATE TRIGGER audited BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION audit();
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.status := coalesce(NEW.status, 'new'); RETURN NEW; END $$;
CREATE TRIGGER stamped BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION stamp();
CREATE FUNCTION peek(int, int) RETURNS text LANGUAGE sql STABLE AS 'SELECT ssn FROM customers LIMIT 1';
CREATE OPERATOR |=|> (LEFTARG = int, RIGHTARG = int, FUNCTION = peek);
CREATE TABLE ruled (id int);
CREATE RULE peeking AS ON UPDATE TO ruled DO INSTEAD SELECT ssn FROM customers;
INSERT INTO ruled VALUES (1);
CREATE TYPE pair AS (a text, b text);
ANALYZE;
GRANT ALL ON ALL TABLES IN SCHEMA public, crm, shadow TO app;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO app;
GRANT ALL ON SCHEMA public, crm, shadow, other TO app;
DO $$ DECLARE r record; BEGIN
  FOR r IN SELECT c.oid::regclass AS n, c.relkind FROM pg_class c WHERE relnamespace::regnamespace::text IN ('public', 'crm', 'shadow') AND relkind IN ('r', 'p', 'v', 'm') LOOP
    EXECUTE format('ALTER %s %s OWNER TO app', CASE r.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END, r.n);
  END LOOP; END $$;
