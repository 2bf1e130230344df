-- What a database can hold, as much of it as tells on the wire and in a dump.
create schema app;
create type app.mood as enum ('calm', 'busy', 'größer');
create type app.address as (street text, zip char(5), at point);
create domain app.positive as int check (value > 0);
create sequence app.numbers start 1000 increment 7;
create table app.customers (
  id int generated always as identity primary key,
  name text not null, email varchar(80), mood app.mood default 'calm', home app.address,
  tags text[], scores numeric(10,3)[], doc jsonb, raw bytea, born date, seen timestamptz, spent interval,
  share double precision, ok boolean, net inet, uid uuid, bits varbit, span int4range,
  upper_name text generated always as (upper(name)) stored
);
insert into app.customers (name, email, mood, home, tags, scores, doc, raw, born, seen, spent, share, ok, net, uid, bits, span)
select 'Müller ' || i, nullif('m' || i || '@example.com', 'm7@example.com'), (array['calm','busy','größer']::app.mood[])[i % 3 + 1],
  row('Straße ' || i, lpad(i::text, 5, '0')::char(5), point(i, -i))::app.address, array['a' || i, null, 'q"uo,te', ''], array[i / 7.0, null],
  jsonb_build_object('i', i, 'nested', array[1, i], 'text', E'tab\tand "quote"'), decode(md5(i::text), 'hex'),
  '2000-02-28'::date + i, '2026-03-29 00:30:00+00'::timestamptz + i * interval '1 hour', i * interval '1 day 2 hours 3.5 seconds',
  i / 3.0, case i % 3 when 0 then true when 1 then false end, ('10.0.' || i % 256 || '.1/24')::inet, md5(i::text)::uuid,
  i::bit(12)::varbit, int4range(i, i + 10)
from generate_series(1, 200) i;
create table app.orders (id bigint not null default nextval('app.numbers'), customer int references app.customers,
  amount numeric(12,2) check (amount >= 0), at timestamp default '2026-01-01', primary key (id)) partition by range (id);
create table app.orders_1 partition of app.orders for values from (0) to (1500);
create table app.orders_2 partition of app.orders for values from (1500) to (1000000);
insert into app.orders (customer, amount) select i, i * 1.25 from generate_series(1, 150) i;
create index on app.customers using gin (doc);
create index on app.customers (lower(email)) where ok;
create view app.big as select c.name, sum(o.amount) from app.customers c join app.orders o on o.customer = c.id group by 1;
create materialized view app.totals as select count(*) as n from app.orders;
create function app.twice(i int) returns int language sql immutable as 'select 2 * i';
create function app.note() returns trigger language plpgsql as $$ begin raise notice 'changed %', new.id; return new; end $$;
create trigger noted after update on app.customers for each row execute function app.note();
create rule quiet as on delete to app.orders_2 do instead nothing;
alter table app.customers enable row level security;
create policy everybody on app.customers using (true);
comment on table app.customers is 'who buys: ''quoted'', "named", \ and ☃';
create table app.wide (id int, body text);
insert into app.wide select i, repeat('wide ' || i || ' ', 40000) from generate_series(1, 4) i;
create table app.long as select i, md5(i::text) as m from generate_series(1, 20000) i;
select lo_from_bytea(77001, decode(repeat('00ff10', 20000), 'hex')), lo_from_bytea(77002, '\x');
