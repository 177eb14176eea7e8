-- Domains whose time is not real (docs/decisions/0033-a-clock-for-each-domain.md). A release that does not know clocks can
-- work with the database as long as no clock was turned.
-- :oldest 1

alter table domains add column clock blob;

-- A few rows: every node reads them after each change of domains.
create index domains_by_clock on domains (id) where clock is not null;
