-- Executions: the row of a run, its tags, and when it must be looked at again. Lists of rows travel as arrays, one for each
-- column: a statement costs more than the rows in it.

-- :name executions
-- executions_pkey and progress_pkey, once for each of the runs asked for
select
    e.run, run_id, domain, workflow_id, type_name, type_version, tags, parent_workflow_id, parent_run_id,
    started_at,
    coalesce(p.next_event_id, e.next_event_id),
    coalesce(p.wake_at, e.wake_at),
    coalesce(p.cancel_requested, e.cancel_requested),
    closed_at, close_status, purge_at
from unnest(:shards::smallint[], :runs::bigint[]) as wanted (shard, run)
join executions as e on e.shard = wanted.shard and e.run = wanted.run
left join progress as p on p.shard = e.shard and p.run = e.run

-- :name lock_executions
-- executions_pkey. The order is what keeps two nodes from waiting for each other. Reading is another statement behind this
-- one: it then sees what the holder of the lock has written
select e.run
from unnest(:shards::smallint[], :runs::bigint[]) as wanted (shard, run)
join executions as e on e.shard = wanted.shard and e.run = wanted.run
order by e.shard, e.run
for update of e

-- :name open_run
-- executions_open
select run
from executions
where shard = any(:shards::smallint[])
and domain = :domain::bigint
and workflow_id = :workflow_id::text
and closed_at is null

-- :name count_open
-- executions_open_by_start
select count(*) from executions where domain = :domain::bigint and closed_at is null

-- :name insert_executions
-- executions_open refuses a second open run, executions_pkey a run that exists
insert into executions (
    shard, run, run_id, domain, workflow_id, type_name, type_version, tags, parent_workflow_id, parent_run_id,
    started_at, next_event_id, wake_at, cancel_requested, closed_at, close_status, purge_at
)
select *
from
    unnest(
        :shard::smallint[],
        :run::bigint[],
        :run_id::text[],
        :domain::bigint[],
        :workflow_id::text[],
        :type_name::text[],
        :type_version::text[],
        :tags::bytea[],
        :parent_workflow_id::text[],
        :parent_run_id::text[],
        :started_at::bigint[],
        :next_event_id::bigint[],
        :wake_at::bigint[],
        :cancel_requested::boolean[],
        :closed_at::bigint[],
        :close_status::text[],
        :purge_at::bigint[]
    )

-- :name insert_progress
-- progress_pkey
insert into progress (shard, run, next_event_id, wake_at, cancel_requested)
select *
from
    unnest(
        :shard::smallint[],
        :run::bigint[],
        :next_event_id::bigint[],
        :wake_at::bigint[],
        :cancel_requested::boolean[]
    )

-- :name update_progress
-- progress_pkey
update progress
set next_event_id = new.next_event_id, wake_at = new.wake_at, cancel_requested = new.cancel_requested
from
    unnest(
        :shard::smallint[],
        :run::bigint[],
        :next_event_id::bigint[],
        :wake_at::bigint[],
        :cancel_requested::boolean[]
    ) as new (shard, run, next_event_id, wake_at, cancel_requested)
where progress.shard = new.shard and progress.run = new.run

-- :name delete_progress
-- progress_pkey
delete from progress
using unnest(:shards::smallint[], :runs::bigint[]) as gone (shard, run)
where progress.shard = gone.shard and progress.run = gone.run

-- :name close_executions
-- executions_pkey; moves the row from the indexes of open runs to those of closed ones
update executions as e
set
    next_event_id = new.next_event_id,
    wake_at = new.wake_at,
    cancel_requested = new.cancel_requested,
    closed_at = new.closed_at,
    close_status = new.close_status,
    purge_at = new.purge_at
from
    unnest(
        :shard::smallint[],
        :run::bigint[],
        :next_event_id::bigint[],
        :wake_at::bigint[],
        :cancel_requested::boolean[],
        :closed_at::bigint[],
        :close_status::text[],
        :purge_at::bigint[]
    ) as new (shard, run, next_event_id, wake_at, cancel_requested, closed_at, close_status, purge_at)
