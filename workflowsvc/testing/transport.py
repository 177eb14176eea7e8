"""boto3's own client connected to a World, without a socket: botocore asks a handler before it sends a request.

Owns the way from botocore's request to a call of the World, and from its answer to botocore's response. What signs,
serializes, parses and raises is boto3's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from workflowsvc.access.caller import Caller
from workflowsvc.faults import Fault, UnknownOperationException
from workflowsvc.model import wire
from workflowsvc.tenant import Tenant
from workflowsvc.testing.world import PendingAnswer, World

TARGET = "X-Amz-Target"


def connect(client: Any, world: World, wait: Callable[[PendingAnswer], None] | None = None) -> Any:
    """The client, whose requests are from now on answered by the World. `wait` is given each poll that finds nothing;
    when it returns, a poll that still has no task is answered empty, as if its time had passed."""
    transport = _Transport(world, wait)
    client.meta.events.register("before-send.*", transport.answer)
    return client


class _Transport:
    def __init__(self, world: World, wait: Callable[[PendingAnswer], None] | None) -> None:
        self._world = world
        self._wait = wait
        self._requests = 0

    def answer(self, request: Any, **_: Any) -> Any:
        """Called by botocore with the signed request; its response."""
        from botocore.awsrequest import AWSResponse  # pyright: ignore[reportMissingTypeStubs]

        self._requests += 1
        status, body = self._call(request)
        headers = {
            "x-amzn-RequestId": f"world-{self._requests}",
            "Content-Type": "application/x-amz-json-1.0",
        }
        return AWSResponse(request.url, status, headers, _Body(body))

    def _call(self, request: Any) -> tuple[int, bytes]:
        try:
            target = request.headers.get(TARGET)
            if target is None:
                raise UnknownOperationException
            target = target.decode() if isinstance(target, bytes) else str(target)
            body = request.body
            answer = self._answer_of(target, body.encode() if isinstance(body, str) else body or b"")
            return 200, wire.encode(answer.output())
        except Fault as fault:
            return fault.status, fault.body()

    def _answer_of(self, target: str, body: bytes) -> PendingAnswer:
        world = self._world
        answer = PendingAnswer()
        answer.poll = world.dispatch(world.models.by_target(target), body, answer, Caller(Tenant()))
        world.run()
        if answer.poll is not None and not answer.done and self._wait is not None:
            self._wait(answer)
        if answer.poll is not None and not answer.done:
            answer.poll.withdraw()
            world.run()
        return answer


class _Body:
    """What botocore reads a response from."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self._body

    def read(self, *_: Any, **__: Any) -> bytes:
        return self._body
