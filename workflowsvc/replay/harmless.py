"""What a shadow domain answers to calls that are not about its decision tasks: as if they had been carried out.

Owns the answers. Registrations are remembered as far as a program reads them back; what would start, signal or end a
run is counted, because a decider that calls it does more than decide.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

from workflowsvc.faults import ValidationException
from workflowsvc.model import shapes
from workflowsvc.model.events import timestamp
from workflowsvc.service.call_context import CallContext

_Answer = Callable[[CallContext, Any], Any]
Configuration = TypeVar("Configuration", bound=shapes.Shape)


class HarmlessAnswers:
    """Of one shadow domain."""

    def __init__(self, random_bytes: Callable[[int], bytes]) -> None:
        self.not_executed: Counter[str] = Counter()
        """Calls that would have had an effect, by action."""
        self._random_bytes = random_bytes
        self._workflow_types: dict[tuple[str, str], shapes.RegisterWorkflowTypeInput] = {}
        self._activity_types: dict[tuple[str, str], shapes.RegisterActivityTypeInput] = {}
        self._domains: dict[str, str] = {}  # name -> retention period in days
        self.answers: dict[str, _Answer] = {
            "RegisterDomain": self._register_domain,
            "DescribeDomain": self._describe_domain,
            "ListDomains": self._list_domains,
            "ListTagsForResource": lambda context, request: shapes.ListTagsForResourceOutput(tags=[]),
            "RegisterWorkflowType": self._register_workflow_type,
            "DescribeWorkflowType": self._describe_workflow_type,
            "ListWorkflowTypes": self._list_workflow_types,
            "RegisterActivityType": self._register_activity_type,
            "DescribeActivityType": self._describe_activity_type,
            "ListActivityTypes": self._list_activity_types,
            "StartWorkflowExecution": self._start,
            "ListOpenWorkflowExecutions": _no_runs,
            "ListClosedWorkflowExecutions": _no_runs,
            "CountOpenWorkflowExecutions": _no_run,
            "CountClosedWorkflowExecutions": _no_run,
            "CountPendingActivityTasks": lambda context, request: shapes.PendingTaskCount(
                count=0, truncated=False
            ),
        }
        for name in (
            *("DeprecateDomain", "UndeprecateDomain", "TagResource", "UntagResource"),
            *("DeprecateWorkflowType", "UndeprecateWorkflowType", "DeleteWorkflowType"),
            *("DeprecateActivityType", "UndeprecateActivityType", "DeleteActivityType"),
            *("SignalWorkflowExecution", "RequestCancelWorkflowExecution", "TerminateWorkflowExecution"),
        ):
            self.answers[name] = self._count
        for name in (
            "RecordActivityTaskHeartbeat",
            "RespondActivityTaskCompleted",
            "RespondActivityTaskFailed",
            "RespondActivityTaskCanceled",
        ):
            self.answers[name] = _unknown_token

    def _count(self, context: CallContext, request: Any) -> None:
        self.not_executed[context.action.name] += 1

    def _start(self, context: CallContext, request: shapes.StartWorkflowExecutionInput) -> shapes.Run:
        self._count(context, request)
        return shapes.Run(run_id=f"replay-{self._random_bytes(16).hex()}")

    # --- domains and types ---

    def _register_domain(self, context: CallContext, request: shapes.RegisterDomainInput) -> None:
        self._domains[request.name] = request.workflow_execution_retention_period_in_days

    def _describe_domain(
        self, context: CallContext, request: shapes.DescribeDomainInput
    ) -> shapes.DomainDetail:
        retention = self._domains.get(request.name, "NONE")
        return shapes.DomainDetail(
            configuration=shapes.DomainConfiguration(workflow_execution_retention_period_in_days=retention),
            domain_info=shapes.DomainInfo(name=request.name, status="REGISTERED"),
        )

    def _list_domains(self, context: CallContext, request: shapes.ListDomainsInput) -> shapes.DomainInfos:
        names = self._domains if request.registration_status == "REGISTERED" else ()
        return shapes.DomainInfos(
            domain_infos=[shapes.DomainInfo(name=name, status="REGISTERED") for name in names]
        )

    def _register_workflow_type(
        self, context: CallContext, request: shapes.RegisterWorkflowTypeInput
    ) -> None:
        self._workflow_types[request.name, request.version] = request

    def _describe_workflow_type(
        self, context: CallContext, request: shapes.DescribeWorkflowTypeInput
    ) -> shapes.WorkflowTypeDetail:
        named = request.workflow_type
        registered = self._workflow_types.get((named.name, named.version))
        return shapes.WorkflowTypeDetail(
            configuration=_defaults(registered, shapes.WorkflowTypeConfiguration),
            type_info=self._workflow_type_info(context, named),
        )

    def _workflow_type_info(
        self, context: CallContext, named: shapes.WorkflowType
    ) -> shapes.WorkflowTypeInfo:
        return shapes.WorkflowTypeInfo(
            creation_date=timestamp(context.now), status="REGISTERED", workflow_type=named
        )

    def _list_workflow_types(
        self, context: CallContext, request: shapes.ListWorkflowTypesInput
    ) -> shapes.WorkflowTypeInfos:
        found = _listed(self._workflow_types, request)
        return shapes.WorkflowTypeInfos(
            type_infos=[
                self._workflow_type_info(context, shapes.WorkflowType(name=name, version=version))
                for name, version in found
            ]
        )

    def _register_activity_type(
        self, context: CallContext, request: shapes.RegisterActivityTypeInput
    ) -> None:
        self._activity_types[request.name, request.version] = request

    def _describe_activity_type(
        self, context: CallContext, request: shapes.DescribeActivityTypeInput
    ) -> shapes.ActivityTypeDetail:
        named = request.activity_type
        registered = self._activity_types.get((named.name, named.version))
        return shapes.ActivityTypeDetail(
            configuration=_defaults(registered, shapes.ActivityTypeConfiguration),
            type_info=self._activity_type_info(context, named),
        )

    def _activity_type_info(
        self, context: CallContext, named: shapes.ActivityType
    ) -> shapes.ActivityTypeInfo:
        return shapes.ActivityTypeInfo(
            activity_type=named, creation_date=timestamp(context.now), status="REGISTERED"
        )

    def _list_activity_types(
        self, context: CallContext, request: shapes.ListActivityTypesInput
    ) -> shapes.ActivityTypeInfos:
        found = _listed(self._activity_types, request)
        return shapes.ActivityTypeInfos(
            type_infos=[
                self._activity_type_info(context, shapes.ActivityType(name=name, version=version))
                for name, version in found
            ]
        )


def _defaults(registered: shapes.Shape | None, configuration: type[Configuration]) -> Configuration:
    """The defaults that a type was registered with; none where it was not registered here."""
    names = configuration.__struct_fields__
    return configuration(**{name: getattr(registered, name) for name in names} if registered else {})


def _listed(types: dict[tuple[str, str], Any], request: Any) -> list[tuple[str, str]]:
    if request.registration_status != "REGISTERED":
        return []
    found = sorted(named for named in types if request.name in (None, named[0]))
    return found[::-1] if request.reverse_order else found


def _no_runs(context: CallContext, request: Any) -> shapes.WorkflowExecutionInfos:
    return shapes.WorkflowExecutionInfos(execution_infos=[])


def _no_run(context: CallContext, request: Any) -> shapes.WorkflowExecutionCount:
    return shapes.WorkflowExecutionCount(count=0, truncated=False)


def _unknown_token(context: CallContext, request: Any) -> None:
    raise ValidationException("Invalid token")  # no activity task is ever handed out
