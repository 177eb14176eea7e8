-- The feeds of domains. Whatever is committed may be read: there is one node, and it commits in the order of places.

-- :name put_feed
-- feed_in_order
insert into feed (domain, generation, place, run, event_id, at, type, body) values (?, ?, ?, ?, ?, ?, ?, ?)

-- :name feed_behind
-- feed_in_order
select domain, generation, place, run, event_id, at, type, body
from feed
where domain = ?1 and (generation, place, run, event_id) > (?2, ?3, ?4, ?5)
order by generation, place, run, event_id
limit ?6

-- :name feed_end
-- feed_in_order
select generation, place, run, event_id
from feed
where domain = ?1
order by generation desc, place desc, run desc, event_id desc
limit 1

-- :name oldest_of_feed
-- feed_in_order
select generation, place, run, event_id, at
from feed
where domain = ?1
order by generation, place, run, event_id
limit ?2

-- :name delete_feed
-- feed_in_order
delete from feed
where domain = ?1 and (generation, place, run, event_id) <= (?2, ?3, ?4, ?5)

-- :name every_feed
-- feed_in_order
select domain, generation, place, run, event_id, at, type, body
from feed
where (domain, generation, place, run, event_id) > (?1, ?2, ?3, ?4, ?5)
order by domain, generation, place, run, event_id
limit ?6
