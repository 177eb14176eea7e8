"""The service behind a real socket, spoken to with boto3, on a clock that only the scenario moves.

Owns one server for all scenarios, in a thread of its own; behind it stands the service of the scenario at hand. Polls
are answered at once unless they were sent with `wait`; those are sent without boto3, so that their connection can be
cut.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
from collections.abc import Callable, Coroutine
from datetime import datetime
from functools import cache
from os import urandom
from typing import Any

import boto3
import uvloop
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.support.waiting import PATIENCE_SECONDS, until
from workflowsvc.access.caller import Caller
from workflowsvc.clock import ManualClock, SystemClock
from workflowsvc.engine.command_queue import Command
from workflowsvc.engine.engine import Engine
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.http.app import HttpApp
from workflowsvc.http.server import HttpServer
from workflowsvc.service.action import Action
from workflowsvc.service.actions import SWF
from workflowsvc.service.api import Api
from workflowsvc.service.disconnect import Disconnect
from workflowsvc.settings import Settings
from workflowsvc.store.interface import Store
from workflowsvc.store.sqlite.store import SqliteStore
from workflowsvc.tenant import Tenant
from workflowsvc.testing.scenarios import functions
from workflowsvc.testing.scenarios.service import Refused


class Door:
    """What the server thinks is the service: it knows how long each poll is willing to wait."""

    def __init__(self) -> None:
        self.api: Api
        self.next_poll_waits = False
        self.waiting: list[asyncio.Task[Any]] = []  # polls that were sent to wait, in the order they came

    def begin(
        self,
        action: Action,
        caller: Caller,
        request: Any,
        disconnect: Disconnect | None,
        done: Callable[[Any], None],
        _request_id: str = "",
    ) -> None:
        task = asyncio.ensure_future(self.call(action, caller, request, disconnect))
        task.add_done_callback(lambda task: task.cancelled() or done(task.exception() or task.result()))

    async def call(self, action: Action, caller: Caller, request: Any, disconnect: Disconnect | None) -> Any:
        if action.kind != "poll":
            return await self.api.call(action, caller, request, disconnect)
        if not self.next_poll_waits:
            disconnect = Disconnect()
            disconnect.set()
            return await self.api.call(action, caller, request, disconnect)
        self.next_poll_waits = False
        task = asyncio.ensure_future(self.api.call(action, caller, request, disconnect))
        self.waiting.append(task)
        return await task

    async def start(self) -> None: ...
    async def drain(self) -> None: ...
    def close(self) -> None: ...


class Server:
    """Listens for as long as the tests run."""

    def __init__(self) -> None:
        self.door = Door()
        settings = Settings(port=0, long_poll_seconds=0)
        self._http = HttpServer(HttpApp(self.door, settings, SystemClock()), settings, SystemClock())
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="scenario server", daemon=True)
        self._thread.start()
        self.do(self._http.start())

    @property
    def url(self) -> str:
        return self._http.url

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Runs in the server's loop, waits for the result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_SECONDS)

    def stop(self) -> None:
        self.do(self._http.drain())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_SECONDS)
        self._loop.close()

    @cache  # noqa: B019 one server lives as long as the tests do
    def client(self, tenant: Tenant) -> Any:
        """A key id of 12 digits is itself the account."""
        return boto3.client(
            "swf",
            region_name=tenant.region,
            endpoint_url=self.url,
            aws_access_key_id=tenant.account,
            aws_secret_access_key="secret",
            # What boto3 would refuse is the service's to refuse; naming itself costs boto3 more than the call.
            config=Config(
                parameter_validation=False, retries={"total_max_attempts": 1}, user_agent="scenarios"
            ),
        )


class OverHttp:
    """A `workflowsvc.testing.scenarios.service.Service`."""

    def __init__(self, server: Server, settings: Settings, *, functions_answer: bool = False) -> None:
        self._server = server
        self._settings = settings
        self._functions_answer = functions_answer
        self._clock = ManualClock()
        self._store: Store = SqliteStore(None)
        self._held: list[WaitingOverHttp] = []
        self._engine: Engine | None = None
        self._begin()

    def _begin(self) -> None:
        before = self._engine
        self._engine = Engine(self._store, self._clock, self._settings, urandom)
        if before is not None:
            self._engine.state.ids = (
                before.state.ids
            )  # they stand for time, which does not pass while it is dead
        if self._functions_answer:
            self._engine.state.invoke = functions.invoke
        self._api = Api(self._engine)
        self._server.door.api = self._api
        self._server.door.waiting.clear()
        self._server.do(self._api.start())
        self._settle()

    @property
    def now_ms(self) -> int:
        return self._clock.now_ms()

    def call(self, operation: str, tenant: Tenant, members: dict[str, Any]) -> Any:
        client = self._server.client(tenant)
        method = getattr(client, _method_names(client)[operation])
        try:
            answer = method(**members)
        except ClientError as error:
            told = error.response["Error"]
            raise Refused(told["Code"], told.get("Message") or None) from None
        finally:
            if SWF.actions[operation].kind != "read":
                self._settle()
        del answer["ResponseMetadata"]
        return _plain(answer) or None

    def wait(self, operation: str, tenant: Tenant, members: dict[str, Any]) -> WaitingOverHttp:
        door = self._server.door
        number = len(door.waiting)
        door.next_poll_waits = True
        waiting = WaitingOverHttp(self._server, operation, tenant, members)
        until(lambda: len(door.waiting) > number, "the poll waits", pause_seconds=0.001)
        waiting.task = door.waiting[number]
        self._held.append(waiting)
        self._settle()
        return waiting

    def advance(self, ms: int) -> None:
        until = self.now_ms + ms
        while (due := self._settle()) is not None and due <= until:
            self._clock.advance_to(due)
        self._clock.advance_to(until)
        self._settle()

    def set_clock(self, ms: int) -> None:
        self._clock.step(ms)
        self._settle()

    def sleep(self, ms: int) -> None:
        self._end()
        self._clock.advance(ms)
        self._begin()

    def do(self, run: Callable[[UnitOfWork], Any]) -> Any:
        answer = self._server.do(self._submit(run))
        self._settle()
        return answer

    def audit(self) -> None:
        """Memory is looked at where the service is in the test's own hands (`in_process.py`)."""

    def close(self) -> None:
        self._end()
        self._store.close()

    def _end(self) -> None:
        for waiting in self._held:
            waiting.hang_up()
        self._held.clear()
        self._api.close()

    async def _submit(self, run: Callable[[UnitOfWork], Any]) -> Any:
        """Runs it on the writer loop, as any call."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        assert self._engine is not None
        self._engine.writer.submit(Command(run, future.set_result))
        return await future

    def _settle(self) -> int | None:
        """Everything that can be done now is done; the next moment at which something is due."""
        while True:
            waiting, wake_at, purge_at = self._server.do(
                self._submit(
                    lambda work: (
                        work.state.agenda.messages_waiting,
                        work.state.agenda.wake_at,
                        work.state.agenda.purge_at,
                    )
                )
            )
            due = [at for at in (wake_at, purge_at) if at is not None and at <= self.now_ms]
            if not waiting and not due:
                return wake_at


class WaitingOverHttp:
    """A `workflowsvc.testing.scenarios.service.Waiting`: a connection on which an answer may come."""

    def __init__(self, server: Server, operation: str, tenant: Tenant, members: dict[str, Any]) -> None:
        self.task: asyncio.Task[Any] | None = None
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_SECONDS)
        scope = f"{tenant.account}/20120125/{tenant.region}/swf/aws4_request"
        self._connection.request(
            "POST",
            "/",
            json.dumps(members).encode(),
            {
                "Content-Type": "application/x-amz-json-1.0",
                "X-Amz-Target": f"SimpleWorkflowService.{operation}",
                "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
            },
        )

    @property
    def done(self) -> bool:
        return self.task is not None and self.task.done()

    def answer(self) -> Any:
        response = self._connection.getresponse()
        answer = json.loads(response.read())
        self._connection.close()
        if response.status != 200:
            raise Refused(answer["__type"].rpartition("#")[2], answer.get("message"))
        return answer

    def hang_up(self) -> None:
        """Returns when the service has noticed."""
        if self._connection.sock is not None:
            self._connection.close()
            until(lambda: self.done, "the service has noticed", pause_seconds=0.001)


@cache
def _method_names(client: Any) -> dict[str, str]:
    return {operation: method for method, operation in client.meta.method_to_api_mapping.items()}


def _plain(value: Any) -> Any:
    """What was on the wire: boto3 makes dates of timestamps."""
    if isinstance(value, dict):
        return {name: _plain(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.timestamp() if isinstance(value, datetime) else value
