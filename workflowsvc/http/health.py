"""The pages of plain text: what answers here, whether the process lives, whether it is ready (QUALITY §6.4).

Owns what each page says. Must not know what the service stores.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from workflowsvc import __version__
from workflowsvc.model import wire
from workflowsvc.service.actions import SWF

if TYPE_CHECKING:
    from workflowsvc.http.calls import Service
    from workflowsvc.http.request import HttpRequest
    from workflowsvc.tenant import Tenant

log = logging.getLogger(__name__)

TEXT = [(b"content-type", b"text/plain; charset=utf-8")]
VERSION_LINE = f"workflowsvc {__version__}: Amazon SWF, API version 2012-01-25\n".encode()
READY_SECONDS = 1.0  # a database that needs longer is not ready (QUALITY §6.4)


class HealthPages:
    """Handlers of the pages."""

    def __init__(self, service: Service, tenant: Tenant, is_draining: Callable[[], bool]) -> None:
        """`tenant`: whose domains are listed to see whether the store answers."""
        self._service = service
        self._tenant = tenant
        self._is_draining = is_draining
        self._checks: set[asyncio.Task[None]] = set()  # so that they are not collected while they wait

    def version(self, request: HttpRequest) -> None:
        request.respond(200, TEXT, VERSION_LINE)

    def live(self, request: HttpRequest) -> None:
        """Answered at all means that the event loop runs."""
        request.respond(200, TEXT, b"ok\n")

    def ready(self, request: HttpRequest) -> None:
        if self._is_draining():
            request.respond(503, TEXT, b"stopping\n")
            return
        check = asyncio.get_running_loop().create_task(self._answer_ready(request))
        self._checks.add(check)
        check.add_done_callback(self._checks.discard)

    async def _answer_ready(self, request: HttpRequest) -> None:
        if await self._store_answers():
            request.respond(200, TEXT, b"ok\n")
        else:
            request.respond(503, TEXT, b"the store does not answer\n")

    async def _store_answers(self) -> bool:
        """Whether a small call that reads the store is answered within READY_SECONDS."""
        question = wire.decode("ListDomains", b'{"registrationStatus":"REGISTERED","maximumPageSize":1}')
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def done(output: Any) -> None:
            if not answer.done():
                answer.set_result(output)

        try:
            self._service.begin(SWF.actions["ListDomains"], self._tenant, question, None, done)
            async with asyncio.timeout(READY_SECONDS):
                output = await answer
        except Exception as error:
            output = error
        if isinstance(output, BaseException):
            log.warning("not ready: %r", output)
            return False
        return True
