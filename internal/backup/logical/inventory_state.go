package logical

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"drydock/internal/backup/manifest"
)

// sequences reads every sequence, and of those that belong to a column how far the
// column has come.
func sequences(ctx context.Context, conn *pgx.Conn) ([]manifest.Sequence, error) {
	rows, err := conn.Query(ctx, `select n.nspname, c.relname, format_type(s.seqtypid, null), s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcycle,
			coalesce(o.nspname, ''), coalesce(o.relname, ''), coalesce(o.attname, '')
		from pg_sequence s join pg_class c on c.oid = s.seqrelid join pg_namespace n on n.oid = c.relnamespace
		left join lateral (select tn.nspname, t.relname, a.attname from pg_depend d
			join pg_class t on t.oid = d.refobjid join pg_namespace tn on tn.oid = t.relnamespace
			join pg_attribute a on a.attrelid = t.oid and a.attnum = d.refobjsubid
			where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.refclassid = 'pg_class'::regclass
			and d.deptype in ('a', 'i') limit 1) o on true
		where c.relpersistence <> 't' and n.nspname !~ '^pg_' and not exists
			(select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
		order by 1, 2`)
	if err != nil {
		return nil, fmt.Errorf("listing the sequences: %w", err)
	}
	type owner struct{ schema, table, column string }
	var list []manifest.Sequence
	var owners []owner
	var s manifest.Sequence
	var o owner
	_, err = pgx.ForEachRow(rows, []any{&s.Schema, &s.Name, &s.Type, &s.Start, &s.Increment, &s.Min, &s.Max, &s.Cycle, &o.schema, &o.table, &o.column}, func() error {
		s.OwnedBy = ""
		if o.table != "" {
			s.OwnedBy = manifest.Ident(o.schema, o.table, o.column)
		}
		list, owners = append(list, s), append(owners, o)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing the sequences: %w", err)
	}
	batch := &pgx.Batch{}
	for i := range list {
		s, o := &list[i], owners[i]
		batch.Queue("select last_value, is_called from " + quote(s.Schema, s.Name)).QueryRow(func(row pgx.Row) error {
			return row.Scan(&s.Last, &s.Called)
		})
		if o.table == "" {
			continue
		}
		end := "max"
		if s.Increment < 0 {
			end = "min"
		}
		batch.Queue("select " + end + "(" + quote(o.column) + ")::bigint from " + quote(o.schema, o.table)).QueryRow(func(row pgx.Row) error {
			return row.Scan(&s.ColumnMax)
		})
	}
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fmt.Errorf("reading the sequences: %w", err)
	}
	return list, nil
}

func readMatViews(ctx context.Context, conn *pgx.Conn, c *manifest.Contents) error {
	rows, err := conn.Query(ctx, `select n.nspname, c.relname, c.relispopulated from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relkind = 'm' and n.nspname !~ '^pg_' and not exists
			(select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')`)
	if err != nil {
		return fmt.Errorf("listing the materialized views: %w", err)
	}
	c.MatViews, err = pgx.CollectRows(rows, pgx.RowToStructByPos[manifest.MatView])
	if err != nil {
		return fmt.Errorf("listing the materialized views: %w", err)
	}
	return nil
}

func readExtensions(ctx context.Context, conn *pgx.Conn, c *manifest.Contents) error {
	rows, err := conn.Query(ctx, `select e.extname, n.nspname, e.extversion from pg_extension e join pg_namespace n on n.oid = e.extnamespace`)
	if err != nil {
		return fmt.Errorf("listing the extensions: %w", err)
	}
	c.Extensions, err = pgx.CollectRows(rows, pgx.RowToStructByPos[manifest.Extension])
	if err != nil {
		return fmt.Errorf("listing the extensions: %w", err)
	}
	return nil
}

