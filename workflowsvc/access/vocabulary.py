"""What each action is about, and the condition keys that it has: the vocabulary of access policies (SWF §13.1 to §13.3,
QUALITY §4.1).

Owns the table: one row for each action of SWF, each decision that is an action of policies, and each action of our own.
Values are the effective ones: a default of the registered type counts as if the request had given it. How a value is
read when it is asked for is in `question.py`. Must not know stores: what is not in a request is asked of `Facts`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Literal, NamedTuple, Protocol

from workflowsvc.access.administration import ADMINISTRATION, About
from workflowsvc.tenant import Tenant

MAX_TAGS = 5  # of an execution (SWF §2.21)


class Facts(Protocol):
    """What is registered, as the transaction at hand sees it."""

    def tags(self, domain: str) -> Mapping[str, str | None]:
        """Resource tags; none for a domain that does not exist."""
        ...

    def default_task_list(
        self, domain: str, kind: Literal["workflow", "activity"], name: str, version: str
    ) -> str | None:
        """None without a default, or without such a type."""
        ...

    def run_type(self) -> tuple[str, str]:
        """Name and version of the workflow type of the run whose decision is carried out."""
        ...


class Resource(NamedTuple):
    """What a policy's `Resource` is compared with; `domain` is empty when that is no domain of the tenant."""

    arn: str
    domain: str = ""


class Asked(Protocol):
    """What the value of a key is read from."""

    @property
    def given(self) -> Any:
        """The input of an action, or the attributes of a decision."""
        ...

    @property
    def resource(self) -> Resource: ...
    @property
    def facts(self) -> Facts: ...


Read = Callable[[Asked], str | None]
"""The value of a condition key; None: the key is absent."""
Tags = Iterable[tuple[str, str | None]]


class Entry(NamedTuple):
    """A row."""

    action: str
    resource: Callable[[Tenant, Any], Resource] | None = None
    """Of a request; None: the domain of a decision's run, or of the task that a task token names."""
    keys: Mapping[str, Read] = {}
    """By the name of the key in lower case."""
    request_tags: Callable[[Any], Tags | None] | None = None
    tag_keys: Callable[[Any], Iterable[str]] | None = None
    also: Callable[[Any], tuple[str, ...]] | None = None
    """Further actions that the request carries out on the same domain: the caller needs each of them. They have no
    condition keys that a request gives."""
    is_decision: bool = False


# --- resources ---


@lru_cache(4_096)
def domain_resource(tenant: Tenant, name: str) -> Resource:
    """A domain, whether or not it exists."""
    return Resource(tenant.domain_arn(name), name)


def _domain(tenant: Tenant, request: Any) -> Resource:
    return domain_resource(tenant, request.domain)


def _named_domain(tenant: Tenant, request: Any) -> Resource:
    return domain_resource(tenant, request.name)


def _tagged_domain(tenant: Tenant, request: Any) -> Resource:
    """The ARN as it was given: one of another account or region is no domain of this tenant."""
    prefix = tenant.domain_arn("")
    arn: str = request.resource_arn
    return Resource(arn, arn.removeprefix(prefix) if arn.startswith(prefix) else "")


def all_domains(tenant: Tenant, _request: object = None) -> Resource:
    """The account in its region as a whole."""
    return Resource(tenant.domain_arn("*"))


# --- values ---


def _task_list(asked: Asked) -> str | None:
    task_list = asked.given.task_list
    return None if task_list is None else task_list.name


def _default_task_list(asked: Asked) -> str | None:
    task_list = asked.given.default_task_list
    return None if task_list is None else task_list.name


def _workflow_task_list(asked: Asked) -> str | None:
    given = asked.given
    if given.task_list is not None:
        return given.task_list.name
    named = given.workflow_type
    return asked.facts.default_task_list(asked.resource.domain, "workflow", named.name, named.version)


def _activity_task_list(asked: Asked) -> str | None:
    given = asked.given
    if given.task_list is not None:
        return given.task_list.name
    named = given.activity_type
    return asked.facts.default_task_list(asked.resource.domain, "activity", named.name, named.version)


def _continued_version(asked: Asked) -> str | None:
    return asked.given.workflow_type_version or asked.facts.run_type()[1]


def _continued_task_list(asked: Asked) -> str | None:
    """Of the type that the new run has; nothing is inherited from the run that ends (SWF §5.6)."""
    given = asked.given
    if given.task_list is not None:
        return given.task_list.name
    name, version = asked.facts.run_type()
    return asked.facts.default_task_list(
        asked.resource.domain, "workflow", name, given.workflow_type_version or version
    )


def _tag(position: int) -> Read:
    def read(asked: Asked) -> str | None:
        tags = asked.given.tag_list
        return tags[position] if tags and len(tags) > position else None

    return read


def _filter(member: str, part: str) -> Read:
    """A part of an optional filter."""

    def read(asked: Asked) -> str | None:
        given = getattr(asked.given, member)
        return None if given is None else getattr(given, part)

    return read


