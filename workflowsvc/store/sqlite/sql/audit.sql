-- What audits, repairs and copies ask (workflowsvc fsck, copy). They read whole tables anyway, so no index is kept for them.

-- :name every_meta
-- primary key
select key, value from meta order by key

-- :name every_domain
-- primary key
select id, tenant, name, status, description, retention, tags, clock from domains where id > ?1 order by id limit ?2

-- :name every_type
-- primary key
select domain, kind, name, version, status, description, created_at, deprecated_at, defaults
from types
where (domain, kind, name, version) > (?1, ?2, ?3, ?4)
order by domain, kind, name, version
limit ?5

-- :name numbered_events
-- events_by_run
select run, event_id, body from events where run = ?1 and event_id > ?2 order by event_id limit ?3

-- :name runs
-- primary key
select run from executions where run > ?1 order by run limit ?2

-- :name tasks_of
-- primary key
select t.run, scheduled_event_id, kind, domain, task_list, priority, position, ready
from carray(?1) as wanted cross join tasks as t on t.run = wanted.value
order by t.run, scheduled_event_id

-- :name tags_of
-- none: the key of execution_tags begins with what lists ask for
select t.run, domain, tag, list, at
from carray(?1) as wanted join execution_tags as t on t.run = wanted.value
order by t.run, tag, list, at

-- :name heartbeats_of
-- primary key
select h.run, scheduled_event_id, at, details
from carray(?1) as wanted cross join heartbeats as h on h.run = wanted.value
order by h.run, scheduled_event_id

-- :name waiting_messages
-- primary key
select id, run, kind, domain, body from messages where id > ?1 order by id limit ?2

-- :name orphan_events
-- events_by_run, from one run to the next; a run that is no number, which comes behind all numbers, is the last: a text of
-- digits is compared as a number, and so would be behind itself
with recursive found (run) as (
    select min(run) from events
    union all
    select (select min(e.run) from events as e where e.run > found.run) from found
    where typeof(found.run) in ('integer', 'real')
)
select 'events', run from found
where run is not null and not exists (select 1 from executions as x where x.run = found.run) limit ?1

-- :name orphan_tasks
-- primary key of executions, for each task
select distinct 'tasks', run from tasks as t
where not exists (select 1 from executions as x where x.run = t.run) order by run limit ?1

-- :name orphan_heartbeats
-- primary key of executions, for each heartbeat
select distinct 'heartbeats', run from heartbeats as h
where not exists (select 1 from executions as x where x.run = h.run) order by run limit ?1

-- :name orphan_tags
-- primary key of executions, for each tag
select distinct 'execution_tags', run from execution_tags as t
where not exists (select 1 from executions as x where x.run = t.run) order by run limit ?1

-- :name integrity_errors
-- all of them are compared with their tables
select integrity_check from pragma_integrity_check where integrity_check <> 'ok' limit ?1

-- :name replace_execution
-- primary key
update executions set
    run_id = ?2, domain = ?3, workflow_id = ?4, type_name = ?5, type_version = ?6, tags = ?7, parent_workflow_id = ?8,
    parent_run_id = ?9, started_at = ?10, next_event_id = ?11, wake_at = ?12, cancel_requested = ?13, closed_at = ?14,
    close_status = ?15, purge_at = ?16
where run = ?1

-- :name delete_tags_of
-- none: as tags_of
delete from execution_tags where run = ?1
