"""Names of actions and members as a test writes them, and what to say of one that does not exist."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflowsvc.faults import UnknownOperationException
from workflowsvc.service.action import Action
from workflowsvc.service.service_model import ServiceModels
from workflowsvc.testing.suggestions import meant


def find_action(models: ServiceModels, name: str) -> Action:
    """The action with this name, bare or as `X-Amz-Target` names it. UnknownOperationException, which says what is like
    it, when there is none."""
    targets = models.targets
    found = targets.get(name) or models.find_by_name(name)
    if found is None:
        bare = [target for target in targets if target.endswith(f".{name}")]
        found = targets[bare[0]] if bare else None
    if found is None:
        known = {target.rpartition(".")[2] for target in targets}
        raise UnknownOperationException(
            f"There is no action {name!r}.{meant(name.rpartition('.')[2], known)}"
        )
    return found


def require_members(action: Action, members: Mapping[str, Any]) -> None:
    """TypeError, which says what is like it, for a member that the request of this action does not have."""
    known = action.operation.input.__struct_encode_fields__
    for name in members:
        if name not in known:
            told = f"{action.name} has no member {name!r}.{meant(name, known)}"
            raise TypeError(f"{told} It has: {', '.join(sorted(known))}." if known else told)
