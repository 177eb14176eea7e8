"""A feed as server-sent events: as it grows, on from an id, within bounds, and refused as ReadFeed is."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx
import pytest

from tests.console.browsing import Browser
from tests.console.real_browser import FIRST_EVENT, Remote, Watched, real_console
from tests.support.waiting import PATIENCE_SECONDS, until
from tests.world_fixture import WorldFixture, decision
from workflowsvc.console.pages import feed_stream

FEED = "/domains/d/feed"


class Sent(NamedTuple):
    """An event of a stream."""

    id: str
    told: str


def sent(block: str) -> Sent | None:
    """None for what holds no data."""
    fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
    if "data" not in fields:
        return None
    detail = json.loads(fields["data"])["detail"]
    return Sent(fields["id"], f"{detail['eventId']} {detail['eventType']}")


class Following:
    """A reader in a thread."""

    def __init__(self, url: str, **headers: str) -> None:
        self.blocks: list[str] = []
        self.status = 0
        self.has_whole_answer = False
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.netloc, timeout=PATIENCE_SECONDS)
        fields = {name.replace("_", "-"): text for name, text in headers.items()}
        self._connection.request("GET", f"{parts.path}?{parts.query}", headers=fields)
        self._sock = self._connection.sock
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    @property
    def events(self) -> list[Sent]:
        return [found for block in list(self.blocks) if (found := sent(block))]

    def leave(self) -> None:
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE_SECONDS)
        self._connection.close()

    def _read(self) -> None:
        text = ""
        with suppress(OSError, http.client.HTTPException):
            self.answer = self._connection.getresponse()
            self.status = self.answer.status
            while data := self.answer.read1(65_536):
                *blocks, text = (text + data.decode()).split("\n\n")
                self.blocks += blocks
            self.has_whole_answer = True


@pytest.fixture(scope="module")
def console_of_feeds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[WorldFixture, str]]:
    """A domain whose feed is on, and the address of the console."""
    with real_console(tmp_path_factory.mktemp("feeds")) as (remote, url):
        on = remote.stage()
        on.call("WorkflowSvc.SetFeed", domain="d", status="ON")
        yield on, url


@contextmanager
def following(url: str, **headers: str) -> Iterator[Following]:
    reader = Following(url, **headers)
    try:
        until(lambda: reader.blocks, "the stream has begun")
        yield reader
    finally:
        reader.leave()


def test_events_come_as_they_happen_and_a_reader_goes_on_behind_an_id(
    console_of_feeds: tuple[WorldFixture, str],
) -> None:
    on, url = console_of_feeds
    on.start("before")
    on.decide(decision("CompleteWorkflowExecution"))
    with following(url + FEED) as reader:
        assert reader.answer.headers["content-type"].startswith("text/event-stream")
        assert reader.answer.headers["cache-control"] == "no-store"
        on.start("w")
        until(lambda: len(reader.events) == 1, "the start is told")
        on.decide(decision("CompleteWorkflowExecution"))
        until(lambda: len(reader.events) == 2, "the end is told")
        first, second = reader.events
        assert [first.told, second.told] == ["1 WorkflowExecutionStarted", "5 WorkflowExecutionCompleted"]
    with following(url + FEED, last_event_id=first.id) as reader:
        until(lambda: reader.events, "it goes on")
        assert reader.events == [second]
    with following(f"{url}{FEED}?begin=OLDEST&types=WorkflowExecutionCompleted") as reader:
        until(lambda: len(reader.events) == 2, "all of a type are told")


def served(url: str) -> Following:
    """A reader that has a place: that of another one is free a moment after it has left."""
    found: list[Following] = []

    def is_served() -> bool:
        reader = Following(url)
        until(lambda: reader.status, "it is answered")
        if reader.status == 200:
            found.append(reader)
        else:
            reader.leave()
        return bool(found)

    until(is_served, "it is served")
    return found[0]


def test_a_reader_that_leaves_frees_its_place(console_of_feeds: tuple[WorldFixture, str]) -> None:
    on, url = console_of_feeds
    for _ in range(5):
        with following(url + FEED):
            pass
    readers = [served(url + FEED) for _ in range(feed_stream.MAX_STREAMS)]
    refused = httpx.get(url + FEED, timeout=60)
    assert refused.status_code == 503
    assert f"{feed_stream.MAX_STREAMS} streams" in refused.text
    readers.pop().leave()
    readers.append(served(url + FEED))
    on.start("w")
    until(lambda: all(reader.events for reader in readers), "each has the event")
    on.decide(decision("CompleteWorkflowExecution"))
    for reader in readers:
        reader.leave()


def served_at_once(url: str, number: int) -> int:
    """How many of the readers that ask in the same moment are served."""
    readers = [Following(url) for _ in range(number)]
    until(lambda: all(reader.status for reader in readers), "each is answered")
    for reader in readers:
        reader.leave()
    assert {reader.status for reader in readers} <= {200, 503}
    return sum(reader.status == 200 for reader in readers)


def test_the_places_are_as_many_as_said_when_all_ask_at_once_and_each_is_given_back(
    console_of_feeds: tuple[WorldFixture, str],
) -> None:
    _, url = console_of_feeds
    where = urlsplit(url)
    places = feed_stream.MAX_STREAMS
    for number in range(places):
        with socket.create_connection((where.hostname or "", where.port or 0)) as leaving:
            path = FEED if number % 2 else f"{FEED}?begin=wrong"
            leaving.sendall(f"GET {path} HTTP/1.1\r\nhost: {where.netloc}\r\n\r\n".encode())

    def are_all_free() -> bool:
        served = served_at_once(url + FEED, places + 10)
        assert served <= places
        return served == places

    until(are_all_free, "all have left, and as many are served again")


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/domains/none/feed", {}, 404),
        (FEED, {"last_event_id": "x"}, 400),
        (FEED + "?begin=x", {}, 400),
        (FEED + "?types=Started", {}, 400),
        (FEED, {"sec_fetch_site": "cross-site", "sec_fetch_mode": "cors"}, 403),
    ],
)
def test_what_cannot_be_read_is_refused(
    browser: Browser, path: str, headers: dict[str, str], status: int
) -> None:
    shown = browser.get(path, **headers)
    assert shown.status == status
    assert not shown.headers["content-type"].startswith("text/event-stream")


def test_a_head_request_takes_no_place(
    console_of_feeds: tuple[WorldFixture, str], browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_stream, "MAX_STREAMS", 0)
    for _ in range(3):
        shown = browser.request("HEAD", FEED)
        assert shown.status == 200
        assert shown.headers["content-type"].startswith("text/event-stream")
        assert "content-length" not in shown.headers
    assert browser.request("HEAD", "/domains/none/feed").status == 404
    assert browser.get(FEED).status == 503
    assert feed_stream.OPEN.open == 0


def test_a_silent_stream_has_heartbeats(
    console_of_feeds: tuple[WorldFixture, str], browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a World no reader waits: its time is over at once."""
    monkeypatch.setattr(feed_stream, "MAX_STREAM_SECONDS", 0.2)
    monkeypatch.setattr(feed_stream, "MIN_WAIT_SECONDS", 0.05)
    text = browser.get(FEED).response.text
    blocks = [block for block in text.split("\n\n") if block]
    assert blocks[0] == "retry: 2000"
    assert len(blocks) > 2
    for block in blocks[1:]:
        name, comment = block.splitlines()
        assert name.startswith("id: ")
        assert comment == ": nothing yet"
    assert feed_stream.OPEN.open == 0


def test_a_browser_reads_the_stream(console: tuple[Remote, str], watched_in: dict[str, Watched]) -> None:
    on = WorldFixture(console[0], domain="streamed")  # type: ignore[arg-type]
    on.ask("WorkflowSvc.SetFeed", status="ON")
    on.start()
    page = watched_in["light"].open("/domains")
    event = page.evaluate(FIRST_EVENT, "/domains/streamed/feed?begin=OLDEST")
    assert json.loads(event)["detail"]["eventType"] == "WorkflowExecutionStarted"


def test_streams_end_whole_and_quietly_when_the_server_stops(tmp_path: Path) -> None:
    with real_console(tmp_path) as (remote, url):
        on = remote.stage()
        on.call("WorkflowSvc.SetFeed", domain="d", status="ON")
        readers = [served(url + FEED) for _ in range(5)]
    log = (tmp_path / "server.log").read_text()
    assert "Traceback" not in log
    assert "exceeded" not in log
    for reader in readers:
        reader.leave()
    assert all(reader.has_whole_answer for reader in readers)
