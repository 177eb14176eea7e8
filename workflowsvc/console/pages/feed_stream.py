"""The event feed of a domain as server-sent events: a stream that a browser or a program reads, and goes on with.

Owns the form of the stream, how many are open, and how long a reader may take. Each event has the cursor behind it as
its id, which a reader that comes back sends as `Last-Event-ID`. It is read by the calls that programs make, so rights
are judged at each. A page of entries is read when the reader has taken the one before: no more is held for it.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from workflowsvc.console.door import cut_off
from workflowsvc.console.page import Download
from workflowsvc.console.refusals import Refusal, refusal_of
from workflowsvc.faults import Fault
from workflowsvc.service.feed_streams import OPEN

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

    from workflowsvc.console.visit import Visit

log = logging.getLogger(__name__)

MAX_STREAMS = 50  # of one node; each has one of the connections of the console
HEARTBEAT_SECONDS = 15  # after which a comment is sent, so that proxies keep the connection
MIN_WAIT_SECONDS = 0.5  # between two reads that find nothing: a server that stops lets no reader wait
MAX_STREAM_SECONDS = 900.0  # then the reader comes back, and its session is looked at again
SEND_SECONDS = 30.0  # for a reader to take what it was sent
RETRY_MS = 2_000  # after which a browser comes back
PAGE_SIZE = 100
MEDIA_TYPE = "text/event-stream"
_HEADERS = {"x-accel-buffering": "no"}  # of nginx: what was sent is passed on at once
_LAST = {"type": "http.response.body", "body": b""}


async def stream(visit: Visit) -> Response:
    """What comes from now on, or behind `Last-Event-ID` or `cursor`; with `begin=OLDEST` all that is kept. A HEAD asks
    only whether it can be read."""
    cursor = visit.request.headers.get("last-event-id") or visit.one("cursor")
    given: dict[str, Any] = {"cursor": cursor} if cursor else {"begin": visit.one("begin", "LATEST")}
    types = [name for name in visit.one("types").split(",") if name]
    reading = _Reading(visit, given, types)
    if visit.request.method == "HEAD":
        await reading.first()
        return _without_length(Response(headers=_HEADERS, media_type=MEDIA_TYPE))
    if OPEN.open >= MAX_STREAMS:
        raise Refusal(503, "Not now", f"{MAX_STREAMS} streams of feeds are open on this node.")
    OPEN.open += 1  # before anything is awaited: many may ask at once
    try:
        await reading.first()  # what is refused becomes an answer that says so
        return _Stream(reading, visit.ending)
    except BaseException:
        OPEN.open -= 1
        raise


class _Reading:
    """Of one reader."""

    def __init__(self, visit: Visit, given: dict[str, Any], types: list[str]) -> None:
        self._visit = visit
        self._given = given
        self._types = types or None
        self._page: dict[str, Any] = {}

    async def first(self) -> None:
        self._page = await self._read(0)

    async def _read(self, seconds: int) -> dict[str, Any]:
        return await self._visit.own(
            "ReadFeed",
            domain=self._visit.domain,
            eventTypes=self._types,
            maximumPageSize=PAGE_SIZE,
            waitSeconds=seconds,
            **self._given,
        )

    async def parts(self) -> AsyncIterator[str]:
        """The text of the stream in pieces, one for each page of the feed."""
        loop = asyncio.get_running_loop()
        end = loop.time() + MAX_STREAM_SECONDS
        yield f"retry: {RETRY_MS}\n\n"
        while True:
            entries = self._page["entries"]
            cursor = self._page["cursor"]
            OPEN.events.add(len(entries))
            # An event without data is not shown; its id counts nevertheless, so a reader passes over other types once.
            yield "".join(map(_event, entries)) or f"id: {cursor}\n: nothing yet\n\n"
            self._given = {"cursor": cursor}
            began = loop.time()
            if began >= end:
                return
            try:
                self._page = await self._read(HEARTBEAT_SECONDS)
            except Fault as fault:
                refusal = refusal_of(fault)
                yield f"event: error\ndata: {json.dumps(refusal.data)}\n\n"
                return
            if not self._page["entries"]:
                await asyncio.sleep(max(began + MIN_WAIT_SECONDS - loop.time(), 0))


def _event(entry: dict[str, Any]) -> str:
    """JSON has no line breaks of its own here, so one line of data holds it."""
    return f"id: {entry['cursor']}\ndata: {entry['event']}\n\n"


class _Stream(Response):
    """An answer that lasts, until its reader leaves or takes too long, or the console stops. It gives back
    the place that was taken for it."""

    media_type = MEDIA_TYPE

    def __init__(self, reading: _Reading, ending: asyncio.Event) -> None:
        super().__init__(headers=_HEADERS)
        _without_length(self)
        self._reading = reading
        self._ending = ending
        self._has_begun = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.create_task(self._send(send))
        leaving = asyncio.create_task(_leaves(receive))
        stopping = asyncio.create_task(self._ending.wait())
        tasks = (sending, leaving, stopping)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            OPEN.open -= 1
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        if not sending.cancelled():
            if not sending.result():
                log.info("a reader of a feed took nothing for %g s: its stream ends", SEND_SECONDS)
                await _let_go(scope, receive)
        elif not stopping.cancelled():
            await self._stop(scope, receive, send)

    async def _stop(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ends the answer as a whole one, if its reader takes that now."""
        try:
            async with asyncio.timeout(0):
                await self._begin(send)
                await send(_LAST)
        except TimeoutError:
            await _let_go(scope, receive)

    async def _begin(self, send: Send) -> None:
        if not self._has_begun:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            self._has_begun = True

    async def _send(self, send: Send) -> bool:
        """False when the reader took nothing for too long."""
        await self._begin(send)
        async for part in self._reading.parts():
            if not await _taken(
                send, {"type": "http.response.body", "body": part.encode(), "more_body": True}
            ):
                return False
        return await _taken(send, _LAST)


def _without_length(response: Response) -> Response:
    """It is not known before the stream ends."""
    del response.headers["content-length"]
    return response


async def _taken(send: Send, message: Message) -> bool:
    try:
        async with asyncio.timeout(SEND_SECONDS):
            await send(message)
    except TimeoutError:
        return False
    return True


async def _let_go(scope: Scope, receive: Receive) -> None:
    """Of a reader that takes nothing: there is no way to tell it that the stream has ended."""
    cut_off(scope)
    await _leaves(receive)


async def _leaves(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


PAGES = (Download("/domains/{domain}/feed", stream),)
