"""Slices of what `python -m tests.soak` does by the hundred thousand: polls, timers, events, open executions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.abuse import growth, pollers, storm
from tests.abuse.report import Report
from tests.crash.server import Server
from tests.world_fixture import Stage, decision
from workflowsvc.core.run_ids import run_of
from workflowsvc.engine.duties import DUE_EVENTS_PER_BATCH
from workflowsvc.testing import World


def go_through(folder: Path, stress: Callable[[Server], Awaitable[Report]], **settings: str) -> None:
    """Runs the stress test on a server with these settings."""
    server = Server(folder, {"log_level": "warning", "long_poll_seconds": pollers.HOLD_SECONDS, **settings})

    async def whole() -> Report:
        try:
            return await stress(server)
        finally:
            await server.end()

    report = asyncio.run(whole())
    assert not report.wrong, "\n".join(report.lines())
    assert not server.complaints(), server.said()


def test_of_a_thousand_polls_one_gets_the_task_and_the_next_poll_is_refused(tmp_path: Path) -> None:
    go_through(tmp_path, pollers.thousand_on_one_list)


def test_polls_that_wait_take_little_memory_and_still_wake(tmp_path: Path) -> None:
    go_through(tmp_path, lambda server: pollers.idle(server, polls=1_500, seconds=1.5))


def test_a_history_ends_at_its_limit_and_a_restart_remembers_it(tmp_path: Path) -> None:
    go_through(tmp_path, lambda server: growth.history(server, 400), max_events="400")


def test_a_full_domain_refuses_one_more_also_after_a_restart(tmp_path: Path) -> None:
    go_through(tmp_path, lambda server: growth.open_executions(server, 300), max_open_executions="300")


def test_a_storm_of_timers_fires_each_once_although_the_server_is_killed_in_it(tmp_path: Path) -> None:
    go_through(tmp_path, lambda server: storm.storm(server, runs=20, timers=200))


def test_a_storm_of_timers_is_taken_in_pieces_between_which_callers_are_served() -> None:
    on, each = Stage(World()), DUE_EVENTS_PER_BATCH
    runs = [on.start(f"w{number}") for number in range(4)]
    for _ in runs:
        on.decide(*(decision("StartTimer", timerId=f"t{n}", startToFireTimeout="9") for n in range(each)))
    before = lengths(on, runs)
    on.world.clock.advance(9_000)
    answer = on.world.submit(
        "SignalWorkflowExecution", on.tenant, domain="d", workflowId="w3", signalName="served in between"
    )
    on.world.writer.step()
    assert answer.done  # its own run's timers have fired before it
    fired = [now - was >= each for was, now in zip(before, lengths(on, runs), strict=True)]
    assert sum(fired) == 2
    on.world.run()
    fired = [now - was >= each for was, now in zip(before, lengths(on, runs), strict=True)]
    assert all(fired)


def lengths(on: Stage, run_ids: list[str]) -> list[int]:
    """Of the histories, as committed."""
    runs = [run_of(run_id) or 0 for run_id in run_ids]
    with on.world.store.reader() as reader:
        rows = reader.executions(runs)
    return [rows[run].next_event_id for run in runs]
