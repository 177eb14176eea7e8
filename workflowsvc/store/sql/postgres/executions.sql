-- Executions: the row of a run, its tags, and when it must be looked at again.
--
-- New rows travel as arrays, one for each column: a statement costs more than the rows in it. What is changed or deleted is
-- named by its key, a statement for each row: a join with an array would have a plan that turns round when the table was
-- empty at the time it was counted, and then reads all of it for every batch. Where arrays are joined for reading, `left
-- join` and `lateral` leave only one order.

-- :name executions
-- executions_pkey and progress_pkey, once for each of the runs asked for; `run` is null for those that are not there
select
    e.run, run_id, domain, workflow_id, type_name, type_version, tags, parent_workflow_id, parent_run_id,
    started_at,
    coalesce(p.next_event_id, e.next_event_id),
    coalesce(p.wake_at, e.wake_at),
    coalesce(p.cancel_requested, e.cancel_requested),
    closed_at, close_status, purge_at
from unnest(:shards::smallint[], :runs::bigint[]) as wanted (shard, run)
left join executions as e on e.shard = wanted.shard and e.run = wanted.run
left join progress as p on p.shard = e.shard and p.run = e.run

-- :name lock_executions
-- executions_pkey, in the order given, which is what keeps two nodes from waiting for each other. Reading is another
-- statement behind this one: it then sees what the holder of the lock has written
select e.run
from unnest(:shards::smallint[], :runs::bigint[]) as wanted (shard, run)
cross join lateral (
    select run from executions where shard = wanted.shard and run = wanted.run for update
) as e

-- :name open_run
-- executions_open
select e.run
from unnest(:shards::smallint[]) as wanted (shard)
cross join lateral (
    select run
    from executions
    where shard = wanted.shard
    and domain = :domain::bigint
    and workflow_id = :workflow_id::text
    and closed_at is null
    offset 0
) as e

-- :name count_open
-- executions_open_by_start
select count(*) from executions where domain = :domain::bigint and closed_at is null and started_at >= 0

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
set
    next_event_id = :next_event_id::bigint,
    wake_at = :wake_at::bigint,
    cancel_requested = :cancel_requested::boolean
where shard = :shard::smallint and run = :run::bigint

-- :name delete_progress
-- progress_pkey
delete from progress where shard = :shard::smallint and run = :run::bigint

-- :name close_execution
-- executions_pkey, progress_pkey, execution_tags_pkey; moves the row from the indexes of open runs to those of closed ones,
-- and from the lists of tags of open runs to those of closed ones
with progressed as (
    delete from progress where shard = :shard::smallint and run = :run::bigint
),

closed as (
    update executions
    set
        next_event_id = :next_event_id::bigint,
        wake_at = :wake_at::bigint,
        cancel_requested = :cancel_requested::boolean,
        closed_at = :closed_at::bigint,
        close_status = :close_status::text,
        purge_at = :purge_at::bigint
    where shard = :shard and run = :run
),

opened as (
    delete from execution_tags
    where shard = :shard and run = :run and list = 'open by start'
    returning tag, domain, at
)

insert into execution_tags (shard, run, list, tag, domain, at)
select :shard, :run, lists.list, opened.tag, opened.domain, lists.at
from opened
cross join lateral (values ('closed by start', opened.at), ('closed by close', :closed_at)) as lists (list, at)
on conflict do nothing

-- :name put_execution_tags
-- execution_tags_pkey; a tag given twice is one row
insert into execution_tags (shard, run, list, tag, domain, at)
select *
from
    unnest(
        :shard::smallint[], :run::bigint[], :list::text[], :tag::bytea[], :domain::bigint[], :at::bigint[]
    )
on conflict do nothing

-- :name delete_tags_of
-- execution_tags_pkey
delete from execution_tags where shard = :shard::smallint and run = :run::bigint

-- :name replace_execution
-- executions_pkey; for repairs
update executions
set
    run_id = :run_id::text,
    domain = :domain::bigint,
    workflow_id = :workflow_id::text,
    type_name = :type_name::text,
    type_version = :type_version::text,
    tags = :tags::bytea,
    parent_workflow_id = :parent_workflow_id::text,
    parent_run_id = :parent_run_id::text,
    started_at = :started_at::bigint,
    next_event_id = :next_event_id::bigint,
    wake_at = :wake_at::bigint,
    cancel_requested = :cancel_requested::boolean,
    closed_at = :closed_at::bigint,
    close_status = :close_status::text,
    purge_at = :purge_at::bigint
where shard = :shard::smallint and run = :run::bigint

-- :name next_wake_at
-- progress_by_wake
select min(wake_at) from progress where wake_at >= :first::bigint

-- :name next_purge_at
-- executions_by_purge
select min(purge_at) from executions where purge_at >= :first::bigint

-- :name due_runs
-- progress_by_wake, then executions_pkey: what is locked is the row in executions, as everywhere
select p.run, p.wake_at
from (
    select shard, run, wake_at
    from progress
    where wake_at between :first::bigint and :now::bigint
    order by wake_at, run
    offset 0
) as p
cross join lateral (
    select 1 from executions where shard = p.shard and run = p.run for update skip locked
) as e
limit :limit::bigint

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
