"""Every modelled fault of every action: a call that is answered with it, and the exact text (SWF §1.4.10, §2).

Owns the table, and the faults that cannot occur in a single installation, with the reason. Names that begin with `$`
are those of `fixtures.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.conformance.fixtures import ARN, BARE, FLOW, NOTHING, OLD, OLD_WORK, OTHER, WORK
from tests.wire import swf_model
from workflowsvc.tenant import Tenant


class Refusal(NamedTuple):
    """A call that is legal in itself, and how it is refused."""

    operation: str
    fault: str
    message: str | None
    when: str
    members: dict[str, Any]
    grade: str  # of the evidence for code and text
    citation: str  # of docs/spec/swf.md
    tenant: Tenant = Tenant()

    @property
    def title(self) -> str:
        return f"{self.operation} of {self.when}"


def key(name: str, value: str = "") -> dict[str, str]:
    return {"key": name, "value": value}


KINDS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "Workflow": (FLOW, OLD),
    "Activity": (WORK, OLD_WORK),
}
"""Of each kind, a type that is registered and one that is deprecated."""


def type_text(kind: str, type_: dict[str, str]) -> str:
    return f"{kind}Type=[name={type_['name']}, version={type_['version']}]"


def refusals() -> list[Refusal]:
    """The whole table, in the order of the model's actions."""
    order = {operation: number for number, operation in enumerate(swf_model.OPERATIONS)}
    made = [*_domains(), *_unknown_domains(), *_tags(), *_types(), *_starts(), *_runs(), *_tasks()]
    return sorted(made, key=lambda refusal: order[refusal.operation])


def _domains() -> Iterator[Refusal]:
    retention = {"workflowExecutionRetentionPeriodInDays": "1"}
    exists, deprecated = "DomainAlreadyExistsFault", "DomainDeprecatedFault"
    for name, state in (("d", "a registered"), ("old", "a deprecated")):
        members = {"name": name, **retention}
        yield Refusal("RegisterDomain", exists, name, f"{state} name", members, "A*", "SWF §2.1")
    yield Refusal(
        "RegisterDomain",
        "LimitExceededFault",
        "The limit of 3 domains is reached; DeleteDomain of the service's own API deletes one, "
        "and --max-domains allows more",
        "one domain too many",
        {"name": "new", **retention},
        "E",
        "SWF §2.1, §15.17",
    )
    yield Refusal(
        "RegisterDomain",
        "TooManyTagsFault",
        "A domain has at most 2 tags",
        "one tag too many",
        {"name": "d", **retention, "tags": [key("a"), key("b"), key("c")]},
        "E",
        "SWF §2.1, §15.17",
        OTHER,  # who has no domain yet, so that this is the only thing wrong
    )
    for operation in ("DescribeDomain", "DeprecateDomain", "UndeprecateDomain"):
        yield Refusal(
            operation,
            "UnknownResourceFault",
            "Unknown domain: unknown",
            "an unknown domain",
            {"name": "unknown"},
            "A*",
            "SWF §1.4.10",
        )
    yield Refusal(
        "DeprecateDomain", deprecated, "old", "a deprecated domain", {"name": "old"}, "A*", "SWF §2.4"
    )
    yield Refusal("UndeprecateDomain", exists, "d", "a registered domain", {"name": "d"}, "A*", "SWF §2.5")


def _unknown_domains() -> Iterator[Refusal]:
    """Of every call that names a domain beside what it is about."""
    for operation in swf_model.OPERATIONS:
        shape = swf_model.input_of(operation)
        if "domain" in shape.members:
            members = swf_model.legal(operation, swf_model.example(shape) | {"domain": "unknown"})
            yield Refusal(
                operation,
                "UnknownResourceFault",
                "Unknown domain: unknown",
                "an unknown domain",
                members,
                "A*",
                "SWF §1.4.10",
            )


def _tags() -> Iterator[Refusal]:
    others = {
        "TagResource": {"tags": [key("a")]},
        "UntagResource": {"tagKeys": ["a"]},
        "ListTagsForResource": {},
    }
    arns = {
        "an unknown domain": ARN + "unknown",
        "a domain of another account": f"arn:aws:swf:us-east-1:{OTHER.account}:/domain/d",
        "a domain of another region": ARN.replace("us-east-1", "eu-west-1") + "d",
        "an ARN without the slash": ARN.replace(":/domain", ":domain") + "d",
        "what is no ARN": "d",
    }
    for operation, members in others.items():
        for what, arn in arns.items():
            yield Refusal(
                operation,
                "UnknownResourceFault",
                f"Unknown resource: {arn}",
                what,
                {"resourceArn": arn, **members},
                "B",
                "SWF §2.6",
            )
    yield Refusal(
        "TagResource",
        "TooManyTagsFault",
        "A domain has at most 2 tags",
        "one tag too many",
        {"resourceArn": ARN + "d", "tags": [key("c")]},
        "E",
        "SWF §2.6, §15.17",
    )


