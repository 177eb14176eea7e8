-- The lists and counts of SWF §10. Each piece here stands between `select …` and `order by …`: a list has `list_columns`
-- before it and one of the orders behind it, a count has only `count_column` before it (store/visibility.py).
-- Both ends of the time range are keys (time, run), so that a page begins exactly behind the one before.
-- `:forgotten_at` is null unless there is something to be purged, so that no row is visited for it otherwise. It is a
-- moment, as the low 48 bits of a purge_at (core/key_layout.py); what closed later than `:kept_since` need not be asked.
-- `indexed by` fixes the plan: without its index a statement does not compile.

-- :name list_columns
select
    e.run, run_id, e.domain, workflow_id, type_name, type_version, tags, parent_workflow_id, parent_run_id,
    started_at, next_event_id, wake_at, cancel_requested, closed_at, close_status, purge_at

-- :name count_column
select count(*)

-- :name start_key
select started_at, e.run

-- :name close_key
select closed_at, e.run

-- :name open_by_start
-- executions_open_by_start
from executions as e indexed by executions_open_by_start
where domain = :domain
and closed_at is null
and (started_at, run) > (:low_at, :low_run)
and (started_at, run) < (:high_at, :high_run)
and (:type_name is null or type_name = :type_name)
and (:type_version is null or type_version = :type_version)

-- :name closed_by_start
-- executions_closed_by_start
from executions as e indexed by executions_closed_by_start
where domain = :domain
and closed_at is not null
and (started_at, run) > (:low_at, :low_run)
and (started_at, run) < (:high_at, :high_run)
and (:close_status is null or close_status = :close_status)
and (:type_name is null or type_name = :type_name)
and (:type_version is null or type_version = :type_version)
and (
    :forgotten_at is null
    or closed_at > :kept_since
    or purge_at is null
    or (purge_at & 281474976710655) > :forgotten_at
)

-- :name closed_by_close
-- executions_closed_by_close
from executions as e indexed by executions_closed_by_close
where domain = :domain
and closed_at is not null
and (closed_at, run) > (:low_at, :low_run)
and (closed_at, run) < (:high_at, :high_run)
and (:close_status is null or close_status = :close_status)
and (:type_name is null or type_name = :type_name)
and (:type_version is null or type_version = :type_version)
and (
    :forgotten_at is null
    or closed_at > :kept_since
    or purge_at is null
    or (purge_at & 281474976710655) > :forgotten_at
)

-- :name open_of_workflow
-- executions_open; at most one row
from executions as e indexed by executions_open
where domain = :domain
and workflow_id = :workflow_id
and closed_at is null
and (started_at, run) > (:low_at, :low_run)
and (started_at, run) < (:high_at, :high_run)
and (:type_name is null or type_name = :type_name)
and (:type_version is null or type_version = :type_version)

-- :name closed_of_workflow_by_start
-- executions_closed_workflow finds the runs of this one workflowId; putting them in order is a sort
from executions as e indexed by executions_closed_workflow
where domain = :domain
and workflow_id = :workflow_id
and closed_at is not null
and (started_at, run) > (:low_at, :low_run)
and (started_at, run) < (:high_at, :high_run)
and (:close_status is null or close_status = :close_status)
and (:type_name is null or type_name = :type_name)
and (:type_version is null or type_version = :type_version)
and (
    :forgotten_at is null
    or closed_at > :kept_since
    or purge_at is null
    or (purge_at & 281474976710655) > :forgotten_at
)

-- :name closed_of_workflow_by_close
-- executions_closed_workflow
from executions as e indexed by executions_closed_workflow
where domain = :domain
and workflow_id = :workflow_id
and closed_at is not null
and (closed_at, run) > (:low_at, :low_run)
and (closed_at, run) < (:high_at, :high_run)
and (:close_status is null or close_status = :close_status)
and (:type_name is null or type_name = :type_name)
and (:type_version is null or type_version = :type_version)
and (
    :forgotten_at is null
    or closed_at > :kept_since
    or purge_at is null
    or (purge_at & 281474976710655) > :forgotten_at
)

-- :name tagged
-- primary key of execution_tags; `cross join` keeps it the outer loop
from execution_tags as t cross join executions as e on e.run = t.run
where t.domain = :domain
and t.tag = :tag
and t.list = :list
and (t.at, t.run) > (:low_at, :low_run)
and (t.at, t.run) < (:high_at, :high_run)
and (:workflow_id is null or workflow_id = :workflow_id)
and (:close_status is null or close_status = :close_status)
and (:type_name is null or type_name = :type_name)
and (:type_version is null or type_version = :type_version)
and (
    :forgotten_at is null
    or closed_at > :kept_since
    or purge_at is null
    or (purge_at & 281474976710655) > :forgotten_at
)

-- :name oldest_start_first
order by started_at, e.run limit :limit

-- :name newest_start_first
order by started_at desc, e.run desc limit :limit

-- :name oldest_close_first
order by closed_at, e.run limit :limit

-- :name newest_close_first
order by closed_at desc, e.run desc limit :limit

-- :name oldest_tagged_first
order by t.at, t.run limit :limit

-- :name newest_tagged_first
order by t.at desc, t.run desc limit :limit

-- :name behind
offset :behind
