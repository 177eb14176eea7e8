"""Refuses a list of decisions that the service would not begin to carry out (SWF §4.6, §3.2).

Owns the rules about the list as a whole and about the attributes that a decision's type requires.
Must not know whether a decision can be carried out; the core does.
"""

from __future__ import annotations

from collections.abc import Sequence

from workflowsvc.faults import ValidationException
from workflowsvc.model.shapes import DECISIONS, Decision

CLOSING = frozenset(
    {
        "CompleteWorkflowExecution",
        "FailWorkflowExecution",
        "CancelWorkflowExecution",
        "ContinueAsNewWorkflowExecution",
    }
)
# Work that would outlive its execution; Lambda by analogy with activities (SWF §15.8).
NEW_WORK = frozenset({"ScheduleActivityTask", "StartTimer", "ScheduleLambdaFunction"})


def require_order(types: Sequence[str | None]) -> None:
    """A closing decision stands last and alone with what it is compatible with."""
    if len(types) < 2:
        return
    if not CLOSING.isdisjoint(types[:-1]):
        raise ValidationException("Close must be last decision in list")
    if types[-1] in CLOSING and not NEW_WORK.isdisjoint(types):
        raise ValidationException("Specified decision is incompatible with close decision")


def require_attributes(decisions: Sequence[Decision]) -> None:
    """Each decision has the attributes of its type, unless none of them is required (SWF §3.2).

    The text is AWS's: recorded for StartTimer, the same for the other types by analogy.
    """
    for decision in decisions:
        attribute = _required_attribute[decision.decision_type]
        if attribute is not None and getattr(decision, attribute) is None:
            kind = decision.decision_type
            raise ValidationException(
                f"{kind}DecisionAttributes must be specified for decision of type {kind}"
            )


_required_attribute = {
    shape.type: shape.attribute if shape.attributes_required else None for shape in DECISIONS.values()
}
