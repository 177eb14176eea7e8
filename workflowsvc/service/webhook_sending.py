"""What is sent to a webhook, and how it went: the interface to what speaks HTTP.

Owns the forms alone. Implemented in `workflowsvc/webhooks/`, which the service must not know.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from workflowsvc.faults import OperationNotPermittedFault
from workflowsvc.service.feed_waits import LoopWaits
from workflowsvc.service.webhook_figures import WebhookFigures
from workflowsvc.tenant import Tenant


class Message(NamedTuple):
    """One POST. `id`: the same for each attempt to send the same event."""

    url: str
    secret: str
    id: str
    body: bytes

    def __repr__(self) -> str:
        return f"Message({self.id})"  # never the secret; a URL may hold one, too


class Tester(NamedTuple):
    """For which domain a test is sent: one at a time for each, and few for an account."""

    tenant: Tenant
    domain: int


class Outcome(NamedTuple):
    """Of one attempt. `status`: of the answer, if there was one; `error`: empty when it was delivered."""

    status: int | None
    error: str
    seconds: float
    retry_after: float | None = None  # seconds, as the receiver has asked

    @property
    def is_delivered(self) -> bool:
        return not self.error


class Webhooks(Protocol):
    """What pushes the feeds of a node. Its figures may be read from any thread."""

    figures: WebhookFigures

    def oldest_at(self) -> int | None:
        """When the oldest entry was written that is not delivered everywhere, ms; None: all are."""
        ...

    def failing(self) -> int:
        """To how many webhooks nothing goes now."""
        ...

    def dead_letters(self) -> int:
        """How many there are."""
        ...

    def start(self, waits: LoopWaits) -> None:
        """Works on the running event loop from now on; `waits`: what tells of growing feeds."""
        ...

    async def stop(self) -> None:
        """Sends nothing any more, and writes down how far it has got."""
        ...

    def test(self, message: Message, tester: Tester, reply: Callable[[Outcome | Exception], None]) -> None:
        """Sends one message now, and gives its outcome, or a fault, to `reply` on the event loop."""
        ...


Send = Callable[[Message, Tester, Callable[[Outcome | Exception], None]], None]


def send_nothing(_: Message, __: Tester, reply: Callable[[Outcome | Exception], None]) -> None:
    """The `Send` of a service that calls no other hosts."""
    reply(OperationNotPermittedFault("This node pushes nothing to webhooks"))
