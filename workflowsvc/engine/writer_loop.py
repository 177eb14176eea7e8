"""The writer loop: the one thread of a process that writes. Takes a batch of commands, commits once, then answers.

Owns the order of things: read the clock once, do the background work that is due, run the commands, match tasks with
polls, commit, and only then answer (persist, then tell); and what becomes of a batch that fails. `step` runs one batch
without a thread, for tests and simulation; `start` runs the loop in a thread. Must not know the actions, what the
duties do, nor whether there are other nodes.
"""

from __future__ import annotations

import logging
from functools import partial
from threading import Thread
from typing import Any

from workflowsvc.clock import Clock
from workflowsvc.engine.agenda import RETRY_MS
from workflowsvc.engine.command_queue import NO_ANSWER, Command, CommandQueue, Reply, deliver_here
from workflowsvc.engine.duties import Duty, duties_of
from workflowsvc.engine.node_state import NodeState
from workflowsvc.engine.quarantine import Bug, Quarantined
from workflowsvc.engine.retry_queue import RetryQueue
from workflowsvc.engine.throttled_log import ThrottledLog
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.faults import Fault, InternalFailure, ServiceUnavailable
from workflowsvc.store.errors import Conflict, LockedByPeer, OutcomeUnknown, StoreError
from workflowsvc.store.interface import Store
from workflowsvc.store.rows import ListKey

COMMANDS_PER_BATCH = 128  # past this a batch no longer gets cheaper (38,000 transitions/s at 128)
MAX_QUEUED_TO_LINGER = COMMANDS_PER_BATCH // 2  # queued commands that make a full enough batch
MAX_ATTEMPTS = 8  # runs of a batch that meets conflicts

log = logging.getLogger("workflowsvc.writer")

Answers = list[tuple[Reply, Any]]


