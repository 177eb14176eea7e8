-- Domains, types and the small facts of the installation itself.

-- :name domain
-- domains_by_name
select id, tenant, name, status, description, retention, tags, clock from domains where tenant = ?1 and name = ?2

-- :name domains_by_id
-- primary key
select id, tenant, name, status, description, retention, tags, clock
from carray(?1) as wanted cross join domains on id = wanted.value

-- :name domains_ascending
-- domains_by_name; a tenant has 100 domains at most (SWF §12.1), so status needs no index
select id, tenant, name, status, description, retention, tags, clock
from domains
where tenant = ?1 and status = ?2 and (?3 is null or name > ?3)
order by name
limit ?4

-- :name domains_descending
-- domains_by_name
select id, tenant, name, status, description, retention, tags, clock
from domains
where tenant = ?1 and status = ?2 and (?3 is null or name < ?3)
order by name desc
limit ?4

-- :name count_domains
-- domains_by_name
select count(*) from domains where tenant = ?1

-- :name clocked_domains
-- domains_by_clock
select id, tenant, name, status, description, retention, tags, clock
from domains indexed by domains_by_clock
where clock is not null and id >= 0
order by id

-- :name put_clock
-- primary key
update domains set clock = ?2 where id = ?1

-- :name put_domain
-- primary key; the clock of a domain that is there stays as it is
insert into domains (id, tenant, name, status, description, retention, tags, clock) values (?, ?, ?, ?, ?, ?, ?, ?)
on conflict (id) do update set
    tenant = excluded.tenant,
    name = excluded.name,
    status = excluded.status,
    description = excluded.description,
    retention = excluded.retention,
    tags = excluded.tags

-- :name delete_domain
-- primary key
delete from domains where id = ?

-- :name type
-- primary key
select domain, kind, name, version, status, description, created_at, deprecated_at, defaults
from types
where domain = ?1 and kind = ?2 and name = ?3 and version = ?4

-- :name types_ascending
-- primary key; a domain has 10,000 types of a kind at most (SWF §12.1), so status needs no index. The first page begins
-- behind ('', ''), which stands before all names
select domain, kind, name, version, status, description, created_at, deprecated_at, defaults
from types
where domain = ?1 and kind = ?2 and (name, version) > (?4, ?5) and status = ?3
order by name, version
limit ?6

-- :name types_descending
-- primary key
select domain, kind, name, version, status, description, created_at, deprecated_at, defaults
from types
where domain = ?1 and kind = ?2 and (?4 is null or (name, version) < (?4, ?5)) and status = ?3
order by name desc, version desc
limit ?6

-- :name types_named_ascending
-- primary key
select domain, kind, name, version, status, description, created_at, deprecated_at, defaults
from types
where domain = ?1 and kind = ?2 and name = ?4 and (?5 is null or version > ?5) and status = ?3
order by version
limit ?6

-- :name types_named_descending
-- primary key
select domain, kind, name, version, status, description, created_at, deprecated_at, defaults
from types
where domain = ?1 and kind = ?2 and name = ?4 and (?5 is null or version < ?5) and status = ?3
order by version desc
limit ?6

-- :name count_types
-- primary key
select count(*) from types where domain = ?1 and kind = ?2

-- :name put_type
-- primary key
insert into types (domain, kind, name, version, status, description, created_at, deprecated_at, defaults)
values (?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (domain, kind, name, version) do update set
    status = excluded.status,
    description = excluded.description,
    created_at = excluded.created_at,
    deprecated_at = excluded.deprecated_at,
    defaults = excluded.defaults

-- :name deprecate_types
-- primary key
update types set status = 'DEPRECATED', deprecated_at = ?2 where domain = ?1 and status = 'REGISTERED'

-- :name delete_type
-- primary key
delete from types where domain = ?1 and kind = ?2 and name = ?3 and version = ?4

-- :name meta
-- primary key
select value from meta where key = ?1

-- :name metas
-- primary key
select key, value from meta where key >= ?1 and key < ?2 order by key limit ?3

-- :name put_meta
-- primary key
insert into meta (key, value) values (?1, ?2) on conflict (key) do update set value = excluded.value

-- :name delete_meta
-- primary key
delete from meta where key = ?
