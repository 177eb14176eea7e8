"""Hundreds of thousands of drawn requests to a real server, one after the other, each answer held to the rules.

Owns the rules: the status is one that SDKs know, never 500; a refusal is a fault with a name; after a refusal
the database says what it said before, but for what time has done; the server's memory comes back to where it
was. A watcher beside the server reads its file, from a snapshot taken before each request.
"""

from __future__ import annotations

import json
import re
import socket
import time
from collections import Counter
from contextlib import closing, suppress
from typing import Any

import apsw

from tests.abuse.fuzz_requests import DOMAIN, Maker, Request
from tests.abuse.report import Report
from tests.support.peer import Peer, Refused
from tests.support.server import HOST, Server
from tests.support.waiting import PATIENCE_SECONDS

# 431: the head may hold too many headers here, and HTTP has a status for that.
STATUSES = frozenset((200, 400, 403, 413, 431, 503))
TABLES = (
    "meta",
    "domains",
    "types",
    "executions",
    "execution_tags",
    "tasks",
    "heartbeats",
    "messages",
    "events",
)
# What happens by itself between two requests: time-outs, timers, what follows from them, and purges.
BY_TIME = re.compile(
    r'"eventType":"(\w*TimedOut|TimerFired|DecisionTaskScheduled|DecisionTaskStarted'
    r'|WorkflowExecutionTerminated|WorkflowExecutionCancelRequested|ChildWorkflowExecution\w+)"'
)
MEMORY_SAMPLES_FROM = 0.2  # of the requests are sent before the baseline is taken
MEMORY_TOLERANCE = 0.10
ENOUGH_FOR_MEMORY = 20_000  # requests; with fewer, what is first used is still being loaded
SETTINGS = {"long_poll_seconds": "0", "log_level": "warning", "min_retention_seconds": "0"}


class Line:
    """A blocking connection that takes any bytes and reads one answer."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None
        self._file: Any = None

    def ask(self, data: bytes) -> tuple[int, bytes]:
        """Status and body. ConnectionError when the server hangs up without a word."""
        if self._socket is None:
            self._socket = socket.create_connection((HOST, self._port), PATIENCE_SECONDS)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._file = self._socket.makefile("rb")
        with suppress(ConnectionError):  # refused while it was still being sent: the answer may be there
            self._socket.sendall(data)
        try:
            return self._answer()
        except ConnectionError:
            self.close()
            raise

    def _answer(self) -> tuple[int, bytes]:
        status_line = self._file.readline()
        if status_line.startswith(b"HTTP/1.1 100"):
            self._file.readline()
            status_line = self._file.readline()
        if not status_line:
            raise ConnectionResetError("no answer")
        length, stays = 0, True
        while (line := self._file.readline()) not in (b"\r\n", b""):
            name, _, value = line.lower().partition(b":")
            if name == b"content-length":
                length = int(value)
            elif name == b"connection" and b"close" in value:
                stays = False
        body = self._file.read(length)
        if not stays:
            self.close()
        return int(status_line[9:12]), body

    def close(self) -> None:
        if self._socket is not None:
            self._file.close()
            self._socket.close()
            self._socket = None


class Watcher:
    """Two readers of the server's file: one stays at the moment before a request, one sees what there is now."""

    def __init__(self, server: Server) -> None:
        self._before = apsw.Connection(str(server.file), flags=apsw.SQLITE_OPEN_READONLY)
        self._now = apsw.Connection(str(server.file), flags=apsw.SQLITE_OPEN_READONLY)
        for connection in (self._before, self._now):
            connection.set_busy_timeout(5_000)
        self._version = 0

    def close(self) -> None:
        self._before.close()
        self._now.close()

    def stand_still(self) -> None:
        if self._before.in_transaction:
            self._before.execute("rollback")
        self._before.execute("begin")
        self._before.execute("select count(*) from meta").get  # noqa: B018 takes the snapshot
        self._version = self._now.pragma("data_version")

    def has_moved(self) -> bool:
        return self._now.pragma("data_version") != self._version

    def differences(self) -> list[str]:
        """The rows that came or went since."""
        told: list[str] = []
        for table in TABLES:
            old, new = (
                {repr(row) for row in connection.execute(f"select * from {table}")}
                for connection in (self._before, self._now)
            )
            told += [f"{table}: - {row}" for row in old - new] + [f"{table}: + {row}" for row in new - old]
        return told

    def until_at_rest(self) -> None:
        """What an accepted request has set in motion is done."""
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            now = time.time_ns() // 1_000_000
            if not self._now.execute(
                "select exists (select 1 from messages) or exists"
                " (select 1 from executions where wake_at <= ? or purge_at <= ?)",
                (now, now),
            ).get:
                return
            time.sleep(0.0005)
        raise AssertionError("the server does not come to rest")


