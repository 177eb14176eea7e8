-- What a node tries to get without ever waiting for another: executions, and with them what belongs to them. Nobody who
-- holds one waits for a second, so there are no deadlocks between nodes.
--
-- Each thing is found by a read without locks, which may look into all shards, and then claimed by a statement that names
-- its shard (postgres_claims.py). What somebody else has got meanwhile is passed over.

-- :name try_lock_execution
-- executions_pkey; nothing when another node holds it
select run from executions where shard = :shard::smallint and run = :run::bigint for update skip locked

-- :name candidate_tasks
-- tasks_waiting: beside the priority whose first tasks have been taken, and within it where the last one stood, not at the
-- dead entries before it (postgres_marks.py). Whoever asks puts the three parts in order
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
-- tasks_waiting, as above; executions_pkey. Where one server has all shards: a walk over the candidates that tries the
-- execution of each as it comes, and ends when enough are locked, so that none is locked in vain and none is read twice. What
-- others hold is passed over: `place` tells by its gaps, and the last candidate of all is given in any case. `is_ours` is
-- null when there is no such execution. `offset 0` keeps a subquery whole: a row is tried once, and never by a table of all
-- executions
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
-- tasks_pkey; of an execution that is locked, so nobody waits. Nothing when it was taken before that
delete from tasks
where shard = :shard::smallint
and run = :run::bigint
and scheduled_event_id = :scheduled_event_id::bigint
and position = :position::bigint
and ready = true
returning run

-- :name claim_task
-- executions_pkey, then tasks_pkey. Only who holds an execution deletes its tasks, so nobody waits in `delete`. A task
-- without an execution is taken, and so done with. The subqueries name nothing of `tasks` outside, so each is answered once,
-- before `delete` looks for a row
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

-- The same on one server, where a statement may lock in all shards and pass over by itself what is held. Never sent to
-- servers that spread the tables.

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
-- the server's clock, in milliseconds: later than everything that can be seen
select floor(extract(epoch from clock_timestamp()) * 1000)::bigint
