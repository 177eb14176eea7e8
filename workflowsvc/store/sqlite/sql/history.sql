-- Histories, and the one fact they do not hold: the last heartbeat of an activity.

-- :name append_event
-- events_by_run refuses a second event of this id
insert into events (run, event_id, body) values (?, ?, ?)

-- :name events_ascending
-- events_by_run
select body from events where run = ?1 and event_id between ?2 and ?3 order by event_id limit ?4

-- :name events_descending
-- events_by_run
select body from events where run = ?1 and event_id between ?2 and ?3 order by event_id desc limit ?4

-- :name delete_newest_events
-- events_by_run
delete from events where place in (select place from events where run = ?1 order by event_id desc limit ?2)

-- :name has_events
-- events_by_run
select exists (select 1 from events where run = ?1)

-- :name heartbeats
-- primary key
select run, scheduled_event_id, at, details from heartbeats where run = ?1 order by scheduled_event_id

-- :name put_heartbeat
-- primary key
insert into heartbeats (run, scheduled_event_id, at, details) values (?, ?, ?, ?)
on conflict (run, scheduled_event_id) do update set at = excluded.at, details = excluded.details

-- :name delete_heartbeat
-- primary key
delete from heartbeats where run = ? and scheduled_event_id = ?

-- :name delete_heartbeats_of
-- primary key
delete from heartbeats where run = ?
