-- What audits and copies read: whole tables, page by page or shard by shard, so that no statement takes long.

-- :name every_meta
-- meta_pkey
select key, value from meta order by key

-- :name every_domain
-- domains_pkey
select id, tenant, name, status, description, retention, tags, clock
from domains
where id > :after::bigint
order by id
limit :limit::bigint

-- :name every_type
-- types_pkey
select domain, kind, name, version, status, description, created_at, deprecated_at, defaults
from types
where (domain, kind, name, version) > (:domain::bigint, :kind::text, :name::text, :version::text)
order by domain, kind, name, version
limit :limit::bigint

-- :name numbered_events
-- events_pkey
select run, event_id, body
from events
where shard = :shard::smallint and run = :run::bigint and event_id > :after::bigint
order by event_id
limit :limit::bigint

-- :name runs
-- executions_pkey
select run
from executions
where shard = :shard::smallint and run > :after::bigint
order by run
limit :limit::bigint

-- :name tasks_of
-- tasks_pkey
select run, scheduled_event_id, kind, domain, task_list, priority, position, ready
from tasks
where shard = :shard::smallint and run = :run::bigint
order by scheduled_event_id

-- :name tags_of
-- execution_tags_pkey
select run, domain, tag, list, at
from execution_tags
where shard = :shard::smallint and run = :run::bigint
order by tag, list

-- :name waiting_messages
-- messages_in_order
select id, run, kind, domain, body from messages where id >= 0 and id > :after::bigint order by id limit :limit::bigint

-- :name orphan_events
-- events_pkey: from run to run, not from row to row
with recursive found (run) as (
    (select run from events where shard = :shard::smallint order by run limit 1)
    union all
    select following.run
    from found
    cross join lateral (
        select run from events where shard = :shard and run > found.run order by run limit 1
    ) as following
)

select 'events', found.run
from found
left join lateral (
    select true as known from executions where shard = :shard and run = found.run offset 0
) as e on true
where e.known is null
limit :limit::bigint

-- :name orphan_tasks
-- tasks_pkey: from run to run, not from row to row
with recursive found (run) as (
    (select run from tasks where shard = :shard::smallint order by run limit 1)
    union all
    select following.run
    from found
    cross join lateral (
        select run from tasks where shard = :shard and run > found.run order by run limit 1
    ) as following
)

select 'tasks', found.run
from found
left join lateral (
    select true as known from executions where shard = :shard and run = found.run offset 0
) as e on true
where e.known is null
limit :limit::bigint

-- :name orphan_heartbeats
-- heartbeats_pkey: from run to run, not from row to row
with recursive found (run) as (
    (select run from heartbeats where shard = :shard::smallint order by run limit 1)
    union all
    select following.run
    from found
    cross join lateral (
        select run from heartbeats where shard = :shard and run > found.run order by run limit 1
    ) as following
)

select 'heartbeats', found.run
from found
left join lateral (
    select true as known from executions where shard = :shard and run = found.run offset 0
) as e on true
where e.known is null
limit :limit::bigint

-- :name orphan_tags
-- execution_tags_pkey: from run to run, not from row to row
with recursive found (run) as (
    (select run from execution_tags where shard = :shard::smallint order by run limit 1)
    union all
    select following.run
    from found
    cross join lateral (
        select run from execution_tags where shard = :shard and run > found.run order by run limit 1
    ) as following
)

select 'execution_tags', found.run
from found
left join lateral (
    select true as known from executions where shard = :shard and run = found.run offset 0
) as e on true
where e.known is null
limit :limit::bigint

-- :name invalid_indexes
-- pg_index; the rest of its own files PostgreSQL checks as it reads them, when data checksums are on
select 'the index ' || indexrelid::regclass || ' is not valid: `reindex index` makes it anew'
from pg_index
where
    not (indisvalid and indisready and indislive)
    and indrelid in (select oid from pg_class where relnamespace = quote_ident(current_schema())::regnamespace)

-- :name damaged_progress
-- executions_pkey and progress_pkey, walked whole, a shard at a time
select
    case
        when p.run is null then 'open run ' || e.run || ' has no row in progress'
        when e.run is null then 'progress of run ' || p.run || ' belongs to no run'
        else 'closed run ' || e.run || ' still has a row in progress'
    end
from (select run, closed_at from executions where shard = :shard::smallint) as e
full join (select run from progress where shard = :shard) as p on p.run = e.run
where (e.closed_at is null) = (p.run is null) or e.run is null
limit :limit::bigint
