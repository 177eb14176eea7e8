-- Histories, and the one fact they do not hold: the last heartbeat of an activity.

-- :name append_event
-- primary key refuses a second event of this id
insert into events (run, event_id, body) values (?, ?, ?)

-- :name events_ascending
-- primary key
select body from events where run = ?1 and event_id between ?2 and ?3 order by event_id limit ?4

-- :name events_descending
-- primary key
select body from events where run = ?1 and event_id between ?2 and ?3 order by event_id desc limit ?4

-- :name delete_newest_events
-- primary key, twice
delete from events
where run = ?1
and event_id >= (
    select min(event_id) from (select event_id from events where run = ?1 order by event_id desc limit ?2)
)

-- :name has_events
-- primary key
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
