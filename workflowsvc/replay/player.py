"""Plays recordings: reads them, keeps some of them open at a time, listens, and notices when a decider is silent.

Owns the course of a replay. What a decider is answered is the shadow domain's; what is printed, the command's.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from workflowsvc.clock import Clock
from workflowsvc.http.app import HttpApp
from workflowsvc.http.server import HttpServer
from workflowsvc.lint import Limits
from workflowsvc.replay.comparison import Rules
from workflowsvc.replay.program import Program, environment_for
from workflowsvc.replay.recording import Recording, Source, Unusable, read_recording, step_at
from workflowsvc.replay.shadow import ShadowDomain
from workflowsvc.replay.shadow_run import ShadowRun
from workflowsvc.replay.verdict import Verdict
from workflowsvc.service.actions import SWF
from workflowsvc.service.service_model import ServiceModels
from workflowsvc.settings import Settings

LOOKS = 4  # within the time that a silent decider has
MAX_LOOK_SECONDS = 1.0
MAX_NAMED = 5  # task lists in a message

Told = Callable[[Verdict], None]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is asked of a replay."""

    rules: Rules
    task_list: str | None = None
    """Where decision tasks are handed out; None: on the list that each recording was started on."""
    domain: str | None = None
    """The only domain that deciders may name; None: any."""
    of_type: dict[str, str] | None = None
    from_event: int | None = None
    """Of the one recording, the decision task of this event alone."""
    parallel: int = 100
    """Recordings that are open at a time."""
    answer_seconds: float = 30.0
    """For each answer, and for the first poll."""
    program: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict[str, str])


class Ending(NamedTuple):
    """How a replay ended, beside the verdicts."""

    not_executed: Mapping[str, int]  # action -> calls
    strange_answers: Mapping[str, int]  # why refused -> answers