def _types() -> Iterator[Refusal]:
    for kind, (registered, old) in KINDS.items():
        yield from _registrations(kind, registered, old)
        yield from _states(kind, registered, old)


def _of_type(verb: str, kind: str, fault: str, message: str, when: str, **given: Any) -> Refusal:
    """A refusal in domain `d`; `grade` and `citation` are those of the evidence."""
    grade, citation = given.pop("grade", "A*"), given.pop("citation")
    return Refusal(f"{verb}{kind}Type", fault, message, when, {"domain": "d", **given}, grade, citation)


def _registrations(kind: str, registered: dict[str, str], old: dict[str, str]) -> Iterator[Refusal]:
    for type_, state in ((registered, "a registered"), (old, "a deprecated")):
        text, when = type_text(kind, type_), f"{state} type"
        yield _of_type("Register", kind, "TypeAlreadyExistsFault", text, when, **type_, citation="SWF §2.9")
    said, when = f"The limit of 3 {kind.lower()} types in domain d is reached", "one type too many"
    new = {"name": "new", "version": "1", "grade": "E", "citation": "SWF §2.9, §15.17"}
    yield _of_type("Register", kind, "LimitExceededFault", said, when, **new)
    given = {"domain": "old", **registered, "citation": "SWF §2.4"}
    yield _of_type("Register", kind, "DomainDeprecatedFault", "old", "a deprecated domain", **given)


def _states(kind: str, registered: dict[str, str], old: dict[str, str]) -> Iterator[Refusal]:
    member = f"{kind.lower()}Type"
    for verb in ("Describe", "Deprecate", "Undeprecate", "Delete"):
        said = f"Unknown type: {type_text(kind, NOTHING)}"
        given: dict[str, Any] = {member: NOTHING, "grade": "A", "citation": "SWF §1.4.10"}
        yield _of_type(verb, kind, "UnknownResourceFault", said, "an unknown type", **given)
    text, given = type_text(kind, old), {member: old, "citation": "SWF §2.12"}
    yield _of_type("Deprecate", kind, "TypeDeprecatedFault", text, "a deprecated type", **given)
    text, when = type_text(kind, registered), "a registered type"
    given = {member: registered, "citation": "SWF §2.13"}
    yield _of_type("Undeprecate", kind, "TypeAlreadyExistsFault", text, when, **given)
    said = "The type is currently registered and cannot be deleted in its current state"
    given = {member: registered, "citation": "SWF §2.14"}
    yield _of_type("Delete", kind, "TypeNotDeprecatedFault", said, when, **given)


def _starts() -> Iterator[Refusal]:
    def refusal(
        fault: str, message: str | None, when: str, grade: str, citation: str, type_: Any = FLOW, **given: Any
    ) -> Refusal:
        members = {"domain": "d", "workflowId": "new", "workflowType": type_, **given}
        return Refusal("StartWorkflowExecution", fault, message, when, members, grade, citation)

    unknown = f"Unknown type: {type_text('Workflow', NOTHING)}"
    yield refusal("UnknownResourceFault", unknown, "an unknown type", "A", "SWF §1.4.10", NOTHING)
    text = type_text("Workflow", OLD)
    yield refusal("TypeDeprecatedFault", text, "a deprecated type", "A*", "SWF §2.21", OLD)
    yield refusal("DomainDeprecatedFault", "old", "a deprecated domain", "A*", "SWF §2.21", domain="old")
    started = "WorkflowExecutionAlreadyStartedFault"
    yield refusal(started, None, "a workflowId that has an open run", "A*", "SWF §1.4.6", workflowId="open")
    said = "The limit of 2 open executions in domain d is reached"
    yield refusal("LimitExceededFault", said, "one open run too many", "E", "SWF §2.21, §15.17")
    given: dict[str, Any] = {}
    for name, value in (
        ("executionStartToCloseTimeout", "60"),
        ("taskList", {"name": "l"}),
        ("taskStartToCloseTimeout", "60"),
        ("childPolicy", "ABANDON"),
    ):
        when = f"a type without defaults, given {_listed(given)}"
        yield refusal("DefaultUndefinedFault", name, when, "A*", "SWF §2.21, §15.3, §15.21", BARE, **given)
        given[name] = value


