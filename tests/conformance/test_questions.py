"""Open questions (SWF §15) that only bytes, headers and large numbers can show.

The others are scenarios, here in questions.txt and in tests/histories.
"""

from __future__ import annotations

import pytest

from tests.conformance.asking import Line
from tests.conformance.fixtures import ME, Fixtures
from tests.scenario.in_process import InProcess
from tests.scenario.over_http import Server
from tests.scenario.service import Service
from workflowsvc.settings import Settings

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


@pytest.mark.parametrize("asked", [{}, {"maximumPageSize": 0}, {"maximumPageSize": 1000}], ids=str)
def test_a_page_holds_a_thousand_items_unless_fewer_are_asked_for(
    many: Service, asked: dict[str, int]
) -> None:
    """SWF §15.28; 0 stands for what is usual (SWF §2)."""
    listed = many.call(
        "ListOpenWorkflowExecutions", ME, {"domain": "d", "startTimeFilter": {"oldestDate": 0}}
    )
    question = {"domain": "d", "execution": listed["executionInfos"][0]["execution"], **asked}
    page = many.call("GetWorkflowExecutionHistory", ME, question)
    assert len(page["events"]) == 1000
    rest = many.call("GetWorkflowExecutionHistory", ME, question | {"nextPageToken": page["nextPageToken"]})
    assert [event["eventId"] for event in rest["events"]] == [1001]
    assert "nextPageToken" not in rest
