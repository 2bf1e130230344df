\set ON_ERROR_STOP on
create table stops (i int);
insert into stops values (1);
select * from nowhere;
insert into stops values (2);
