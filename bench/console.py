"""The console as browsers ask it: pages, and tabs that stay open.

Owns its addresses and the pace of an open tab (workflowsvc/console/static/console.js). The generator does not draw
anything, so what is measured is the server's part.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from time import perf_counter
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx

from bench.preload import PARKED
from bench.swf import DOMAIN, Unexpected

TAB_SECONDS = 1.2  # between two questions of an open tab
VERSION = re.compile(r'data-version="([^"]*)"')
LIVE = re.compile(r'hx-get="([^"]*)"')
HERE = f"/domains/{DOMAIN}"


class Loaded(NamedTuple):
    """A page as a browser has got it."""

    first_byte_seconds: float
    size: int  # bytes, not compressed
    text: str
    pause_seconds: float
    """That an open tab is to wait before it asks again."""


class Console:
    """The console of one server."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._client = httpx.AsyncClient(base_url=self.url, timeout=60)

    async def close(self) -> None:
        await self._client.aclose()

    async def load(self, address: str, **headers: str) -> Loaded:
        """Unexpected unless the page is there."""
        began = perf_counter()
        async with self._client.stream("GET", address, headers=headers) as answer:
            first = perf_counter() - began
            body = await answer.aread()
        if answer.status_code not in (200, 204):
            raise Unexpected(f"{address} was answered {answer.status_code}: {body[:300]!r}")
        pause = int(answer.headers.get("x-look-again-ms", 0)) / 1e3
        return Loaded(first, len(body), body.decode(), pause or TAB_SECONDS)

    async def data(self, address: str) -> Any:
        """The data of a page."""
        return json.loads((await self.load(address)).text)


@asynccontextmanager
async def console_on(port: int) -> AsyncGenerator[Console]:
    """The console, for the block."""
    console = Console(port)
    try:
        yield console
    finally:
        await console.close()


def run_address(execution: dict[str, str], tab: str = "compact") -> str:
    """The page of a run. `path` of the console spells bytes with `~`."""
    names = (re.sub("%", "~", quote(execution[name], safe=":@")) for name in ("workflowId", "runId"))
    return f"{HERE}/runs/{'/'.join(names)}?tab={tab}"


async def pages(console: Console) -> dict[str, str]:
    """Each kind of page, by name, on a file as `bench/preload.py` makes it."""
    found = {
        status: (await console.data(f"{HERE}/executions.json?status={status}"))["executions"][0]["execution"]
        for status in ("OPEN", "CLOSED")
    }
    return {
        "domains": "/domains",
        "executions": f"{HERE}/executions",
        "executions, open": f"{HERE}/executions?status=OPEN",
        "executions, by close": f"{HERE}/executions?status=CLOSED&sort=closed",
        "executions, by duration": f"{HERE}/executions?sort=duration",
        "executions, a type and a tag": f"{HERE}/executions?type=Bench&version=1&tag=none",
        "executions, of a text": f"{HERE}/executions?contains=9999",
        "a closed run": run_address(found["CLOSED"]),
        "an open run, pending": run_address(found["OPEN"], "pending"),
        "an open run, timeline": run_address(found["OPEN"], "timeline"),
        "task lists": f"{HERE}/task-lists",
        "a task list": f"{HERE}/task-lists/decision/{PARKED}",
        "types": f"{HERE}/types",
        "a type": f"{HERE}/types/workflow/Bench/1",
        "problems": f"{HERE}/problems",
        "batches": f"{HERE}/batches",
    }


class Tabs:
    """Open pages, which ask for what is new while they are shown. The time of hidden ones stands still."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._shown, self._hidden = asyncio.Event(), asyncio.Event()
        self._hidden.set()

    @asynccontextmanager
    async def shown(self) -> AsyncGenerator[None]:
        """All of them, as long as the block lasts."""
        self._hidden.clear()
        self._shown.set()
        try:
            yield
        finally:
            self._shown.clear()
            self._hidden.set()

    async def run(self, address: str, number: int) -> None:
        """One of them, until it is cancelled."""
        await self._elapse(number * TAB_SECONDS / 20)  # people do not open all tabs at once
        async with console_on(self._port) as console:
            text, pause = (await console.load(address)).text, TAB_SECONDS
            while True:
                version, live = VERSION.search(text), LIVE.search(text)
                if version is None or live is None:
                    raise Unexpected(f"{address} has no live part")
                await self._elapse(pause)
                headers = {"HX-Request": "true", "If-None-Match": version[1]}
                changed = await console.load(live[1].replace("&amp;", "&"), **headers)
                text, pause = changed.text or text, changed.pause_seconds

    async def _elapse(self, seconds: float) -> None:
        while seconds > 0:
            await self._shown.wait()
            began = perf_counter()
            # Not `wait_for`, which in Python 3.11 loses a cancellation that comes while its wait is over.
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._hidden.wait()
            seconds -= perf_counter() - began


@asynccontextmanager
async def open_tabs(port: int, addresses: Sequence[str]) -> AsyncGenerator[Tabs]:
    """A tab on each of these pages, hidden at first, as long as the block lasts."""
    tabs = Tabs(port)
    running = [asyncio.create_task(tabs.run(address, number)) for number, address in enumerate(addresses)]
    try:
        yield tabs
    finally:
        for tab in running:
            tab.cancel()
        ended = await asyncio.gather(*running, return_exceptions=True)
    for error in ended:
        if isinstance(error, Exception):
            raise error