def _listed(given: dict[str, Any]) -> str:
    return ", ".join(given) or "nothing"


def _runs() -> Iterator[Refusal]:
    others: dict[str, dict[str, Any]] = {
        "SignalWorkflowExecution": {"signalName": "s"},
        "RequestCancelWorkflowExecution": {},
        "TerminateWorkflowExecution": {},
    }
    unknown = "UnknownResourceFault"
    addressed = [
        ("a workflowId that never had a run", "A*", {"workflowId": "unknown"}),
        ("a workflowId without an open run", "A*", {"workflowId": "closed"}),
        ("a workflowId without an open run, runId empty", "A*", {"workflowId": "closed", "runId": ""}),
        ("a closed run", "A", {"workflowId": "closed", "runId": "$closed_run"}),
        ("a run of another workflowId", "A", {"workflowId": "also open", "runId": "$open_run"}),
        ("a runId that is none", "A", {"workflowId": "open", "runId": "fake"}),
    ]
    for operation, members in others.items():
        for when, grade, address in addressed:
            message = f"Unknown execution, workflowId = {address['workflowId']}"
            if address.get("runId"):
                message = unknown_execution(**address)
            given = {"domain": "d", **address, **members}
            yield Refusal(operation, unknown, message, when, given, grade, "SWF §1.4.10, §2.22")
    for operation in ("DescribeWorkflowExecution", "GetWorkflowExecutionHistory"):
        for when, address in (
            ("a runId that is none", {"workflowId": "open", "runId": "fake"}),
            ("a run of another workflowId", {"workflowId": "also open", "runId": "$open_run"}),
        ):
            given = {"domain": "d", "execution": address}
            yield Refusal(operation, unknown, unknown_execution(**address), when, given, "A", "SWF §1.4.10")
        given = {"domain": "e", "execution": {"workflowId": "open", "runId": "$open_run"}}
        said = unknown_execution("open", "$open_run")
        yield Refusal(operation, unknown, said, "a run of another domain", given, "A", "SWF §1.4.10")


def unknown_execution(workflowId: str, runId: str) -> str:
    return f"Unknown execution: WorkflowExecution=[workflowId={workflowId}, runId={runId}]"


def _tasks() -> Iterator[Refusal]:
    said = "Limit on maximum concurrent poll requests per task list reached"
    for kind in ("Decision", "Activity"):
        given = {"domain": "d", "taskList": {"name": "busy"}}
        when = "a task list on which enough others poll"
        yield Refusal(f"PollFor{kind}Task", "LimitExceededFault", said, when, given, "A", "SWF §1.4.10")
    unknown = "UnknownResourceFault"
    for operation in (
        "RespondDecisionTaskCompleted",
        "RecordActivityTaskHeartbeat",
        "RespondActivityTaskCompleted",
        "RespondActivityTaskFailed",
        "RespondActivityTaskCanceled",
    ):
        kind = "decision" if "Decision" in operation else "activity"
        said = unknown_execution("closed", "$closed_run")
        given = {"taskToken": f"$closed_{kind}"}
        yield Refusal(operation, unknown, said, "a task of a closed run", given, "A", "SWF §1.4.10, §7.5")
        said = "Unknown decision task, scheduledEventId = 2"
        if kind == "activity":
            said = "Unknown activity, scheduledEventId = 5"
        given = {"taskToken": f"$ended_{kind}"}
        yield Refusal(operation, unknown, said, "a task that has ended", given, "A*", "SWF §1.4.10, §7.5")


NOTHING_IS_FORBIDDEN = "a call that policies forbid is answered AccessDeniedException (SWF §15.10)"
NO_TAG_RATE = "the only limit of tags is their number, which has a fault of its own: TooManyTagsFault"
CANNOT_OCCUR: dict[tuple[str, str], str] = {
    **{(operation, "OperationNotPermittedFault"): NOTHING_IS_FORBIDDEN for operation in swf_model.OPERATIONS},
    ("TagResource", "LimitExceededFault"): NO_TAG_RATE,
    ("UntagResource", "LimitExceededFault"): NO_TAG_RATE,
    ("ListTagsForResource", "LimitExceededFault"): NO_TAG_RATE,
}
"""(action, modelled fault): why it is never answered here."""


def modelled() -> set[tuple[str, str]]:
    """(action, fault) as the service model has them."""
    return {
        (operation, error.name)
        for operation in swf_model.OPERATIONS
        for error in swf_model.SERVICE.operation_model(operation).error_shapes
    }
