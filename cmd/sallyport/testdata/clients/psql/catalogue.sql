\d
\d app.*
\d+ app.customers
\d+ app.orders
\dt+ app.orders_1
\di app.*
\dv app.*
\dm app.*
\ds app.*
\df+ app.*
\sf app.note
\sv app.big
\dT+ app.*
\dD app.*
\dn+ app
\du
\dg pg_monitor
\drds
\dp app.*
\ddp
\dx
\dRp
\dRs
\des
\dy
\dA
\dAc btree int4
\dC int4
\dO
\dF
\do+ + int4 int4
\da sum
\dL
\db
\l template0
\dconfig search_path
\d pg_am
\d nothing_of_the_kind
\z app.customers
\dd
\encoding
select relname, relkind from pg_class where relnamespace = 'app'::regnamespace order by 1;
select attname, atttypid::regtype, attnotnull from pg_attribute where attrelid = 'app.customers'::regclass and attnum > 0 order by attnum;
select table_name, column_name, data_type from information_schema.columns where table_schema = 'app' order by 1, ordinal_position;
select current_database() is not null, current_user, session_user, version(), pg_is_in_recovery();
select name, setting from pg_settings where name in ('application_name', 'client_encoding', 'DateStyle', 'search_path', 'TimeZone', 'standard_conforming_strings', 'server_version', 'bytea_output', 'extra_float_digits', 'ssl') order by 1;
show all;
