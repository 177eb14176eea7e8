"""The names that load and audit share: one domain, its types and lists, and the life cycles of further names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

DOMAIN = "crash"
ARN = f"arn:aws:swf:us-east-1:000000000000:/domain/{DOMAIN}"
WORKFLOW = {"name": "workflow", "version": "1"}
ACTIVITY = {"name": "activity", "version": "1"}
DECIDERS, WORKERS = "deciders", "workers"
LONE = "lone"  # the list with a single worker, whose order can be judged (QUALITY §2.5.R6)
COUNTS = ("CountPendingActivityTasks", "CountPendingDecisionTasks")

# Short, so that a task whose answer a crash has lost is handed out again within a second or two.
TASK_SECONDS = "1"
HEARTBEAT_SECONDS = "1"

Request = tuple[str, dict[str, Any]]

_DEFAULTS: dict[str, Any] = {
    "RegisterWorkflowType": {
        "defaultTaskStartToCloseTimeout": TASK_SECONDS,
        "defaultExecutionStartToCloseTimeout": "3600",
        "defaultTaskList": {"name": DECIDERS},
        "defaultChildPolicy": "TERMINATE",
    },
    "RegisterActivityType": {
        "defaultTaskScheduleToStartTimeout": "NONE",
        "defaultTaskScheduleToCloseTimeout": "NONE",
        "defaultTaskStartToCloseTimeout": TASK_SECONDS,
        "defaultTaskHeartbeatTimeout": HEARTBEAT_SECONDS,
        "defaultTaskList": {"name": WORKERS},
    },
}


def fixtures() -> list[Request]:
    """The registrations that must precede the first start."""
    return [
        ("RegisterDomain", {"name": DOMAIN, "workflowExecutionRetentionPeriodInDays": "7"}),
        ("RegisterWorkflowType", {"domain": DOMAIN, **WORKFLOW, **_DEFAULTS["RegisterWorkflowType"]}),
        ("RegisterActivityType", {"domain": DOMAIN, **ACTIVITY, **_DEFAULTS["RegisterActivityType"]}),
    ]


class Named(NamedTuple):
    """A kind of name with its life cycle: registered, deprecated, undeprecated, deleted."""

    kind: str
    life: Callable[[str], list[Request]]  # of the thing with this name
    describe: Callable[[str], Request]
    info: str  # the member of the description that holds its status


def _type(kind: str) -> Named:
    member = f"{kind[0].lower()}{kind[1:]}"

    def life(name: str) -> list[Request]:
        named = {"domain": DOMAIN, member: {"name": name, "version": "1"}}
        first = {"domain": DOMAIN, "name": name, "version": "1", "description": name}
        return [
            (f"Register{kind}", first),
            (f"Deprecate{kind}", named),
            (f"Undeprecate{kind}", named),
            (f"Deprecate{kind}", named),
            (f"Delete{kind}", named),
        ]

    def describe(name: str) -> Request:
        return f"Describe{kind}", {"domain": DOMAIN, member: {"name": name, "version": "1"}}

    return Named(kind, life, describe, "typeInfo")


def _domain() -> Named:
    def life(name: str) -> list[Request]:
        return [
            ("RegisterDomain", {"name": name, "workflowExecutionRetentionPeriodInDays": "NONE"}),
            ("DeprecateDomain", {"name": name}),
            ("UndeprecateDomain", {"name": name}),
            ("DeprecateDomain", {"name": name}),
        ]

    return Named("Domain", life, lambda name: ("DescribeDomain", {"name": name}), "domainInfo")


TYPES = (_type("WorkflowType"), _type("ActivityType"), _type("ActivityType"), _domain())
