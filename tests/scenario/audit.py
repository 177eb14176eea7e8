"""What must be true of every scenario, whatever it is about.

Owns two judgements: of histories, by the independent checker `workflowsvc.lint` and by what was read before (a history
only grows); and of a service in this process, by a fresh replay: memory, tasks, wake-up times and lists must be what
the stored events say, because history is the state (docs/decisions/0001-history-is-the-state.md).
"""

from __future__ import annotations

from typing import Any

from tests.scenario.service import Refused, Service
from workflowsvc import lint, settings
from workflowsvc.clock import ManualClock
from workflowsvc.core.execution import Execution
from workflowsvc.core.outcome import TaskKind, implied_tasks
from workflowsvc.engine.no_lambda import no_lambda
from workflowsvc.engine.node_state import NodeState
from workflowsvc.engine.single_node import SingleNode
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.store.rows import ExecutionQuery
from workflowsvc.tenant import Tenant

Key = tuple[str, str]
Events = list[dict[str, Any]]


def lint_limits(limits: settings.Limits) -> lint.Limits:
    return lint.Limits(
        events=limits.max_events,
        open_activities=limits.max_open_activities,
        open_timers=limits.max_open_timers,
        open_children=limits.max_open_children,
        open_lambdas=limits.max_open_lambdas,
        execution_seconds=limits.max_execution_seconds,
    )


class Auditor:
    """Reads histories and holds them to the rules."""

    def __init__(self, service: Service, limits: settings.Limits) -> None:
        self._service = service
        self._limits = lint_limits(limits)
        self._read: dict[tuple[Tenant, str, Key], Events] = {}
        self.one_clock = True

    def history(self, tenant: Tenant, domain: str, execution: dict[str, str]) -> Events:
        """All events of a run, judged."""
        events: Events = []
        asked: dict[str, Any] = {"domain": domain, "execution": execution}
        while True:
            page = self._service.call("GetWorkflowExecutionHistory", tenant, asked)
            events += page["events"]
            if "nextPageToken" not in page:
                break
            asked["nextPageToken"] = page["nextPageToken"]
        key = (tenant, domain, (execution["workflowId"], execution["runId"]))
        _none(lint.check_growth(self._read.get(key, []), events), events)
        self._read[key] = events
        self._judge(tenant, domain, execution, events)
        return events

    def _judge(self, tenant: Tenant, domain: str, execution: dict[str, str], events: Events) -> None:
        try:
            asked = {"domain": domain, "execution": execution}
            described = self._service.call("DescribeWorkflowExecution", tenant, asked)
        except Refused:  # its retention has ended between the two calls
            described = None
        _none(lint.lint_history(events, execution=described, limits=self._limits), events)

    def judge_domain(self, tenant: Tenant, domain: str) -> None:
        """Every run that the domain still knows, and what they say of each other."""
        histories: dict[Key, Events] = {}
        for state in ("Open", "Closed"):
            asked: dict[str, Any] = {"domain": domain, "startTimeFilter": {"oldestDate": 0}}
            while True:
                listed = self._service.call(f"List{state}WorkflowExecutions", tenant, asked)
                for info in listed["executionInfos"]:
                    named = info["execution"]
                    key = (named["workflowId"], named["runId"])
                    histories[key] = self.history(tenant, domain, named)
                if "nextPageToken" not in listed:
                    break
                asked["nextPageToken"] = listed["nextPageToken"]
        _none(lint.check_related(histories, settled=True, one_clock=self.one_clock), histories)


def _none(findings: list[lint.Finding], histories: object) -> None:
    if findings:
        told = "\n".join(str(finding) for finding in findings)
        raise AssertionError(f"{told}\nin {histories}")


# --- a service in this process ---


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
