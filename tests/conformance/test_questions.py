"""Open questions (SWF §15) that only bytes, headers and large numbers can show.

The others are scenarios, here in questions.txt and in tests/histories.
"""

from __future__ import annotations

import pytest

from tests.conformance.asking import Line
from tests.conformance.fixtures import ME, Fixtures
from tests.scenario.in_process import InProcess
from tests.scenario.over_http import Server
from workflowsvc.settings import Settings
from workflowsvc.testing.scenarios.service import Service

IDLE = {"domain": "d", "taskList": {"name": "idle"}}


def test_a_poll_that_finds_nothing_is_answered_without_a_task_token(
    server: Server, over_http: Fixtures
) -> None:
    """SWF §15.2, and SWF §1.5.2 for the bytes."""
    with Line(server) as line:
        decision = line.ask("PollForDecisionTask", IDLE)
        activity = line.ask("PollForActivityTask", IDLE)
    assert (decision.status, decision.body) == (200, b'{"previousStartedEventId":0,"startedEventId":0}')
    assert (activity.status, activity.body) == (200, b'{"startedEventId":0}')


def test_a_fault_has_no_header_of_its_own(server: Server, over_http: Fixtures) -> None:
    """SWF §15.16: botocore would read x-amzn-query-error, and only in a form of which there is no report."""
    with Line(server) as line:
        refused = line.ask("DescribeDomain", {"name": "unknown"})
    assert refused.code == "UnknownResourceFault"
    assert refused.headers == {"content-length", "content-type", "date", "x-amzn-requestid"}


def test_a_poll_is_held_for_a_minute() -> None:
    """SWF §15.27: documented, and 60.289 s by a client's log. How it is held is shown in tests/http/test_polls.py."""
    assert Settings().long_poll_seconds == 60


@pytest.fixture(scope="module")
def many() -> Service:
    """With a run of 1,001 events."""
    service = InProcess(Settings())
    filled(service)
    return service


def filled(service: Service) -> None:
    def call(operation: str, **members: object) -> None:
        service.call(operation, ME, members)

    call("RegisterDomain", name="d", workflowExecutionRetentionPeriodInDays="1")
    call("RegisterWorkflowType", domain="d", name="t", version="1")
    call(
        "StartWorkflowExecution",
        domain="d",
        workflowId="w",
        workflowType={"name": "t", "version": "1"},
        executionStartToCloseTimeout="60",
        taskStartToCloseTimeout="60",
        taskList={"name": "l"},
        childPolicy="TERMINATE",
    )
    for _ in range(999):
        call("SignalWorkflowExecution", domain="d", workflowId="w", signalName="s")


def pages_of(service: Service, asked: dict[str, int]) -> list[list[int]]:
    """The event ids of the only execution, page by page."""
    everything = {"domain": "d", "startTimeFilter": {"oldestDate": 0}}
    (info,) = service.call("ListOpenWorkflowExecutions", ME, everything)["executionInfos"]
    question = {"domain": "d", "execution": info["execution"], **asked}
    page = service.call("GetWorkflowExecutionHistory", ME, question)
    found = [[event["eventId"] for event in page["events"]]]
    while "nextPageToken" in page:
        page = service.call(
            "GetWorkflowExecutionHistory", ME, question | {"nextPageToken": page["nextPageToken"]}
        )
        found.append([event["eventId"] for event in page["events"]])
    return found


ASKED = [{}, {"maximumPageSize": 0}, {"maximumPageSize": 200}, {"maximumPageSize": 1000}]


@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_a_page_holds_a_hundred_items_whatever_more_is_asked_for(
    many: Service, asked: dict[str, int]
) -> None:
    """SWF §15.28; 0 stands for what is usual (SWF §2)."""
    pages = pages_of(many, asked)
    assert [len(page) for page in pages] == [100] * 10 + [1]
    assert [event_id for page in pages for event_id in page] == list(range(1, 1002))
