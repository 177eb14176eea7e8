-- What the feeds of domains tell (docs/decisions/0043-an-event-feed-in-the-order-of-commits.md). A release that does not
-- know feeds can work with the database; what happens there is then in no feed.
-- :oldest 1

-- A log, as `events` is.
create table feed (
    number integer primary key,
    domain integer not null,
    generation integer not null,
    place integer not null,
    run integer not null,
    event_id integer not null,
    at integer not null,
    type text not null,
    body blob not null
) strict;

create unique index feed_in_order on feed (domain, generation, place, run, event_id);
