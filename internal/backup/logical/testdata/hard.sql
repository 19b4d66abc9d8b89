-- A database with one of everything that dumps have lost, under names that are hard to pass on.
-- Roles, the database and the tablespace are made by the test.
create schema "sch ema.""q"" %@:/ ü" authorization "owner ""x"" %@:/ ü";
create extension citext; create extension hstore schema "sch ema.""q"" %@:/ ü"; create extension btree_gist;
create extension postgres_fdw; create extension file_fdw;

create type mood as enum ('sad', 'o''k', 'ha"ppy', 'ü %');
create domain positive as int check (value > 0);
create domain email as citext not null check (value like '%@%');
create type pair as (a int, b text);
create type floatrange as range (subtype = float8);

create function "fn ü"(x int) returns int language sql immutable strict parallel safe as $$ select x * 2 $$;
create function touch() returns trigger language plpgsql as $$ begin new.body := coalesce(new.body, '') ; return new; end $$;
create procedure pr(x int) language plpgsql security definer set search_path = pg_catalog, "sch ema.""q"" %@:/ ü" as $$ begin null; end $$;
create aggregate mysum(int) (sfunc = int4pl, stype = int, initcond = '0');
create operator === (leftarg = int, rightarg = int, function = int4eq);
create function ev() returns event_trigger language plpgsql as $$ begin null; end $$;

create table "sch ema.""q"" %@:/ ü"."ta""ble %@:/ ü" (
	"col ""x"" ü" int generated always as identity primary key, body text, n numeric, f float8, m mood, d positive, p pair, arr text[],
	twice int generated always as (("col ""x"" ü") * 2) stored, c char(5), v varchar(10) check (v in ('a', 'b')), j jsonb, x xml,
	h "sch ema.""q"" %@:/ ü".hstore, r floatrange, b bytea, mo money, iv interval, e email, "dropped" int);
alter table "sch ema.""q"" %@:/ ü"."ta""ble %@:/ ü" drop column "dropped";
insert into "sch ema.""q"" %@:/ ü"."ta""ble %@:/ ü" (body, n, f, m, d, p, arr, c, v, j, x, h, r, b, mo, iv, e) values
	('a', 1.0, 0, 'sad', 1, (1, 'x'), '{a,NULL,"",","}', 'x', 'a', '{"a": 1.0}', '<a/>', 'k=>v', '[1,2)', '\x00ff', '1.50', '1 month 2 days', 'a@b'),
	('', 1.00, '-0', 'o''k', 2, (null, ''), '{}', '', 'b', '[1,2]', null, null, 'empty', '', '-2', '32 days', 'A@b'),
	(null, 'NaN', 'NaN', 'ü %', 3, null, null, null, null, 'null', null, '', null, null, null, null, 'c@d'),
	(E'tab\t nl\n cr\r \\. bs\\ ü \u0001', 1e100, 1e-300, 'ha"ppy', 2147483647, (7, 'q"' ), array['x','y'], 'abcde', 'a', '{"ü": [true, null]}', null, null, null, null, null, null, 'e@f');
create trigger touch before insert on "sch ema.""q"" %@:/ ü"."ta""ble %@:/ ü" for each row when (new.body is null) execute function touch();
create index "ind ex ü" on "sch ema.""q"" %@:/ ü"."ta""ble %@:/ ü" (lower(body)) where n > 0;
comment on table "sch ema.""q"" %@:/ ü"."ta""ble %@:/ ü" is 'it''s "hard" %';
comment on column "sch ema.""q"" %@:/ ü"."ta""ble %@:/ ü".body is 'ü';
alter table "sch ema.""q"" %@:/ ü"."ta""ble %@:/ ü" owner to "owner ""x"" %@:/ ü";
grant select (body), update (n) on "sch ema.""q"" %@:/ ü"."ta""ble %@:/ ü" to "reader ü";

