"""`GET /metrics`: in Prometheus' text format or in that of OpenMetrics, as its reader asks.

Owns who may read, and that rendering, which takes tens of milliseconds for thousands of series, holds no event loop. It
is done once a second at most, however many ask.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, choose_encoder, generate_latest

from workflowsvc.http.health import TEXT
from workflowsvc.http.hosts import Hosts
from workflowsvc.http.loop_lag import LoopLag
from workflowsvc.http.request import HttpRequest

log = logging.getLogger(__name__)

PATH = "/metrics"
KEPT_SECONDS = 1.0
MAX_FORMATS = 8  # that are kept; a reader has one
WAITING = 20  # readers that may wait at the same time

Encode = Callable[[CollectorRegistry], bytes]


class _Page(NamedTuple):
    """Rendered, or being rendered."""

    body: asyncio.Future[bytes]
    until: float  # the event loop's time, in seconds, until which it is given again


class MetricsApp:
    """Answers on the port of the metrics."""

    def __init__(self, registry: CollectorRegistry, hosts: Hosts, token: str) -> None:
        """`hosts`: by which names requests may call. `token`: what readers have to give; "": nothing."""
        self.draining = False
        self.lag = LoopLag()
        self._registry = registry
        self._hosts = hosts
        self._token = token.encode()
        self._pages: dict[str, _Page] = {}
        self._waiting = 0
        # One thread: the collection belongs to it.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="metrics")

    def handle(self, request: HttpRequest) -> None:
        """Answers a request, now or later."""
        if not self._hosts.admit(request.header(b"host")):
            request.respond(403, TEXT, b"this is no name of this machine\n")
        elif not self._may_read(request.header(b"authorization") or b""):
            fields = [*TEXT, (b"www-authenticate", b'Bearer realm="metrics"')]
            request.respond(401, fields, b"a token is needed: Authorization: Bearer ...\n")
        elif request.path != PATH:
            request.respond(404, TEXT, b"metrics are at /metrics\n")
        elif request.method not in (b"GET", b"HEAD"):
            request.respond(405, [*TEXT, (b"allow", b"GET, HEAD")], b"metrics are read with GET\n")
        elif self._waiting >= WAITING:
            request.respond(503, TEXT, b"too many readers wait\n")
        else:
            self._answer(request)

    def _may_read(self, given: bytes) -> bool:
        if not self._token:
            return True
        scheme, _, token = given.partition(b" ")
        return scheme.lower() == b"bearer" and hmac.compare_digest(token.strip(), self._token)

    def _answer(self, request: HttpRequest) -> None:
        encode, content_type = _format_for((request.header(b"accept") or b"").decode("latin-1"))
        loop = asyncio.get_running_loop()
        page = self._pages.get(content_type)
        if page is None or (page.body.done() and loop.time() >= page.until):
            if len(self._pages) >= MAX_FORMATS:
                self._pages.clear()
            body = loop.run_in_executor(self._thread, encode, self._registry)
            page = self._pages[content_type] = _Page(body, loop.time() + KEPT_SECONDS)
        self._waiting += 1
        page.body.add_done_callback(partial(self._rendered, request, content_type))

    def _rendered(self, request: HttpRequest, content_type: str, body: asyncio.Future[bytes]) -> None:
        self._waiting -= 1
        if body.cancelled() or body.exception() is not None:
            log.error(
                "metrics could not be rendered", exc_info=None if body.cancelled() else body.exception()
            )
            request.respond(500, TEXT, b"failed\n")
        else:
            request.respond(200, [(b"content-type", content_type.encode())], body.result())

    def close(self) -> None:
        """A page that is being rendered is not waited for."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def _format_for(accept: str) -> tuple[Encode, str]:
    """How to render, and as what. An Accept header that cannot be understood gets the format that all readers know."""
    try:
        return choose_encoder(accept)
    except Exception:
        return generate_latest, CONTENT_TYPE_PLAIN_0_0_4
