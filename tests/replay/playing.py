"""Recordings made in this process, and boto3 deciders in threads to which they are played.

Owns the making of recordings and the threads. What is recorded and decided is in `orders.py`.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

from tests.replay.orders import DOMAIN, Decide, Events, Round, client_of, decide
from tests.world_fixture import LIST, WorldFixture
from workflowsvc.clock import SystemClock
from workflowsvc.display.text import history_file_name
from workflowsvc.replay.comparison import Rules
from workflowsvc.replay.player import Ending, Plan, Player
from workflowsvc.replay.recording import read_sources
from workflowsvc.replay.verdict import Verdict
from workflowsvc.settings import Settings
from workflowsvc.testing import World


class Recorder:
    """Leads runs of an order to their end in a World, and keeps their histories."""

    def __init__(self) -> None:
        self.fixture = WorldFixture(World())

    def order(self, workflow_id: str, *, decide: Decide = decide) -> tuple[str, Events]:
        """The runId and the history of one run."""
        run_id = self.fixture.start(workflow_id, input="an order")
        while True:
            poll = self.fixture.world.submit(
                "PollForDecisionTask", self.fixture.tenant, domain=DOMAIN, taskList=LIST
            )
            self.fixture.world.run()
            if not poll.done:
                poll.poll.withdraw() if poll.poll else None
                self.fixture.world.run()
                if not self._work():
                    self.fixture.world.advance(seconds=5)
                continue
            task = poll.result()
            decisions = decide(task["events"])
            self.fixture.call(
                "RespondDecisionTaskCompleted", taskToken=task["taskToken"], decisions=decisions
            )
            if any(one["decisionType"] == "CompleteWorkflowExecution" for one in decisions):
                return run_id, self.fixture.history(run_id, workflow_id)

    def _work(self) -> bool:
        """Completes an activity task, if there is one."""
        poll = self.fixture.world.submit(
            "PollForActivityTask", self.fixture.tenant, domain=DOMAIN, taskList=LIST
        )
        self.fixture.world.run()
        if not poll.done:
            poll.poll.withdraw() if poll.poll else None
            self.fixture.world.run()
            return False
        token = poll.result()["taskToken"]
        self.fixture.call("RespondActivityTaskCompleted", taskToken=token, result="well")
        return True


def write(folder: Path, workflow_id: str, run_id: str, events: Events) -> Path:
    """As `workflowsvc export` does."""
    path = folder / history_file_name(workflow_id, run_id)
    whole = {"execution": {"workflowId": workflow_id, "runId": run_id}, "events": events}
    path.write_text(json.dumps(whole), encoding="utf-8")
    return path


# --- deciders ---


class Deciders:
    """Threads that poll until they are stopped. What a decider raises, but for the end of the server, is kept."""

    def __init__(self, rounds: Sequence[Round]) -> None:
        self._rounds = rounds
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self.errors: list[BaseException] = []

    def start(self, url: str) -> None:
        for once in self._rounds:
            thread = threading.Thread(target=self._decide, args=(once, client_of(url)), daemon=True)
            thread.start()
            self._threads.append(thread)

    def _decide(self, once: Round, swf: Any) -> None:
        while not self._stopped.is_set():
            try:
                once(swf)
            except (ConnectionError, HTTPClientError):
                return
            except ClientError as error:
                self.errors.append(error)
            except BaseException as error:
                self.errors.append(error)
                return

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(60)


class Played:
    """What came of a replay."""

    def __init__(self, verdicts: list[Verdict], ending: Ending, errors: list[BaseException]) -> None:
        self.verdicts = verdicts
        self.ending = ending
        self.errors = errors

    @property
    def statuses(self) -> list[str]:
        return sorted(verdict.status for verdict in self.verdicts)

    @property
    def only(self) -> Verdict:
        (verdict,) = self.verdicts
        return verdict


def play(
    files: Iterable[Path | str],
    *rounds: Round,
    rules: Rules | None = None,
    settings: Settings | None = None,
    announced: Callable[[str], None] | None = None,
    **plan: Any,
) -> Played:
    """Plays the files to deciders that make these rounds, each in a thread of its own."""
    deciders = Deciders(rounds)
    verdicts: list[Verdict] = []
    player = Player(
        Plan(rules=rules or Rules(), answer_seconds=plan.pop("answer_seconds", 60.0), **plan),
        read_sources([str(file) for file in files], open(os.devnull, "rb")),  # noqa: SIM115
        settings or Settings(port=0, long_poll_seconds=5, drain_seconds=0.5),
        SystemClock(),
        os.urandom,
        verdicts.append,
    )

    def announce(url: str) -> None:
        deciders.start(url)
        if announced is not None:
            announced(url)

    try:
        ending = asyncio.run(player.play(announce))
    finally:
        deciders.stop()
    return Played(verdicts, ending, deciders.errors)
