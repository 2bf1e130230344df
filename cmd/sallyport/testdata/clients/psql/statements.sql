\set VERBOSITY verbose
\set SHOW_CONTEXT always
select null, '', 'ünïcode ☃ 漢字 𝄞', E'tab\there\nand newline', 'quote '' end', U&'\0441';
select 1/0;
\errverbose
selec 1;
select * from app.nowhere;
\set VERBOSITY default
select 1; select 2 \; select 3 \; select 4;
select 5 \; select 1/0 \; select 6;
select 7 \; begin \; select 8 \; rollback;
;
do $$ begin raise notice 'hello %', 1; raise warning 'careful' using hint = 'look', detail = 'so'; raise exception 'over' using errcode = 'P1234'; end $$;
table app.nowhere; values (1, 'a'), (2, null);
create table if not exists t2 (id int); create table if not exists t2 (id int); drop table t2;
select count(*) as n, max(name) as "the name" from app.customers \gset pre_
\echo :pre_n :"pre_the name" :'pre_the name'
select :pre_n + 1 as "x" \gx
\gdesc
select 1 as a, 'x'::app.mood as b
\gdesc
select id, mood, tags, scores from app.customers order by id limit 3 \gdesc
select 'select ' || i || ' as made' from generate_series(1, 3) i \gexec
select i % 3 as r, i % 2 as c, count(*) from generate_series(1, 30) i group by 1, 2 order by 1, 2 \crosstabview
select * from app.customers where id <= 2 \g (format=unaligned fieldsep=| null=NULL)
select name, home, (home).street, tags, doc, raw, seen, span from app.customers order by id limit 4;
set bytea_output = 'escape'; select raw, '\x00'::bytea from app.customers order by id limit 2; reset bytea_output;
set datestyle = 'German'; select born, seen from app.customers order by id limit 2; show datestyle; reset datestyle;
set client_encoding = 'LATIN1'; select 'M' || chr(252); select '☃'; reset client_encoding;
\encoding LATIN1
\encoding
\encoding UTF8
set time zone 'Europe/Berlin'; select seen from app.customers order by seen limit 3; reset time zone;
set extra_float_digits = -5; select share from app.customers order by id limit 2; reset extra_float_digits;
explain (costs off) select * from app.customers where id = 1;
explain (costs off, format json) select * from app.big;
select jsonb_pretty(doc), doc #>> '{nested,1}', doc -> 'text' from app.customers where id = 3;
select json_agg(c order by id) from (select id, name from app.customers where id < 4) c;
select xmlelement(name x, 'y');
select array[[1,2],[3,null]], '{}'::int[], '[2:3]={a,b}'::text[], row(1, null, 'a,b'), row(row(1)), 'infinity'::timestamptz, 'NaN'::float8, '-infinity'::date, 1e-130::numeric;
\set FETCH_COUNT 50
select id, name from app.customers order by id;
select id, 10 / (120 - id) from app.customers order by id;
\unset FETCH_COUNT
update app.customers set ok = true where id <= 3;
delete from app.orders where id > 1900;
insert into app.orders (customer, amount) values (1, 2) returning *;
insert into app.orders (customer, amount) values (1, -2);
insert into app.orders (customer, amount) values (99999, 2);
merge into app.orders o using (values (1000, 9.5)) v (id, amount) on o.id = v.id when matched then update set amount = v.amount;
refresh materialized view app.totals;
vacuum app.orders_1;
analyze app.customers;
checkpoint;
select lo_get(77001, 0, 9), length(lo_get(77001));
\lo_export 77001 exported.lo
\lo_unlink 77002
\lo_list
set search_path = app, pg_catalog; show search_path; select count(*) from customers; set search_path = ''; select count(*) from customers; reset search_path;
select set_config('my.own', 'value', false); show my.own; set role pg_monitor; select current_user; reset role;
select pg_sleep(0.01);
select generate_series(1, 3000), repeat('x', 100);
select from app.customers limit 2;
select;
select 1 as " ", 2 as "", 3 as "a""b";
\pset format unaligned
select repeat('0123456789', 200000);
select repeat('☃', 300000), repeat('y', 1000000), null, repeat('z', 100000) from generate_series(1, 2);
select length(body), md5(body) from app.wide order by id;
table app.wide;
