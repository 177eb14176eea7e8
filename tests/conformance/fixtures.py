"""A service in which everything that a refused call can name exists: open and closed runs, tasks and their tokens.

Owns the names of these things: `$open_run` in a request or in an expected text stands for what the service gave. Every
limit is reached, so that one more of anything is one too many.
"""

from __future__ import annotations

import re
from typing import Any

from tests.scenario.in_process import InProcess
from tests.scenario.over_http import OverHttp
from workflowsvc.settings import Settings
from workflowsvc.store.sqlite.store import SqliteStore
from workflowsvc.tenant import Tenant
from workflowsvc.testing.scenarios.service import Service

ME = Tenant()
OTHER = Tenant("111111111111")
ARN = f"arn:aws:swf:us-east-1:{ME.account}:/domain/"

FLOW = {"name": "flow", "version": "1"}
BARE = {"name": "bare", "version": "1"}
OLD = {"name": "flow", "version": "old"}
WORK = {"name": "work", "version": "1"}
REST = {"name": "rest", "version": "1"}
OLD_WORK = {"name": "work", "version": "old"}
NOTHING = {"name": "nothing", "version": "1"}
SINCE_EVER = {"oldestDate": 0}

SETTINGS = Settings.from_environment(
    {},
    {
        "max_domains": 3,
        "max_workflow_types": 3,
        "max_activity_types": 3,
        "max_open_executions": 2,
        "max_pollers_per_list": 1,
        "max_resource_tags": 2,
        "long_poll_seconds": 3600,  # the poll that takes the only place waits longer than any test
    },
)

_NAME = re.compile(r"\$([a-z_]+)")


class Fixtures:
    """One service, filled once; refused calls leave it as it is."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.names: dict[str, str] = {}
        self._make_types()
        self._make_runs()
        self._make_pages()
        service.wait("PollForDecisionTask", ME, {"domain": "d", "taskList": {"name": "busy"}})
        service.wait("PollForActivityTask", ME, {"domain": "d", "taskList": {"name": "busy"}})

    @property
    def store(self) -> SqliteStore:
        return store_of(self.service)

    def call(self, operation: str, tenant: Tenant = ME, **members: Any) -> Any:
        return self.service.call(operation, tenant, members)

    def filled(self, value: Any) -> Any:
        """The value with the real thing wherever a `$name` stands."""
        if isinstance(value, str):
            return _NAME.sub(lambda found: self.names[found[1]], value)
        if isinstance(value, dict):
            return {name: self.filled(member) for name, member in value.items()}
        if isinstance(value, list):
            return [self.filled(item) for item in value]
        return value

    def _make_types(self) -> None:
        for domain in ("d", "e", "old"):
            self.call("RegisterDomain", name=domain, workflowExecutionRetentionPeriodInDays="7")
        tags = [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}]
        self.call("TagResource", resourceArn=ARN + "d", tags=tags)
        defaults = {
            "defaultTaskList": {"name": "deciders"},
            "defaultTaskStartToCloseTimeout": "60",
            "defaultExecutionStartToCloseTimeout": "86400",
            "defaultChildPolicy": "TERMINATE",
        }
        for flow in (FLOW, OLD):
            self.call("RegisterWorkflowType", domain="d", **flow, **defaults)
        self.call("RegisterWorkflowType", domain="d", **BARE)
        timeouts = ("ScheduleToStart", "ScheduleToClose", "StartToClose", "Heartbeat")
        for work in (WORK, OLD_WORK, REST):
            never = {f"defaultTask{timeout}Timeout": "NONE" for timeout in timeouts}
            self.call(
                "RegisterActivityType", domain="d", **work, **never, defaultTaskList={"name": "workers"}
            )
        self.call("DeprecateWorkflowType", domain="d", workflowType=OLD)
        self.call("DeprecateActivityType", domain="d", activityType=OLD_WORK)
        self.call("DeprecateDomain", name="old")

    def _make_runs(self) -> None:
        """Four of them; `open` and `closed` have tasks in every state."""
        self._work_in("closed")
        self._start("closed too")
        for workflow_id in ("closed", "closed too"):
            self.call("TerminateWorkflowExecution", domain="d", workflowId=workflow_id)
        self._work_in("open")
        self._start("also open")

    def _start(self, workflow_id: str) -> None:
        run = self.call("StartWorkflowExecution", domain="d", workflowId=workflow_id, workflowType=FLOW)
        self.names[workflow_id.replace(" ", "_") + "_run"] = run["runId"]

    def _work_in(self, workflow_id: str) -> None:
        """A timer runs, one activity has ended, one goes on, one waits; a decision has ended and one goes on."""
        self._start(workflow_id)
        first = self._decision()
        self._decide(first, "ended", "going on", "waiting")
        ended, going_on = self._activity(), self._activity()
        self.call("RespondActivityTaskCompleted", taskToken=ended["taskToken"])
        self.names |= {
            "ended_activity": ended["taskToken"],
            "ended_decision": first["taskToken"],
            f"{workflow_id}_activity": going_on["taskToken"],
            f"{workflow_id}_decision": self._decision()["taskToken"],
        }

    def _decision(self) -> Any:
        return self.call("PollForDecisionTask", domain="d", taskList={"name": "deciders"})

    def _activity(self) -> Any:
        return self.call("PollForActivityTask", domain="d", taskList={"name": "workers"})

    def _decide(self, task: Any, *activities: str) -> None:
        """Schedules these activities, and a timer whose id is then taken."""
        decisions: list[Any] = [
            {
                "decisionType": "ScheduleActivityTask",
                "scheduleActivityTaskDecisionAttributes": {"activityId": activity, "activityType": WORK},
            }
            for activity in activities
        ]
        timer = {"timerId": "t", "startToFireTimeout": "1000"}
        decisions.append({"decisionType": "StartTimer", "startTimerDecisionAttributes": timer})
        self.call("RespondDecisionTaskCompleted", taskToken=task["taskToken"], decisions=decisions)

    def _make_pages(self) -> None:
        """Every paged call has a second page; `$page_of_…` is its token."""
        for operation, members in PAGED.items():
            answer = self.call(operation, **self.filled(members), maximumPageSize=1)
            self.names[page_name(operation)[1:]] = answer["nextPageToken"]


PAGED: dict[str, dict[str, Any]] = {
    "ListDomains": {"registrationStatus": "REGISTERED"},
    "ListWorkflowTypes": {"domain": "d", "registrationStatus": "REGISTERED"},
    "ListActivityTypes": {"domain": "d", "registrationStatus": "REGISTERED"},
    "ListOpenWorkflowExecutions": {"domain": "d", "startTimeFilter": SINCE_EVER},
    "ListClosedWorkflowExecutions": {"domain": "d", "startTimeFilter": SINCE_EVER},
    "GetWorkflowExecutionHistory": {
        "domain": "d",
        "execution": {"workflowId": "open", "runId": "$open_run"},
    },
    "PollForDecisionTask": {"domain": "d", "taskList": {"name": "deciders"}},
}
"""The calls that answer in pages, with arguments that have more than one page."""


def store_of(service: Service) -> SqliteStore:
    """Where a service keeps what it knows, for `dump`."""
    if isinstance(service, InProcess):
        return service.world.store  # type: ignore[return-value]
    assert isinstance(service, OverHttp)
    return service._store  # type: ignore[return-value]


def page_name(operation: str) -> str:
    """`$page_of_list_domains`."""
    return "$page_of" + re.sub(r"([A-Z])", lambda found: "_" + found[1].lower(), operation)