create table serials (id bigserial primary key, note text);
insert into serials (note) select 'n' || g from generate_series(1, 50) g;
create sequence down increment -2 maxvalue 100 start 100; select nextval('down'), nextval('down');
create sequence untouched start 7; create sequence small as smallint maxvalue 3 cycle;
create unlogged table unlogged (id int primary key, t text); insert into unlogged select g, 'u' from generate_series(1, 20) g;
create table nothing (); insert into nothing default values;
create table in_space (id int primary key using index tablespace "space ü %", t text) tablespace "space ü %";
insert into in_space select g, md5(g::text) from generate_series(1, 100) g;

create table parts (id int, at date, t text) partition by range (at);
create table parts_1 (t text, at date, id int); -- another order of columns
alter table parts attach partition parts_1 for values from ('2026-01-01') to ('2026-02-01');
create table parts_2 partition of parts for values from ('2026-02-01') to ('2026-03-01') partition by hash (id);
create table parts_2a partition of parts_2 for values with (modulus 2, remainder 0);
create table parts_2b partition of parts_2 for values with (modulus 2, remainder 1);
create table parts_rest partition of parts default;
create index on parts (id); alter table parts add constraint pk primary key (id, at);
insert into parts select g, date '2025-12-30' + g % 80, md5(g::text) from generate_series(1, 500) g;
create table parent (a int, b text); create table child (c int, b text, a int); alter table child inherit parent;
insert into parent values (1, 'p'); insert into child values (3, 'c', 2);

create table booking (room int, during tsrange, exclude using gist (room with =, during with &&));
insert into booking values (1, '[2026-01-01,2026-01-02)'), (1, '[2026-01-02,2026-01-03)');
create table orders (id int primary key, serial bigint references serials deferrable initially deferred, kind mood default 'sad', unique nulls not distinct (serial));
insert into orders values (1, 1), (2, 2), (3, null);

create view v as select id, note from serials where note like '%1';
create view self with (security_barrier) as select 1 as one;
create rule r as on insert to self do instead nothing;
create materialized view filled as select count(*) as n from serials; create unique index on filled (n);
create materialized view unfilled as select * from serials with no data;
create statistics st (dependencies) on id, t from in_space;
create collation nondet (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
create table folded (t text collate nondet, u text collate "C"); insert into folded values ('Straße', 'a'), ('STRASSE', 'A');

create table secret_rows (id int primary key, owner text, body text);
insert into secret_rows values (1, 'alice', 'x'), (2, 'bob', 'y');
alter table secret_rows enable row level security; alter table secret_rows force row level security;
alter table secret_rows owner to "owner ""x"" %@:/ ü";
create policy own on secret_rows for select to "reader ü" using (owner = current_user);
create policy deny on secret_rows as restrictive for all using (id > 0) with check (id > 0);
grant select on secret_rows to "reader ü" with grant option;
revoke all on function touch() from public;
alter default privileges in schema public grant select on tables to "reader ü";

create server "else where" foreign data wrapper postgres_fdw options (host 'nowhere', dbname 'x ''y');
create user mapping for "reader ü" server "else where" options (user 'u', password 'far away %');
create foreign table far (id int, t text) server "else where" options (table_name 'far');
create publication pub for table serials, orders with (publish = 'insert');
create event trigger et on ddl_command_start when tag in ('DROP TABLE') execute function ev();

create table accounts (id int primary key, balance bigint not null default 0);
insert into accounts select g, 0 from generate_series(1, 200) g;
create table history (id bigint generated by default as identity primary key, src int, dst int, amount bigint, at timestamptz default now());
create table churn (id int); insert into churn select generate_series(1, 1000);
create table bulk as select g as id, md5(g::text) as a, md5((-g)::text) as b, g * 1.5 as c, now() + g * interval '1 s' as d from generate_series(1, 60000) g;

select lo_from_bytea(4711, decode(repeat('00ff', 3000), 'hex')), lo_from_bytea(4712, ''), lo_from_bytea(4713, '\x01');
select lo_put(4713, 10000, '\x02'); select lo_create(4714);
alter large object 4711 owner to "owner ""x"" %@:/ ü"; grant select on large object 4712 to "reader ü";
comment on large object 4711 is 'large';
create subscription "sub %" connection 'host=nowhere password=x' publication p with (connect = false, slot_name = none, enabled = false, create_slot = false);
