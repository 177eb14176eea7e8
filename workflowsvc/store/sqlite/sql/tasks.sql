-- Task lists and the outbox between executions.

-- :name count_tasks
-- tasks_waiting
select count(*) from tasks where domain = ?1 and kind = ?2 and task_list = ?3

-- :name task_lists
-- tasks_waiting, from list to list
with recursive lists (name) as (
    select min(task_list) from tasks where domain = ?1 and kind = ?2 and task_list > ?3
    union all
    select (select min(task_list) from tasks where domain = ?1 and kind = ?2 and task_list > lists.name)
    from lists
    where lists.name is not null
)
select name from lists where name is not null limit ?4

-- :name backlog
-- tasks_waiting
select priority, count(*), min(position)
from tasks
where domain = ?1 and kind = ?2 and task_list = ?3
group by ready, priority

-- :name first_task_behind
-- tasks_waiting
select run, scheduled_event_id, kind, domain, task_list, priority, position, ready
from tasks
where (domain, kind, task_list) > (?1, ?2, ?3) and ready = 1
order by domain, kind, task_list
limit 1

-- :name tasks_ahead
-- primary key, then two ranges of tasks_waiting: higher priorities, and the older ones of the same priority
select
    (
        select count(*) from (
            select 1 from tasks as mine cross join tasks as t indexed by tasks_waiting
            where mine.run = ?1 and mine.scheduled_event_id = ?2
            and t.domain = mine.domain and t.kind = mine.kind and t.task_list = mine.task_list and t.ready = 1
            and t.priority > mine.priority
            limit ?3
        )
    )
    + (
        select count(*) from (
            select 1 from tasks as mine cross join tasks as t indexed by tasks_waiting
            where mine.run = ?1 and mine.scheduled_event_id = ?2
            and t.domain = mine.domain and t.kind = mine.kind and t.task_list = mine.task_list and t.ready = 1
            and t.priority = mine.priority and t.position < mine.position
            limit ?3
        )
    )

-- :name put_task
-- primary key
insert into tasks (run, scheduled_event_id, kind, domain, task_list, priority, position, ready)
values (?, ?, ?, ?, ?, ?, ?, ?)
on conflict (run, scheduled_event_id) do update set
    kind = excluded.kind,
    domain = excluded.domain,
    task_list = excluded.task_list,
    priority = excluded.priority,
    position = excluded.position,
    ready = excluded.ready

-- :name ready_task
-- primary key
update tasks set ready = 1 where run = ? and scheduled_event_id = ?

-- :name next_tasks
-- tasks_waiting, in its own order. To take them is this and delete_task: a delete with `returning` does both at once, but
-- cost 30 times as much here
select run, scheduled_event_id, kind, domain, task_list, priority, position, ready
from tasks
where domain = ?1 and kind = ?2 and task_list = ?3 and ready = 1
order by priority desc, position
limit ?4

-- :name delete_task
-- primary key
delete from tasks where run = ? and scheduled_event_id = ?

-- :name delete_tasks_of
-- primary key
delete from tasks where run = ?

-- :name put_message
-- primary key
insert into messages (id, run, kind, domain, body) values (?, ?, ?, ?, ?)

-- :name messages
-- primary key
select id, run, kind, domain, body from messages order by id limit ?1

-- :name has_messages
-- read whole: few wait at a time
select exists (select 1 from messages where domain = ?1)

-- :name delete_message
-- primary key
delete from messages where id = ?