def _part(member: str, part: str) -> Read:
    return lambda asked: getattr(getattr(asked.given, member), part)


def _lower(keys: Mapping[str, Read]) -> Mapping[str, Read]:
    return {name.lower(): read for name, read in keys.items()}


_TAG_LIST = _lower(
    # The guide's spelling, and that of the API reference (SWF §13.3).
    {f"swf:tagList.member.{position}": _tag(position) for position in range(MAX_TAGS)}
    | {f"swf:tagList.{position}": _tag(position) for position in range(MAX_TAGS)}
)
_FILTERS = _lower(
    {
        "swf:tagFilter.tag": _filter("tag_filter", "tag"),
        "swf:typeFilter.name": _filter("type_filter", "name"),
        "swf:typeFilter.version": _filter("type_filter", "version"),
    }
)
_TASK_LIST = _lower({"swf:taskList.name": _task_list})
_ACTIVITY_TYPE = _lower(
    {
        "swf:activityType.name": _part("activity_type", "name"),
        "swf:activityType.version": _part("activity_type", "version"),
    }
)
_WORKFLOW_TYPE = _lower(
    {
        "swf:workflowType.name": _part("workflow_type", "name"),
        "swf:workflowType.version": _part("workflow_type", "version"),
    }
)
_REGISTERED = _lower(
    {
        "swf:defaultTaskList.name": _default_task_list,
        "swf:name": lambda asked: asked.given.name,
        "swf:version": lambda asked: asked.given.version,
    }
)
_STARTED = {**_TAG_LIST, **_WORKFLOW_TYPE, **_lower({"swf:taskList.name": _workflow_task_list})}
_CONTINUED = {
    **_TAG_LIST,
    **_lower(
        {
            "swf:taskList.name": _continued_task_list,
            # The guide's name, and that of the API reference: they disagree (SWF §13.3).
            "swf:workflowTypeVersion": _continued_version,
            "swf:workflowType.version": _continued_version,
        }
    ),
}


def _tags_of(request: Any) -> Tags | None:
    return None if request.tags is None else [(tag.key, tag.value) for tag in request.tags]


def _keys_of_tags(request: Any) -> Iterable[str]:
    return [tag.key for tag in request.tags or ()]


def _untagged_keys(request: Any) -> Iterable[str]:
    return request.tag_keys


def _administered(about: About) -> Callable[[Tenant, Any], Resource]:
    return lambda tenant, request: Resource(about(tenant, request))


# --- actions that carry out others ---

_BATCH_NEEDS = {
    "SIGNAL": ("swf:SignalWorkflowExecution",),
    "REQUEST_CANCEL": ("swf:RequestCancelWorkflowExecution",),
    "TERMINATE": ("swf:TerminateWorkflowExecution",),
    # Each run is asked for by itself, since it says which type, task list and tags are started.
    "RERUN": (),
    "DELETE": ("workflowsvc:DeleteExecution",),
}


def _batch_needs(request: Any) -> tuple[str, ...]:
    return _BATCH_NEEDS[request.operation]


def _deletion_needs(request: Any) -> tuple[str, ...]:
    return ("swf:DeprecateDomain", "swf:TerminateWorkflowExecution") if request.force else ()


# --- the tables ---


def _rows(prefix: str, rows: Mapping[str, Entry]) -> dict[str, Entry]:
    return {f"{prefix}:{name}": row._replace(action=f"{prefix}:{name}") for name, row in rows.items()}


def _on_domain(keys: Mapping[str, Read] | None = None) -> Entry:
    return Entry("", _domain, keys or {})


_ON_DOMAIN = _on_domain()
_OF_TASK = Entry("")

