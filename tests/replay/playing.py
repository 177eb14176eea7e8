"""Recordings made in this process, and boto3 deciders in threads to which they are played.

Owns the order of the shop that all these tests are about: prices are asked, the goods are billed and packed side by
side, a timer runs, and it ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

from tests.world_fixture import ACTIVITY, LIST, WorldFixture, decision
from workflowsvc.clock import SystemClock
from workflowsvc.display.text import history_file_name
from workflowsvc.replay.comparison import Rules
from workflowsvc.replay.player import Ending, Plan, Player
from workflowsvc.replay.recording import read_sources
from workflowsvc.replay.verdict import Verdict
from workflowsvc.settings import Settings
from workflowsvc.testing import World

Events = list[dict[str, Any]]
Decide = Callable[[Events], list[dict[str, Any]]]

DOMAIN = "d"


# --- the order, as its decider sees it ---


def count(events: Events, event_type: str) -> int:
    return sum(event["eventType"] == event_type for event in events)


def activity(activity_id: str, given: object) -> dict[str, Any]:
    return decision(
        "ScheduleActivityTask", activityId=activity_id, activityType=ACTIVITY, input=json.dumps(given)
    )


def bill() -> dict[str, Any]:
    return activity("bill", {"amount": 12, "currency": "EUR"})


def pack() -> dict[str, Any]:
    return activity("pack", {"parcels": 1})


def decide(events: Events) -> list[dict[str, Any]]:
    """The decider that made the recordings. Decisions behind events 4, 10, 17 or 18, and so on."""
    done = count(events, "ActivityTaskCompleted")
    if count(events, "TimerFired"):
        return [decision("CompleteWorkflowExecution", result="delivered")]
    if done == 0:
        return [activity("price", {"article": 7})]
    if done == 1 and count(events, "MarkerRecorded") == 0:
        return [bill(), pack(), decision("RecordMarker", markerName="priced")]
    if done == 3 and not count(events, "TimerStarted"):
        return [decision("StartTimer", timerId="rest", startToFireTimeout="5")]
    return []


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


def client_of(url: str) -> Any:
    return boto3.client(
        "swf",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="y",
        config=Config(read_timeout=70, retries={"total_max_attempts": 1}),
    )


Round = Callable[[Any], None]
"""One poll of a decider and what follows from it."""


def plainly(decide: Decide, task_list: str = "list") -> Round:
    """A decider that looks at whole histories, page by page."""

    def once(swf: Any) -> None:
        asked = {"domain": DOMAIN, "taskList": {"name": task_list}}
        task = swf.poll_for_decision_task(**asked)
        if not task.get("taskToken"):
            return
        events, token = task["events"], task.get("nextPageToken")
        while token:
            page = swf.poll_for_decision_task(**asked, nextPageToken=token)
            assert page["taskToken"] == task["taskToken"]
            events, token = events + page["events"], page.get("nextPageToken")
        assert events[-1]["eventId"] == task["startedEventId"]
        swf.respond_decision_task_completed(taskToken=task["taskToken"], decisions=decide(events))

    return once


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
