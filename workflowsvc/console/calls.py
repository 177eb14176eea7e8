"""Calls of the service in this process: SWF's operations and our own, as dicts of the wire's members.

Owns the way of a call: the members are decoded and the answer is encoded as those of a client are, so that a page shows
what the API answers and is refused what the API refuses. Must not know pages.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from workflowsvc.http.calls import Service
from workflowsvc.http.request_ids import request_ids
from workflowsvc.model import wire
from workflowsvc.service.disconnect import Disconnect
from workflowsvc.service.models import MODELS

if TYPE_CHECKING:
    from workflowsvc.access.caller import Caller
    from workflowsvc.service.audit_trail import SignIn
    from workflowsvc.settings import Settings

SWF, OWN = "SimpleWorkflowService", "WorkflowSvc"

Answer = dict[str, Any]


class ConsoleService(Service, Protocol):
    """What does the work, as pages need it (`workflowsvc.service.api.Api`)."""

    def permits(self, caller: Caller, action: str, domain: str, /) -> bool | None:
        """Whether the caller may do this in the domain, or in the account where none is given; None where a request
        or what is stored decides. Nothing is refused or written down by it. ServiceUnavailable when it cannot be
        told."""
        ...

    def signed_in(self, sign_in: SignIn, /) -> None:
        """Into the audit trail: a person has signed in or out."""
        ...


class Calls:
    """Of one console."""

    def __init__(
        self, service: ConsoleService, settings: Settings, random_bytes: Callable[[int], bytes]
    ) -> None:
        self._service = service
        self._max_data = settings.quotas.max_data_characters
        self._ids = request_ids(random_bytes)

    async def ask(self, caller: Caller, api: str, operation: str, members: Mapping[str, Any]) -> Answer:
        """The answer, empty where the operation has none; members that are None are left out. Raises Fault."""
        given = {name: value for name, value in members.items() if value is not None}
        action = MODELS.by_target(f"{api}.{operation}")
        request = action.decode(msgspec.json.encode(given), self._max_data)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        disconnect = Disconnect() if action.waits else None
        self._service.begin(action, caller, request, disconnect, partial(_settle, answer), next(self._ids))
        try:
            body = wire.encode(await answer)
        finally:
            if disconnect is not None:
                disconnect.set()  # a call that waits goes on without its visitor otherwise
        return msgspec.json.decode(body) if body else {}

    def permits(self, caller: Caller, action: str, domain: str) -> bool | None:
        """As the service says."""
        return self._service.permits(caller, action, domain)


def _settle(future: asyncio.Future[Any], answer: Any) -> None:
    if future.done():
        return  # its visitor has left
    if isinstance(answer, BaseException):
        future.set_exception(answer)
    else:
        future.set_result(answer)
