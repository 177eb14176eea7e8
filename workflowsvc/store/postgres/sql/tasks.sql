-- Task lists and the outbox between executions.

-- :name count_tasks
-- tasks_waiting
select count(*) from tasks where domain = :domain::bigint and kind = :kind::text and task_list = :task_list::text

-- :name next_task_list
-- tasks_waiting; from list to list without recursion, which servers that spread the table do not offer
select min(task_list)
from tasks
where domain = :domain::bigint and kind = :kind::text and task_list > :after::text

-- :name backlog
-- tasks_waiting
select priority, count(*), min(position)
from tasks
where domain = :domain::bigint and kind = :kind::text and task_list = :task_list::text
group by ready, priority

-- :name first_task_behind
-- tasks_waiting
select run, scheduled_event_id, kind, domain, task_list, priority, position, ready
from tasks
where (domain, kind, task_list) > (:domain::bigint, :kind::text, :task_list::text) and ready
order by domain, kind, task_list
limit 1

-- :name waiting_task
-- tasks_pkey
select run, scheduled_event_id, kind, domain, task_list, priority, position, ready
from tasks
where shard = :shard::smallint and run = :run::bigint and scheduled_event_id = :scheduled_event_id::bigint

-- :name tasks_ahead
-- two ranges of tasks_waiting: higher priorities, and the older ones of the same priority
select
    (
        select count(*) from (
            select 1 from tasks
            where domain = :domain::bigint and kind = :kind::text and task_list = :task_list::text and ready
            and priority > :priority::integer
            limit :limit::bigint
        ) as higher
    )
    + (
        select count(*) from (
            select 1 from tasks
            where domain = :domain and kind = :kind and task_list = :task_list and ready
            and priority = :priority and position < :position::bigint
            limit :limit
        ) as older
    )

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

-- :name ready_task
-- tasks_pkey; returns where the task stands, for the low watermark of its list
update tasks
set ready = true
where shard = :shard::smallint and run = :run::bigint and scheduled_event_id = :scheduled_event_id::bigint
returning domain, kind, task_list, priority, position

-- :name delete_task
-- tasks_pkey
delete from tasks
where shard = :shard::smallint and run = :run::bigint and scheduled_event_id = :scheduled_event_id::bigint

-- :name delete_tasks_of
-- tasks_pkey
delete from tasks where shard = :shard::smallint and run = :run::bigint

-- :name put_messages
-- messages_pkey
insert into messages (shard, id, run, kind, domain, body)
select *
from
    unnest(
        :shard::smallint[], :id::bigint[], :run::bigint[], :kind::text[], :domain::bigint[], :body::bytea[]
    )

-- :name has_messages
-- messages_in_order, read whole: few wait at a time
select exists (select 1 from messages where id >= 0 and domain = :domain::bigint)

-- :name delete_message
-- messages_pkey
delete from messages where shard = :shard::smallint and id = :id::bigint

-- :name delete_messages_by_id
-- messages_pkey, read whole: for repairs. The engine deletes what it has read, and knows the shard of that
delete from messages where id = any(:ids::bigint[]) returning id
