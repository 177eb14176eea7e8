-- Executions: the row of a run, its tags, and when it is due next.
--
-- New rows are sent as arrays, one for each column, because a statement costs more than the rows in it; generated/of_one_row.sql
-- has the form for single rows. What is read, locked, changed or deleted is named by its key, in a statement for each row.
-- So a database that spreads the tables knows where to send the statement, and the plan cannot start from the wrong side, as
-- that of a join with an array does when the table was empty when it was last analyzed. generated/of_many.sql has the form
-- for many keys of what is asked most, for one server; `lateral` fixes its plan. Every table in a statement is given
-- the shard, so that the planner need not derive it.

-- :name execution
-- executions_pkey and progress_pkey
select
    e.run, run_id, domain, workflow_id, type_name, type_version, tags, parent_workflow_id, parent_run_id,
    started_at,
    coalesce(p.next_event_id, e.next_event_id),
    coalesce(p.wake_at, e.wake_at),
    coalesce(p.cancel_requested, e.cancel_requested),
    closed_at, close_status, purge_at
from executions as e
left join progress as p on p.shard = :shard::smallint and p.run = :run::bigint
where e.shard = :shard and e.run = :run

-- :name locked_execution
-- executions_pkey, progress_pkey and heartbeats_pkey. What a node must know of an execution that it has locked, and the
-- heartbeats, which are asked for next: one row for each, or a single row without. Mostly there are none, so that a statement
-- of their own was in vain
select
    e.run, run_id, domain, workflow_id, coalesce(p.next_event_id, e.next_event_id), closed_at, purge_at,
    tags is not null,
    h.scheduled_event_id, h.at, h.details
from executions as e
left join progress as p on p.shard = :shard::smallint and p.run = :run::bigint
left join heartbeats as h on h.shard = :shard and h.run = :run
where e.shard = :shard and e.run = :run

-- :name open_run
-- executions_open
select run
from executions
where shard = :shard::smallint and domain = :domain::bigint and workflow_id = :workflow_id::text and closed_at is null

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

-- :name put_progress
-- progress_pkey; of runs that start, and of open runs, whose rows exist. As an update it would have to join with the
-- arrays, whose plan may start from the wrong side (above)
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
on conflict (shard, run) do update set
    next_event_id = excluded.next_event_id, wake_at = excluded.wake_at, cancel_requested = excluded.cancel_requested

-- :name delete_progress
-- progress_pkey
delete from progress where shard = :shard::smallint and run = :run::bigint

-- :name close_execution
-- executions_pkey and progress_pkey; moves the row from the indexes of open runs to those of closed ones
with gone as (delete from progress where shard = :shard::smallint and run = :run::bigint)

update executions
set
    next_event_id = :next_event_id::bigint,
    wake_at = :wake_at::bigint,
    cancel_requested = :cancel_requested::boolean,
    closed_at = :closed_at::bigint,
    close_status = :close_status::text,
    purge_at = :purge_at::bigint
where shard = :shard and run = :run

-- :name list_tags_by_close
-- execution_tags_pkey; the lists of closed runs, when a run closes that has tags
insert into execution_tags (shard, run, list, tag, domain, at)
select shard, run, 'closed by close', tag, domain, :closed_at::bigint
from execution_tags
where shard = :shard::smallint and run = :run::bigint and list = 'open by start'
on conflict do nothing

-- :name list_tags_as_closed
-- execution_tags_pkey; sent after the statement above
update execution_tags
set list = 'closed by start'
where shard = :shard::smallint and run = :run::bigint and list = 'open by start'

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
-- progress_by_wake; of runs that are due in real time (core/key_layout.py)
select min(wake_at) from progress where wake_at >= :first::bigint and wake_at < 281474976710656

-- :name next_purge_at
-- executions_by_purge; of runs whose retention ends in real time (core/key_layout.py)
select min(purge_at) from executions where purge_at >= :first::bigint and purge_at < 281474976710656

-- :name next_wake_from
-- progress_by_wake
select min(wake_at) from progress where wake_at >= :first::bigint

-- :name next_purge_from
-- executions_by_purge
select min(purge_at) from executions where purge_at >= :first::bigint

-- :name delete_execution
-- executions_pkey
delete from executions where shard = :shard::smallint and run = :run::bigint
