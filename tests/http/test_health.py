"""/livez, /startupz and the disk in /readyz: what each answers, and of what it is no sign (QUALITY §6.4)."""

from __future__ import annotations

from tests.http.fake_service import FakeService
from tests.http.support import Running, running
from tests.support.waiting import until
from workflowsvc.http.health import MAX_LAG_SECONDS
from workflowsvc.store.rows import DiskSpace

GIB = 1 << 30


def page(server: Running, path: str) -> tuple[int, bytes]:
    with server.client() as client:
        client.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        answer = client.answer("GET")
        return answer.status, answer.body


def test_a_server_whose_writer_has_ended_does_not_live() -> None:
    service = FakeService()
    with running(service) as server:
        assert page(server, "/livez") == (200, b"ok\n")
        service.is_alive = False
        assert page(server, "/livez") == (503, b"the writer thread has ended\n")


def test_a_server_whose_event_loop_is_held_does_not_live() -> None:
    with running() as server:
        lag = server.app.lag
        until(lambda: lag.all.observations, "the event loop is looked at")
        lag.woke = lambda late: None  # type: ignore[method-assign]
        lag.latest = MAX_LAG_SECONDS
        assert page(server, "/livez") == (503, b"the event loop is late\n")
        lag.latest = MAX_LAG_SECONDS / 2
        assert page(server, "/livez") == (200, b"ok\n")


def test_a_server_that_could_not_open_its_store_has_not_started_and_lives() -> None:
    service = FakeService()
    service.has_begun = False
    with running(service) as server:
        assert page(server, "/startupz") == (503, b"the store could not be opened yet\n")
        assert page(server, "/livez") == (200, b"ok\n")
        service.has_begun = True
        assert page(server, "/startupz") == (200, b"ok\n")


def test_a_disk_that_is_nearly_full_is_not_ready() -> None:
    service = FakeService()
    service.space = DiskSpace(free=GIB // 8, total=100 * GIB)
    with running(service) as server:
        assert page(server, "/readyz") == (503, b"the disk is nearly full\n")
        assert page(server, "/livez") == (200, b"ok\n")


def test_a_small_disk_with_most_of_it_free_is_ready() -> None:
    service = FakeService()
    service.space = DiskSpace(free=GIB // 8, total=GIB // 4)
    with running(service) as server:
        assert page(server, "/readyz") == (200, b"ok\n")


def test_an_operator_may_let_a_disk_fill_up() -> None:
    service = FakeService()
    service.space = DiskSpace(free=1, total=100 * GIB)
    with running(service, min_free_disk_bytes=0) as server:
        assert page(server, "/readyz") == (200, b"ok\n")
