"""A whole server in this process, with its data in memory, on a free port: what programs of any language connect to.

    with TestService() as service:
        with service.domain() as domain:
            domain.swf.start_workflow_execution(domain=domain.name, …)

Owns the server's thread, its start and its end. A domain for a test is `domain.py`.
"""

from __future__ import annotations

import asyncio
import atexit
import itertools
import json
import os
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import uvloop

from workflowsvc.access.caller import Caller
from workflowsvc.clock import SystemClock
from workflowsvc.engine.engine import Engine
from workflowsvc.http.app import HttpApp
from workflowsvc.http.server import HttpServer
from workflowsvc.model import wire
from workflowsvc.service.action import Action
from workflowsvc.service.api import Answer, Api
from workflowsvc.service.disconnect import Disconnect
from workflowsvc.service.models import MODELS
from workflowsvc.settings import Settings
from workflowsvc.store.interface import RepairTransaction
from workflowsvc.store.sqlite.store import SqliteStore
from workflowsvc.tenant import Tenant
from workflowsvc.testing.boto import ANY_KEY, REGION, boto3_client
from workflowsvc.testing.changes import Changes
from workflowsvc.testing.domain import TestDomain, domain_name
from workflowsvc.testing.loops import Loops, ThreadLoops
from workflowsvc.testing.names import find_action, require_members

if TYPE_CHECKING:
    from types import TracebackType

PATIENCE_SECONDS = 60.0  # for one call; the service answers within milliseconds
MANY = 10**9  # domains: each test has one


class TestService:
    """The server. It listens on 127.0.0.1 until `close`."""

    __test__ = False  # no class of tests, whatever its name

    def __init__(self, settings: Settings | None = None) -> None:
        """`settings` are those of `workflowsvc serve`, as `Settings(long_poll_seconds=1)`; host, port and store are not
        taken from them."""
        given = settings or Settings()
        quotas = replace(given.quotas, max_domains=MANY)
        settings = replace(given, host="127.0.0.1", port=0, store="memory", auth="off", quotas=quotas)
        self._settings = settings
        self._changes = Changes()
        self._store = _ObservedStore(self._changes.happened)
        clock = SystemClock()
        engine = Engine(self._store, clock, settings, os.urandom)  # noqa: TID251 - this is the edge
        self._api = _ReleasingApi(engine)
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="workflowsvc", daemon=True)
        self._thread.start()
        self._server: HttpServer = self._on_loop(self._start(settings, clock))
        self._numbers = itertools.count(1)
        self._closed = False

    async def _start(self, settings: Settings, clock: SystemClock) -> HttpServer:
        server = HttpServer(HttpApp(self._api, settings, clock), settings, clock)
        server.bind()
        await self._api.start()
        await server.start()
        return server

    def _on_loop(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_SECONDS)

    @property
    def url(self) -> str:
        """Its address."""
        return self._server.url

    def environment(self) -> dict[str, str]:
        """The variables that lead programs with an AWS SDK to this server and nowhere else."""
        return {
            "AWS_ENDPOINT_URL_SWF": self.url,
            "AWS_ENDPOINT_URL_WORKFLOWSVC": self.url,
            "AWS_ACCESS_KEY_ID": ANY_KEY,
            "AWS_SECRET_ACCESS_KEY": ANY_KEY,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,  # some SDKs read only this one
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def call(self, operation: str, /, **members: Any) -> Any:
        """The decoded answer of one call of SWF or of the service's own API, None for an empty body. Raises
        `workflowsvc.faults.Fault`; UnknownOperationException and TypeError, which say what is like them, for wrong
        names."""
        action = find_action(MODELS, operation)
        require_members(action, members)
        request = action.decode(json.dumps(members).encode(), self._settings.quotas.max_data_characters)
        body = wire.encode(self._on_loop(self._api.call(action, Caller(Tenant()), request)))
        return json.loads(body) if body else None

    def client(self, loops: Loops | None = None, **options: Any) -> Any:
        """A boto3 client of SWF; `options` are those of `botocore.config.Config`. In a thread of `loops` it ends with
        their test."""
        return boto3_client(self.url, loops.leave_if_over if loops else None, **options)

    def domain(self, name: str = "test") -> TestDomain:
        """A fresh domain; the text is a part of its name."""
        return TestDomain(self, domain_name(name, next(self._numbers)), ThreadLoops(self._changes))

    def release(self, domain: str) -> None:
        """The polls that wait in a domain are answered empty, and later ones at once."""
        self._loop.call_soon_threadsafe(self._api.release, domain)

    def close(self) -> None:
        """Stops the server; it may be repeated."""
        if self._closed:
            return
        self._closed = True
        self._on_loop(self._server.drain(self._api.drain))
        self._api.close()
        self._store.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_SECONDS)
        self._loop.close()

    def __enter__(self) -> TestService:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _ObservedStore(SqliteStore):
    """A store in memory that says when a transaction has changed something."""

    def __init__(self, changed: Callable[[], None]) -> None:
        super().__init__(None)
        self._changed = changed

    @contextmanager
    def transaction(self) -> Generator[RepairTransaction]:
        with super().transaction() as transaction:
            before = self._writer.total_changes()
            yield transaction
            after = (
                self._writer.total_changes()
            )  # before the commit, while no other thread uses the connection
        if after != before:
            self._changed()


class _ReleasingApi(Api):
    """The service, which can let go of the polls of one domain."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._waiting: dict[Disconnect, str] = {}
        self._released: set[str] = set()

    def begin(
        self,
        action: Action,
        caller: Caller,
        request: Any,
        disconnect: Disconnect | None,
        done: Callable[[Answer], None],
        request_id: str = "",
    ) -> None:
        if action.kind != "poll":
            super().begin(action, caller, request, disconnect, done, request_id)
            return
        leaves = Disconnect()

        def answered(answer: Answer) -> None:
            self._waiting.pop(leaves, None)
            done(answer)

        self._waiting[leaves] = request.domain
        try:
            super().begin(action, caller, request, leaves, answered, request_id)
        except BaseException:
            del self._waiting[leaves]
            raise
        if disconnect is not None:
            disconnect.then(leaves.set)
        if request.domain in self._released:
            leaves.set()

    def release(self, domain: str) -> None:
        """On the event loop."""
        self._released.add(domain)
        for leaves, name in list(self._waiting.items()):
            if name == domain:
                leaves.set()


@cache
def shared_service() -> TestService:
    """The one server of a process whose tests have no other place to keep one; it is stopped at the end."""
    service = TestService()
    atexit.register(service.close)
    return service