def fuzz(server: Server, requests: int, seed: int, deadline: float = float("inf")) -> Report:
    """On a server that listens."""
    report, maker = Report(), Maker(seed)
    statuses: Counter[str] = Counter()
    by_time = silent = sent = 0
    baseline = 0
    with Peer(server.port) as peer:
        _furnish(peer)
    began = time.monotonic()
    with closing(Line(server.port)) as line, closing(Watcher(server)) as watcher:
        for sent in range(1, requests + 1):
            if report.wrong or time.monotonic() > deadline:
                break
            request = maker.request()
            watcher.stand_still()
            try:
                status, body = line.ask(request.data)
            except ConnectionError:
                silent += 1
                report.require(_may_be_silent(request), f"no answer to {_brief(request)}")
                status, body = 400, b""
            else:
                statuses[_judge(report, request, status, body)] += 1
            if status == 200 and body:
                maker.learn(json.loads(body))
            if status == 200:
                watcher.until_at_rest()
            elif watcher.has_moved():
                by_time += _judge_change(report, request, watcher)
            if sent == int(requests * MEMORY_SAMPLES_FROM):
                baseline = _memory_at_rest(server, watcher)
        took = time.monotonic() - began
        after = _memory_at_rest(server, watcher)
    common = ", ".join(f"{count:,} {code}" for code, count in statuses.most_common(8))
    report.say(f"{sent:,} requests in {took:.0f} s ({sent / took:,.0f}/s): {common}")
    report.say(
        f"{silent} were no HTTP and got a closed connection; {by_time} times something fell due in between"
    )
    if baseline and requests >= ENOUGH_FOR_MEMORY:
        change = after / baseline - 1
        report.say(
            f"memory {baseline >> 20} MiB after a fifth, {after >> 20} MiB at the end: {100 * change:+.1f} %"
        )
        report.require(change <= MEMORY_TOLERANCE, f"memory has grown by {100 * change:.1f} %")
    return report


def _furnish(peer: Peer) -> None:
    """A domain that forgets closed runs at once, types and an execution."""
    for name in (DOMAIN, "second"):
        peer.call("RegisterDomain", name=name, workflowExecutionRetentionPeriodInDays="NONE")
    for name in ("a", "b"):
        named: dict[str, Any] = {"domain": DOMAIN, "name": name, "version": "1"}
        defaults = {"defaultTaskStartToCloseTimeout": "NONE", "defaultTaskList": {"name": "a"}}
        peer.call(
            "RegisterWorkflowType",
            **named,
            **defaults,
            defaultExecutionStartToCloseTimeout="3600",
            defaultChildPolicy="TERMINATE",
        )
        peer.call(
            "RegisterActivityType",
            **named,
            **defaults,
            defaultTaskScheduleToStartTimeout="NONE",
            defaultTaskScheduleToCloseTimeout="NONE",
            defaultTaskHeartbeatTimeout="NONE",
        )


def _brief(request: Request) -> str:
    return f"{request.action}: {request.data[:1_500]!r}"


def _may_be_silent(request: Request) -> bool:
    """What is no HTTP at all may be hung up on."""
    return not re.match(rb"[A-Z]+ [!-~]+ HTTP/1\.1\r\n", request.data)


def _judge(report: Report, request: Request, status: int, body: bytes) -> str:
    """The name under which this answer is counted."""
    report.require(status in STATUSES, f"status {status} {body[:300]!r} to {_brief(request)}")
    if status == 200:
        return "200"
    try:
        code = str(json.loads(body)["__type"]).rpartition("#")[2]
    except (ValueError, KeyError, TypeError):
        report.require(False, f"{status} without a fault: {body[:300]!r} to {_brief(request)}")
        return str(status)
    return code if status == 400 else f"{status} {code}"


def _judge_change(report: Report, request: Request, watcher: Watcher) -> int:
    """1 when time explains what changed although the request was refused."""
    differences = watcher.differences()
    if not differences:
        return 0
    events = [row for row in differences if row.startswith("events: +")]
    purged = any(row.startswith("events: -") for row in differences)
    report.require(
        purged or (bool(events) and all(BY_TIME.search(row) for row in events)),
        f"refused and yet: {differences[:5]} after {_brief(request)}",
    )
    return 1


def _memory_at_rest(server: Server, watcher: Watcher) -> int:
    """When every execution is ended and purged."""
    with Peer(server.port) as peer:
        _end_all(peer, watcher)
    watcher.until_at_rest()
    return server.resident_bytes()


def _end_all(peer: Peer, watcher: Watcher) -> None:
    for name in (DOMAIN, "second"):
        with suppress(Refused):
            while infos := peer.call(
                "ListOpenWorkflowExecutions", domain=name, startTimeFilter={"oldestDate": 0}
            )["executionInfos"]:
                for info in infos:
                    with suppress(Refused):
                        peer.call(
                            "TerminateWorkflowExecution",
                            domain=name,
                            workflowId=info["execution"]["workflowId"],
                        )
                watcher.until_at_rest()
