"""Calls that only read, held against the log of commits: lists, counts, histories page by page, pending tasks.

Owns the truth about executions as the log tells it, by plain reading of first and last events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sim.auditor import CLOSING, PAGE_SIZE, attributes
from tests.sim.decisions import IDS, LISTS, WORKFLOWS, Dice
from workflowsvc import lint
from workflowsvc.core.run_ids import run_of
from workflowsvc.faults import UnknownResourceFault
from workflowsvc.tenant import Tenant

if TYPE_CHECKING:
    from tests.sim.simulation import Simulation

STATUS = {kind: kind.removeprefix("WorkflowExecution") for kind in CLOSING}
CLOSE_STATUS = {
    "Completed": "COMPLETED",
    "Failed": "FAILED",
    "Canceled": "CANCELED",
    "Terminated": "TERMINATED",
    "ContinuedAsNew": "CONTINUED_AS_NEW",
    "TimedOut": "TIMED_OUT",
}


class Known:
    """What lists must show of one execution."""

    def __init__(self, workflow_id: str, run_id: str, history: list[dict[str, Any]]) -> None:
        first, last = history[0], history[-1]
        started = attributes(first)
        self.execution = {"workflowId": workflow_id, "runId": run_id}
        self.started_at: float = first["eventTimestamp"]
        self.closed_at: float | None = last["eventTimestamp"] if last["eventType"] in CLOSING else None
        self.status = CLOSE_STATUS[STATUS[last["eventType"]]] if self.closed_at is not None else None
        self.type = started["workflowType"]
        self.tags = started.get("tagList")
        self.parent = started.get("parentWorkflowExecution")
        asked = any(event["eventType"] == "WorkflowExecutionCancelRequested" for event in history)
        self.cancel_requested = asked and self.closed_at is None

    def info(self) -> dict[str, Any]:
        told: dict[str, Any] = {
            "cancelRequested": self.cancel_requested,
            "closeStatus": self.status,
            "closeTimestamp": self.closed_at,
            "execution": self.execution,
            "executionStatus": "OPEN" if self.closed_at is None else "CLOSED",
            "parent": self.parent,
            "startTimestamp": self.started_at,
            "tagList": self.tags or None,
            "workflowType": self.type,
        }
        return {name: value for name, value in told.items() if value is not None}


def known(sim: Simulation, tenant: Tenant, domain: str) -> tuple[list[Known], set[str]]:
    """All runs of a domain whose retention has not ended by now, and the runIds of those that may be shown or not."""
    log, now = sim.store.log, sim.world.clock.now_ms()
    with sim.store.inner.reader() as reader:
        stored = set(reader.runs(-1, 1_000_000))
        runs = [
            run
            for run, row in log.runs.items()
            if row.domain == sim.auditor.domains[tenant, domain] and run in stored
        ]
        unsure = {log.runs[run].run_id for run in runs if not sim.retention.is_settled(reader, run, now)}
    found = [
        Known(log.runs[run].workflow_id, log.runs[run].run_id, log.decoded[run])
        for run in runs
        if sim.retention.keeps(run, now)
    ]
    return [run for run in found if run.execution["runId"] not in unsure], unsure


def list_executions(sim: Simulation, dice: Dice) -> None:
    """All pages of a list, and its count."""
    tenant, domain = dice.one((Tenant(), "d"), (Tenant("111111111111", "eu-west-1"), "d"))
    runs, unsure = known(sim, tenant, domain)
    is_open = dice.chance(0.5)
    by_close = not is_open and dice.chance(0.5)
    members: dict[str, Any] = {"domain": domain}
    members["closeTimeFilter" if by_close else "startTimeFilter"] = {"oldestDate": 0}
    matching = [run for run in runs if (run.closed_at is None) == is_open]
    choice = dice.source.randrange(5)
    if choice == 0:
        members["executionFilter"] = {"workflowId": (wanted := dice.one(*WORKFLOWS))}
        matching = [run for run in matching if run.execution["workflowId"] == wanted]
    elif choice == 1:
        members["typeFilter"] = {"name": (wanted := dice.one("full", "bare"))}
        matching = [run for run in matching if run.type["name"] == wanted]
    elif choice == 2:
        members["tagFilter"] = {"tag": (wanted := dice.one("red", "blue"))}
        matching = [run for run in matching if wanted in (run.tags or [])]
    elif choice == 3 and not is_open:
        members["closeStatusFilter"] = {"status": (wanted := dice.one(*CLOSE_STATUS.values()))}
        matching = [run for run in matching if run.status == wanted]
    state = "Open" if is_open else "Closed"
    if sim.one_clock and not unsure:  # else more may be forgotten, or less, than the time of now says
        counted = sim.read(f"Count{state}WorkflowExecutions", tenant, members)
        assert counted in (None, {"count": len(matching), "truncated": False}), (
            f"{counted}, not {len(matching)}"
        )
    members |= dice.maybe(0.5, reverseOrder=True)
    pages = _pages(
        sim, f"List{state}WorkflowExecutions", tenant, members, dice.one(1, 2, 5), "executionInfos"
    )
    if pages is None:
        return
    key = "closeTimestamp" if by_close else "startTimestamp"
    times = [info[key] for info in pages]
    assert times == sorted(times, reverse=not members.get("reverseOrder")), "a list is out of order"
    if sim.one_clock:
        expected = sorted((run.info() for run in matching), key=_run_id)
        pages = [info for info in pages if _run_id(info) not in unsure]
        assert sorted(pages, key=_run_id) == expected, "W: a list is not what histories say"


def _run_id(info: dict[str, Any]) -> str:
    return info["execution"]["runId"]


def _pages(
    sim: Simulation, operation: str, tenant: Tenant, members: dict[str, Any], size: int, items: str
) -> list[Any] | None:
    found: list[Any] = []
    members = members | {"maximumPageSize": size}
    while True:
        page = sim.read(operation, tenant, members)
        if page is None:
            return None
        assert len(page[items]) <= min(size, PAGE_SIZE)
        found += page[items]
        if "nextPageToken" not in page:
            return found
        assert page[items], "an empty page with more behind it"
        members["nextPageToken"] = page["nextPageToken"]


def read_history(sim: Simulation, dice: Dice) -> None:
    """All pages, in either order: what was committed, to the letter."""
    if sim.store.log.runs:
        run = dice.source.choice(list(sim.store.log.runs))
        read_history_of(sim, run, dice.maybe(0.4, reverseOrder=True), dice.one(1, 3, 10, 1000))


def read_history_of(sim: Simulation, run: int, order: dict[str, Any], size: int = 1_000) -> bool:
    """False when the run is forgotten, or nothing can be read just now."""
    row = sim.store.log.runs[run]
    with sim.store.inner.reader() as reader:
        now = sim.world.clock.now_ms()
        must_be_there = sim.retention.keeps(run, now) and sim.retention.is_settled(reader, run, now)
    tenant, domain = next(place for place, found in sim.auditor.domains.items() if found == row.domain)
    members: dict[str, Any] = {
        "domain": domain,
        "execution": {"workflowId": row.workflow_id, "runId": row.run_id},
        **order,
    }
    try:
        events = _pages(sim, "GetWorkflowExecutionHistory", tenant, members, size, "events")
    except UnknownResourceFault:
        assert run in sim.auditor.closed, "an open run is forgotten"
        assert not must_be_there, f"run {run} is forgotten before its rule says so"
        return False
    if events is None:
        return False
    expected = sim.store.log.decoded[run]
    assert events == (expected[::-1] if members.get("reverseOrder") else expected)
    return True


def describe(sim: Simulation, dice: Dice) -> None:
    """Held against the history by the independent checker."""
    if sim.store.log.runs:
        describe_run(sim, dice.source.choice(list(sim.store.log.runs)))


def describe_run(sim: Simulation, run: int) -> None:
    """The answer is that of some moment between the call and its answer."""
    log = sim.store.log
    row = log.runs[run]
    tenant, domain = next(place for place, found in sim.auditor.domains.items() if found == row.domain)
    execution = {"workflowId": row.workflow_id, "runId": row.run_id}
    events = len(log.events[run])
    try:
        described = sim.read("DescribeWorkflowExecution", tenant, {"domain": domain, "execution": execution})
    except UnknownResourceFault:
        assert run in sim.auditor.closed, "an open run is forgotten"
        return
    if described is None:
        return
    assert run_of(described["executionInfo"]["execution"]["runId"]) == run
    found: list[lint.Finding] = []
    for moment in range(events, len(log.events[run]) + 1):  # also within one commit
        found = _disagree(log.decoded[run][:moment], described, sim)
        if not found:
            return
    raise AssertionError("\n".join(map(str, found)))


def _disagree(history: list[dict[str, Any]], described: Any, sim: Simulation) -> list[lint.Finding]:
    """Findings about the description; a history that ends within a batch may break other rules."""
    found = lint.lint_history(history, execution=described, limits=sim.limits)
    return [finding for finding in found if finding.event_id == 0]


def count_pending(sim: Simulation, dice: Dice) -> None:
    kind, name = dice.one("Decision", "Activity"), dice.one(*LISTS, *IDS)
    domain = sim.auditor.domains[Tenant(), "d"]
    waiting = [
        task
        for task in sim.checks.tasks
        if (task.domain, task.kind, task.task_list) == (domain, kind.lower(), name)
    ]
    told = sim.read(f"CountPending{kind}Tasks", Tenant(), {"domain": "d", "taskList": {"name": name}})
    assert told in (None, {"count": len(waiting), "truncated": False})


def list_names(sim: Simulation, dice: Dice) -> None:
    """Domains and types by name, in order, each in one state."""
    tenant, domain = dice.source.choice(list(sim.auditor.domains))
    reverse = dice.chance(0.5)
    names: list[str] = []
    for status in ("REGISTERED", "DEPRECATED"):
        asked = {"registrationStatus": status, "reverseOrder": reverse}
        found = _pages(sim, "ListDomains", tenant, asked, 1, "domainInfos")
        if found is None:
            return
        assert [info["name"] for info in found] == sorted((i["name"] for i in found), reverse=reverse)
        names += [info["name"] for info in found]
        for kind in ("Workflow", "Activity"):
            member = f"{kind.lower()}Type"
            types = _pages(sim, f"List{kind}Types", tenant, asked | {"domain": domain}, 2, "typeInfos") or []
            keys = [(info[member]["name"], info[member]["version"]) for info in types]
            assert keys == sorted(set(keys), reverse=reverse)
            assert all(info["status"] == status for info in types)
    assert sorted(names) == sorted(name for owner, name in sim.auditor.domains if owner == tenant)
    described = sim.read("DescribeDomain", tenant, {"name": domain})
    assert described is None or described["domainInfo"]["name"] == domain
    sim.read("ListTagsForResource", tenant, {"resourceArn": tenant.domain_arn(domain)})


READS = [(list_executions, 3), (read_history, 3), (describe, 3), (count_pending, 1), (list_names, 1)]
