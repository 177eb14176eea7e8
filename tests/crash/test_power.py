"""Short forms of the power cuts and the kills of a bare store that `python -m tests.soak` makes by the thousand."""

from __future__ import annotations

from pathlib import Path

from tests.crash import power, store_kills


def test_after_a_power_cut_every_acknowledged_transaction_is_there(tmp_path: Path) -> None:
    report = power.run(250, tmp_path, seed=1)
    assert not report.wrong, "\n".join(report.wrong[:10])
    assert report.images == 250
    assert report.unacknowledged > 10, "no cut came between a commit and its acknowledgement"


def test_a_disk_that_fails_to_sync_loses_nothing_acknowledged_even_if_the_process_dies_of_it(
    tmp_path: Path,
) -> None:
    """The next process reads the disk, not the page cache (`workflowsvc/store/sqlite/database_file.py`)."""
    report = power.run(300, tmp_path, seed=1, failing_syncs=0.1)
    assert not report.wrong, "\n".join(report.wrong[:10])
    assert report.lost_syncs > 5


def test_a_process_that_only_commits_loses_nothing_when_it_is_killed(tmp_path: Path) -> None:
    report = store_kills.run(20, tmp_path, seed=1)
    assert not report.wrong, "\n".join(report.wrong[:10])
    assert report.kills == 20
    assert report.commits > 100
