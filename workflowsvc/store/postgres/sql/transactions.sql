-- Where transactions begin and end, and what is asked about them.

-- :name begin_writing
begin isolation level read committed read write

-- :name begin_reading
begin isolation level repeatable read read only

-- :name commit
commit

-- :name rollback
rollback

-- :name savepoint
savepoint audited

-- :name rollback_to_savepoint
-- the snapshot stays the same
rollback to savepoint audited

-- :name moment
-- the server's clock at the begin of the transaction, in milliseconds: one clock for all nodes
select (extract(epoch from now()) * 1000)::bigint

-- :name moment_beside_peers
-- the same, and takes a lock that all nodes hold together while they write, so that one can exclude the others for a moment
select (extract(epoch from now()) * 1000)::bigint from pg_advisory_xact_lock_shared(1987011446, 1)

-- :name exclusion_claim
-- false when another node waits below: two that hold the shared lock and wait for each other would never go on
select pg_try_advisory_xact_lock(1987011446, 2)

-- :name exclusion_begin
select true from pg_advisory_xact_lock(1987011446, 1)

-- :name transaction_id
-- by which the outcome of a commit is asked for when its answer was lost
select pg_current_xact_id_if_assigned()::text

-- :name timeline
-- changes when another server takes over: transaction ids are then no longer comparable
select substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)

-- :name transaction_status
select pg_xact_status(:id::text::xid8)

-- :name end_transaction
-- The server has not noticed that the connection is gone: it waits for the client. A session that does anything else
-- ends by itself or waits for replication, which must not be cut short: it would make visible what can still be lost.
select pg_terminate_backend(pid) from pg_stat_activity
where backend_xid = (:id::text::xid8)::xid and wait_event_type = 'Client'

-- :name waits_for_replication
-- committed here, and not yet confirmed by the standbys of synchronous_standby_names
select exists (
    select from pg_stat_activity where backend_xid = (:id::text::xid8)::xid and wait_event = 'SyncRep'
)

-- :name pause
select true from pg_sleep(0.05)

-- :name write_to_log
-- changes nothing, and makes the commit of its transaction wait for replication as any other
select true from pg_logical_emit_message(true, 'workflowsvc'::text, ''::text)
