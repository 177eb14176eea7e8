"""What all decisions have in common: their events repeat the decision's own members.

Owns the making of success events and of `...Failed` events. Must not know any decision's rules.
"""

from __future__ import annotations

from functools import cache
from typing import Any, TypeVar

from workflowsvc.model.shapes import EVENTS, Shape

S = TypeVar("S", bound=Shape)


@cache
def _shared_names(made: type[Shape], given: type[Shape]) -> tuple[str, ...]:
    return tuple(name for name in made.__struct_fields__ if name in given.__struct_fields__)


def repeat(made: type[S], given: Shape, **others: Any) -> S:
    """An event with the members that it shares with `given`, and `others`, which win where both name one."""
    members = {name: getattr(given, name) for name in _shared_names(made, type(given))}
    return made(**(members | others))


def success(made: type[S], decision: Shape, completed_id: int, **others: Any) -> S:
    """The event of a decision that was carried out: the decision's own members, the completion, and `others`."""
    return repeat(made, decision, decision_task_completed_event_id=completed_id, **others)


def failure(decision_type: str, attributes: Shape, completed_id: int, cause: str) -> Shape:
    """The `...Failed` event of a decision. One that was never initiated says initiatedEventId 0 (SWF §5.13)."""
    made = EVENTS[f"{decision_type}Failed"].attributes
    others: dict[str, Any] = {"cause": cause, "decision_task_completed_event_id": completed_id}
    if "initiated_event_id" in made.__struct_fields__:
        others["initiated_event_id"] = 0
    return repeat(made, attributes, **others)
