"""The judge of the histories that a scenario reads: the independent checker `workflowsvc.lint`, and what was read
before, because a history only grows.
"""

from __future__ import annotations

from typing import Any

from workflowsvc import lint, settings
from workflowsvc.tenant import Tenant
from workflowsvc.testing.scenarios.service import Refused, Service

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
