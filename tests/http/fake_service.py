"""A stand-in for the service behind the HTTP side: it answers what a test can predict, and waits in polls.

Also a program, for tests that send signals to a real process: `python -m tests.http.fake_service` takes the
options of `workflowsvc serve`.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Callable
from typing import Any

from workflowsvc.access.caller import Caller
from workflowsvc.cli import context_of_process
from workflowsvc.clock import SystemClock
from workflowsvc.commands import serve
from workflowsvc.faults import ServiceUnavailable, UnknownResourceFault
from workflowsvc.http import server
from workflowsvc.service.action import Action
from workflowsvc.service.disconnect import Disconnect
from workflowsvc.settings import OPTIONS, Settings
from workflowsvc.tenant import Tenant

EMPTY_POLL = b'{"previousStartedEventId":0,"startedEventId":0}'


class FakeService:
    """ListDomains says who asks; polls wait; a few actions misbehave on request."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Tenant, Any]] = []
        self.waiting: set[Disconnect] = set()  # the `disconnect` of every poll that waits
        self.polls_seen = asyncio.Event()
        self.drained = asyncio.Event()
        self.release = asyncio.Event()  # lets DescribeDomain go on
        self.tasks: set[asyncio.Task[Any]] = set()
        self.access_data: Any = None
        self.refusals: list[Any] = []
        self.used_keys: dict[str, int] = {}
        self.big = b'"' + b"x" * 8_000_000 + b'"'

    def begin(
        self,
        action: Action,
        caller: Caller,
        request: Any,
        disconnect: Disconnect | None,
        done: Callable[[Any], None],
        _request_id: str = "",
    ) -> None:
        task = asyncio.get_running_loop().create_task(
            self.call(action.name, caller.tenant, request, disconnect)
        )
        self.tasks.add(task)
        task.add_done_callback(lambda task: task.cancelled() or done(task.exception() or task.result()))
        task.add_done_callback(self.tasks.discard)

    def book(self) -> Any:
        if self.access_data is None:
            raise ServiceUnavailable(detail="access data cannot be read")
        return self.access_data

    def key_used(self, key: Any, at_ms: int) -> None:
        self.used_keys[key.id] = at_ms

    def refused(self, refusal: Any) -> None:
        self.refusals.append(refusal)

    @property
    def store_fails(self) -> bool:
        return False

    engine = None
    answer_times = None
    is_alive = True
    has_begun = True
    space: Any = None

    def disk(self) -> Any:
        return self.space

    def ask_for_write(self, done: Callable[[Any], None]) -> None:
        asyncio.get_running_loop().call_soon(done, None)

    async def call(self, operation: str, tenant: Tenant, request: Any, disconnect: Disconnect | None) -> Any:
        self.calls.append((operation, tenant, request))
        if operation == "ListDomains":
            return f'{{"account":"{tenant.account}","region":"{tenant.region}"}}'.encode()
        if operation == "RegisterDomain":
            return None
        if operation == "DescribeDomain":
            if request.name == "slow":
                await self.release.wait()
            if request.name == "broken":
                raise ZeroDivisionError("a bug, on purpose")
            if request.name == "big":
                return self.big
            raise UnknownResourceFault(f"Unknown domain: {request.name}")
        if disconnect is not None:
            return await self.poll(disconnect)
        raise AssertionError(operation)

    async def poll(self, disconnect: Disconnect) -> bytes:
        self.waiting.add(disconnect)
        self.polls_seen.set()
        left = asyncio.Event()
        disconnect.then(left.set)
        ends = [asyncio.ensure_future(event.wait()) for event in (left, self.drained)]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.cancel()
        self.waiting.discard(disconnect)
        return EMPTY_POLL

    async def start(self) -> None: ...

    async def drain(self) -> None:
        self.drained.set()
        self.release.set()

    def close(self) -> None: ...


class Stuck(FakeService):
    """Never finishes what it began."""

    async def drain(self) -> None:
        await asyncio.Event().wait()


def main() -> int:
    """Like `workflowsvc serve`, with the stand-in. STUCK=1 in the environment makes it refuse to drain."""
    parser = argparse.ArgumentParser()
    serve.add_arguments(parser, context_of_process())
    args = parser.parse_args()
    settings = Settings.from_environment(
        os.environ, {option.name: getattr(args, option.name) for option in OPTIONS}
    )
    logging.basicConfig(level=settings.log_level.upper(), stream=sys.stderr)
    service = Stuck() if os.environ.get("STUCK") else FakeService()
    return server.run(service, settings, SystemClock(), announce=lambda url: print(url, flush=True))


if __name__ == "__main__":
    sys.exit(main())
