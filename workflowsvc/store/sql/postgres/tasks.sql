-- Task lists and the outbox between executions.

-- :name count_tasks
-- tasks_waiting
select count(*) from tasks where domain = :domain::bigint and kind = :kind::text and task_list = :task_list::text

-- :name put_tasks
-- tasks_pkey
insert into tasks (
    shard, run, scheduled_event_id, kind, domain, task_list, priority, position, ready
)
select *
from
    unnest(
        :shard::smallint[],
        :run::bigint[],
        :scheduled_event_id::bigint[],
        :kind::text[],
        :domain::bigint[],
        :task_list::text[],
        :priority::integer[],
        :position::bigint[],
        :ready::boolean[]
    )
on conflict (shard, run, scheduled_event_id) do update set
    kind = excluded.kind,
    domain = excluded.domain,
    task_list = excluded.task_list,
    priority = excluded.priority,
    position = excluded.position,
    ready = excluded.ready

-- :name ready_tasks
-- tasks_pkey; says where they stand, so that whoever takes from that list looks there
update tasks as t
set ready = true
from unnest(:shard::smallint[], :run::bigint[], :scheduled_event_id::bigint[]) as given (shard, run, id)
where t.shard = given.shard and t.run = given.run and t.scheduled_event_id = given.id
returning t.domain, t.kind, t.task_list, t.priority, t.position

-- :name take_tasks
-- tasks_waiting, stretch by stretch, beginning where the last task was taken, not at the dead entries before it
-- (postgres_marks.py); tasks_pkey to remove what was found. Rows that another node holds are passed over. The limit outside
-- ends the walk; `order by` there would first walk all stretches
with taken as (
    select found.shard, found.run, found.scheduled_event_id
    from
        unnest(:highest::integer[], :lowest::integer[], :first::bigint[]) as stretch (highest, lowest, first)
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
        limit :limit::bigint
        for update skip locked
    ) as found
    limit :limit
)

delete from tasks as t
using taken
where t.shard = taken.shard and t.run = taken.run and t.scheduled_event_id = taken.scheduled_event_id
returning t.run, t.scheduled_event_id, t.kind, t.domain, t.task_list, t.priority, t.position, t.ready

-- :name delete_tasks
-- tasks_pkey
delete from tasks as t
using unnest(:shard::smallint[], :run::bigint[], :scheduled_event_id::bigint[]) as gone (shard, run, id)
where t.shard = gone.shard and t.run = gone.run and t.scheduled_event_id = gone.id

-- :name delete_tasks_of
-- tasks_pkey
delete from tasks as t
using unnest(:shards::smallint[], :runs::bigint[]) as gone (shard, run)
where t.shard = gone.shard and t.run = gone.run

-- :name put_messages
-- messages_pkey
insert into messages (shard, id, run, kind, domain, body)
select *
from
    unnest(
        :shard::smallint[], :id::bigint[], :run::bigint[], :kind::text[], :domain::bigint[], :body::bytea[]
    )

-- :name messages
-- messages_in_order
select id, run, kind, domain, body
from messages
where id >= :first::bigint
order by id
limit :limit::bigint
for update skip locked

-- :name delete_messages
-- messages_pkey
delete from messages as m
using unnest(:shards::smallint[], :ids::bigint[]) as gone (shard, id)
where m.shard = gone.shard and m.id = gone.id

-- :name delete_messages_by_id
-- messages_in_order; for ids that this transaction has not read, so that nobody knows their shard
delete from messages where id = any(:ids::bigint[]) returning id
