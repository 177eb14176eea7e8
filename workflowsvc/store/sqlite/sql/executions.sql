-- Executions: the row of a run, its tags, and when it is due next.

-- :name executions
-- primary key, once for each of the runs asked for; a join with an array is three times as fast as a statement per run
select
    run, run_id, domain, workflow_id, type_name, type_version, tags, parent_workflow_id, parent_run_id,
    started_at, next_event_id, wake_at, cancel_requested, closed_at, close_status, purge_at
from carray(?1) as wanted cross join executions on run = wanted.value

-- :name open_run
-- executions_open
select run from executions where domain = ?1 and workflow_id = ?2 and closed_at is null

-- :name count_open
-- executions_open
select count(*) from executions where domain = ?1 and closed_at is null

-- :name insert_execution
-- executions_open refuses a second open run
insert into executions (
    run, run_id, domain, workflow_id, type_name, type_version, tags, parent_workflow_id, parent_run_id,
    started_at, next_event_id, wake_at, cancel_requested, closed_at, close_status, purge_at
) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- :name update_open_execution
-- primary key; touches no index but executions_by_wake
update executions set next_event_id = ?2, wake_at = ?3, cancel_requested = ?4 where run = ?1

-- :name close_execution
-- primary key; moves the row from the indexes of open runs to those of closed ones
update executions
set next_event_id = ?2, wake_at = ?3, cancel_requested = ?4, closed_at = ?5, close_status = ?6, purge_at = ?7
where run = ?1

-- :name tagged_executions
-- primary key; what is needed to move the tags of a run from one list to another
select run, domain, tags, started_at, closed_at
from carray(?1) as wanted cross join executions on run = wanted.value
where tags is not null

-- :name put_execution_tag
-- primary key; a tag given twice is one row
insert into execution_tags (domain, tag, list, at, run) values (?, ?, ?, ?, ?) on conflict do nothing

-- :name delete_execution_tag
-- primary key
delete from execution_tags where domain = ? and tag = ? and list = ? and at = ? and run = ?

-- :name next_wake_at
-- executions_by_wake; of runs that are due in real time (core/key_layout.py)
select min(wake_at) from executions where wake_at < 281474976710656

-- :name next_purge_at
-- executions_by_purge; of runs whose retention ends in real time (core/key_layout.py)
select min(purge_at) from executions where purge_at < 281474976710656

-- :name next_wake_from
-- executions_by_wake
select min(wake_at) from executions where wake_at >= ?1

-- :name next_purge_from
-- executions_by_purge
select min(purge_at) from executions where purge_at >= ?1

-- :name due_runs
-- executions_by_wake
select run from executions where wake_at <= ?1 order by wake_at, run limit ?2

-- :name expired_runs
-- executions_by_purge
select run from executions where purge_at <= ?1 order by purge_at, run limit ?2

-- :name expired_behind
-- executions_by_purge
select purge_at, run from executions
where purge_at between ?1 and ?2 and (purge_at, run) > (?3, ?4)
order by purge_at, run limit ?5

-- :name due_between
-- executions_by_wake
select run from executions where wake_at between ?1 and ?2 order by wake_at, run limit ?3

-- :name expired_between
-- executions_by_purge
select run from executions where purge_at between ?1 and ?2 order by purge_at, run limit ?3

-- :name delete_execution
-- primary key
delete from executions where run = ?1
