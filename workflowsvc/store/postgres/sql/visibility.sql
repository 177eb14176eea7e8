-- The lists and counts of SWF §10. Each piece here stands between `select …` and `order by …`: a list has `list_columns`
-- before it and one of the orders behind it, a count has only `count_column` before it (store/visibility.py).
-- Both ends of the time range are keys (time, run), so that a page begins exactly behind the one before.
-- `:forgotten_at` is null unless there is something to be purged, so that no row is visited for it otherwise. It is a
-- moment, as the low 48 bits of a purge_at (core/key_layout.py); what closed later than `:kept_since` need not be asked.
-- `:shard` is that of a workflowId. `offset 0` and `left join` leave the planner one index and one order of joining.

-- :name list_columns
select
    e.run, run_id, e.domain, workflow_id, type_name, type_version, tags, parent_workflow_id, parent_run_id,
    started_at,
    coalesce(p.next_event_id, e.next_event_id),
    coalesce(p.wake_at, e.wake_at),
    coalesce(p.cancel_requested, e.cancel_requested),
    closed_at, close_status, purge_at

-- :name count_column
select count(*)

-- :name start_key
select started_at, e.run

-- :name close_key
select closed_at, e.run

-- :name open_by_start
-- executions_open_by_start
from executions as e
left join progress as p on p.shard = e.shard and p.run = e.run
where domain = :domain::bigint
and closed_at is null
and started_at >= 0
and (started_at, e.run) > (:low_at::bigint, :low_run::bigint)
and (started_at, e.run) < (:high_at::bigint, :high_run::bigint)
and (:type_name::text is null or type_name = :type_name)
and (:type_version::text is null or type_version = :type_version)

-- :name closed_by_start
-- executions_closed_by_start
from executions as e
left join progress as p on p.shard = e.shard and p.run = e.run
where domain = :domain::bigint
and closed_at is not null
and started_at >= 0
and (started_at, e.run) > (:low_at::bigint, :low_run::bigint)
and (started_at, e.run) < (:high_at::bigint, :high_run::bigint)
and (:close_status::text is null or close_status = :close_status)
and (:type_name::text is null or type_name = :type_name)
and (:type_version::text is null or type_version = :type_version)
and (
    :forgotten_at::bigint is null
    or closed_at > :kept_since::bigint
    or purge_at is null
    or (purge_at & 281474976710655) > :forgotten_at
)

-- :name closed_by_close
-- executions_closed_by_close
from executions as e
left join progress as p on p.shard = e.shard and p.run = e.run
where domain = :domain::bigint
and closed_at >= 0
and (closed_at, e.run) > (:low_at::bigint, :low_run::bigint)
and (closed_at, e.run) < (:high_at::bigint, :high_run::bigint)
and (:close_status::text is null or close_status = :close_status)
and (:type_name::text is null or type_name = :type_name)
and (:type_version::text is null or type_version = :type_version)
and (
    :forgotten_at::bigint is null
    or closed_at > :kept_since::bigint
    or purge_at is null
    or (purge_at & 281474976710655) > :forgotten_at
)

-- :name open_of_workflow
-- executions_open; at most one row
from (
    select *
    from executions
    where shard = :shard::smallint
    and domain = :domain::bigint
    and workflow_id = :workflow_id::text
    and closed_at is null
    offset 0
) as e
left join progress as p on p.shard = :shard and p.run = e.run
where (started_at, e.run) > (:low_at::bigint, :low_run::bigint)
and (started_at, e.run) < (:high_at::bigint, :high_run::bigint)
and (:type_name::text is null or type_name = :type_name)
and (:type_version::text is null or type_version = :type_version)

-- :name closed_of_workflow_by_start
-- executions_closed_workflow finds the runs of this one workflowId; putting them in order is a sort
from (
    select *
    from executions
    where shard = :shard::smallint
    and domain = :domain::bigint
    and workflow_id = :workflow_id::text
    and closed_at is not null
    offset 0
) as e
left join progress as p on p.shard = :shard and p.run = e.run
where (started_at, e.run) > (:low_at::bigint, :low_run::bigint)
and (started_at, e.run) < (:high_at::bigint, :high_run::bigint)
and (:close_status::text is null or close_status = :close_status)
and (:type_name::text is null or type_name = :type_name)
and (:type_version::text is null or type_version = :type_version)
and (
    :forgotten_at::bigint is null
    or closed_at > :kept_since::bigint
    or purge_at is null
    or (purge_at & 281474976710655) > :forgotten_at
)

-- :name closed_of_workflow_by_close
-- executions_closed_workflow
from (
    select *
    from executions
    where shard = :shard::smallint
    and domain = :domain::bigint
    and workflow_id = :workflow_id::text
    and closed_at is not null
    offset 0
) as e
left join progress as p on p.shard = :shard and p.run = e.run
where (closed_at, e.run) > (:low_at::bigint, :low_run::bigint)
and (closed_at, e.run) < (:high_at::bigint, :high_run::bigint)
and (:close_status::text is null or close_status = :close_status)
and (:type_name::text is null or type_name = :type_name)
and (:type_version::text is null or type_version = :type_version)
and (
    :forgotten_at::bigint is null
    or closed_at > :kept_since::bigint
    or purge_at is null
    or (purge_at & 281474976710655) > :forgotten_at
)

-- :name tagged
-- execution_tags_in_order, then executions_pkey. `distinct` keeps that order, as `offset 0` does elsewhere; Citus refuses
-- `offset` in a subquery that names a column of another one
from execution_tags as t
cross join lateral (
    select distinct on (shard) * from executions where shard = t.shard and run = t.run
) as e
left join progress as p on p.shard = e.shard and p.run = e.run
where t.domain = :domain::bigint
and t.tag = :tag::bytea
and t.list = :list::text
and t.at >= 0
and (t.at, t.run) > (:low_at::bigint, :low_run::bigint)
and (t.at, t.run) < (:high_at::bigint, :high_run::bigint)
and (:workflow_id::text is null or workflow_id = :workflow_id)
and (:close_status::text is null or close_status = :close_status)
and (:type_name::text is null or type_name = :type_name)
and (:type_version::text is null or type_version = :type_version)
and (
    :forgotten_at::bigint is null
    or closed_at > :kept_since::bigint
    or purge_at is null
    or (purge_at & 281474976710655) > :forgotten_at
)

-- :name oldest_start_first
order by started_at, e.run limit :limit::bigint

-- :name newest_start_first
order by started_at desc, e.run desc limit :limit::bigint

-- :name oldest_close_first
order by closed_at, e.run limit :limit::bigint

-- :name newest_close_first
order by closed_at desc, e.run desc limit :limit::bigint

-- :name oldest_tagged_first
order by t.at, t.run limit :limit::bigint

-- :name newest_tagged_first
order by t.at desc, t.run desc limit :limit::bigint

-- :name behind
offset :behind::bigint
