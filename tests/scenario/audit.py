"""What must be true of a service in this process after every command of a scenario: by a fresh replay, memory, tasks,
wake-up times and lists are what the stored events say, because history is the state
(docs/decisions/0001-history-is-the-state.md). Histories are judged by `workflowsvc.testing.scenarios.judge`.
"""

from __future__ import annotations

from typing import Any

from workflowsvc.clock import ManualClock
from workflowsvc.core.execution import Execution
from workflowsvc.core.outcome import TaskKind, implied_tasks
from workflowsvc.engine.no_lambda import no_lambda
from workflowsvc.engine.node_state import NodeState
from workflowsvc.engine.single_node import SingleNode
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.store.rows import ExecutionQuery


def check_memory(work: UnitOfWork, state: NodeState) -> None:
    """Every run that is stored: replayed anew it is what memory holds, and what is derived from it is stored."""
    tx = work.tx
    fresh_state = NodeState(state.settings, state.ids, SingleNode(ManualClock()), no_lambda)
    fresh = UnitOfWork(tx, 0, fresh_state)  # at 0 nothing is due, so nothing changes
    waiting: dict[tuple[int, TaskKind, str], int] = {}
    for run in _runs(work):
        execution = fresh.load_execution(run)
        assert execution is not None, "a stored run can be replayed"
        remembered = state.cache.get(run)
        if remembered is not None:
            assert _facts(remembered) == _facts(execution), f"memory is not what the history of {run} says"
        row = tx.executions([run])[run]
        assert row.next_event_id == execution.next_event_id
        assert row.wake_at == execution.wake_at(), f"{row.workflow_id} is looked at again at {row.wake_at}"
        assert row.closed_at == execution.closed_at
        assert row.close_status == execution.close_status
        assert row.cancel_requested == execution.cancel_requested
        for task in implied_tasks(execution):
            place = (row.domain, task.kind, task.task_list)
            waiting[place] = waiting.get(place, 0) + 1
    for (domain, kind, name), count in waiting.items():
        assert tx.count_tasks(domain, kind, name) == count, f"{kind} tasks of {name}"


def _runs(work: UnitOfWork) -> list[int]:
    found: list[int] = []
    for domain in {row.id for row in work.state.catalog.domains_by_id.values()}:
        for status in ("OPEN", "CLOSED"):
            query = ExecutionQuery(
                domain=domain, status=status, order_by="started_at", oldest=0, latest=None, limit=10_000
            )
            found += [row.run for row in work.tx.list_executions(query)]
    return found


def _facts(execution: Execution) -> dict[str, Any]:
    """Everything that an execution knows; of dead deadlines and of heartbeats after the end it need not know."""
    hidden = {"deadlines", "new_events", "domain", "run"}
    facts = {name: getattr(execution, name) for name in Execution.__slots__ if name not in hidden}
    facts["wake_at"] = execution.wake_at()
    if not execution.is_open:
        facts["activities"] = {id: task.started_id for id, task in execution.activities.items()}
    return facts