// readLargeObjects sums up the large objects. A page may be stored short or not at all
// where zeros are, and a restore writes the zeros out: they are cut off before hashing.
func readLargeObjects(ctx context.Context, conn *pgx.Conn, c *manifest.Contents) error {
	var count int64
	var readable bool
	err := conn.QueryRow(ctx, `select (select count(*) from pg_largeobject_metadata), has_table_privilege('pg_catalog.pg_largeobject', 'select')`).Scan(&count, &readable)
	if err != nil {
		return fmt.Errorf("counting the large objects: %w", err)
	}
	c.LargeObjects = manifest.LargeObjects{Count: count, Hash: "0"}
	if count == 0 {
		return nil
	}
	if !readable {
		return fmt.Errorf("hashing the %d large objects: this role may not read pg_largeobject; dump as a superuser, or GRANT SELECT ON pg_catalog.pg_largeobject to it", count)
	}
	var pages, heads string
	err = conn.QueryRow(ctx, `with page as (select loid, pageno, rtrim(data, '\x00'::bytea) as data, pageno::bigint * (current_setting('block_size')::int / 4) + length(data) as upto from pg_largeobject),
		head as (select m.oid, pg_get_userbyid(m.lomowner)::text as owner,
			coalesce((select string_agg(a::text, ' ' order by a::text collate "C") from unnest(coalesce(m.lomacl, acldefault('L', m.lomowner))) a), '') as acl,
			coalesce((select max(upto) from page where loid = m.oid), 0) as bytes from pg_largeobject_metadata m)
		select (select coalesce(sum(bytes), 0)::bigint from head),
			(select coalesce(sum(hashtextextended(concat_ws(' ', loid, pageno, md5(data)) collate "C", 0)), 0)::text from page where length(data) > 0),
			(select coalesce(sum(hashtextextended(concat_ws(' ', oid, bytes, owner, acl) collate "C", 0)), 0)::text from head)`).
		Scan(&c.LargeObjects.Bytes, &pages, &heads)
	if err != nil {
		return fmt.Errorf("hashing the large objects: %w", err)
	}
	c.LargeObjects.Hash = pages + "/" + heads
	rows, err := conn.Query(ctx, `select pg_get_userbyid(lomowner)::text, count(*) from pg_largeobject_metadata group by 1`)
	if err != nil {
		return fmt.Errorf("listing the owners of the large objects: %w", err)
	}
	c.LargeObjects.Owners, err = pgx.CollectRows(rows, pgx.RowToStructByPos[manifest.Count])
	if err != nil {
		return fmt.Errorf("listing the owners of the large objects: %w", err)
	}
	return nil
}

