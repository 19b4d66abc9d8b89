package logical

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"drydock/internal/backup/manifest"
)

// objectQuery lists the objects of one catalog: alias o is the catalog's row.
type objectQuery struct {
	catalog string
	where   string // which of them; system ones and parts of extensions are left out anyway
	owner   string // expression for the owner's oid; "" has none
	detail  string // expression of type text
	space   string // expression for the tablespace's oid; "" has none
	aclType string // expression for acldefault's type, and acl for the column; "" has none
	acl     string
	sub     string // expression for the sub-object, "0" by default
	objid   string // expression for the object, "o.oid" by default
	join    string
}

// The details use no expression that PostgreSQL deparses (defaults, conditions, views):
// after a restore it may write the same one in another way, and a drill would fail for
// nothing. Functions are compared by their source, which is kept as it was written.
var objectQueries = []objectQuery{
	{catalog: "pg_namespace", where: "o.nspname !~ '^pg_' and o.nspname <> 'information_schema'", owner: "o.nspowner", aclType: "'n'", acl: "o.nspacl"},
	{catalog: "pg_class", where: "o.relkind in ('r','p','v','m','f') and o.relpersistence <> 't'", owner: "o.relowner", space: "o.reltablespace",
		detail: `concat_ws(', ', case o.relkind when 'p' then 'partitioned by ' || (select string_agg(coalesce(a.attname, 'an expression'), ', ' order by k.n) from pg_partitioned_table p cross join unnest(p.partattrs::int2[]) with ordinality k(att, n) left join pg_attribute a on a.attrelid = p.partrelid and a.attnum = k.att and k.att > 0 where p.partrelid = o.oid) when 'r' then 'table' when 'v' then 'view' when 'm' then 'materialized view' else 'foreign table' end,
			case when o.relpersistence = 'u' then 'unlogged' end, case when o.relrowsecurity then 'row security' end, case when o.relforcerowsecurity then 'forced row security' end,
			case when o.relreplident <> 'd' then 'replica identity ' || o.relreplident::text end,
			(select 'of ' || string_agg(h.inhparent::regclass::text, ' ' order by h.inhseqno) from pg_inherits h where h.inhrelid = o.oid),
			(select 'options ' || string_agg(x, ' ' order by x) from unnest(o.reloptions) x), (select 'server ' || s.srvname from pg_foreign_table t join pg_foreign_server s on s.oid = t.ftserver where t.ftrelid = o.oid))`,
		aclType: "'r'", acl: "o.relacl"},
	{catalog: "pg_class", where: "o.relkind = 'S' and o.relpersistence <> 't'", owner: "o.relowner", detail: "case when o.relpersistence = 'u' then 'unlogged' end", aclType: "'s'", acl: "o.relacl"},
	{catalog: "pg_class", where: "i.indisvalid and o.relpersistence <> 't' and tn.nspname !~ '^pg_'", space: "o.reltablespace",
		join: "join pg_index i on i.indexrelid = o.oid join pg_class t on t.oid = i.indrelid join pg_namespace tn on tn.oid = t.relnamespace join pg_am am on am.oid = o.relam",
		detail: `concat_ws(', ', 'on ' || i.indrelid::regclass::text || ' using ' || am.amname || ' (' || (select string_agg(coalesce(a.attname, 'an expression'), ', ' order by k.n) from unnest(i.indkey::int2[]) with ordinality k(att, n) left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.att and k.att > 0) || ')',
			case when i.indisunique then 'unique' end, case when i.indisprimary then 'primary' end, case when i.indisexclusion then 'exclusion' end,
			case when i.indpred is not null then 'partial' end, case when i.indisclustered then 'clustered' end, case when i.indisreplident then 'replica identity' end, case when (to_jsonb(i)->>'indnullsnotdistinct')::bool then 'nulls not distinct' end)`},
	{catalog: "pg_attribute", where: "o.attnum > 0 and not o.attisdropped and t.relkind in ('r','p','v','m','f','c') and t.relpersistence <> 't' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'",
		join:  "join pg_class t on t.oid = o.attrelid join pg_namespace n on n.oid = t.relnamespace",
		objid: "o.attrelid", sub: "o.attnum", aclType: "'c'", acl: "o.attacl",
		detail: `concat_ws(' ', format_type(o.atttypid, o.atttypmod), case when o.attnotnull then 'not null' end, case o.attidentity when 'a' then 'identity always' when 'd' then 'identity' end,
			case when o.attgenerated <> '' then 'generated' when o.atthasdef then 'default' end, (select 'collate ' || collname from pg_collation x where x.oid = o.attcollation and x.collname <> 'default'),
			(select 'options ' || string_agg(x, ' ' order by x) from unnest(o.attfdwoptions) x))`},
	{catalog: "pg_constraint", where: "o.conparentid = 0 and o.contype <> 'n' and (t.relpersistence is null or t.relpersistence <> 't')", join: "left join pg_class t on t.oid = o.conrelid",
		detail: `concat_ws(', ', case when o.contype in ('p','u','f') then pg_get_constraintdef(o.oid) else case o.contype when 'c' then 'check' when 'x' then 'exclude' when 't' then 'trigger' else o.contype::text end end,
			case when not o.convalidated then 'not valid' end, case when o.contype in ('c', 'x') and o.condeferrable then 'deferrable' end)`},
	{catalog: "pg_trigger", where: "not o.tgisinternal and o.tgparentid = 0", detail: "concat_ws(', ', o.tgfoid::regprocedure, 'type ' || o.tgtype, 'enabled ' || o.tgenabled::text, case when o.tgdeferrable then 'deferrable' end)"},
	{catalog: "pg_event_trigger", owner: "o.evtowner", detail: "concat_ws(', ', o.evtevent, o.evtfoid::regprocedure, 'enabled ' || o.evtenabled::text, array_to_string(o.evttags, ' '))"},
	{catalog: "pg_rewrite", where: "o.rulename <> '_RETURN'", detail: "concat_ws(', ', 'event ' || o.ev_type::text, 'enabled ' || o.ev_enabled::text, case when o.is_instead then 'instead' end)"},
	{catalog: "pg_policy", detail: `concat_ws(', ', 'for ' || o.polcmd::text, case when o.polpermissive then 'permissive' else 'restrictive' end,
			'to ' || (select string_agg(case r when 0 then 'public' else pg_get_userbyid(r)::text end, ' ' order by case r when 0 then '' else pg_get_userbyid(r)::text end) from unnest(o.polroles) r),
			case when o.polqual is not null then 'using' end, case when o.polwithcheck is not null then 'check' end)`},
	{catalog: "pg_proc", owner: "o.proowner", aclType: "'f'", acl: "o.proacl",
		detail: `concat_ws(', ', case o.prokind when 'f' then 'function' when 'p' then 'procedure' when 'a' then 'aggregate' else 'window function' end, 'returns ' || format_type(o.prorettype, null), (select lanname from pg_language x where x.oid = o.prolang),
			'volatility ' || o.provolatile::text, case when o.prosecdef then 'security definer' end, case when o.proisstrict then 'strict' end, case when o.proleakproof then 'leakproof' end, 'parallel ' || o.proparallel::text, array_to_string(o.proconfig, ' '), 'source ' || md5(o.prosrc))`},
	{catalog: "pg_type", where: "(o.typtype in ('d','e','r') or o.typtype = 'c' and exists (select from pg_class c where c.oid = o.typrelid and c.relkind = 'c'))", owner: "o.typowner", aclType: "'T'", acl: "o.typacl",
		detail: `concat_ws(', ', case o.typtype when 'd' then 'domain over ' || format_type(o.typbasetype, o.typtypmod) when 'e' then 'enum' when 'r' then 'range' else 'composite' end,
			case when o.typnotnull then 'not null' end, (select 'of ' || string_agg(quote_literal(e.enumlabel), ' ' order by e.enumsortorder) from pg_enum e where e.enumtypid = o.oid))`},
	{catalog: "pg_operator", owner: "o.oprowner", detail: "o.oprcode::regprocedure::text"},
	{catalog: "pg_opclass", owner: "o.opcowner"}, {catalog: "pg_opfamily", owner: "o.opfowner"},
	{catalog: "pg_cast", detail: "o.castcontext::text || o.castmethod::text"}, {catalog: "pg_conversion", owner: "o.conowner"},
	{catalog: "pg_collation", owner: "o.collowner", detail: "concat_ws(' ', 'provider ' || o.collprovider::text, case when not o.collisdeterministic then 'nondeterministic' end, o.collcollate, coalesce(to_jsonb(o)->>'colllocale', to_jsonb(o)->>'colliculocale'))"},
	{catalog: "pg_ts_config", owner: "o.cfgowner"}, {catalog: "pg_ts_dict", owner: "o.dictowner", detail: "o.dictinitoption"}, {catalog: "pg_ts_parser"}, {catalog: "pg_ts_template"},
	{catalog: "pg_language", owner: "o.lanowner", aclType: "'l'", acl: "o.lanacl"}, {catalog: "pg_transform"}, {catalog: "pg_am"},
	{catalog: "pg_foreign_data_wrapper", owner: "o.fdwowner", aclType: "'F'", acl: "o.fdwacl"},
	{catalog: "pg_foreign_server", owner: "o.srvowner", aclType: "'S'", acl: "o.srvacl", detail: "concat_ws(' ', (select fdwname from pg_foreign_data_wrapper x where x.oid = o.srvfdw), (select string_agg(x, ' ' order by x) from unnest(o.srvoptions) x))"},
	// Not their options: there are passwords in them.
	{catalog: "pg_user_mapping", detail: "(select string_agg(split_part(x, '=', 1), ' ' order by x) from unnest(o.umoptions) x)"},
	{catalog: "pg_publication", owner: "o.pubowner", detail: `concat_ws(', ', case when o.puballtables then 'all tables' end, case when o.pubinsert then 'insert' end, case when o.pubupdate then 'update' end, case when o.pubdelete then 'delete' end, case when o.pubtruncate then 'truncate' end,
			(select 'tables ' || string_agg(r.prrelid::regclass::text, ' ' order by r.prrelid::regclass::text collate "C") from pg_publication_rel r where r.prpubid = o.oid))`},
	{catalog: "pg_subscription", where: "o.subdbid = (select oid from pg_database where datname = current_database())", owner: "o.subowner"},
	{catalog: "pg_statistic_ext", owner: "o.stxowner", detail: "array_to_string(o.stxkind, ' ')"},
	{catalog: "pg_default_acl", acl: "o.defaclacl", aclType: "'never'"},
	{catalog: "pg_description", where: "o.objoid >= 16384 or o.classoid = 'pg_largeobject'::regclass or o.classoid = 'pg_namespace'::regclass and o.objoid = 'public'::regnamespace", objid: "o.objoid", sub: "o.objsubid", detail: "'comment ' || md5(o.description)"},
	{catalog: "pg_seclabel", where: "o.objoid >= 16384 or o.classoid = 'pg_largeobject'::regclass", objid: "o.objoid", sub: "o.objsubid", detail: "'label ' || o.provider || ' ' || md5(o.label)"},
}

