-- The feeds of domains. Transactions commit in another order than that in which they have begun, so an entry may only be
-- read when none can be committed any more that stands before it.
--
-- The place of an entry is the highest of its own transaction's id and the latest id that had ended when it was written.
-- All transactions whose id is below the lowest that still runs (the snapshot's xmin) have ended, and a transaction writes
-- at no place below its id: so nothing will be added below xmin, and what is there may be read. Two transactions that
-- write of one run do so one after the other, as they lock it; the later one sees that the earlier one has ended, so its
-- place is no lower; the entries of one place are in the order of their events.

-- :name put_feed
-- feed_pkey
insert into feed (domain, generation, place, run, event_id, at, type, body)
select
    given.domain,
    given.generation,
    greatest(
        pg_current_xact_id()::text::bigint,
        pg_snapshot_xmax(pg_current_snapshot())::text::bigint - 1
    ),
    given.run,
    given.event_id,
    given.at,
    given.type,
    given.body
from
    unnest(
        :domain::bigint[],
        :generation::bigint[],
        :run::bigint[],
        :event_id::bigint[],
        :at::bigint[],
        :type::text[],
        :body::bytea[]
    ) as given (domain, generation, run, event_id, at, type, body)

-- :name put_copied_feed
-- feed_pkey
insert into feed (domain, generation, place, run, event_id, at, type, body)
select given.*
from
    unnest(
        :domain::bigint[],
        :generation::bigint[],
        :place::bigint[],
        :run::bigint[],
        :event_id::bigint[],
        :at::bigint[],
        :type::text[],
        :body::bytea[]
    ) as given

-- :name feed_behind
-- feed_pkey
select domain, generation, place, run, event_id, at, type, body
from feed
where domain = :domain::bigint
and (generation, place, run, event_id) > (:generation::bigint, :place::bigint, :run::bigint, :event_id::bigint)
and (generation, place) < (:latest::bigint, pg_snapshot_xmin(pg_current_snapshot())::text::bigint)
order by generation, place, run, event_id
limit :limit::bigint

-- :name feed_end
-- feed_pkey; what is not to be read yet included
select generation, place, run, event_id
from feed
where domain = :domain::bigint
order by generation desc, place desc, run desc, event_id desc
limit 1

-- :name feed_places
-- the place below which all may be read, and the lowest that a transaction may write to that begins now
select
    pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
    pg_snapshot_xmax(pg_current_snapshot())::text::bigint - 1

-- :name oldest_of_feed
-- feed_pkey; what is not to be read yet included
select generation, place, run, event_id, at
from feed
where domain = :domain::bigint
order by generation, place, run, event_id
limit :limit::bigint

-- :name delete_feed
-- feed_pkey
delete from feed
where domain = :domain::bigint
and (generation, place, run, event_id) <= (:generation::bigint, :place::bigint, :run::bigint, :event_id::bigint)

-- :name every_feed
-- feed_pkey
select domain, generation, place, run, event_id, at, type, body
from feed
where (domain, generation, place, run, event_id)
> (:domain::bigint, :generation::bigint, :place::bigint, :run::bigint, :event_id::bigint)
order by domain, generation, place, run, event_id
limit :limit::bigint
