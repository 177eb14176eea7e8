"""Every history that a server holds, and what must be true of each, whichever client made it.

Owns reading all executions of all domains through boto3 and the checks that suit any history: ids without a
gap, time that never runs back, closed executions that end with their close; then the independent checker
`workflowsvc.lint`. What a particular client must have written is that client's own business.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any, NamedTuple

from interop.outcome import Failed, require, require_equal
from workflowsvc import lint

Event = dict[str, Any]


class History(NamedTuple):
    """One execution with all of its events, oldest first."""

    domain: str
    workflow_id: str
    run_id: str
    status: str  # "OPEN", or how it closed
    events: list[Event]

    def types(self) -> list[str]:
        """The types of the events, in order."""
        return types_of(self.events)

    def count(self, event_type: str) -> int:
        """How many events of one type there are."""
        return self.types().count(event_type)


def types_of(events: list[Event]) -> list[str]:
    """The types of some events, in order."""
    return [event["eventType"] for event in events]


def attributes_of(event: Event) -> dict[str, Any]:
    """The attributes of one event, whatever its type."""
    name = event["eventType"][0].lower() + event["eventType"][1:] + "EventAttributes"
    return event[name]


def all_histories(client: Any) -> list[History]:
    """Every execution of every domain with its whole history, in order of domain and start."""
    return [history for domain in domains(client) for history in histories_of(client, domain)]


def domains(client: Any) -> Iterator[str]:
    """The names of all domains, deprecated ones too."""
    for status in ("REGISTERED", "DEPRECATED"):
        for page in client.get_paginator("list_domains").paginate(registrationStatus=status):
            yield from (info["name"] for info in page["domainInfos"])


def histories_of(client: Any, domain: str) -> Iterator[History]:
    """Every execution of one domain with its whole history, oldest start first."""
    ever = {"oldestDate": datetime.datetime.fromtimestamp(0, datetime.UTC)}
    infos: list[dict[str, Any]] = []
    for listing in ("list_open_workflow_executions", "list_closed_workflow_executions"):
        for page in client.get_paginator(listing).paginate(domain=domain, startTimeFilter=ever):
            infos += page["executionInfos"]
    for info in sorted(infos, key=lambda info: info["startTimestamp"]):
        events = history_events(client, domain, info["execution"])
        status = info.get("closeStatus", "OPEN")
        yield History(domain, info["execution"]["workflowId"], info["execution"]["runId"], status, events)


def history_events(client: Any, domain: str, execution: dict[str, str]) -> list[Event]:
    """All events of one execution through the paginator."""
    pages = client.get_paginator("get_workflow_execution_history").paginate(
        domain=domain, execution=execution
    )
    return [event for page in pages for event in page["events"]]


def require_sound(histories: list[History]) -> int:
    """Go on only if every history is one that SWF could have written; the number of checked events.

    Nothing may be under way any more, so that what one execution sent has arrived at the other.
    """
    for history in histories:
        name = f"{history.domain}/{history.workflow_id}"
        ids = [event["eventId"] for event in history.events]
        require_equal(ids, list(range(1, len(ids) + 1)), f"event ids of {name} (SWF §1.3.3)")
        times = [event["eventTimestamp"] for event in history.events]
        require(times == sorted(times), f"time runs back in {name}: {times}")
        require_equal(history.types()[0], "WorkflowExecutionStarted", f"first event of {name}")
        if history.status != "OPEN":
            require_equal(history.types()[-1], CLOSE[history.status], f"last event of {name}")
        require_none(lint.lint_history(as_wire(history.events)), name)
    for domain in {history.domain for history in histories}:
        related = {
            (history.workflow_id, history.run_id): as_wire(history.events)
            for history in histories
            if history.domain == domain
        }
        require_none(lint.check_related(related, settled=True), f"all of {domain}")
    return sum(len(history.events) for history in histories)


def require_none(findings: list[lint.Finding], name: str) -> None:
    """Go on only if the checker of histories has found nothing."""
    if findings:
        raise Failed(f"the checker of histories about {name}: " + "; ".join(map(str, findings)))


def as_wire(events: list[Event]) -> list[Event]:
    """Events as they came over the wire, with epoch seconds where boto3 has made a datetime."""
    return [event | {"eventTimestamp": event["eventTimestamp"].timestamp()} for event in events]


CLOSE = {
    "COMPLETED": "WorkflowExecutionCompleted",
    "FAILED": "WorkflowExecutionFailed",
    "CANCELED": "WorkflowExecutionCanceled",
    "TERMINATED": "WorkflowExecutionTerminated",
    "CONTINUED_AS_NEW": "WorkflowExecutionContinuedAsNew",
    "TIMED_OUT": "WorkflowExecutionTimedOut",
}
