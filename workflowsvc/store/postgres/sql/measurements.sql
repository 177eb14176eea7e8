-- What a node reports of the database it works on, for metrics.

-- :name measurements
-- Catalogs and statistics alone: no table of ours is read.
select 'database_bytes', '', pg_database_size(current_database())
union all
select 'connections', '', count(*) from pg_stat_activity where backend_type = 'client backend'
union all
select
    'max_connections', '',
    (current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int)::bigint
union all
select 'oldest_snapshot_seconds', '', coalesce(max(extract(epoch from now() - xact_start)), 0)::bigint
from pg_stat_activity
where (backend_xmin is not null or backend_xid is not null) and pid <> pg_backend_pid()
union all
select 'prepared_transactions', '', count(*) from pg_prepared_xacts
union all
select 'transaction_id_age', '', age(datfrozenxid)::bigint from pg_database where datname = current_database()
union all
select 'waiting_for_standby', '', count(*) from pg_stat_activity where wait_event = 'SyncRep'
union all
select 'idle_replication_slots', '', count(*) from pg_replication_slots where not active
union all
select 'standby_lag_bytes', application_name, max(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn))::bigint
from pg_stat_replication where replay_lsn is not null group by application_name
union all
select 'dead_rows', relname::text, n_dead_tup from pg_stat_user_tables where schemaname = current_schema()
union all
select 'live_rows', relname::text, n_live_tup from pg_stat_user_tables where schemaname = current_schema()
