"""Short forms of `python -m tests.soak disk`: a disk that is full, broken or slow under a real server."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash.disk_fault_run import Report, suffer
from tests.crash.disks import Ballast, FaultyDisk, NoLargerFiles, compiler, small_disk
from tests.crash.kills import SETTINGS
from tests.failing_store import FailingStore
from tests.support.server import Server
from workflowsvc.access.caller import Caller
from workflowsvc.clock import SystemClock
from workflowsvc.engine.agenda import RETRY_MS
from workflowsvc.engine.engine import Engine
from workflowsvc.engine.outage import REPEAT_MS
from workflowsvc.faults import ServiceUnavailable, UnknownResourceFault
from workflowsvc.model import wire
from workflowsvc.service.actions import SWF
from workflowsvc.service.api import Api
from workflowsvc.settings import Settings
from workflowsvc.tenant import Tenant
from workflowsvc.testing import World

needs_compiler = pytest.mark.skipif(
    compiler() is None, reason="there is no C compiler to build faulty_disk.c with"
)


pytestmark = pytest.mark.usefixtures("calm_load")


def require_true(report: Report) -> None:
    assert not report.wrong, "\n".join(report.wrong[:10])
    assert report.codes <= {"ServiceUnavailable"}, "SDKs try again after a 503"


def test_a_server_on_a_full_disk_refuses_to_write_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    try:
        with small_disk(tmp_path / "disk") as folder:
            ballast, server = Ballast(folder), Server(folder, SETTINGS)
            report = asyncio.run(suffer(server, ballast.fill, ballast.heal, seed=1))
    except PermissionError as error:
        pytest.skip(str(error))
    require_true(report)
    assert report.codes


def test_a_file_that_may_not_grow_is_no_worse_than_a_full_disk(tmp_path: Path) -> None:
    server = Server(tmp_path, SETTINGS)
    limit = NoLargerFiles(server)
    require_true(asyncio.run(suffer(server, limit.fill, limit.heal, seed=2, meanwhile="kill")))


@needs_compiler
def test_a_server_stops_cleanly_on_a_disk_that_fails_to_sync_and_is_not_started_on_it(tmp_path: Path) -> None:
    disk = FaultyDisk(tmp_path)
    server = Server(tmp_path, SETTINGS, environment=disk.environment)
    report = asyncio.run(suffer(server, disk.fail_syncs, disk.heal, seed=3, meanwhile="stop"))
    require_true(report)
    assert report.codes
    assert report.start_while_broken.endswith("cannot be used: Input/output error.")
    assert disk.syncs > 10


@needs_compiler
def test_a_slow_disk_makes_calls_slow_and_nothing_else(tmp_path: Path) -> None:
    disk = FaultyDisk(tmp_path)
    server = Server(tmp_path, SETTINGS, environment=disk.environment)
    slow: Callable[[], None] = lambda: disk.slow_down(50)  # noqa: E731
    report = asyncio.run(suffer(server, slow, disk.heal, seed=4, refuses=False))
    require_true(report)
    assert not report.codes
    assert disk.syncs > 10


def test_a_stop_answers_polls_although_the_store_refuses_what_others_want() -> None:
    async def stop_on_a_full_disk() -> bytes:
        store = FailingStore()
        api = Api(Engine(store, SystemClock(), Settings(), os.urandom))
        await api.start()
        try:
            domain = wire.decode(
                "RegisterDomain", b'{"name":"d","workflowExecutionRetentionPeriodInDays":"1"}'
            )
            await api.call(SWF.actions["RegisterDomain"], Caller(Tenant()), domain)
            ask = wire.decode("PollForDecisionTask", b'{"domain":"d","taskList":{"name":"l"}}')
            poll = asyncio.ensure_future(api.call(SWF.actions["PollForDecisionTask"], Caller(Tenant()), ask))
            await asyncio.sleep(0)
            with pytest.raises(
                UnknownResourceFault
            ):  # queued behind the poll, which waits when this is answered
                await api.call(
                    SWF.actions["DeprecateDomain"],
                    Caller(Tenant()),
                    wire.decode("DeprecateDomain", b'{"name":"x"}'),
                )
            store.refusals = 3
            async with asyncio.timeout(20):
                await api.drain()
                return await poll
        finally:
            api.close()

    assert b"taskToken" not in asyncio.run(stop_on_a_full_disk())


def test_a_disk_that_stays_full_is_mentioned_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    store = FailingStore()
    world = World(store=store)
    store.refusals = 20
    caplog.set_level(logging.ERROR)
    for _ in range(5):
        with pytest.raises(ServiceUnavailable):
            world.call("RegisterDomain", name="d", workflowExecutionRetentionPeriodInDays="1")
    world.advance(ms=RETRY_MS)
    with pytest.raises(ServiceUnavailable):
        world.call("RegisterDomain", name="d", workflowExecutionRetentionPeriodInDays="1")
    assert len(caplog.records) == 1
    store.refusals = 10**6
    world.advance(ms=REPEAT_MS)
    assert len(caplog.records) == 2
