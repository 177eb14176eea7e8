-- Histories, and the one fact they do not hold: the last heartbeat of an activity.

-- :name append_events
-- events_pkey refuses a second event of this id
insert into events (shard, run, event_id, body)
select * from unnest(:shard::smallint[], :run::bigint[], :event_id::bigint[], :body::bytea[])

-- :name events_ascending
-- events_pkey
select body
from events
where shard = :shard::smallint and run = :run::bigint and event_id between :first::bigint and :last::bigint
order by event_id
limit :limit::bigint

-- :name events_descending
-- events_pkey
select body
from events
where shard = :shard::smallint and run = :run::bigint and event_id between :first::bigint and :last::bigint
order by event_id desc
limit :limit::bigint

-- :name delete_newest_events
-- events_pkey
delete from events
where shard = :shard::smallint
and run = :run::bigint
and event_id > coalesce(
    (
        select event_id
        from events
        where shard = :shard and run = :run
        order by event_id desc
        offset :limit::bigint
        limit 1
    ),
    -1
)

-- :name has_events
-- events_pkey
select exists (select 1 from events where shard = :shard::smallint and run = :run::bigint)

-- :name heartbeats
-- heartbeats_pkey
select scheduled_event_id, at, details
from heartbeats
where shard = :shard::smallint and run = :run::bigint
order by scheduled_event_id

-- :name put_heartbeats
-- heartbeats_pkey
insert into heartbeats (shard, run, scheduled_event_id, at, details)
select *
from unnest(:shard::smallint[], :run::bigint[], :scheduled_event_id::bigint[], :at::bigint[], :details::bytea[])
on conflict (shard, run, scheduled_event_id) do update set at = excluded.at, details = excluded.details

-- :name delete_heartbeat
-- heartbeats_pkey
delete from heartbeats
where shard = :shard::smallint and run = :run::bigint and scheduled_event_id = :scheduled_event_id::bigint

-- :name delete_heartbeats_of
-- heartbeats_pkey
delete from heartbeats where shard = :shard::smallint and run = :run::bigint
