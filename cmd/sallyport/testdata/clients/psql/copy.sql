create table c (id int, name text, data bytea, a int[]);
copy c (id, name) from stdin;
100	hundred
101	\N
102	tab\tnewline\nbackslash\\
\.
copy c (id, name) from stdin with (format csv, header, null 'NULL');
id,name
103,"quo""ted, and
two lines"
104,NULL
\.
copy c (id, name) from stdin;
x	y
\.
select 'goes on';
copy c (id) from stdin; select 'behind';
105
\.
copy c from stdin \; select 'after the copy' \; copy c (id) to stdout;
106	n	\\x0102	{1,2}
\.
copy nowhere from stdin;
copy c to stdout;
copy (select id, name, home, tags from app.customers order by id limit 5) to stdout with (format csv, header, force_quote *);
copy (select 1/(2 - i) from generate_series(1, 3) i) to stdout;
copy app.long to stdout;
copy (select repeat('long line ', 300000) from generate_series(1, 2)) to stdout;
copy c to '/nowhere/at all';
copy app.wide to stdout with (format binary);
\copy app.customers (name, email, doc, raw, seen) to 'customers.txt'
\copy (select id, name, doc, share from app.customers order by id) to 'customers.csv' csv header
\copy (select id, body from app.wide order by id) to 'wide.bin' with (format binary)
\copy app.long to 'long.txt'
create table back (i int, m text); create table wide_back (id int, body text);
\copy back from 'long.txt'
\copy wide_back from 'wide.bin' with (format binary)
\copy back from 'customers.csv' csv header
\copy back from 'no such file'
\copy back from program 'seq 30001 30010 | sed s/$/,piped/' csv
\copy back to program 'sha256sum'
select count(*), sum(i), md5(string_agg(m, '' order by i, m)) from back;
select id, md5(body), length(body) from wide_back order by id;
begin; copy c (id) from stdin; rollback; select count(*) from c;
200
201
\.
begin; copy c (id) from stdin;
nonsense
\.
select 'failed'; rollback;
copy c (id) from stdin where id > 300;
299
301
\.
table c;
\o all.txt
select * from app.long;
\o
select 1 \g one.txt
select 1 \g | cat
