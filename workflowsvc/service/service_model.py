"""An API that this server answers, and all of them together: which action a request names.

Owns the target prefixes as they are looked up. SWF is one model among those that a port may serve; another one brings
its own prefix, its own shapes and its own table of actions, and a line in `models.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from workflowsvc.faults import UnknownOperationException
from workflowsvc.service.action import Action


class ServiceModel:
    """One API."""

    def __init__(self, target_prefixes: Sequence[str], actions: Iterable[Action]) -> None:
        """`target_prefixes`: what stands before the dot and the name in `X-Amz-Target`. The first of them names the
        model, so it must stay the same while page tokens are about."""
        self.target_prefixes = tuple(target_prefixes)
        self.actions: Mapping[str, Action] = {
            action.name: replace(action, model=self.target_prefixes[0]) for action in actions
        }


class ServiceModels:
    """All APIs of one port."""

    def __init__(self, models: Sequence[ServiceModel]) -> None:
        """The first model is the one whose actions may be called by their bare names."""
        self._by_name = models[0].actions
        self._by_target = {
            f"{prefix}.{name}": action
            for model in models
            for prefix in model.target_prefixes
            for name, action in model.actions.items()
        }

    @property
    def targets(self) -> Mapping[str, Action]:
        """Every action, by each value of `X-Amz-Target` that names it."""
        return self._by_target

    def find_by_name(self, name: str) -> Action | None:
        """The action of the first model with this name."""
        return self._by_name.get(name)

    def by_target(self, target: str) -> Action:
        """The action that `X-Amz-Target` names; UnknownOperationException for any other target (SWF §1.1.3)."""
        action = self._by_target.get(target)
        if action is None:
            raise UnknownOperationException
        return action

    def by_name(self, name: str) -> Action:
        """The action of the first model with this name; UnknownOperationException if there is none."""
        action = self._by_name.get(name)
        if action is None:
            raise UnknownOperationException
        return action
