"""Every paginator of boto3 walks its list whole, in order, in pages of the size asked for.

Owns one check per paginator and what they need in the service. Each check takes a client and the domain that
`furnish` filled; tests/clients runs them one by one, `python -m interop boto3` in a row.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import Any

from interop.outcome import require, require_equal

SIZE = 3  # the page size asked for; nothing below is a multiple of it but SEVEN's nine runs
SEVEN = [f"{number:02}" for number in range(7)]
RUNS = [f"run-{number:02}" for number in range(9)]
SIGNALS = 20
LIST = {"name": "paging"}
TYPE = {"name": "type-00", "version": "1"}
EVER = {"oldestDate": datetime.datetime.fromtimestamp(0, datetime.UTC)}


def furnish(client: Any, domain: str) -> None:
    """Fill a new domain: seven types of each kind, nine open runs, nine closed ones, one long history."""
    client.register_domain(name=domain, workflowExecutionRetentionPeriodInDays="1")
    for number in SEVEN:
        client.register_workflow_type(domain=domain, name=f"type-{number}", version="1")
        client.register_activity_type(domain=domain, name=f"work-{number}", version="1")
    for run in RUNS:
        start(client, domain, f"open-{run}")
        start(client, domain, f"closed-{run}")
        client.terminate_workflow_execution(domain=domain, workflowId=f"closed-{run}")
    start(client, domain, "signaled")
    for number in range(SIGNALS):
        client.signal_workflow_execution(
            domain=domain, workflowId="signaled", signalName="count", input=str(number)
        )


def start(client: Any, domain: str, workflow_id: str, task_list: str = "paging") -> str:
    """Start a run of the first type and return its run id."""
    started = client.start_workflow_execution(
        domain=domain,
        workflowId=workflow_id,
        workflowType=TYPE,
        taskList={"name": task_list},
        executionStartToCloseTimeout="600",
        taskStartToCloseTimeout="60",
        childPolicy="TERMINATE",
    )
    return started["runId"]


def walk(client: Any, paginator: str, key: str, **arguments: Any) -> list[Any]:
    """All items of one listing in pages of SIZE: every page full but the last, every token new."""
    pages = list(client.get_paginator(paginator).paginate(**arguments, PaginationConfig={"PageSize": SIZE}))
    sizes = [len(page[key]) for page in pages]
    require(all(size == SIZE for size in sizes[:-1]), f"{paginator}: page sizes {sizes}, asked for {SIZE}")
    require(0 < sizes[-1] <= SIZE, f"{paginator}: last page of {sizes} is empty or too long")
    tokens = [page["nextPageToken"] for page in pages[:-1]]
    require_equal(len(set(tokens)), len(tokens), f"{paginator}: distinct page tokens (SWF §16.4)")
    require("nextPageToken" not in pages[-1], f"{paginator}: the last page has a token")
    return [item for page in pages for item in page[key]]


def require_resumable(
    client: Any, paginator: str, key: str, all_items: Sequence[Any], **arguments: Any
) -> None:
    """Go on only if a listing broken off after some items goes on where it stopped, in a new paginator."""
    half = len(all_items) // 2
    config = {"PageSize": SIZE, "MaxItems": half}
    first = client.get_paginator(paginator).paginate(**arguments, PaginationConfig=config).build_full_result()
    config = {"PageSize": SIZE, "StartingToken": first["NextToken"]}
    rest = client.get_paginator(paginator).paginate(**arguments, PaginationConfig=config).build_full_result()
    require_equal(first[key] + rest[key], list(all_items), f"{paginator} resumed after {half} items")


def list_domains(client: Any, domain: str) -> str:
    """ListDomains by name, both ways, though other domains may be there too."""
    extra = [f"{domain}-{number}" for number in SEVEN]
    for name in extra:
        client.register_domain(name=name, workflowExecutionRetentionPeriodInDays="NONE")
    arguments = {"registrationStatus": "REGISTERED"}
    infos = walk(client, "list_domains", "domainInfos", **arguments)
    names = [info["name"] for info in infos]
    require_equal(names, sorted(names), "order of ListDomains (SWF §11.3)")
    require({domain, *extra} <= set(names), f"ListDomains lacks some of {extra}: {names}")
    back = walk(client, "list_domains", "domainInfos", reverseOrder=True, **arguments)
    require_equal(back, infos[::-1], "ListDomains with reverseOrder")
    require_resumable(client, "list_domains", "domainInfos", infos, **arguments)
    return f"{len(infos)} domains"


def list_workflow_types(client: Any, domain: str) -> str:
    """ListWorkflowTypes by name, both ways."""
    return types(client, domain, "list_workflow_types", "workflowType", "type-")


def list_activity_types(client: Any, domain: str) -> str:
    """ListActivityTypes by name, both ways."""
    return types(client, domain, "list_activity_types", "activityType", "work-")


def types(client: Any, domain: str, paginator: str, member: str, prefix: str) -> str:
    """One listing of types: all seven by name, backwards, and broken off in the middle."""
    arguments = {"domain": domain, "registrationStatus": "REGISTERED"}
    infos = walk(client, paginator, "typeInfos", **arguments)
    names = [info[member]["name"] for info in infos]
    require_equal(names, [prefix + number for number in SEVEN], f"order of {paginator}")
    back = walk(client, paginator, "typeInfos", reverseOrder=True, **arguments)
    require_equal(back, infos[::-1], f"{paginator} with reverseOrder")
    require_resumable(client, paginator, "typeInfos", infos, **arguments)
    return f"{len(infos)} types"


def list_open_workflow_executions(client: Any, domain: str) -> str:
    """ListOpenWorkflowExecutions by start, newest first, and oldest first with reverseOrder."""
    return executions(client, domain, "list_open_workflow_executions", "open-", {"startTimeFilter": EVER})


def list_closed_workflow_executions(client: Any, domain: str) -> str:
    """ListClosedWorkflowExecutions by close, newest first, and oldest first with reverseOrder."""
    return executions(client, domain, "list_closed_workflow_executions", "closed-", {"closeTimeFilter": EVER})


def executions(client: Any, domain: str, paginator: str, prefix: str, filters: dict[str, Any]) -> str:
    """One listing of executions: all nine, newest first, backwards, and broken off in the middle."""
    arguments = {"domain": domain, **filters}
    infos = [
        info
        for info in walk(client, paginator, "executionInfos", **arguments)
        if info["execution"]["workflowId"].startswith(prefix)
    ]
    found = [info["execution"]["workflowId"] for info in infos]
    require_equal(found, [prefix + run for run in RUNS[::-1]], f"order of {paginator} (SWF §10.1)")
    whole = walk(client, paginator, "executionInfos", **arguments)
    back = walk(client, paginator, "executionInfos", reverseOrder=True, **arguments)
    require_equal(back, whole[::-1], f"{paginator} with reverseOrder")
    require_resumable(client, paginator, "executionInfos", whole, **arguments)
    return f"{len(whole)} executions"


def get_workflow_execution_history(client: Any, domain: str) -> str:
    """GetWorkflowExecutionHistory, oldest event first, and newest first with reverseOrder."""
    described = client.list_open_workflow_executions(
        domain=domain, startTimeFilter=EVER, executionFilter={"workflowId": "signaled"}
    )
    arguments = {"domain": domain, "execution": described["executionInfos"][0]["execution"]}
    events = walk(client, "get_workflow_execution_history", "events", **arguments)
    expected = ["WorkflowExecutionStarted", "DecisionTaskScheduled", *["WorkflowExecutionSignaled"] * SIGNALS]
    require_equal([event["eventType"] for event in events], expected, "events of the signaled run")
    back = walk(client, "get_workflow_execution_history", "events", reverseOrder=True, **arguments)
    require_equal(back, events[::-1], "history with reverseOrder")
    require_resumable(client, "get_workflow_execution_history", "events", events, **arguments)
    return f"{len(events)} events"


def poll_for_decision_task(client: Any, domain: str) -> str:
    """PollForDecisionTask: one task whose history comes in pages, each with the task's token and type."""
    task_list = "paging-decisions"
    run_id = start(client, domain, "polled", task_list)
    for number in range(SIGNALS):
        client.signal_workflow_execution(domain=domain, workflowId="polled", signalName=str(number))
    pages = list(
        client.get_paginator("poll_for_decision_task").paginate(
            domain=domain, taskList={"name": task_list}, PaginationConfig={"PageSize": SIZE}
        )
    )
    sizes = [len(page["events"]) for page in pages]
    events = [event for page in pages for event in page["events"]]
    require(all(size == SIZE for size in sizes[:-1]), f"PollForDecisionTask: page sizes {sizes}")
    require_equal([event["eventId"] for event in events], list(range(1, SIGNALS + 4)), "ids over all pages")
    for page in pages:
        require_equal(page["startedEventId"], len(events), "startedEventId of a page (SWF §4.9)")
        require_equal(page["previousStartedEventId"], 0, "previousStartedEventId of a page")
        require_equal(page["workflowExecution"], {"workflowId": "polled", "runId": run_id}, "run of a page")
        require_equal(page["workflowType"], TYPE, "type of a page")
    client.respond_decision_task_completed(
        taskToken=pages[-1]["taskToken"],
        decisions=[{"decisionType": "CompleteWorkflowExecution"}],
    )
    return f"{len(events)} events in {len(pages)} pages"


PAGINATORS: tuple[Callable[[Any, str], str], ...] = (
    list_domains,
    list_workflow_types,
    list_activity_types,
    list_open_workflow_executions,
    list_closed_workflow_executions,
    get_workflow_execution_history,
    poll_for_decision_task,
)
