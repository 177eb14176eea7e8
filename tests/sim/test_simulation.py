"""Dozens of seeds of the simulation hold; the same seed does the same again; a failure says how to see it again."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sim.__main__ import main
from tests.sim.faulty import AFTER_COMMIT, AT_COMMIT
from tests.sim.shrink import read, shrink, spelt
from tests.sim.simulation import Failure, Plan, Result, simulate
from workflowsvc.core.rules import APPLY
from workflowsvc.model.shapes import EVENTS, OPERATIONS
from workflowsvc.store.sqlite.store import SqliteStore

ROOT = Path(__file__).resolve().parents[2]
MIN_SEEDS, MAX_SEEDS = 50, 200  # `make soak` runs four thousand
CALLS = {"conflict", "unavailable", "crash", "unknown", "no reading"}
NEVER = {"RecordMarkerFailed"}  # its only cause is a permission (SWF §5.8), and no action is forbidden here


@pytest.mark.timeout(900)  # one test, so that all faults are counted together: 10 to 40 s on a free core
def test_seeds_hold_and_have_met_everything_there_is() -> None:
    """Every event, every operation, every fault: else they prove less than they seem to. More seeds are simulated until
    they have met the rarest of them."""
    everything = (EVENTS.keys() - NEVER, OPERATIONS.keys(), CALLS | AT_COMMIT | AFTER_COMMIT | {"restarts"})
    events, operations, faults = set[str](), set[str](), set[str]()
    for seed in range(MAX_SEEDS):
        result = _hold(seed)
        events |= result.event_types
        operations |= result.operations
        faults |= result.struck.keys()
        if seed + 1 >= MIN_SEEDS and (events, operations, faults) == everything:
            break
    assert (events, operations, faults) == everything


def _hold(seed: int) -> Result:
    try:
        return simulate(Plan(seed))
    except Failure as failure:
        plan, failure = shrink(failure, Plan(seed))
        report = "\n".join([failure.report, *failure.story[-40:]])
        only = spelt(plan.only or ())
        pytest.fail(f"{report}\npython -m tests.sim --seed {seed} --only {only} --no-shrink", pytrace=False)


def test_a_seed_does_the_same_again_in_another_process() -> None:
    """Whatever Python's own hashes are."""
    expected = simulate(Plan(7)).hash
    for hash_seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-m", "tests.sim", "--seed", "7"],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert f"seed 7: {expected}\n" in done.stdout


def test_seeds_differ() -> None:
    assert simulate(Plan(1, 20)).hash != simulate(Plan(2, 20)).hash


def test_a_file_that_every_restart_opens_anew_does_as_well(tmp_path: Path) -> None:
    for seed in range(3):
        path = tmp_path / f"{seed}.db"
        simulate(Plan(seed, 40, open_store=lambda path=path: SqliteStore(str(path))))


@pytest.fixture
def broken_rule() -> Iterator[None]:
    """A timer that fires is forgotten only half."""
    rule = APPLY["TimerFired"]
    APPLY["TimerFired"] = lambda execution, *event: execution.timers.pop(event[2].started_event_id)
    yield
    APPLY["TimerFired"] = rule


@pytest.mark.usefixtures("broken_rule")
def test_a_broken_rule_is_found_and_told_in_few_steps(capsys: pytest.CaptureFixture[str]) -> None:
    sys_argv, sys.argv = sys.argv, ["sim", "--seeds", "10-200"]
    try:
        assert main() == 1
    finally:
        sys.argv = sys_argv
    report = capsys.readouterr().out
    (again,) = [line for line in report.splitlines() if line.startswith("again: ")]
    words = again.split()
    seed, only = int(words[words.index("--seed") + 1]), read(words[words.index("--only") + 1])
    assert len(only) <= 30
    with pytest.raises(Failure):
        simulate(Plan(seed, only=only))


def test_steps_are_spelt_so_that_they_can_be_read_again() -> None:
    assert spelt([]) == ""
    assert spelt([3]) == "3"
    assert spelt([0, 1, 2, 5, 7, 8]) == "0-2,5,7-8"
    for steps in ((), (4,), (0, 1, 2, 5, 7, 8)):
        assert read(spelt(steps)) == steps
