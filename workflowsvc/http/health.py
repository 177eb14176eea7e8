"""The pages of plain text: what answers here, whether the process lives, has started, is ready (QUALITY §6.4).

Owns what each page says. Must not know what the service stores.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from workflowsvc import __version__
from workflowsvc.access.caller import Caller
from workflowsvc.http.refusal_log import printable
from workflowsvc.model import wire
from workflowsvc.passwords import without_password
from workflowsvc.service.actions import SWF

if TYPE_CHECKING:
    from workflowsvc.http.calls import Service
    from workflowsvc.http.loop_lag import LoopLag
    from workflowsvc.http.request import HttpRequest
    from workflowsvc.store.rows import DiskSpace
    from workflowsvc.tenant import Tenant

log = logging.getLogger(__name__)

TEXT = [(b"content-type", b"text/plain; charset=utf-8")]
VERSION_LINE = f"workflowsvc {__version__}: Amazon SWF, API version 2012-01-25\n".encode()
READY_SECONDS = 1.0  # a database that needs longer is not ready (QUALITY §6.4)
MAX_LAG_SECONDS = 5.0  # of the event loop; a client of one that is later has given up
LOW_SHARE = 0.05  # of a disk; a small one may have few free bytes and still most of its space
CHECK_SECONDS = (
    1.0  # age of an outcome that is still given; bounds the writes to one a second, however many ask
)


class HealthPages:
    """Handlers of the pages."""

    def __init__(
        self,
        service: Service,
        tenant: Tenant,
        is_draining: Callable[[], bool],
        lag: LoopLag,
        min_free_bytes: int,
    ) -> None:
        """`tenant`: whose domains are listed to see whether the store answers. `min_free_bytes`: of the disk that holds
        the data; 0 when it does not matter."""
        self._service = service
        self._lag = lag
        self._min_free_bytes = min_free_bytes
        self._caller = Caller(tenant, is_server=True)
        self._is_draining = is_draining
        self._check: asyncio.Task[str] | None = None  # the latest; all who ask meanwhile get its outcome
        self._checked_at = 0.0  # by the event loop's clock, in seconds
        self._writing: asyncio.Future[Any] | None = None
        self._reason_logged = ""

    def version(self, request: HttpRequest) -> None:
        request.respond(200, TEXT, VERSION_LINE)

    def live(self, request: HttpRequest) -> None:
        """What only a new start of the process can mend; a store that fails is not among it."""
        if not self._service.is_alive:
            request.respond(503, TEXT, b"the writer thread has ended\n")
        elif self._lag.latest >= MAX_LAG_SECONDS:
            request.respond(503, TEXT, b"the event loop is late\n")
        else:
            request.respond(200, TEXT, b"ok\n")

    def started(self, request: HttpRequest) -> None:
        """Whether the store could be used since the start, even if it fails now."""
        if self._service.has_begun:
            request.respond(200, TEXT, b"ok\n")
        else:
            request.respond(503, TEXT, b"the store could not be opened yet\n")

    def ready(self, request: HttpRequest) -> None:
        if self._is_draining():
            request.respond(503, TEXT, b"stopping\n")
            return
        if self._service.store_fails:
            reason = "the store takes no writes"
            self._log_change(reason, "one has failed")
            request.respond(503, TEXT, f"{reason}\n".encode())
            return
        loop = asyncio.get_running_loop()
        if self._check is None or (self._check.done() and loop.time() >= self._checked_at + CHECK_SECONDS):
            self._check = loop.create_task(self._look())
        self._check.add_done_callback(partial(_answer, request))

    async def _look(self) -> str:
        """Why this node is not ready, "" when it is."""
        reason, detail = await self._reason()
        self._log_change(reason, detail)
        self._checked_at = asyncio.get_running_loop().time()
        return reason

    def _log_change(self, reason: str, detail: object) -> None:
        if reason != self._reason_logged:
            self._reason_logged = reason
            if reason:
                log.warning("not ready: %s (%s)", reason, printable(without_password(str(detail))))
            else:
                log.warning("ready again")

    async def _reason(self) -> tuple[str, object]:
        """Why this node is not ready, in general and for the log."""
        try:
            async with asyncio.timeout(READY_SECONDS):
                for reason, look in (
                    ("the store cannot be read", self._read),
                    ("the store takes no writes", self._write),
                ):
                    output = await _outcome(look())
                    if isinstance(output, BaseException):
                        return reason, output
                space = await self._low_space()
                if space is not None:
                    return "the disk is nearly full", f"{space.free} of {space.total} bytes are free"
        except TimeoutError:
            return "the store does not answer", f"within {READY_SECONDS} s"
        return "", ""

    async def _read(self) -> Any:
        """The answer to a small call that reads the store."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        question = wire.decode("ListDomains", b'{"registrationStatus":"REGISTERED","maximumPageSize":1}')
        self._service.begin(SWF.actions["ListDomains"], self._caller, question, None, partial(_give, answer))
        return await answer

    async def _low_space(self) -> DiskSpace | None:
        """What is left on the disk, when that is too little."""
        if not self._min_free_bytes:
            return None
        # In a thread: a disk that hangs must not hold the event loop.
        space = await asyncio.get_running_loop().run_in_executor(None, self._service.disk)
        if space is None or space.free >= self._min_free_bytes or space.free >= space.total * LOW_SHARE:
            return None
        return space

    async def _write(self) -> Any:
        """None, once a write has been taken. A store that hangs is asked once, however often this is called."""
        if self._writing is None or self._writing.done():
            writing: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            self._service.ask_for_write(partial(_give, writing))
            self._writing = writing
        return await asyncio.shield(self._writing)


async def _outcome(looking: Awaitable[Any]) -> Any:
    try:
        return await looking
    except Exception as error:
        return error


def _give(answer: asyncio.Future[Any], output: Any) -> None:
    if not answer.done():
        answer.set_result(output)


def _answer(request: HttpRequest, check: asyncio.Task[str]) -> None:
    failed = check.cancelled() or check.exception() is not None
    reason = "the check failed" if failed else check.result()
    if reason:
        request.respond(503, TEXT, f"{reason}\n".encode())
    else:
        request.respond(200, TEXT, b"ok\n")