func (q objectQuery) sql() string {
	or := func(s, otherwise string) string {
		if s == "" {
			return otherwise
		}
		return s
	}
	objid, class := or(q.objid, "o.oid"), "'"+q.catalog+"'::regclass"
	prefix := "''"
	switch q.catalog {
	case "pg_attribute":
		class = "'pg_class'::regclass"
	case "pg_description":
		class, prefix = "o.classoid", "'comment on '"
	case "pg_seclabel":
		class, prefix = "o.classoid", "'security label on '"
	}
	owner, acl := "''", "'{}'::text[]"
	if q.owner != "" {
		owner = "pg_get_userbyid(" + q.owner + ")::text"
	}
	// An explicit list that equals the default is restored as none: both are none here.
	switch {
	case q.aclType == "'never'":
		acl = "(select coalesce(array_agg(a::text), '{}') from unnest(" + q.acl + ") a)"
	case q.acl != "":
		by := or(q.owner, "0")
		if q.catalog == "pg_attribute" {
			by = "t.relowner"
		}
		acl = fmt.Sprintf(`case when %[1]s is null or (select array_agg(a::text order by a::text collate "C") from unnest(%[1]s) a) is not distinct from (select array_agg(a::text order by a::text collate "C") from unnest(acldefault(%[2]s, %[3]s)) a)
			then '{}' else (select coalesce(array_agg(a::text), '{none}') from unnest(%[1]s) a) end`, q.acl, q.aclType, by)
	}
	space := "''"
	if q.space != "" {
		space = "coalesce((select spcname::text from pg_tablespace x where x.oid = " + q.space + "), '')"
	}
	system := objid + " >= 16384"
	if q.catalog == "pg_namespace" || q.catalog == "pg_description" || q.catalog == "pg_seclabel" {
		// public was there first, and has an owner, grants and a comment; large objects may
		// have any number.
		system = "true"
	}
	return "select " + prefix + " || coalesce(ident.type, '?'), coalesce(ident.identity, '?'), " + owner + ", coalesce(" + or(q.detail, "''") + ", ''), " + space + ", " + acl +
		" from " + q.catalog + " o " + q.join + " cross join lateral pg_identify_object(" + class + ", " + objid + ", " + or(q.sub, "0") + ") " + "ident" +
		" where (" + or(q.where, "true") + ") and " + system +
		" and not exists (select from pg_depend d where d.classid = " + class + " and d.objid = " + objid + " and d.deptype = 'e')"
}

func readObjects(ctx context.Context, conn *pgx.Conn, c *manifest.Contents) error {
	for _, q := range objectQueries {
		rows, err := conn.Query(ctx, q.sql())
		if err != nil {
			return fmt.Errorf("listing the objects of %s: %w", q.catalog, err)
		}
		list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[manifest.Object])
		if err != nil {
			return fmt.Errorf("listing the objects of %s: %w", q.catalog, err)
		}
		c.Objects = append(c.Objects, list...)
	}
	return nil
}