class WriterLoop:
    """Commands may be submitted from any thread; everything else belongs to the thread that steps."""

    def __init__(self, store: Store, clock: Clock, state: NodeState) -> None:
        self.state = state
        self.deliver = deliver_here  # the function that answers callers
        self.queue = CommandQueue()
        self.prefetches = state.coordination.prefetches
        self._store = store
        self._clock = clock
        self._coordination = state.coordination
        self._duties = duties_of(state.agenda)
        self._retries = RetryQueue()
        self._last_batch: list[Command] = []  # until it is known whether to linger behind it
        self._rests_until = 0  # pause of background work after a failure, until this moment
        self._throttled_log = ThrottledLog(log, clock)
        self._thread: Thread | None = None

    # --- from any thread ---

    def submit(self, command: Command) -> None:
        self.queue.put(command)

    def now_ms(self) -> int:
        """The time, by the clock that counts."""
        return self._coordination.now_ms()

    def hinted(self, lists: list[ListKey]) -> None:
        """Another node hints that these lists have got tasks."""

        def match(work: UnitOfWork) -> Any:
            work.match_stored(lists)
            return NO_ANSWER

        if any(map(self.state.pollers.waiting, lists)):
            self.submit(Command(match, _ignore))

    def start(self) -> None:
        self._thread = Thread(target=self._loop, name="writer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finishes what was submitted, then ends the thread."""
        self.queue.close()
        if self._thread is not None:
            self._thread.join()

    # --- the loop ---

    def _loop(self) -> None:
        while True:
            self.queue.clear()
            try:
                began = self._clock.monotonic()
                while self.step():
                    self._linger(self._clock.monotonic() - began)
                    began = self._clock.monotonic()
            except Exception:
                # Not from within a batch, where failures are treated: the loop goes on for the other callers.
                log.exception("the writer loop has met a bug of its own")
                self._rests_until = self.now_ms() + RETRY_MS
            if self.queue.is_closed and not self.queue and not self._retries:
                return
            self.queue.sleep(self._seconds_to_wait())

    def step(self) -> bool:
        """Runs one batch if there is anything to do; True when there was."""
        now = self.now_ms()
        commands = self._retries.take(now, COMMANDS_PER_BATCH) if self._retries else []
        commands += self.queue.take(COMMANDS_PER_BATCH - len(commands))
        if not commands and not self._has_due_duty(now):
            return False
        self._last_batch = commands
        answers = self._run(commands)
        if answers:
            self.deliver(answers)
        self.state.trim()
        return True

    def _linger(self, took: float) -> None:
        """Waits for more commands behind a batch that `took` this many seconds, so that one commit pays for more."""
        batch, self._last_batch = self._last_batch, []
        if len(self.queue) < MAX_QUEUED_TO_LINGER:
            seconds = self._coordination.linger_seconds(len(batch), partial(_calls_of, batch), took)
            if seconds is not None:
                self.queue.linger(COMMANDS_PER_BATCH, seconds)

    def _seconds_to_wait(self) -> float | None:
        moment = self.next_moment()
        return None if moment is None else max(moment - self.now_ms(), 0) / 1000

    def next_moment(self) -> int | None:
        """When `step` has something to do without being asked; None: never."""
        due = [max(at, self._rests_until) for duty in self._duties if (at := duty.next_at()) is not None]
        retry_at = self._retries.next_at()
        return min(due if retry_at is None else [*due, retry_at], default=None)

    def _has_due_duty(self, now: int) -> bool:
        return not self._rests(now) and any(_is_due(duty, now) for duty in self._duties)

    def _rests(self, now: int) -> bool:
        """Background work pauses after a failure. A clock that is set back makes no pause longer."""
        if self._rests_until > now + RETRY_MS:
            self._rests_until = 0
        return now < self._rests_until

    # --- one batch, and what becomes of it when it fails ---

    def _run(self, commands: list[Command]) -> Answers:
        """The answers; whatever happens, every command gets one, now or, if it waits for a task, later."""
        conflicts = 0
        refused: Answers = []
        while True:
            try:
                return refused + self._attempt(commands)
            except Bug as bug:
                self._set_aside(bug)
                if bug.command is not None:
                    commands = [command for command in commands if command is not bug.command]
                    refused += self._refuse([bug.command], InternalFailure())
            except Conflict:
                conflicts += 1
                if conflicts == MAX_ATTEMPTS:
                    log.error("%s met a conflict %d times", _named(commands), conflicts)
                    return refused + self._refuse(commands, ServiceUnavailable())
                self._coordination.pause_after_conflict(conflicts, self.state.ids.random_bytes)
            except StoreError as error:
                self._throttled_log.error("the store refused %s: %s", _named(commands), error)
                self._rests_until = self.now_ms() + RETRY_MS
                if isinstance(error, OutcomeUnknown):
                    # Tasks may have been committed for which polls wait here.
                    self.state.agenda.poll_store_at = 0
                return refused + self._refuse(commands, ServiceUnavailable())
            except Exception:
                log.exception("%s could not be written", _named(commands))
                self._rests_until = self.now_ms() + RETRY_MS
                self.state.quarantine.isolate_failures = True
                if len(commands) == 1:
                    return refused + self._refuse(commands, InternalFailure())
                return refused + [answer for command in commands for answer in self._run([command])]

    def _refuse(self, commands: list[Command], fault: Fault) -> Answers:
        for command in commands:
            if command.refused is not None:
                command.refused(self.state)
        return [(command.reply, fault) for command in commands]

    def _set_aside(self, bug: Bug) -> None:
        """One thing less is tried in the next attempt, so that all others go on."""
        quarantine = self.state.quarantine
        if bug.run is not None:
            quarantine.runs.add(bug.run)
        elif bug.message is not None:
            quarantine.messages.add(bug.message)
        elif bug.command is None:
            self._rests_until = self.now_ms() + RETRY_MS  # background work as a whole, then piece by piece
            quarantine.isolate_failures = True
        log.error("a bug was met in %s; quarantined: %s", bug.met_in, bug, exc_info=bug.__cause__)

    def _attempt(self, commands: list[Command]) -> Answers:
        """One transaction. Raises what `_run` treats; nothing of it has happened then."""
        work: UnitOfWork | None = None
        ran: list[Duty] = []
        postponed: list[Command] = []
        try:
            with self._store.transaction() as tx:
                refs = [command.execution_ref for command in commands if command.execution_ref is not None]
                work = UnitOfWork(tx, self._clock.now_ms(), self.state, refs)
                self._run_duties(work, ran)
                makers: dict[int, Command] = {}
                for command in commands:
                    if not self._run_command(work, command):
                        postponed.append(command)
                    makers.update((run, command) for run in work.made - makers.keys())
                self._match(work, makers)
                work.flush()
        except BaseException:
            if work is not None:
                work.roll_back()
                for duty in self._duties:
                    duty.roll_back(ran=duty in ran)
            raise
        work.committed()
        if postponed:
            given_up = self._retries.put(postponed, self.now_ms())
            return work.answers + self._refuse(given_up, ServiceUnavailable())
        return work.answers

    def _run_duties(self, work: UnitOfWork, ran: list[Duty]) -> None:
        now = work.now
        if self._rests(now):
            return
        try:
            for duty in self._duties:
                if _is_due(duty, now):
                    ran.append(duty)
                    duty.run(work)
        except (Bug, StoreError):
            raise
        except Exception as error:
            raise work.bug(met_in=type(ran[-1]).__name__) from error

    def _run_command(self, work: UnitOfWork, command: Command) -> bool:
        """False when a peer has locked the execution: nothing has happened, and it is to be tried again."""
        work.last_run = None
        try:
            try:
                answer = command.run(work)
            except (Fault, Quarantined) as refusal:
                answer = refusal if isinstance(refusal, Fault) else InternalFailure()
            work.collect()  # after a refusal too: deadlines may have passed for what the caller asked about
        except LockedByPeer as locked:
            if not work.is_clean:
                raise Conflict(str(locked)) from locked
            return False
        except (Bug, StoreError):
            raise
        except Exception as error:
            raise work.bug(met_in=str(command), command=command) from error
        if answer is not NO_ANSWER:
            work.answers.append((command.reply, answer))
        return True

    def _match(self, work: UnitOfWork, makers: dict[int, Command]) -> None:
        """A bug that is met here lies in the execution whose task is handed out, or in the command that made it."""
        work.last_run = None
        try:
            work.match()
        except (Bug, StoreError):
            raise
        except Exception as error:
            maker = None if work.last_run is None else makers.get(work.last_run)
            raise work.bug(met_in="matching tasks with polls", command=maker) from error


def _calls_of(commands: list[Command]) -> int:
    """How many are not polls."""
    return sum(not command.is_poll for command in commands)


def _is_due(duty: Duty, now: int) -> bool:
    at = duty.next_at()
    return at is not None and at <= now


def _named(commands: list[Command]) -> str:
    """A batch, for log lines: its size and the first command that a request has asked for."""
    asked = next((command for command in commands if command.action), None)
    return f"a batch of {len(commands)} commands" + (f", among them {asked}" if asked is not None else "")


def _ignore(_: Any) -> None:
    """No caller waits for the answer."""
