-- The schema as the catalogs of PostgreSQL describe it, for comparison with the expected one. They may be read without
-- any right, and nothing is written.

-- :name schema_tables
-- name, kind, persistence, whether row level security is on
select relname::text, relkind::text, relpersistence::text, relrowsecurity
from pg_class
where relnamespace = quote_ident(current_schema())::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f')
order by relname

-- :name schema_columns
-- table, name, type with its collation, default or expression, identity, generated, whether it refuses null
select
    c.relname::text,
    a.attname::text,
    format_type(a.atttypid, a.atttypmod) || coalesce(' collate "' || co.collname || '"', ''),
    pg_get_expr(d.adbin, d.adrelid),
    a.attidentity::text,
    a.attgenerated::text,
    a.attnotnull
from pg_attribute as a
inner join pg_class as c on c.oid = a.attrelid
inner join pg_type as t on t.oid = a.atttypid
left join pg_collation as co on co.oid = a.attcollation and a.attcollation <> t.typcollation
left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
where
    c.relnamespace = quote_ident(current_schema())::regnamespace and c.relkind in ('r', 'p')
    and a.attnum > 0 and not a.attisdropped
order by c.relname, a.attnum

-- :name schema_constraints
-- table, name, definition; without those for not null (PostgreSQL 18), which are of columns, and those that are triggers
select c.relname::text, k.conname::text, pg_get_constraintdef(k.oid)
from pg_constraint as k
inner join pg_class as c on c.oid = k.conrelid
where c.relnamespace = quote_ident(current_schema())::regnamespace and c.relkind in ('r', 'p') and k.contype not in ('n', 't')
order by c.relname, k.conname

-- :name schema_references
-- table, table with the foreign key, name of the foreign key
select c.relname::text, k.conrelid::regclass::text, k.conname::text
from pg_constraint as k
inner join pg_class as c on c.oid = k.confrelid
where c.relnamespace = quote_ident(current_schema())::regnamespace and k.contype = 'f' and k.conparentid = 0
order by c.relname, 2, k.conname

-- :name schema_indexes
-- table, name, whether it is unique, method with columns and condition; without those of constraints
select
    c.relname::text,
    x.relname::text,
    i.indisunique,
    regexp_replace(
        regexp_replace(pg_get_indexdef(i.indexrelid), '^.*? USING ', ''), ' WITH \([^)]*\)', ''
    )
from pg_index as i
inner join pg_class as x on x.oid = i.indexrelid
inner join pg_class as c on c.oid = i.indrelid
where
    c.relnamespace = quote_ident(current_schema())::regnamespace and c.relkind in ('r', 'p')
    and not exists (
        select from pg_constraint as k
        where k.conindid = i.indexrelid and k.conrelid = i.indrelid and k.contype in ('p', 'u', 'x')
    )
order by c.relname, x.relname

-- :name schema_triggers
-- table, kind, name; without those with which PostgreSQL and Citus do their own work
select c.relname::text, 'trigger', t.tgname::text
from pg_trigger as t
inner join pg_class as c on c.oid = t.tgrelid
where
    c.relnamespace = quote_ident(current_schema())::regnamespace and not t.tgisinternal
    and not exists (
        select from pg_depend as d
        inner join pg_catalog.pg_extension as e on e.oid = d.refobjid
        where
            d.classid = 'pg_proc'::regclass and d.objid = t.tgfoid and d.deptype = 'e' and e.extname = 'citus'
    )
union all
select c.relname::text, 'rule', r.rulename::text
from pg_rewrite as r
inner join pg_class as c on c.oid = r.ev_class
where c.relnamespace = quote_ident(current_schema())::regnamespace and r.rulename <> '_RETURN'
order by 1, 2, 3

-- :name schema_children
-- table, its kind, a table that inherits from it or is a part of it, persistence of that
select p.relname::text, p.relkind::text, h.inhrelid::regclass::text, c.relpersistence::text
from pg_inherits as h
inner join pg_class as p on p.oid = h.inhparent
inner join pg_class as c on c.oid = h.inhrelid
where p.relnamespace = quote_ident(current_schema())::regnamespace and p.relkind in ('r', 'p')
order by p.relname, 3

-- :name schema_numbers
-- schema_versions_pkey
select number, name, oldest
from schema_versions
order by number
