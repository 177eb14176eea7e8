-- What a node tries to get without ever waiting for another: executions, and tasks together with their executions. Nobody
-- who holds one waits for a second, so there are no deadlocks between nodes.

-- :name try_lock_executions
-- executions_pkey; those that another node holds are passed over
select e.run
from unnest(:shards::smallint[], :runs::bigint[]) as wanted (shard, run)
cross join lateral (
    select run from executions where shard = wanted.shard and run = wanted.run for update skip locked
) as e

-- :name claim_tasks
-- tasks_waiting, stretch by stretch, beginning where the last task was taken, not at the dead entries before it
-- (postgres_marks.py); executions_pkey; tasks_pkey. A task whose execution another node holds is passed over: `place` counts
-- the tasks looked at, so it tells. One without an execution is taken, and so done with. Only who holds an execution
-- deletes its tasks, so nobody waits in `delete`. The limit ends the walk; `order by` there would first walk all stretches.
-- `materialized`: a walk inside of a join may be repeated for every row of the other side, and then ends far beyond the limit.
-- When nothing is taken, a row of nulls says that something is there all the same
with free as materialized (
    select found.*
    from (
        select waiting.*, row_number() over () as place
        from
            unnest(:highest::integer[], :lowest::integer[], :first::bigint[])
                as stretch (highest, lowest, first)
        cross join lateral (
            select shard, run, scheduled_event_id
            from tasks
            where domain = :domain::bigint
            and kind = :kind::text
            and task_list = :task_list::text
            and ready = true
            and priority between stretch.lowest and stretch.highest
            and position >= stretch.first
            order by priority desc, position
            offset 0
        ) as waiting
    ) as found
    cross join lateral (
        select 1
        from (
            select 1 from executions where shard = found.shard and run = found.run for update skip locked
        ) as e
        union all
        select 1
        from (
            select 1
            from tasks as stray
            where stray.shard = found.shard
            and stray.run = found.run
            and stray.scheduled_event_id = found.scheduled_event_id
            and not exists (select 1 from executions where shard = found.shard and run = found.run)
            for update of stray skip locked
        ) as s
    ) as ours
    limit :limit::bigint
),

claimed as (
    delete from tasks as t
    using free
    where t.shard = free.shard and t.run = free.run and t.scheduled_event_id = free.scheduled_event_id
    returning
        t.run, t.scheduled_event_id, t.kind, t.domain, t.task_list, t.priority, t.position, t.ready, free.place
)

select * from claimed
union all
select null, null, null, null, null, null, null, null, null
where not exists (select 1 from claimed)
and exists (
    select 1
    from
        unnest(:highest, :lowest, :first) as stretch (highest, lowest, first)
    cross join lateral (
        select 1
        from tasks
        where domain = :domain
        and kind = :kind
        and task_list = :task_list
        and ready = true
        and priority between stretch.lowest and stretch.highest
        and position >= stretch.first
        limit 1
    ) as waiting
)

-- :name moment_now
-- the server's clock, in milliseconds: later than everything that can be seen
select floor(extract(epoch from clock_timestamp()) * 1000)::bigint
