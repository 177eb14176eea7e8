"""What the input of an action must satisfy that neither its shape nor the rules of its members say.

Owns the table, by the structure of the input, as data for the two paths of `wire.py`: accept fast, explain slowly. It
stands here and not in the table of actions (`service/actions.py`) because reading a request must not need the service.
An action without a row has no such rule. Must not know how a body is read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from workflowsvc.model import constraints, decision_list, shapes
from workflowsvc.model.shapes import ShapeClass

Check = Callable[[Any], None]
"""Takes an accepted input; raises a ValidationException or returns."""


class InputRules(NamedTuple):
    """The rules of one structure, in the order in which they are applied (SWF §3.1)."""

    parsed: Callable[[dict[str, Any]], None] | None = None
    """Applied to the parsed JSON of a refused body, between its types and the constraints of the model."""
    before_members: tuple[Check, ...] = ()
    """Applied to an accepted input before the rules of its members (`constraints.toml`)."""
    after_members: tuple[Check, ...] = ()
    """Applied to an accepted input after the rules of its members."""


def _require_parsed_order(body: dict[str, Any]) -> None:
    """The order of the decisions is checked before anything that is wrong inside one of them."""
    decisions: list[dict[str, Any] | None] = body.get("decisions") or []
    decision_list.require_order(
        [None if decision is None else decision.get("decisionType") for decision in decisions]
    )


def _require_decision_list(request: shapes.RespondDecisionTaskCompletedInput) -> None:
    decisions = request.decisions
    if decisions:
        decision_list.require_order([decision.decision_type for decision in decisions])
        decision_list.require_attributes(decisions)


INPUT_RULES: dict[ShapeClass, InputRules] = {
    shapes.ListOpenWorkflowExecutionsInput: InputRules(after_members=(constraints.check_open_query,)),
    shapes.CountOpenWorkflowExecutionsInput: InputRules(after_members=(constraints.check_open_query,)),
    shapes.ListClosedWorkflowExecutionsInput: InputRules(after_members=(constraints.check_closed_query,)),
    shapes.CountClosedWorkflowExecutionsInput: InputRules(after_members=(constraints.check_closed_query,)),
    shapes.RespondDecisionTaskCompletedInput: InputRules(
        parsed=_require_parsed_order,
        before_members=(_require_decision_list,),
        after_members=(constraints.check_decisions,),
    ),
}
