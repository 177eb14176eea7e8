"""A slice of the requests that `python -m tests.soak fuzz` draws by the hundred thousand."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.abuse import fuzz
from tests.abuse.report import Report
from tests.crash.server import Server

REQUESTS = 3_000


def test_no_drawn_request_breaks_the_rules(tmp_path: Path) -> None:
    server = Server(tmp_path, fuzz.SETTINGS)

    async def whole() -> Report:
        try:
            await server.start()
            return await asyncio.to_thread(fuzz.fuzz, server, REQUESTS, 7)
        finally:
            await server.end()

    report = asyncio.run(whole())
    assert not report.wrong, "\n".join(report.lines())
    assert not server.complaints(), server.said()