where e.shard = new.shard and e.run = new.run

-- :name put_execution_tags
-- execution_tags_pkey; a tag given twice is one row
insert into execution_tags (shard, run, list, tag, domain, at)
select *
from
    unnest(
        :shard::smallint[], :run::bigint[], :list::text[], :tag::bytea[], :domain::bigint[], :at::bigint[]
    )
on conflict do nothing

-- :name close_execution_tags
-- execution_tags_pkey; takes runs that close off the lists of open ones and puts them on those of closed ones
with closing as (
    select shard, run, closed_at
    from unnest(:shard::smallint[], :run::bigint[], :closed_at::bigint[]) as given (shard, run, closed_at)
),

opened as (
    delete from execution_tags as t using closing
    where t.shard = closing.shard and t.run = closing.run and t.list = 'open by start'
    returning t.shard, t.run, t.tag, t.domain, t.at as started_at, closing.closed_at
)

insert into execution_tags (shard, run, list, tag, domain, at)
select opened.shard, opened.run, lists.list, opened.tag, opened.domain, lists.at
from opened
cross join lateral (
    values ('closed by start', opened.started_at), ('closed by close', opened.closed_at)
) as lists (list, at)
on conflict do nothing

-- :name delete_tags_of
-- execution_tags_pkey
delete from execution_tags as t
using unnest(:shards::smallint[], :runs::bigint[]) as gone (shard, run)
where t.shard = gone.shard and t.run = gone.run

-- :name replace_executions
-- executions_pkey; for repairs
update executions as e
set
    run_id = new.run_id,
    domain = new.domain,
    workflow_id = new.workflow_id,
    type_name = new.type_name,
    type_version = new.type_version,
    tags = new.tags,
    parent_workflow_id = new.parent_workflow_id,
    parent_run_id = new.parent_run_id,
    started_at = new.started_at,
    next_event_id = new.next_event_id,
    wake_at = new.wake_at,
    cancel_requested = new.cancel_requested,
    closed_at = new.closed_at,
    close_status = new.close_status,
    purge_at = new.purge_at
from
    unnest(
        :shard::smallint[],
        :run::bigint[],
        :run_id::text[],
        :domain::bigint[],
        :workflow_id::text[],
        :type_name::text[],
        :type_version::text[],
        :tags::bytea[],
        :parent_workflow_id::text[],
        :parent_run_id::text[],
        :started_at::bigint[],
        :next_event_id::bigint[],
        :wake_at::bigint[],
        :cancel_requested::boolean[],
        :closed_at::bigint[],
        :close_status::text[],
        :purge_at::bigint[]
    ) as new (
        shard, run, run_id, domain, workflow_id, type_name, type_version, tags, parent_workflow_id, parent_run_id,
        started_at, next_event_id, wake_at, cancel_requested, closed_at, close_status, purge_at
    )
where e.shard = new.shard and e.run = new.run

-- :name next_wake_at
-- progress_by_wake
select min(wake_at) from progress where wake_at >= :first::bigint

-- :name next_purge_at
-- executions_by_purge
select min(purge_at) from executions where purge_at >= :first::bigint

-- :name due_runs
-- progress_by_wake. What is locked is the row in executions, as everywhere
select p.run, p.wake_at
from progress as p
join executions as e on e.shard = p.shard and e.run = p.run
where p.wake_at between :first::bigint and :now::bigint
order by p.wake_at, p.run
limit :limit::bigint
for update of e skip locked

-- :name expired_runs
-- executions_by_purge
select run, purge_at
from executions
where purge_at between :first::bigint and :now::bigint
order by purge_at, run
limit :limit::bigint
for update skip locked

-- :name delete_execution
-- executions_pkey
delete from executions where shard = :shard::smallint and run = :run::bigint
