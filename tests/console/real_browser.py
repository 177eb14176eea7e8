"""Chromium, driven by Playwright, that looks at the console of a real server and notes what must not happen.

Owns the server with its console, and the watch over pages: scripts that run, requests to other hosts, messages of the
content security policy.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import pytest

from interop.server import running_server
from tests.console.hostile import MARK
from tests.world_fixture import WorldFixture
from tools.chromium import what_is_missing
from tools.ports import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, Request

WORDS_OF_A_BLOCK = ("Content Security Policy", "Refused to", "Uncaught")
SERIOUS = ("serious", "critical")


def require_browser() -> None:
    """Skips the test, with the reason, where there is no browser."""
    if missing := what_is_missing():
        pytest.skip(missing)


FIRST_EVENT = """address => new Promise((done, failed) => {
    const stream = new EventSource(address);
    stream.onmessage = event => { stream.close(); done(event.data); };
    stream.onerror = () => { stream.close(); failed(new Error("the stream has ended")); };
})"""
"""Gives the first event of the stream at this address."""


@contextmanager
def real_console(folder: Path) -> Generator[tuple[Remote, str]]:
    """A server with its console: calls of its API, and the console's address."""
    port = free_port()
    with running_server(folder, "--console-port", str(port)) as server:
        with httpx.Client(base_url=server.endpoint, timeout=70) as client:
            yield Remote(client), f"http://127.0.0.1:{port}"
        said = (folder / "server.log").read_text(errors="replace")
        assert "Traceback" not in said, said[-3000:]


class Remote:
    """Calls of a server in the form of a World, so that the same runs can be made there."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def call(self, operation: str, _tenant: object = None, /, **members: Any) -> Any:
        """The answer of one call; AssertionError when it is refused."""
        target = operation if "." in operation else f"SimpleWorkflowService.{operation}"
        headers = {"x-amz-target": target, "content-type": "application/x-amz-json-1.0"}
        answer = self._client.post("/", json=members, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json() if answer.content else None

    def advance(self, **_: float) -> None:
        """Real time passes by itself."""

    def stage(self) -> WorldFixture:
        """A domain with types there."""
        return WorldFixture(self)  # type: ignore[arg-type]


class Watched:
    """A page of the browser that is watched."""

    def __init__(self, browser: Browser, console: str, scheme: str) -> None:
        self._console = console
        self.scheme = scheme
        self.wrong: list[str] = []
        self.asked: list[tuple[str, str]] = []
        """Method and path of each request."""
        context = browser.new_context(
            color_scheme=scheme,  # type: ignore[arg-type]
            viewport={"width": 1280, "height": 900},
            timezone_id="Europe/Berlin",  # in UTC there would be no zone to choose
        )
        self.page: Page = context.new_page()
        self.page.on("request", self._requested)
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.wrong.append(f"an error: {error}"))
        self.page.on("dialog", lambda dialog: self.wrong.append(f"a dialog: {dialog.message}"))

    def _requested(self, request: Request) -> None:
        self.asked.append((request.method, urlsplit(request.url).path))
        if not request.url.startswith((f"{self._console}/", "data:", "about:")):
            self.wrong.append(f"a request to {request.url[:100]}")

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error" or any(words in message.text for words in WORDS_OF_A_BLOCK):
            self.wrong.append(f"a message: {message.text[:200]}")

    def open(self, path: str) -> Page:
        """The page, loaded; AssertionError when anything was wrong with it."""
        answer = self.page.goto(self._console + path)
        assert answer is not None
        assert answer.status == 200, path
        self.check(path)
        return self.page

    def check(self, what: str) -> None:
        """AssertionError when a script has run, a request has left, or the browser had to block something."""
        mark = MARK.partition("=")[0]
        assert self.page.evaluate(f"typeof {mark}") == "undefined", f"{what}: a script has run"
        assert self.wrong == [], f"{what}: {self.wrong}"

    def require_accessible(self, what: str) -> None:
        """AssertionError when axe-core finds a serious violation of WCAG 2 on the page that is shown."""
        pytest.importorskip(
            "axe_playwright_python", reason="the package axe-playwright-python is not installed"
        )
        from axe_playwright_python.sync_playwright import Axe  # pyright: ignore[reportMissingTypeStubs]

        axe: Any = Axe()
        found: list[dict[str, Any]] = axe.run(self.page).response["violations"]
        serious = [
            f"{one['id']}: {one['help']}: {[node['target'] for node in one['nodes'][:3]]}"
            for one in found
            if one["impact"] in SERIOUS
        ]
        assert serious == [], f"{what}: {serious}"
