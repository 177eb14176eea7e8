-- What the feeds of domains tell (docs/decisions/0043-an-event-feed-in-the-order-of-commits.md). A release that does not
-- know feeds can work with the database; what happens there is then in no feed.
-- :oldest 1

-- Appended, read in order, deleted from its beginning; never changed. `place`: see put_feed in sql/feed.sql.
create table feed (
    domain bigint not null,
    generation bigint not null,
    place bigint not null,
    run bigint not null,
    event_id bigint not null,
    at bigint not null,
    type text collate "C" not null,
    body bytea not null,
    primary key (domain, generation, place, run, event_id)
) with (
    autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_vacuum_insert_scale_factor = 0.1,
    autovacuum_analyze_scale_factor = 0.1
);
