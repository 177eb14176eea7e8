-- How a node claims executions, and with them their tasks and messages, without ever waiting for the lock of one. So nodes
-- do not deadlock over executions; a deadlock over another row is a conflict.
--
-- Candidates are found by a read without locks, which may look into all shards, and each is then claimed by a statement
-- that names its shard (claims.py, task_claims.py). What another node has claimed meanwhile is passed over.

-- :name try_lock_execution
-- executions_pkey; nothing when another node holds it
select run from executions where shard = :shard::smallint and run = :run::bigint for update skip locked

-- :name candidate_tasks
-- tasks_waiting, in three parts, which the caller puts in order: the priorities above the one whose first tasks have been
-- taken; that one, from the low watermark on, so that the dead entries before it are not read; the priorities below it
-- (low_watermarks.py)
(
    select run, scheduled_event_id, priority, position
    from tasks
    where domain = :domain::bigint
    and kind = :kind::text
    and task_list = :task_list::text
    and ready = true
    and priority <= :highest::integer
    and priority > :marked::integer
    order by priority desc, position
    limit :limit::bigint
)
union all
(
    select run, scheduled_event_id, priority, position
    from tasks
    where domain = :domain
    and kind = :kind
    and task_list = :task_list
    and ready = true
    and priority = :marked
    and position >= :first::bigint
    order by position
    limit :limit
)
union all
(
    select run, scheduled_event_id, priority, position
    from tasks
    where domain = :domain
    and kind = :kind
    and task_list = :task_list
    and ready = true
    and priority < :marked
    and priority >= :lowest::integer
    order by priority desc, position
    limit :limit
)

-- :name free_tasks
-- tasks_waiting, as above; executions_pkey. Where one server has all shards: a walk over the candidates that tries to lock
-- the execution of each as it comes, and ends when enough are locked, so that none is locked in vain and none is read
-- twice. What other nodes hold is passed over: gaps in `place` show that there was some, and the very last candidate is
-- returned in any case. `is_ours` is null when the execution does not exist. `offset 0` keeps a subquery whole, so that a row
-- is tried once, and by its key instead of by a hash of all executions
select run, scheduled_event_id, priority, position, is_ours, place, is_last
from (
    select
        *,
        case
            when exists (
                select 1 from executions where shard = (walked.run & 255) and run = walked.run for update skip locked
            ) then true
            when exists (
                select 1 from executions where shard = (walked.run & 255) and run = walked.run offset 0
            ) then false
        end as is_ours
    from (
        select *, row_number() over () as place, lead(run) over () is null as is_last
        from (
            (
                select run, scheduled_event_id, priority, position
                from tasks
                where domain = :domain::bigint
                and kind = :kind::text
                and task_list = :task_list::text
                and ready = true
                and priority <= :highest::integer
                and priority > :marked::integer
                order by priority desc, position
            )
            union all
            (
                select run, scheduled_event_id, priority, position
                from tasks
                where domain = :domain
                and kind = :kind
                and task_list = :task_list
                and ready = true
                and priority = :marked
                and position >= :first::bigint
                order by position
            )
            union all
            (
                select run, scheduled_event_id, priority, position
                from tasks
                where domain = :domain
                and kind = :kind
                and task_list = :task_list
                and ready = true
                and priority < :marked
                and priority >= :lowest::integer
                order by priority desc, position
            )
        ) as found
    ) as walked
    offset 0
) as tried
where is_ours is not false or is_last
limit :limit::bigint

-- :name delete_locked_task
-- tasks_pkey; the execution is locked already, so this does not wait. No row when the task was taken before that
delete from tasks
where shard = :shard::smallint
and run = :run::bigint
and scheduled_event_id = :scheduled_event_id::bigint
and position = :position::bigint
and ready = true
returning run

-- :name claim_task
-- executions_pkey, then tasks_pkey. Only a transaction that has locked an execution deletes its tasks, so `delete` never
-- waits. A task whose execution does not exist is taken, and thereby removed. The subqueries refer to no column of the outer
-- `tasks`, so each is carried out once, before `delete` looks for a row
delete from tasks
where shard = :shard::smallint
and run = :run::bigint
and scheduled_event_id = :scheduled_event_id::bigint
and position = :position::bigint
and ready = true
and (
    exists (select 1 from executions where shard = :shard and run = :run for update skip locked)
    or (
        not exists (select 1 from executions where shard = :shard and run = :run)
        and exists (
            select 1
            from tasks
            where shard = :shard and run = :run and scheduled_event_id = :scheduled_event_id
            for update skip locked
        )
    )
)
returning run

-- :name due_runs
-- progress_by_wake
select run, wake_at
from progress
where wake_at between :first::bigint and :now::bigint and (wake_at, run) > (:after_at::bigint, :after_run::bigint)
order by wake_at, run
limit :limit::bigint

-- :name expired_runs
-- executions_by_purge
select run, purge_at
from executions
where purge_at between :first::bigint and :now::bigint and (purge_at, run) > (:after_at::bigint, :after_run::bigint)
order by purge_at, run
limit :limit::bigint

-- :name messages
-- messages_in_order
select id, run, kind, domain, body
from messages
where id >= 0 and id >= :first::bigint
order by id
limit :limit::bigint

-- :name claim_message
-- messages_pkey
select id from messages where shard = :shard::smallint and id = :id::bigint for update skip locked

-- The same where one server has all shards: a statement may lock in all of them, and passes over what other nodes hold.
-- Never sent to servers that spread the tables.

-- :name lock_due_runs
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

-- :name lock_expired_runs
-- executions_by_purge
select run, purge_at
from executions
where purge_at between :first::bigint and :now::bigint
order by purge_at, run
limit :limit::bigint
for update skip locked

-- :name lock_messages
-- messages_in_order
select id, run, kind, domain, body
from messages
where id >= 0 and id >= :first::bigint
order by id
limit :limit::bigint
for update skip locked

-- :name moment_now
-- the server's clock, in milliseconds: not earlier than any commit that this transaction can see
select floor(extract(epoch from clock_timestamp()) * 1000)::bigint
