"""The service while its database cannot be reached, and the real one from the moment it can.

Owns the waiting: meanwhile every call is answered 503, which SDKs retry, and readiness says no; the reason is logged,
once and then every minute. A reason that will not pass by itself ends the server. Must not know HTTP, nor which
database it waits for.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from threading import Event, Thread
from typing import Any

from workflowsvc.access.book import AccessKey, Book
from workflowsvc.access.caller import Caller
from workflowsvc.engine.batch_figures import AnswerTimes
from workflowsvc.engine.engine import Engine
from workflowsvc.engine.outage import Outage
from workflowsvc.faults import ServiceUnavailable
from workflowsvc.service.action import Action
from workflowsvc.service.api import Answer, Api, FeedFigures
from workflowsvc.service.audit_trail import Mode, Refusal, SignIn
from workflowsvc.service.buckets import Buckets
from workflowsvc.service.disconnect import Disconnect
from workflowsvc.store.errors import StoreError, StoreUnusable, Unavailable
from workflowsvc.store.rows import DiskSpace

CONSEQUENCE = "Until that has changed all calls are answered 503; it is tried again every second."
RETRY_SECONDS = 1.0  # pause between attempts; the service must be back within five seconds of its database


def is_passing(reason: Exception) -> bool:
    """True when a change elsewhere may end it: the database starts, an operator changes a password."""
    return isinstance(reason, StoreError) or isinstance(reason.__cause__, Unavailable)


class StartupGate:
    """Has the methods of `Api`. `failure` is the reason if it gave up."""

    def __init__(self, open: Callable[[], Api], reason: Exception, outage: Outage) -> None:
        """`open` has just failed for `reason`, and `outage` logs that; it is tried again every RETRY_SECONDS."""
        self._open = open
        self._closed = Event()
        self._api: Api | None = None
        self._thread: Thread | None = None
        self.failure: Exception | None = None
        self._outage = outage
        self._outage.failed(reason, "to open it")

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._thread = Thread(target=self._try, args=(loop,), name="opening", daemon=True)
        self._thread.start()

    def _try(self, loop: asyncio.AbstractEventLoop) -> None:
        while not self._closed.wait(RETRY_SECONDS):
            try:
                api = self._open()
            except (StoreUnusable, StoreError) as reason:
                if not is_passing(reason):
                    self._give_up(reason)
                    return
                self._outage.failed(reason, "to open it")
            except Exception as bug:
                self._give_up(bug)
                return
            else:
                with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                    asyncio.run_coroutine_threadsafe(self._begin_serving(api), loop)
                return

    def _give_up(self, failure: Exception) -> None:
        self.failure = failure
        os.kill(os.getpid(), signal.SIGTERM)

    async def _begin_serving(self, api: Api) -> None:
        await api.start()
        self._api = api
        self._outage.worked()

    def begin(
        self,
        action: Action,
        caller: Caller,
        request: Any,
        disconnect: Disconnect | None,
        done: Callable[[Answer], None],
        request_id: str = "",
    ) -> None:
        """As `Api.begin`; ServiceUnavailable until the database can be used."""
        if self._api is None:
            raise ServiceUnavailable
        self._api.begin(action, caller, request, disconnect, done, request_id)

    def book(self) -> Book:
        """As `Api.book`; ServiceUnavailable until the database can be used."""
        if self._api is None:
            raise ServiceUnavailable
        return self._api.book()

    def key_used(self, key: AccessKey, at_ms: int) -> None:
        """As `Api.key_used`."""
        if self._api is not None:
            self._api.key_used(key, at_ms)

    def refused(self, refusal: Refusal) -> None:
        """As `Api.refused`."""
        if self._api is not None:
            self._api.refused(refusal)

    def permits(self, caller: Caller, action: str, domain: str) -> bool | None:
        """As `Api.permits`; ServiceUnavailable until the database can be used."""
        if self._api is None:
            raise ServiceUnavailable
        return self._api.permits(caller, action, domain)

    def signed_in(self, sign_in: SignIn) -> None:
        """As `Api.signed_in`."""
        if self._api is not None:
            self._api.signed_in(sign_in)

    @property
    def engine(self) -> Engine | None:
        """As `Api.engine`; None until the database can be used."""
        return None if self._api is None else self._api.engine

    @property
    def feed_figures(self) -> FeedFigures | None:
        """As `Api.feed_figures`; None until the database can be used."""
        return None if self._api is None else self._api.feed_figures

    @property
    def buckets(self) -> Buckets | None:
        """As `Api.buckets`; None until the database can be used."""
        return None if self._api is None else self._api.buckets

    @property
    def access_refusals(self) -> dict[tuple[Mode, str], int]:
        """As `Api.access_refusals`."""
        return {} if self._api is None else self._api.access_refusals

    @property
    def answer_times(self) -> AnswerTimes | None:
        """As `Api.answer_times`."""
        return None if self._api is None else self._api.answer_times

    @property
    def is_alive(self) -> bool:
        """As `Api.is_alive`."""
        return self._api is None or self._api.is_alive

    @property
    def has_begun(self) -> bool:
        """Whether the database could be used once."""
        return self._api is not None

    @property
    def store_fails(self) -> bool:
        """As `Api.store_fails`; True until the database can be used."""
        return self._api is None or self._api.store_fails

    def disk(self) -> DiskSpace | None:
        """As `Api.disk`."""
        return None if self._api is None else self._api.disk()

    def ask_for_write(self, done: Callable[[Answer], None]) -> None:
        """As `Api.ask_for_write`; ServiceUnavailable until the database can be used."""
        if self._api is None:
            raise ServiceUnavailable
        self._api.ask_for_write(done)

    async def drain(self) -> None:
        self._closed.set()
        if self._api is not None:
            await self._api.drain()

    def close(self) -> None:
        self._closed.set()
        if self._thread is not None:
            self._thread.join()
        if self._api is not None:
            self._api.close()