_SWF = {
    "RegisterDomain": Entry("", _named_domain, request_tags=_tags_of, tag_keys=_keys_of_tags),
    "DescribeDomain": Entry("", _named_domain),
    "ListDomains": Entry("", all_domains),
    "DeprecateDomain": Entry("", _named_domain),
    "UndeprecateDomain": Entry("", _named_domain),
    "TagResource": Entry("", _tagged_domain, request_tags=_tags_of, tag_keys=_keys_of_tags),
    "UntagResource": Entry("", _tagged_domain, tag_keys=_untagged_keys),
    "ListTagsForResource": Entry("", _tagged_domain),
    "RegisterWorkflowType": _on_domain(_REGISTERED),
    "DescribeWorkflowType": _on_domain(_WORKFLOW_TYPE),
    "ListWorkflowTypes": _ON_DOMAIN,
    "DeprecateWorkflowType": _on_domain(_WORKFLOW_TYPE),
    "UndeprecateWorkflowType": _on_domain(_WORKFLOW_TYPE),
    "DeleteWorkflowType": _on_domain(_WORKFLOW_TYPE),
    "RegisterActivityType": _on_domain(_REGISTERED),
    "DescribeActivityType": _on_domain(_ACTIVITY_TYPE),
    "ListActivityTypes": _ON_DOMAIN,
    "DeprecateActivityType": _on_domain(_ACTIVITY_TYPE),
    "UndeprecateActivityType": _on_domain(_ACTIVITY_TYPE),
    "DeleteActivityType": _on_domain(_ACTIVITY_TYPE),
    "StartWorkflowExecution": _on_domain(_STARTED),
    "SignalWorkflowExecution": _ON_DOMAIN,
    "RequestCancelWorkflowExecution": _ON_DOMAIN,
    "TerminateWorkflowExecution": _ON_DOMAIN,
    "DescribeWorkflowExecution": _ON_DOMAIN,
    "GetWorkflowExecutionHistory": _ON_DOMAIN,
    "ListOpenWorkflowExecutions": _on_domain(_FILTERS),
    "ListClosedWorkflowExecutions": _on_domain(_FILTERS),
    "CountOpenWorkflowExecutions": _on_domain(_FILTERS),
    "CountClosedWorkflowExecutions": _on_domain(_FILTERS),
    "PollForDecisionTask": _on_domain(_TASK_LIST),
    "PollForActivityTask": _on_domain(_TASK_LIST),
    "CountPendingDecisionTasks": _on_domain(_TASK_LIST),
    "CountPendingActivityTasks": _on_domain(_TASK_LIST),
    "RespondDecisionTaskCompleted": _OF_TASK,
    "RespondActivityTaskCompleted": _OF_TASK,
    "RespondActivityTaskFailed": _OF_TASK,
    "RespondActivityTaskCanceled": _OF_TASK,
    "RecordActivityTaskHeartbeat": _OF_TASK,
}

_DECISION = Entry("", is_decision=True)
_DECISIONS = {
    "CancelTimer": _DECISION,
    "CancelWorkflowExecution": _DECISION,
    "CompleteWorkflowExecution": _DECISION,
    "ContinueAsNewWorkflowExecution": _DECISION._replace(keys=_CONTINUED),
    "FailWorkflowExecution": _DECISION,
    "RecordMarker": _DECISION,
    "RequestCancelActivityTask": _DECISION,
    "RequestCancelExternalWorkflowExecution": _DECISION,
    "ScheduleActivityTask": _DECISION._replace(
        keys={**_ACTIVITY_TYPE, **_lower({"swf:taskList.name": _activity_task_list})}
    ),
    "SignalExternalWorkflowExecution": _DECISION,
    "StartChildWorkflowExecution": _DECISION._replace(keys=_STARTED),
    "StartTimer": _DECISION,
}
"""ScheduleLambdaFunction is not among them: AWS has no such action (QUALITY §4.1)."""

_OWN = {
    "DescribeService": Entry("", all_domains),
    "ListLogLevels": Entry("", all_domains),
    "SetLogLevel": Entry("", all_domains),
    "DescribeExecutionState": _ON_DOMAIN,
    "ExplainExecution": _ON_DOMAIN,
    "RerunExecution": _ON_DOMAIN,
    "DeleteExecution": _ON_DOMAIN,
    "DeleteDomain": Entry("", _domain, also=_deletion_needs),
    "ImportHistory": _ON_DOMAIN,
    "StartBatch": Entry("", _domain, also=_batch_needs),
    "DescribeBatch": _ON_DOMAIN,
    "ListBatches": _ON_DOMAIN,
    "UpdateBatch": _ON_DOMAIN,
    "StopBatch": _ON_DOMAIN,
    "ExplainDomain": _ON_DOMAIN,
    "SearchExecutions": _ON_DOMAIN,
    "CountExecutions": _ON_DOMAIN,
    "ListTaskLists": _ON_DOMAIN,
    "DescribeTaskList": _ON_DOMAIN,
    **dict.fromkeys(("DescribeClock", "AdvanceClock", "FreezeClock", "RunClock", "SkipClock"), _ON_DOMAIN),
    "PutRetentionRule": _ON_DOMAIN,
    "DeleteRetentionRule": _ON_DOMAIN,
    "DescribeRetention": _ON_DOMAIN,
    **dict.fromkeys(("SetFeed", "DescribeFeed", "ReadFeed"), _ON_DOMAIN),
    **dict.fromkeys(("CreateWebhook", "DeleteWebhook", "ListWebhooks", "TestWebhook"), _ON_DOMAIN),
    **dict.fromkeys(("ListDeadLetters", "ResendDeadLetters", "DeleteDeadLetters"), _ON_DOMAIN),
    "PutDomainPolicy": _ON_DOMAIN,
    "DescribeDomainPolicy": _ON_DOMAIN,
    "DeleteDomainPolicy": _ON_DOMAIN,
    **{name: Entry("", _administered(about)) for name, about in ADMINISTRATION.items()},
}

PREFIX_OF_MODEL = {"SimpleWorkflowService": "swf", "WorkflowSvc": "workflowsvc"}
"""Target prefix of a service model -> prefix of its actions in policies."""

ENTRIES: Mapping[str, Entry] = {
    **_rows("swf", _SWF),
    **_rows("swf", _DECISIONS),
    **_rows("workflowsvc", _OWN),
}
"""By the name of the action in policies."""
