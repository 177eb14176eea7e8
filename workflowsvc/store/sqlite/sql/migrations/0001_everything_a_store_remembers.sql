-- The first schema. Why each table and index looks as it does: docs/decisions/0007-sqlite-schema.md
--
-- Free text that may hold NUL (descriptions, heartbeat details, execution tags) and JSON are blobs of UTF-8; names and
-- ids, which may not hold NUL (reference 3.4), are text and compare by code point. Times are milliseconds since the epoch.

create table meta (
    key text not null primary key,
    value blob not null
) strict, without rowid;

create table domains (
    id integer primary key,
    tenant text not null,
    name text not null,
    status text not null,
    description blob,
    retention text not null,
    tags blob not null
) strict;

create unique index domains_by_name on domains (tenant, name);

create table types (
    domain integer not null,
    kind text not null,
    name text not null,
    version text not null,
    status text not null,
    description blob,
    created_at integer not null,
    deprecated_at integer,
    defaults blob not null,
    primary key (domain, kind, name, version)
) strict, without rowid;

-- One row per run. The key is ordered by start, so new rows go to the right edge of the tree.
create table executions (
    run integer primary key,
    run_id text not null,
    domain integer not null,
    workflow_id text not null,
    type_name text not null,
    type_version text not null,
    tags blob,
    parent_workflow_id text,
    parent_run_id text,
    started_at integer not null,
    next_event_id integer not null,
    wake_at integer,
    cancel_requested integer not null,
    closed_at integer,
    close_status text,
    purge_at integer
) strict;

-- At most one open run of a workflowId (reference 8.12): the last word against two starts at once.
create unique index executions_open on executions (domain, workflow_id) where closed_at is null;

-- The three orders of visibility (reference 10.1). The columns behind `run` are there so that a filter that does not match
-- is found out without a visit to the row.
create index executions_open_by_start on executions (domain, started_at, run, type_name, type_version)
where closed_at is null;

create index executions_closed_by_start on executions (domain, started_at, run, close_status, type_name, type_version)
where closed_at is not null;

create index executions_closed_by_close on executions (domain, closed_at, run, close_status, type_name, type_version)
where closed_at is not null;

-- All closed runs of one workflowId, the commonest search of people.
create index executions_closed_workflow on executions (domain, workflow_id, closed_at, run, started_at)
where closed_at is not null;

create index executions_by_wake on executions (wake_at) where wake_at is not null;

create index executions_by_purge on executions (purge_at) where purge_at is not null;

-- The same three orders for each tag of a run; only runs that have tags pay for it. `list` says which order `at` belongs to.
create table execution_tags (
    domain integer not null,
    tag blob not null,
    list text not null check (list in ('open by start', 'closed by start', 'closed by close')),
    at integer not null,
    run integer not null,
    primary key (domain, tag, list, at, run)
) strict, without rowid;

-- A log: whatever is appended in one commit goes to the same few pages at its end, of however many runs it tells.
create table events (
    place integer primary key,
    run integer not null,
    event_id integer not null,
    body blob not null
) strict;

create unique index events_by_run on events (run, event_id);

create table tasks (
    run integer not null,
    scheduled_event_id integer not null,
    kind text not null,
    domain integer not null,
    task_list text not null,
    priority integer not null,
    position integer not null,
    ready integer not null,
    primary key (run, scheduled_event_id)
) strict, without rowid;

create index tasks_waiting on tasks (domain, kind, task_list, ready, priority desc, position);

create table heartbeats (
    run integer not null,
    scheduled_event_id integer not null,
    at integer not null,
    details blob,
    primary key (run, scheduled_event_id)
) strict, without rowid;

create table messages (
    id integer primary key,
    run integer not null,
    kind text not null,
    domain integer not null,
    body blob not null
) strict;