// readDatabase reads what CREATE and ALTER DATABASE set. Columns that a version lacks, or
// calls by another name, are looked up in the row's JSON form.
func readDatabase(ctx context.Context, conn *pgx.Conn, c *manifest.Contents) error {
	d := &c.Database
	err := conn.QueryRow(ctx, `select datname::text, pg_get_userbyid(datdba)::text, pg_encoding_to_char(encoding)::text,
			case j->>'datlocprovider' when 'i' then 'icu' when 'b' then 'builtin' else 'libc' end,
			datcollate::text, datctype::text, coalesce(j->>'datlocale', j->>'daticulocale', ''), coalesce(j->>'daticurules', ''),
			coalesce(datcollversion, ''), coalesce(pg_database_collation_actual_version(d.oid), ''),
			coalesce((select spcname::text from pg_tablespace where oid = dattablespace), ''), datconnlimit,
			coalesce(shobj_description(d.oid, 'pg_database'), ''),
			case when datacl is null then '{}' else (select coalesce(array_agg(a::text), '{}') from unnest(datacl) a) end
		from pg_database d cross join lateral (select to_jsonb(d)) as x(j) where datname = current_database()`).
		Scan(&d.Name, &d.Owner, &d.Encoding, &d.Provider, &d.Collate, &d.Ctype, &d.Locale, &d.ICURules,
			&d.Collation, &d.CollationActual, &d.Tablespace, &d.ConnLimit, &d.Comment, &d.ACL)
	if err != nil {
		return fmt.Errorf("reading the database's properties: %w", err)
	}
	rows, err := conn.Query(ctx, `select coalesce(r.rolname, ''), unnest(s.setconfig) from pg_db_role_setting s left join pg_roles r on r.oid = s.setrole
		where s.setdatabase = (select oid from pg_database where datname = current_database())`)
	if err != nil {
		return fmt.Errorf("reading the database's settings: %w", err)
	}
	var role, setting string
	_, err = pgx.ForEachRow(rows, []any{&role, &setting}, func() error {
		name, value, _ := strings.Cut(setting, "=")
		d.Settings = append(d.Settings, manifest.DBSetting{Role: role, Name: name, Value: value})
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading the database's settings: %w", err)
	}
	return nil
}

func readTablespaces(ctx context.Context, conn *pgx.Conn, c *manifest.Contents) error {
	rows, err := conn.Query(ctx, `select spcname, pg_get_userbyid(spcowner)::text, pg_tablespace_location(t.oid) from pg_tablespace t
		where spcname not in ('pg_default', 'pg_global') and (exists (select from pg_class where reltablespace = t.oid)
		or exists (select from pg_database where datname = current_database() and dattablespace = t.oid))`)
	if err != nil {
		return fmt.Errorf("listing the tablespaces: %w", err)
	}
	c.Tablespaces, err = pgx.CollectRows(rows, pgx.RowToStructByPos[manifest.Tablespace])
	if err != nil {
		return fmt.Errorf("listing the tablespaces: %w", err)
	}
	return nil
}

func readRoles(ctx context.Context, conn *pgx.Conn, c *manifest.Contents) error {
	// The server notes nowhere what depends on its first superuser: owning anything counts.
	rows, err := conn.Query(ctx, `with needed as (
			select refobjid as oid from pg_shdepend where refclassid = 'pg_authid'::regclass
				and (dbid = (select oid from pg_database where datname = current_database())
				or classid = 'pg_database'::regclass and objid = (select oid from pg_database where datname = current_database()))
			union select datdba from pg_database where datname = current_database()
			union select relowner from pg_class c where c.oid >= 16384 union select nspowner from pg_namespace where oid >= 16384
			union select proowner from pg_proc where oid >= 16384 union select typowner from pg_type where oid >= 16384
			union select lomowner from pg_largeobject_metadata)
		select r.rolname, exists (select from needed n where n.oid = r.oid), rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin,
			rolreplication, rolbypassrls, rolconnlimit, coalesce(rolvaliduntil::text, ''),
			coalesce((select setconfig from pg_db_role_setting where setrole = r.oid and setdatabase = 0), '{}'),
			coalesce((select jsonb_agg(jsonb_build_object('role', g.rolname, 'admin', m.admin_option,
					'inherit', coalesce((to_jsonb(m)->>'inherit_option')::bool, r.rolinherit), 'set', coalesce((to_jsonb(m)->>'set_option')::bool, true)))
				from (select roleid, max(oid) as oid from (select roleid, coalesce((to_jsonb(x)->>'oid')::bigint, 0) as oid from pg_auth_members x where member = r.oid) y group by roleid) one
				join pg_auth_members m on m.roleid = one.roleid and m.member = r.oid and coalesce((to_jsonb(m)->>'oid')::bigint, 0) = one.oid
				join pg_roles g on g.oid = m.roleid), '[]')
		from pg_roles r where rolname !~ '^pg_'`)
	if err != nil {
		return fmt.Errorf("listing the roles: %w", err)
	}
	var r manifest.Role
	var settings []string
	var member []manifest.Membership
	_, err = pgx.ForEachRow(rows, []any{&r.Name, &r.Needed, &r.Super, &r.Inherit, &r.CreateRole, &r.CreateDB, &r.Login, &r.Replication, &r.BypassRLS,
		&r.ConnLimit, &r.ValidUntil, &settings, &member}, func() error {
		one := r
		one.MemberOf = append([]manifest.Membership(nil), member...)
		member = nil
		for _, s := range settings {
			name, value, _ := strings.Cut(s, "=")
			one.Settings = append(one.Settings, manifest.Setting{Name: name, Value: value})
		}
		c.Roles = append(c.Roles, one)
		return nil
	})
	if err != nil {
		return fmt.Errorf("listing the roles: %w", err)
	}
	markMembers(c.Roles)
	return nil
}

// markMembers adds the roles whose members are needed: without them a needed one would
// lack rights.
func markMembers(roles []manifest.Role) {
	byName := map[string]*manifest.Role{}
	for i := range roles {
		byName[roles[i].Name] = &roles[i]
	}
	for again := true; again; {
		again = false
		for i := range roles {
			if !roles[i].Needed {
				continue
			}
			for _, m := range roles[i].MemberOf {
				if g := byName[m.Role]; g != nil && !g.Needed {
					g.Needed, again = true, true
				}
			}
		}
	}
}