class Player:
    """One replay."""

    def __init__(
        self,
        plan: Plan,
        sources: Iterator[Source],
        settings: Settings,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
        told: Told,
    ) -> None:
        """`told` gets each verdict, and may raise what ends the replay."""
        self._plan = plan
        self._sources = sources
        self._clock = clock
        quotas = settings.quotas
        self._limits = Limits(**{name: getattr(quotas, f"max_{name}") for name in Limits._fields})
        self._told = told
        self._domain = ShadowDomain(
            settings,
            clock,
            random_bytes,
            domain=plan.domain,
            answer_seconds=plan.answer_seconds,
            finished=self._finished,
        )
        unjudged = replace(settings, slow_call_ms=0)  # the wait of a poll is not known there
        app = HttpApp(self._domain, unjudged, clock, random_bytes, ServiceModels([SWF]))
        self._server = HttpServer(app, settings, clock)
        self._readers = ThreadPoolExecutor(1, "recordings")
        self._verdicts: deque[Verdict] = deque()  # not yet told
        self._set_aside: deque[Recording] = deque()  # another run of their workflowId is open
        self._open_ids: set[str] = set()
        self._names: set[tuple[str, str]] = set()
        self._count = 0
        self._has_more = True
        self._given_up = ""  # why nothing more is played
        self._changed = asyncio.Event()
        self._ready = asyncio.Event()  # there is something to hand out

    async def play(self, announce: Callable[[str], None]) -> Ending:
        """Plays all of them. `announce` gets the address for the decider, unless there is nothing to play. Raises
        CannotListen and CannotStart."""
        feeding = asyncio.create_task(self._feed())
        beside = [feeding]
        program: Program | None = None
        try:
            ready = asyncio.create_task(self._ready.wait())
            await asyncio.wait((feeding, ready), return_when=asyncio.FIRST_COMPLETED)
            ready.cancel()
            if not feeding.done():
                await self._server.start()
                announce(self._server.url)
                if self._plan.program:
                    environment = environment_for(self._server.url, self._plan.environment)
                    program = await Program.started(self._plan.program, environment)
                    beside.append(asyncio.create_task(self._watch_program(program)))
                beside.append(asyncio.create_task(self._watch_silence()))
                self._domain.last_taken = self._clock.monotonic()
            await _until_done(feeding, beside)
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await self._stop(program)
            self._readers.shutdown(wait=False, cancel_futures=True)
        return Ending(self._domain.harmless.not_executed, self._domain.strange_answers)

    async def _stop(self, program: Program | None) -> None:
        """The program first, so that it sees no address that has gone; a poll in which it waits is answered."""
        if program is not None:
            program.terminate()
            await self._domain.drain()
            await program.stopped()
        if self._server.is_started:
            await self._server.drain(self._domain.drain)

    # --- recordings, one after the other ---

    async def _feed(self) -> None:
        """Opens recordings while there is room, and tells the verdicts; returns when all are finished."""
        while True:
            while len(self._domain.open) < self._plan.parallel:
                recording = await self._next()
                if recording is None:
                    break
                self._open(recording)
            while self._verdicts:
                self._told(self._verdicts.popleft())
            if not self._domain.open and not self._has_more and not self._set_aside:
                return
            self._changed.clear()
            await self._changed.wait()

    async def _next(self) -> Recording | None:
        """A recording that may be opened now; None when there is none yet, or none any more."""
        for _ in range(len(self._set_aside)):
            recording = self._set_aside.popleft()
            if recording.workflow_id not in self._open_ids:
                return recording
            self._set_aside.append(recording)
        loop = asyncio.get_running_loop()
        while self._has_more and len(self._set_aside) < self._plan.parallel:
            found = await loop.run_in_executor(self._readers, self._read)
            if found is None:
                self._has_more = False
            elif isinstance(found, Verdict):
                self._verdicts.append(found)
            elif found.workflow_id in self._open_ids:
                self._set_aside.append(found)
            else:
                return found
        return None

    def _read(self) -> Recording | Verdict | None:
        """The next recording, or why it cannot be played; on the readers' thread."""
        source = next(self._sources, None)
        if source is None:
            return None
        if self._given_up:
            return Verdict("NO_ANSWER", source.name, message=f"was not played: {self._given_up}")
        try:
            recording = read_recording(source, of_type=self._plan.of_type, limits=self._limits)
            named = (recording.workflow_id, recording.run_id)
            if named in self._names:
                raise Unusable(f"is the run {recording.run_id} of {recording.workflow_id} once more")
            if self._plan.from_event is not None:
                step_at(recording, self._plan.from_event)
        except Unusable as error:
            return Verdict("UNUSABLE", source.name, message=str(error))
        self._names.add(named)
        return recording

    def _open(self, recording: Recording) -> None:
        if self._plan.from_event is not None:
            steps = (step_at(recording, self._plan.from_event),)
        else:
            steps = tuple(step for step in recording.steps if step.completed_id)
        self._count += 1
        run = ShadowRun(
            self._count,
            recording,
            steps,
            self._plan.rules,
            self._plan.task_list or recording.task_list,
            self._clock.monotonic(),
        )
        if self._given_up:
            self._verdicts.append(run.verdict("NO_ANSWER", run.began, f"was not played: {self._given_up}"))
        elif steps:
            self._open_ids.add(recording.workflow_id)
            self._domain.add(run)
            self._ready.set()
        else:
            self._verdicts.append(run.verdict("SAME", run.began, "has no decision"))

    def _finished(self, run: ShadowRun, verdict: Verdict) -> None:
        self._open_ids.discard(run.recording.workflow_id)
        self._verdicts.append(verdict)
        self._changed.set()

    # --- deciders that are silent ---

    async def _watch_silence(self) -> None:
        seconds = self._plan.answer_seconds
        while True:
            await asyncio.sleep(min(MAX_LOOK_SECONDS, seconds / LOOKS))
            if self._domain.in_flight or self._clock.monotonic() - self._domain.last_taken < seconds:
                continue
            unattended = self._domain.unattended()
            if not unattended:
                continue
            lists = sorted({run.task_list() for run in unattended})
            shown = ", ".join(lists[:MAX_NAMED]) + (" and others" if len(lists) > MAX_NAMED else "")
            again = " again" if all(name in self._domain.polled for name in lists) else ""
            polled = ", ".join(sorted(self._domain.polled.keys() - lists)[:MAX_NAMED])
            message = f"no decider polled the task list {shown}{again} within {seconds:g} s" + (
                f"; those that were polled: {polled}" if polled else ""
            )
            if self._domain.has_polls:  # the decider works; these tasks are elsewhere
                for run in unattended:
                    self._domain.give_up(run, message)
            else:
                self._give_up(message)

    async def _watch_program(self, program: Program) -> None:
        status = await program.ended()
        if status:  # one that ended well may have left a decider in the background
            how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
            self._give_up(f"{program.name} {how} before it had answered everything")

    def _give_up(self, message: str) -> None:
        self._given_up = message
        for run in list(self._domain.open.values()):
            self._domain.give_up(run, message)
        self._changed.set()


async def _until_done(feeding: asyncio.Task[None], beside: Sequence[asyncio.Task[None]]) -> None:
    """Returns when there is nothing left to play; raises what any of the tasks raises."""
    running = set(beside)
    while not feeding.done():
        done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    feeding.result()
