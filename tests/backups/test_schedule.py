"""Scheduled backups: when the next one is due; a server makes, keeps and removes them, and ends them with itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.support.server import Server
from tests.support.waiting import until
from workflowsvc.backups.folder import backups_in, moment_of, name_at
from workflowsvc.backups.pace import MIB, Pace
from workflowsvc.backups.schedule import MINUTE_MS, ScheduledBackups
from workflowsvc.clock import ManualClock
from workflowsvc.settings import Settings


@pytest.mark.parametrize(
    ("minutes_ago", "due_in_minutes"), [(None, 0), (0, 60), (59, 1), (60, 0), (500, 0), (-5, 60)]
)
def test_the_next_backup_is_due_an_interval_after_the_last_one_in_the_folder(
    tmp_path: Path, minutes_ago: int | None, due_in_minutes: int
) -> None:
    clock = ManualClock()
    if minutes_ago is not None:
        (tmp_path / name_at(clock.now_ms() - minutes_ago * MINUTE_MS)).write_text("")
    settings = Settings.from_environment({}, {"store": "sqlite:s.db", "backup_to": str(tmp_path)})
    assert ScheduledBackups(settings, clock.now_ms).due_in_ms() == due_in_minutes * MINUTE_MS


@pytest.mark.parametrize("options", [{"max_events": "50"}, {"limits": "off"}, {"limits": "aws"}])
def test_a_backup_is_audited_by_the_limits_of_the_server(options: dict[str, str]) -> None:
    settings = Settings.from_environment({}, {"store": "sqlite:s.db"} | options)
    given = ScheduledBackups(settings, ManualClock().now_ms).variables()
    assert Settings.from_environment(given, {}).quotas == settings.quotas


def test_the_name_of_a_backup_holds_its_moment() -> None:
    assert name_at(1_795_982_340_999) == "workflowsvc-20261129T195900Z.db"
    assert moment_of("folder/workflowsvc-20261129T195900Z.db") == 1_795_982_340_000


def test_a_copy_is_as_fast_as_was_asked_for_and_catches_up_little_after_a_stall() -> None:
    clock = ManualClock()

    def sleep(seconds: float) -> None:
        clock.advance(round(seconds * 1000))

    pace = Pace(10, clock.monotonic, sleep)
    for _ in range(100):
        pace.spend(MIB)
    assert clock.monotonic() == pytest.approx(10, abs=0.2)
    clock.advance(60_000)
    for _ in range(100):
        pace.spend(MIB)
    assert clock.monotonic() == pytest.approx(80, abs=0.5)


def test_a_server_makes_backups_and_keeps_as_many_as_it_is_told(tmp_path: Path) -> None:
    """And it ends cleanly whatever its backups are doing then."""
    folder = tmp_path / "backups"
    folder.mkdir()

    seen: set[str] = set()

    def four_were_made() -> bool:
        there = backups_in(str(folder))
        assert len(there) <= 3, "older ones are not removed"
        seen.update(there)
        return len(seen) >= 4

    async def story() -> None:
        server = Server(
            tmp_path,
            {
                "backup_to": str(folder),
                "backup_every_minutes": "0.02",  # names have a second each
                "backup_keep": "2",
                "log_level": "info",
            },
        )
        try:
            await server.start()
            await asyncio.to_thread(until, four_were_made, "four backups")
            assert await server.stop() == 0
        finally:
            await server.end()
        said = server.said()
        assert "backup: " in said
        assert "no sound backup" not in said

    asyncio.run(story())


def test_a_backup_that_fails_is_logged_and_the_server_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    (folder / ".workflowsvc-backup.lock").mkdir()

    async def story() -> None:
        server = Server(tmp_path, {"backup_to": str(folder)})
        try:
            await server.start()
            await asyncio.to_thread(
                until, lambda: "no sound backup was made" in server.said(), "a line in the log"
            )
            assert await server.stop() == 0
        finally:
            await server.end()

    asyncio.run(story())
