"""What an action needs of a call beside its input: which action, of whom, when, and the service's tools."""

from __future__ import annotations

from typing import NamedTuple

from workflowsvc.access.caller import Caller
from workflowsvc.service.action import Action
from workflowsvc.service.buckets import Buckets
from workflowsvc.service.tokens import Tokens
from workflowsvc.settings import Settings
from workflowsvc.tenant import Tenant


class CallContext(NamedTuple):
    """`now` is the moment at which the call arrived, in milliseconds; what changes an execution uses the clock of its
    unit of work instead. `request_id` is empty when no request of a client asks.
    """

    action: Action
    caller: Caller
    now: int
    tokens: Tokens
    settings: Settings
    buckets: Buckets
    request_id: str = ""

    @property
    def tenant(self) -> Tenant:
        """Whose names are meant."""
        return self.caller.tenant
