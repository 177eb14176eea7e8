"""GET /metrics over HTTP: its two formats, who may read it, and what it says of a server that works or does not."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics

from tests.failing_store import FailingStore
from tests.http import certificates
from tests.http.support import LIST_DOMAINS, Answer, Raw, post
from tests.metrics.reading import Metrics, Service, measured, metrics_of_service
from tests.support.waiting import PATIENCE_SECONDS, until
from workflowsvc.clock import SystemClock
from workflowsvc.engine.engine import Engine
from workflowsvc.http.app import HttpApp
from workflowsvc.http.server import HttpServer
from workflowsvc.metrics.listener import MetricsServer
from workflowsvc.options import SettingsError
from workflowsvc.service.api import Api
from workflowsvc.settings import Settings
from workflowsvc.store.interface import Store
from workflowsvc.store.sqlite.store import SqliteStore
from workflowsvc.testing import World

TOKEN = "a-token-of-24-characters"


class Measured:
    """A server with its metrics beside it, in a thread."""

    def __init__(self, store: Store, settings: Settings) -> None:
        clock = SystemClock()
        self.api = Api(Engine(store, clock, settings, os.urandom))
        self.metrics = MetricsServer(self.api, settings, clock)
        figures = self.metrics.figures
        app = HttpApp(self.api, settings, clock, figures=figures.calls)
        self.server = HttpServer(app, settings, clock)
        figures.connections, figures.lag = self.server.connections, app.lag
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Measured:
        self._thread.start()
        self.metrics.bind(0, None)
        for begin in (self.api.start, self.server.start, self.metrics.start):
            self.do(begin())
        return self

    def __exit__(self, *_: object) -> None:
        self.do(self.server.drain(self.api.drain))
        self.do(self.metrics.drain())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_SECONDS)
        self._loop.close()
        self.api.close()

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_SECONDS)

    def get(
        self, *headers: str, path: str = "/metrics", host: str = "localhost", method: str = "GET"
    ) -> Answer:
        with Raw(self.metrics_port) as client:
            lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *headers, "", ""]
            client.send("\r\n".join(lines).encode())
            return client.answer(method)

    @property
    def metrics_port(self) -> int:
        return int(self.metrics.url.rpartition(":")[2].removesuffix("/metrics"))

    def scrape(self) -> Metrics:
        return Metrics(self.get().body.decode())

    def call(self, data: bytes) -> Answer:
        with Raw(self.server.port) as client:
            client.send(data)
            return client.answer()


@contextlib.contextmanager
def serving(store: Store | None = None, **settings: Any) -> Iterator[Measured]:
    with Measured(store or SqliteStore(None), measured(port=0, **settings)) as it:
        yield it


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Measured]:
    store = SqliteStore(str(tmp_path_factory.mktemp("metrics") / "workflowsvc.db"))
    with serving(store) as it:
        assert it.call(LIST_DOMAINS).status == 200
        yield it
    store.close()


def test_prometheus_text_has_the_calls_and_the_store(server: Measured) -> None:
    answer = server.get()
    assert (answer.status, answer.headers["content-type"]) == (
        200,
        "text/plain; version=0.0.4; charset=utf-8",
    )
    found = Metrics(answer.body.decode())
    assert found.value("workflowsvc_requests_total", action="ListDomains", result="ok") >= 1
    assert found.value("workflowsvc_request_duration_seconds_count", action="ListDomains") >= 1
    assert found.value("workflowsvc_store_open") == 1
    assert found.value("workflowsvc_store_database_bytes") > 0
    assert found.value("workflowsvc_disk_free_bytes") <= found.value("workflowsvc_disk_bytes")
    assert found.value("workflowsvc_metrics_parts_failed") == 0
    assert found.value("process_resident_memory_bytes") > 0


def test_openmetrics_is_answered_to_who_asks_for_it(server: Measured) -> None:
    answer = server.get("Accept: application/openmetrics-text; version=1.0.0, text/plain;q=0.5")
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert answer.body.endswith(b"# EOF\n")
    names = {family.name for family in openmetrics(answer.body.decode())}
    assert {"workflowsvc_requests", "swf_pending_tasks", "workflowsvc_store_wal_bytes"} <= names


@pytest.mark.parametrize(
    "accept", ["application/openmetrics-text; version=x", "text/plain; version=;;", "\xff"]
)
def test_an_accept_header_that_makes_no_sense_gets_the_common_format(server: Measured, accept: str) -> None:
    answer = server.get(f"Accept: {accept}")
    assert answer.status == 200
    assert b"workflowsvc_build_info" in answer.body


def test_what_is_no_reading_of_metrics_is_refused(server: Measured) -> None:
    assert server.get(path="/").status == 404
    assert server.get("Content-Length: 0", method="POST").status == 405
    assert server.get(method="HEAD").body == b""


def test_a_web_page_that_names_this_machine_by_its_own_name_reads_nothing(server: Measured) -> None:
    assert server.get(host="evil.example").status == 403


def test_faults_and_refused_requests_are_counted_by_name(server: Measured) -> None:
    assert server.call(post("DescribeDomain", {"name": "nowhere"})).status == 400
    assert server.call(post("NoSuchAction", {})).status == 400
    assert server.call(b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n").status == 400

    def found() -> bool:
        metrics = server.scrape()
        return (
            metrics.values(
                "workflowsvc_requests_total", action="DescribeDomain", result="UnknownResourceFault"
            )
            != []
            and metrics.values("workflowsvc_requests_total", action="-") != []
            and metrics.values("workflowsvc_refused_requests_total") != []
        )

    until(found, "a later page has them")
    assert "NoSuchAction" not in server.scrape().labels()


def test_a_poll_is_measured_with_its_wait_and_without() -> None:
    with serving(long_poll_seconds=0.3) as server:
        assert (
            server.call(
                post("RegisterDomain", {"name": "d", "workflowExecutionRetentionPeriodInDays": "1"})
            ).status
            == 200
        )
        server.call(post("PollForDecisionTask", {"domain": "d", "taskList": {"name": "l"}}))
        found = server.scrape()
    poll = {"action": "PollForDecisionTask"}
    assert found.value("workflowsvc_request_duration_seconds_sum", **poll) >= 0.3
    without = found.value("workflowsvc_request_duration_without_wait_seconds_sum", **poll)
    assert without < found.value("workflowsvc_request_duration_seconds_sum", **poll)
    assert found.value("workflowsvc_request_duration_without_wait_seconds_count", **poll) == 1


def test_tasks_and_polls_of_a_list_are_counted() -> None:
    with serving() as server:
        for action, body in (
            ("RegisterDomain", {"name": "d", "workflowExecutionRetentionPeriodInDays": "1"}),
            (
                "RegisterWorkflowType",
                {
                    "domain": "d",
                    "name": "t",
                    "version": "1",
                    "defaultTaskList": {"name": "l"},
                    "defaultChildPolicy": "TERMINATE",
                    "defaultTaskStartToCloseTimeout": "NONE",
                    "defaultExecutionStartToCloseTimeout": "60",
                },
            ),
            (
                "StartWorkflowExecution",
                {"domain": "d", "workflowId": "w", "workflowType": {"name": "t", "version": "1"}},
            ),
        ):
            assert server.call(post(action, body)).status == 200
        found = server.scrape()
        of_list = {"domain": "d", "task_list_name": "l", "task_list_kind": "decision"}
        assert found.value("swf_pending_tasks", **of_list) == 1
        assert found.value("workflowsvc_task_list_oldest_task_age_seconds", **of_list) >= 0
        assert found.value("workflowsvc_task_list_added_per_minute", **of_list) == 1


def test_metrics_go_on_while_the_store_takes_no_writes() -> None:
    store = FailingStore()
    with serving(store) as server:
        store.refusals = 10**9
        register = post("RegisterDomain", {"name": "d", "workflowExecutionRetentionPeriodInDays": "1"})
        assert server.call(register).status == 503
        found = server.scrape()
        store.refusals = 0
    assert found.value("workflowsvc_store_fails") == 1
    assert found.value("workflowsvc_store_write_failures_total") >= 1
    assert found.value("workflowsvc_requests_total", result="ServiceUnavailable") == 1


def test_a_part_that_fails_leaves_the_others(caplog: pytest.LogCaptureFixture) -> None:
    with serving() as server:
        state = server.api.engine.state
        kept, state.pollers = state.pollers, None  # type: ignore[assignment]
        found = server.scrape()
        state.pollers = kept
    assert found.value("workflowsvc_metrics_parts_failed") == 1
    assert found.value("workflowsvc_store_open") == 1
    assert "a part of the metrics could not be collected" in caplog.text


def test_a_token_is_asked_for_where_one_is_given(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    with serving(metrics_token_file=str(file)) as server:
        assert server.get(f"Authorization: Bearer {TOKEN}").status == 200
        assert server.get(f"authorization: bearer {TOKEN}").status == 200
        for wrong in ("Bearer wrong", f"Basic {TOKEN}", TOKEN, "Bearer"):
            answer = server.get(f"Authorization: {wrong}")
            assert (answer.status, TOKEN.encode() in answer.body) == (401, False)
        refused = server.get()
    assert (refused.status, refused.headers["www-authenticate"]) == (401, 'Bearer realm="metrics"')


@pytest.mark.parametrize("held", ["", "short", "two words are no token at all", "no ascii: é" * 9])
def test_a_file_without_a_token_ends_the_start(tmp_path: Path, held: str) -> None:
    file = tmp_path / "token"
    file.write_text(held)
    with pytest.raises(SettingsError, match="--metrics-token-file"), serving(metrics_token_file=str(file)):
        pass


def test_other_machines_read_nothing_unless_that_was_asked_for(tmp_path: Path) -> None:
    with (
        pytest.raises(SettingsError, match="can be read from other machines"),
        serving(metrics_host="0.0.0.0"),
    ):
        pass
    file = tmp_path / "token"
    file.write_text(TOKEN)
    with serving(metrics_host="0.0.0.0", metrics_token_file=str(file)) as server:
        assert server.get(f"Authorization: Bearer {TOKEN}", host="any.name").status == 200


def test_other_machines_read_by_https_and_this_one_without(tmp_path: Path) -> None:
    files = certificates.make(tmp_path)
    token = tmp_path / "token"
    token.write_text(TOKEN)
    with serving(metrics_host="0.0.0.0", metrics_token_file=str(token), **files.settings()) as server:
        assert server.metrics.url.startswith("https://0.0.0.0:")
        with Raw(server.metrics_port, files=files) as client:
            client.send(f"GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode())
            assert client.answer("GET").status == 200
    with serving(**files.settings()) as server:
        assert server.get().status == 200


def test_many_readers_get_one_page() -> None:
    """What is rendered is given to all that ask meanwhile, and for a second after."""
    with serving() as server:
        pages = {server.get().body for _ in range(5)}
        assert len(pages) <= 2


def test_what_access_control_refuses_is_counted_by_reason() -> None:
    world = World(settings=measured())
    service = Service(world)
    service.access_refusals = {("enforce", "no-allow"): 3, ("log", "explicit-deny"): 1}
    found = metrics_of_service(service)
    assert found.value("workflowsvc_access_refusals_total", mode="enforce", reason="no-allow") == 3
    assert found.value("workflowsvc_access_refusals_total", mode="log") == 1
