-- Domains, types and the small facts of the installation itself. None of it belongs to an execution, so none has a shard.

-- :name domain
-- domains_by_name
select id, tenant, name, status, description, retention, tags, clock
from domains
where tenant = :tenant::text and name = :name::text

-- :name domains_by_id
-- domains_pkey
select id, tenant, name, status, description, retention, tags, clock from domains where id = any(:ids::bigint[])

-- :name domains_ascending
-- domains_by_name; a tenant has 100 domains at most (SWF §12.1), so status needs no index. The first page begins
-- behind '', which stands before all names
select id, tenant, name, status, description, retention, tags, clock
from domains
where tenant = :tenant::text and status = :status::text and name > coalesce(:after::text, '')
order by name
limit :limit::bigint

-- :name domains_descending
-- domains_by_name
select id, tenant, name, status, description, retention, tags, clock
from domains
where tenant = :tenant::text and status = :status::text and (:after::text is null or name < :after)
order by name desc
limit :limit::bigint

-- :name count_domains
-- domains_by_name
select count(*) from domains where tenant = :tenant::text

-- :name clocked_domains
-- domains_by_clock
select id, tenant, name, status, description, retention, tags, clock
from domains
where clock is not null
order by id

-- :name share_domain
-- domains_pkey; nothing when another node holds it alone
select id, tenant, name, status, description, retention, tags, clock
from domains
where id = :id::bigint
for share skip locked

-- :name lock_domain
-- domains_pkey; nothing when another node holds it
select id, tenant, name, status, description, retention, tags, clock
from domains
where id = :id::bigint
for update skip locked

-- :name change_clock
-- domains_pkey
update domains set clock = :clock::bytea where id = :id::bigint

-- :name put_domain
-- domains_pkey; the clock of a domain that is there stays as it is
insert into domains (id, tenant, name, status, description, retention, tags, clock)
values (
    :id::bigint, :tenant::text, :name::text, :status::text, :description::bytea, :retention::text, :tags::bytea,
    :clock::bytea
)
on conflict (id) do update set
    tenant = excluded.tenant,
    name = excluded.name,
    status = excluded.status,
    description = excluded.description,
    retention = excluded.retention,
    tags = excluded.tags

-- :name delete_domain
-- domains_pkey
delete from domains where id = :id::bigint

-- :name type
-- types_pkey
select domain, kind, name, version, status, description, created_at, deprecated_at, defaults
from types
where domain = :domain::bigint and kind = :kind::text and name = :name::text and version = :version::text

-- :name types_ascending
-- types_pkey; a domain has 10,000 types of a kind at most (SWF §12.1), so status needs no index. The first page begins
-- behind ('', ''), which stands before all names
select domain, kind, name, version, status, description, created_at, deprecated_at, defaults
from types
where domain = :domain::bigint
and kind = :kind::text
and status = :status::text
and (name, version) > (coalesce(:name::text, ''), coalesce(:version::text, ''))
order by name, version
limit :limit::bigint

-- :name types_descending
-- types_pkey
select domain, kind, name, version, status, description, created_at, deprecated_at, defaults
from types
where domain = :domain::bigint
and kind = :kind::text
and status = :status::text
and (:name::text is null or (name, version) < (:name, :version::text))
order by name desc, version desc
limit :limit::bigint

-- :name types_named_ascending
-- types_pkey
select domain, kind, name, version, status, description, created_at, deprecated_at, defaults
from types
where domain = :domain::bigint
and kind = :kind::text
and status = :status::text
and name = :name::text
and version > coalesce(:version::text, '')
order by version
limit :limit::bigint

-- :name types_named_descending
-- types_pkey
select domain, kind, name, version, status, description, created_at, deprecated_at, defaults
from types
where domain = :domain::bigint
and kind = :kind::text
and status = :status::text
and name = :name::text
and (:version::text is null or version < :version)
order by version desc
limit :limit::bigint

-- :name count_types
-- types_pkey
select count(*) from types where domain = :domain::bigint and kind = :kind::text

-- :name put_type
-- types_pkey
insert into types (domain, kind, name, version, status, description, created_at, deprecated_at, defaults)
values (
    :domain::bigint,
    :kind::text,
    :name::text,
    :version::text,
    :status::text,
    :description::bytea,
    :created_at::bigint,
    :deprecated_at::bigint,
    :defaults::bytea
)
on conflict (domain, kind, name, version) do update set
    status = excluded.status,
    description = excluded.description,
    created_at = excluded.created_at,
    deprecated_at = excluded.deprecated_at,
    defaults = excluded.defaults

-- :name deprecate_types
-- types_pkey
update types
set status = 'DEPRECATED', deprecated_at = :at::bigint
where domain = :domain::bigint and status = 'REGISTERED'

-- :name delete_type
-- types_pkey
delete from types
where domain = :domain::bigint and kind = :kind::text and name = :name::text and version = :version::text

-- :name meta
-- meta_pkey
select value from meta where key = :key::text

-- :name metas
-- meta_pkey
select key, value from meta
where key >= :first::text and key < :last::text
order by key
limit :limit::bigint

-- :name put_meta
-- meta_pkey
insert into meta (key, value) values (:key::text, :value::bytea)
on conflict (key) do update set value = excluded.value

-- :name delete_meta
-- meta_pkey
delete from meta where key = :key::text
