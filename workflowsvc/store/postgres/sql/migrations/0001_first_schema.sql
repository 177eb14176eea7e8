-- The first schema. Why each table and index looks as it does: docs/decisions/0008-postgresql.md
--
-- What belongs to an execution carries `shard`, the low 8 bits of its run and a fixed hash of tenant, domain and
-- workflowId: it begins every primary key and unique index, so the same schema can be spread over many servers. Indexes
-- that answer for all executions of a domain (lists by time, waiting tasks, what is due) begin with what they are asked.
-- No sequences, no foreign keys.
--
-- Free text that may hold NUL (descriptions, heartbeat details, execution tags) and JSON are bytea; names and ids, which
-- may not hold NUL (reference 3.4), are text and compare by code point. Times are milliseconds since the epoch.

create table meta (
    key text collate "C" not null primary key,
    value bytea not null
);

create table domains (
    id bigint not null primary key,
    tenant text collate "C" not null,
    name text collate "C" not null,
    status text collate "C" not null,
    description bytea,
    retention text collate "C" not null,
    tags bytea not null
);

create unique index domains_by_name on domains (tenant, name);

create table types (
    domain bigint not null,
    kind text collate "C" not null,
    name text collate "C" not null,
    version text collate "C" not null,
    status text collate "C" not null,
    description bytea,
    created_at bigint not null,
    deprecated_at bigint,
    defaults bytea not null,
    primary key (domain, kind, name, version)
);

-- One row per run, written when it starts and when it closes. What changes in between is in `progress`: next_event_id,
-- wake_at and cancel_requested here count only when the run is closed.
create table executions (
    shard smallint not null check (shard = (run & 255)),
    run bigint not null,
    run_id text collate "C" not null,
    domain bigint not null,
    workflow_id text collate "C" not null,
    type_name text collate "C" not null,
    type_version text collate "C" not null,
    tags bytea,
    parent_workflow_id text collate "C",
    parent_run_id text collate "C",
    started_at bigint not null,
    next_event_id bigint not null,
    wake_at bigint,
    cancel_requested boolean not null,
    closed_at bigint,
    close_status text collate "C",
    purge_at bigint,
    primary key (shard, run)
) with (
    -- room for the row that closes the run: it then stays on its page, where it is still in memory
    fillfactor = 70,
    autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_analyze_scale_factor = 0.05
);

-- At most one open run of a workflowId (reference 8.12): the last word against two starts at once.
create unique index executions_open on executions (shard, domain, workflow_id) where closed_at is null;

-- All closed runs of one workflowId, the commonest search of people.
create index executions_closed_workflow on executions (shard, domain, workflow_id, closed_at, run)
where closed_at is not null;

-- The three orders of visibility (reference 10.1). `>= 0` is true of all times: it is there so that only statements that
-- say it too can use the index. A planner that believes the table to be empty would take it for others as well.
create index executions_open_by_start on executions (domain, started_at, run)
where closed_at is null and started_at >= 0;

create index executions_closed_by_start on executions (domain, started_at, run)
where closed_at is not null and started_at >= 0;

create index executions_closed_by_close on executions (domain, closed_at, run) where closed_at >= 0;

create index executions_by_purge on executions (purge_at) where purge_at is not null;

-- What changes with every event of an open run: a narrow row, half as much work as changing `executions`. Small as it is
-- and often as it changes, it is vacuumed every few thousand changes.
create table progress (
    shard smallint not null check (shard = (run & 255)),
    run bigint not null,
    next_event_id bigint not null,
    wake_at bigint,
    cancel_requested boolean not null,
    primary key (shard, run)
) with (
    fillfactor = 50,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_cost_delay = 0
);

create index progress_by_wake on progress (wake_at) where wake_at is not null;

-- The three orders of visibility for each tag of a run; only runs that have tags pay for it. `list` says which order `at`
-- belongs to.
create table execution_tags (
    shard smallint not null check (shard = (run & 255)),
    run bigint not null,
    list text collate "C" not null check (list in ('open by start', 'closed by start', 'closed by close')),
    tag bytea not null,
    domain bigint not null,
    at bigint not null,
    primary key (shard, run, list, tag)
) with (autovacuum_vacuum_scale_factor = 0.05);

create index execution_tags_in_order on execution_tags (domain, tag, list, at, run) where at >= 0;

-- Appended, read by run, purged by run; never changed. Its key is the last word against two nodes that write one history.
create table events (
    shard smallint not null check (shard = (run & 255)),
    run bigint not null,
    event_id bigint not null,
    body bytea not null,
    primary key (shard, run, event_id)
) with (
    autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_vacuum_insert_scale_factor = 0.1,
    autovacuum_analyze_scale_factor = 0.1
);

-- Most rows live for milliseconds: dead ones go as soon as may be.
create table tasks (
    shard smallint not null check (shard = (run & 255)),
    run bigint not null,
    scheduled_event_id bigint not null,
    kind text collate "C" not null,
    domain bigint not null,
    task_list text collate "C" not null,
    priority integer not null,
    position bigint not null,
    ready boolean not null,
    primary key (shard, run, scheduled_event_id)
) with (
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_scale_factor = 0,
    autovacuum_analyze_threshold = 20000
);

create index tasks_waiting on tasks (domain, kind, task_list, ready, priority desc, position);

create table heartbeats (
    shard smallint not null check (shard = (run & 255)),
    run bigint not null,
    scheduled_event_id bigint not null,
    at bigint not null,
    details bytea,
    primary key (shard, run, scheduled_event_id)
) with (
    fillfactor = 50,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_cost_delay = 0
);

create table messages (
    shard smallint not null check (shard = (run & 255)),
    id bigint not null,
    run bigint not null,
    kind text collate "C" not null,
    domain bigint not null,
    body bytea not null,
    primary key (shard, id)
) with (
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_cost_delay = 0
);

create index messages_in_order on messages (id) where id >= 0;
