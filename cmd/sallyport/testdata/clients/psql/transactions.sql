begin; update app.orders set amount = 0 where id < 1050; select sum(amount) from app.orders; rollback;
select sum(amount) from app.orders;
begin; savepoint a; select 1/0; select 'not run'; rollback to a; select 'after'; savepoint b; release b; release b; rollback to savepoint a; commit;
begin isolation level serializable read only deferrable; show transaction_isolation; insert into app.orders values (1); commit;
commit; rollback;
begin; begin; commit and chain; select 1; rollback and no chain;
\set ON_ERROR_ROLLBACK on
begin; insert into app.orders values (1); insert into app.orders values (1); select count(*) from app.orders where id = 1; commit;
\set ON_ERROR_ROLLBACK off
\set AUTOCOMMIT off
select 1; select 1/0; select 2; rollback; create table off (i int); commit;
\set AUTOCOMMIT on
\d off
begin; prepare transaction 'two phases'; select gid from pg_prepared_xacts; commit prepared 'two phases'; rollback prepared 'nothing';
prepare p (int, text) as select $1 + 1, $2; execute p (41, 'x'); execute p ('no', 1); deallocate p; execute p (1, 'y');
prepare p as insert into app.orders (customer, amount) values ($1, $2) returning customer, amount; execute p (5, 6.5); deallocate all; execute p (1, 1);
declare c cursor for select 1;
begin; declare c scroll cursor for select generate_series(1, 10); fetch 3 from c; move 2 in c; fetch all from c; fetch backward 2 from c; fetch absolute 4 from c; close c; fetch c; rollback;
begin; declare h cursor with hold for select name from app.customers order by id; commit; fetch 2 from h; close all; fetch h;
begin; declare b binary cursor for select 65, 'text'; fetch all from b; commit;
create table u (a int unique deferrable initially deferred); begin; insert into u values (1), (1); select 'still'; commit; insert into u values (2), (2);
begin; lock table u; truncate u; select count(*) from u; commit;
listen news; notify news, 'to myself'; select pg_notify('news', 'ünicode'); unlisten *; notify news, 'unheard';
begin; listen news; notify news, 'at commit'; select 1; commit; select 2;
discard all; reset all;
create function fails(i int) returns int language plpgsql as $$ begin if i = 3 then raise exception 'three' using column = 'c', table = 't', constraint = 'k', datatype = 'd', schema = 's'; end if; return i; end $$;
select fails(i) from generate_series(1, 5) i;
\set VERBOSITY verbose
select fails(3);
\set VERBOSITY sqlstate
select fails(3);
\set VERBOSITY default
call fails(1);
create procedure commits() language plpgsql as $$ begin for i in 1..3 loop insert into u values (10 + i); commit; end loop; rollback; end $$; call commits(); select * from u order by a;
begin; call commits(); rollback;
select 1 \; commit \; select 1/0 \; select 2;
set statement_timeout = 50; select pg_sleep(10); reset statement_timeout;
set idle_in_transaction_session_timeout = 0; set transaction isolation level serializable;
select :'VERSION_NUM'::int / 10000 >= 16 as has_bind, :'VERSION_NUM'::int / 10000 >= 18 as has_pipeline \gset
\if :has_bind
select $1::int + $2::int, $3::text \bind 1 2 'x y' \g
select $1::int \bind x \g
select $1 \g
select name from app.customers where id = $1 \bind 7 \gx
select $1::int as n, $2 as t \bind 5 'bound' \gset bound_
\echo :bound_n :bound_t
\endif
\if :has_pipeline
\startpipeline
select $1 \bind 1 \sendpipeline
select 1 / $1 \bind 0 \sendpipeline
select 3 \bind \sendpipeline
\syncpipeline
select 4 \bind \sendpipeline
\flushrequest
\getresults
\endpipeline
select 1 \parse named
\bind_named named \g
\close_prepared named
\endif
