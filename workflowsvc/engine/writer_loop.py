"""The writer loop: the one thread of a process that writes. Takes a batch of commands, commits once, then answers.

Owns the order of things: read the clock once, do the background work that is due, run the commands, match tasks with
polls, commit, and only then answer (persist, then tell); and what becomes of a batch that fails. Once a batch may have
been committed, nothing makes it run again. `step` runs one batch without a thread, for tests and simulation; `start`
runs the loop in a thread. Must not know the actions, what the duties do, nor whether there are other nodes.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from functools import partial
from threading import Thread
from typing import Any

from workflowsvc.clock import Clock
from workflowsvc.engine.agenda import RETRY_MS
from workflowsvc.engine.batch_figures import AnswerTimes, BatchFigures
from workflowsvc.engine.command_queue import NO_ANSWER, Command, CommandQueue, Reply, deliver_here, name_batch
from workflowsvc.engine.duties import Duty, duties_of
from workflowsvc.engine.feeds import NO_LIST, fed_domains
from workflowsvc.engine.node_state import NodeState
from workflowsvc.engine.outage import LOOK_MS, Outage
from workflowsvc.engine.quarantine import Bug, Quarantined
from workflowsvc.engine.retry_queue import RetryQueue
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.engine.write_check import WriteCheck
from workflowsvc.faults import Fault, InternalFailure, ServiceUnavailable
from workflowsvc.store.errors import Conflict, LockedByPeer, OutcomeUnknown, StatementRefused, StoreError
from workflowsvc.store.interface import Store
from workflowsvc.store.rows import ListKey

COMMANDS_PER_BATCH = 128  # past this a batch no longer gets cheaper (38,000 transitions/s at 128)
MAX_QUEUED_TO_LINGER = COMMANDS_PER_BATCH // 2  # queued commands that make a full enough batch
MAX_ATTEMPTS = 8  # runs of a batch that meets conflicts
# The longest sleep while something is scheduled. Moments are those of the wall clock, a sleep is not: after a machine
# was suspended, or its clock set ahead, timers fire this late at most. A look takes 0.06 ms of CPU.
MAX_SLEEP_SECONDS = 5.0

log = logging.getLogger("workflowsvc.writer")

Answers = list[tuple[Reply, Any]]


class WriterLoop:
    """Commands may be submitted from any thread; everything else belongs to the thread that steps."""

    def __init__(self, store: Store, clock: Clock, state: NodeState) -> None:
        self.state = state
        self.deliver = deliver_here  # the function that answers callers
        self.queue = CommandQueue()
        self.figures = BatchFigures()
        self.times: AnswerTimes | None = None
        """Of the batch whose answers are delivered; None when it was not committed. For `deliver` alone."""
        self.prefetches = state.coordination.prefetches
        self.now_ms: Callable[[], int] = state.coordination.now_ms
        """() -> the time, by the clock that counts. From any thread."""
        self._store = store
        self._clock = clock
        self._coordination = state.coordination
        self._duties = duties_of(state.agenda)
        self._retries = RetryQueue()
        self._last_batch: list[Command] = []  # until it is known whether to linger behind it
        self._rests_until = 0  # pause of background work after a failure, until this moment
        self._duty_at: int | None = 0  # the earliest moment of a duty, as of the last batch; 0: not known
        self._outage = Outage(
            log, clock, "Calls that write are answered 503, and timers and other background work wait."
        )
        self._check = WriteCheck()
        self._asking: deque[Reply] = deque()  # callers that ask whether a write would be taken
        self._thread: Thread | None = None

    def add_duty(self, duty: Duty) -> None:
        """Background work of a part above the engine; before the loop is started."""
        self._duties.append(duty)
        self._duty_at = self._next_duty_at()

    # --- from any thread ---

    def submit(self, command: Command) -> None:
        self.queue.put(command)

    @property
    def store_fails(self) -> bool:
        """Whether a write has failed, and it is not known yet that one of its size would be taken."""
        return self._outage.goes_on

    def ask_for_write(self, reply: Reply) -> None:
        """Gives `reply` None when the store has just taken a write that leaves no trace, or the StoreError."""
        self._asking.append(reply)
        self.submit(Command(_wake, _ignore))

    def hinted(self, lists: list[ListKey]) -> None:
        """Another node hints that these lists have got tasks, or feeds entries."""
        if domains := fed_domains(lists):
            self.state.tell_feeds(domains)
            lists = [key for key in lists if key.name != NO_LIST]

        def match(work: UnitOfWork) -> Any:
            work.match_stored(lists)
            return NO_ANSWER

        if any(map(self.state.pollers.waiting, lists)):
            self.submit(Command(match, _ignore))

    @property
    def is_alive(self) -> bool:
        """False when it was started and its thread has ended."""
        return self._thread is None or self._thread.is_alive()

    @property
    def waiting_for_peers(self) -> int:
        """Commands that are tried again, as a peer has locked what they are about."""
        return len(self._retries)

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
                self.figures.bugs.add()
                self.figures.began_at = None
                self._rests_until = self.now_ms() + RETRY_MS
                self._duty_at = 0
            if self.queue.is_closed and not self.queue and not self._retries:
                return
            self.queue.sleep(self._seconds_to_wait())

    def step(self) -> bool:
        """Runs one batch if there is anything to do; True when there was."""
        now = self.now_ms()
        commands = self._retries.take(now, COMMANDS_PER_BATCH) if self._retries else []
        commands += self.queue.take(COMMANDS_PER_BATCH - len(commands))
        if not commands and not self._has_due_duty(now):
            return self._try_to_write(now)
        self._last_batch = commands
        self.figures.began_at = self._clock.monotonic()
        self._run(commands)
        self.figures.began_at = None
        self.state.trim()
        self._duty_at = self._next_duty_at()
        if self._asking or self.store_fails:
            self._try_to_write(self.now_ms())  # not before what the batch has set by the clock
        return True

    def _try_to_write(self, now: int) -> bool:
        """Writes something that leaves no trace, if a caller asks or an outage may be over; True when it did."""
        look_at = self._outage.look_at
        if not self._asking and (look_at is None or look_at - LOOK_MS <= now < look_at):
            return False
        asking = [self._asking.popleft() for _ in range(len(self._asking))]
        outcome: Exception | None = None
        random_bytes = self.state.ids.random_bytes
        try:
            with self._store.transaction() as tx:
                # Of this node alone: no other one waits for the row. The name must be unused, the value random: a
                # store may compress it.
                name = f"write check {random_bytes(8).hex()}"
                tx.put_meta(name, random_bytes(self._check.size))
                tx.delete_meta(name)
        except Exception as error:  # whatever it is, who asks is answered
            outcome = error
            self._outage.failed(error, "a check")
        else:
            (self._outage.worked if self._check.worked(now) else self._outage.look_again)()
        self.deliver([(reply, outcome) for reply in asking])
        return True

    def _linger(self, took: float) -> None:
        """Waits for more commands behind a batch that `took` this many seconds, so that one commit pays for more."""
        batch, self._last_batch = self._last_batch, []
        if len(self.queue) < MAX_QUEUED_TO_LINGER:
            seconds = self._coordination.linger_seconds(len(batch), partial(_calls_of, batch), took)
            if seconds is not None:
                self.queue.linger(COMMANDS_PER_BATCH, seconds)

    def _seconds_to_wait(self) -> float | None:
        """None while nothing is scheduled."""
        moment = self.next_moment()
        return None if moment is None else min(max(moment - self.now_ms(), 0) / 1000, MAX_SLEEP_SECONDS)

    def next_moment(self) -> int | None:
        """When `step` has something to do without being asked; None: never."""
        due = [] if self._duty_at is None else [max(self._duty_at, self._rests_until)]
        due += [at for at in (self._retries.next_at(), self._outage.look_at) if at is not None]
        return min(due, default=None)

    def _has_due_duty(self, now: int) -> bool:
        return self._duty_at is not None and self._duty_at <= now and not self._rests(now)

    def _next_duty_at(self) -> int | None:
        return min([at for duty in self._duties if (at := duty.next_at()) is not None], default=None)

    def _rests(self, now: int) -> bool:
        """Background work pauses after a failure. A clock that is set back makes no pause longer."""
        if self._rests_until > now + RETRY_MS:
            self._rests_until = 0
        return now < self._rests_until

    # --- one batch, and what becomes of it when it fails ---

    def _run(self, commands: list[Command]) -> None:
        """Whatever happens, every command gets its answer, now or, if it waits for a task, later."""
        conflicts = 0
        while True:
            batch = _Batch()
            try:
                self._attempt(batch, commands)
            except Bug as bug:
                self.figures.bugs.add()
                self._set_aside(bug)
                if bug.command is not None:
                    commands = [command for command in commands if command is not bug.command]
                    self._refuse([bug.command], InternalFailure())
            except Conflict:
                conflicts += 1
                self.figures.conflicts.add()
                if conflicts == MAX_ATTEMPTS:
                    log.error("%s met a conflict %d times", name_batch(commands), conflicts)
                    self._refuse(commands, ServiceUnavailable())
                    return
                self._coordination.pause_after_conflict(conflicts, self.state.ids.random_bytes)
            except StoreError as error:
                self._store_failed(error, batch, commands)
                return
            except Exception as error:
                if batch.is_flushed and not isinstance(error, StatementRefused):
                    self.figures.unknown_outcomes.add()
                    log.exception("it is not known whether %s was committed", name_batch(commands))
                    self._rests_until = self.now_ms() + RETRY_MS
                    self.state.agenda.poll_store_at = 0
                    self._refuse(commands, ServiceUnavailable())
                    return
                self.figures.bugs.add()
                log.exception("%s could not be written", name_batch(commands))
                self._rests_until = self.now_ms() + RETRY_MS
                self.state.quarantine.isolate_failures = True
                if len(commands) <= 1:
                    self._refuse(commands, InternalFailure())
                    return
                for command in commands:
                    self._run([command])
                return
            else:
                if self.store_fails and batch.work is not None and _has_written(commands, batch.work.answers):
                    self._check.committed()
                self._finish(batch, commands)
                return

    def _store_failed(self, error: StoreError, batch: _Batch, commands: list[Command]) -> None:
        now = self.now_ms()
        self._outage.failed(error, name_batch(commands))
        self._check.failed(now, 0 if batch.work is None else batch.work.bytes_recorded)
        self._rests_until = now + RETRY_MS
        self.figures.store_failures.add()
        if isinstance(error, OutcomeUnknown):
            self.figures.unknown_outcomes.add()
            # Tasks may have been committed for which polls wait here.
            self.state.agenda.poll_store_at = 0
        self._refuse(commands, ServiceUnavailable())

    def _refuse(self, commands: list[Command], fault: Fault) -> None:
        self.times = None
        for command in commands:
            if command.refused is not None:
                command.refused(self.state)
        self._answer([(command.reply, fault) for command in commands])

    def _answer(self, answers: Answers) -> None:
        if answers:
            self.deliver(answers)

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

    def _attempt(self, batch: _Batch, commands: list[Command]) -> None:
        """One transaction. Raises what `_run` treats; nothing of it has happened then, unless it was flushed."""
        ran: list[Duty] = []
        batch.began = self._clock.monotonic()
        try:
            with self._store.transaction() as tx:
                known = commands if self.prefetches else []
                refs = [command.execution_ref for command in known if command.execution_ref is not None]
                batch.work = work = UnitOfWork(tx, self._clock.now_ms(), self.state, refs)
                self._run_duties(work, ran)
                makers: dict[int, Command] = {}
                for command in commands:
                    if not self._run_command(work, command):
                        batch.postponed.append(command)
                    if work.made:
                        makers.update((run, command) for run in work.made - makers.keys())
                self._match(work, makers)
                work.flush()
                batch.is_flushed = True
                batch.ran = self._clock.monotonic()
        except BaseException:
            if batch.work is not None:
                batch.work.roll_back()
                self._duty_at = 0
                for duty in self._duties:
                    duty.roll_back(ran=duty in ran)
            raise

    def _finish(self, batch: _Batch, commands: list[Command]) -> None:
        """The batch is committed. Whatever fails from here on keeps no caller from its answer."""
        assert batch.work is not None
        self.times = AnswerTimes(batch.began, batch.ran, self._clock.monotonic(), len(commands))
        self.figures.committed(self.times)
        try:
            batch.work.committed()
        except Exception:
            log.exception("an error was met after a commit")
        try:
            self._answer(batch.work.answers)
        finally:
            if batch.postponed:
                self._postpone(batch.postponed)

    def _postpone(self, commands: list[Command]) -> None:
        """These have changed nothing, as a peer has locked what they are about: they are tried again later."""
        self.figures.locked_by_peer.add(len(commands))
        try:
            given_up = self._retries.put(commands, self.now_ms())
        except Exception:
            log.exception("%s cannot be tried again", name_batch(commands))
            given_up = [command for command in commands if command not in self._retries]
        self._refuse(given_up, ServiceUnavailable())

    def _run_duties(self, work: UnitOfWork, ran: list[Duty]) -> None:
        now = work.now
        if not self._has_due_duty(now):
            return
        try:
            for duty in self._duties:
                at = duty.next_at()  # one duty may make another due
                if at is not None and at <= now:
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


class _Batch:
    """What an attempt leaves behind."""

    __slots__ = ("began", "is_flushed", "postponed", "ran", "work")

    def __init__(self) -> None:
        self.began = self.ran = 0.0  # when it began, and when its commit began, in seconds
        self.work: UnitOfWork | None = None
        self.postponed: list[Command] = []  # a peer has locked what these are about
        self.is_flushed = False  # any error from here on may come after the commit


def _calls_of(commands: list[Command]) -> int:
    """How many are not polls."""
    return sum(not command.is_poll for command in commands)


def _has_written(commands: list[Command], answers: Answers) -> bool:
    """Whether a client's call has been carried out."""
    return any(command.action and not command.is_poll for command in commands) and not all(
        isinstance(answer, Exception) for _, answer in answers
    )


def _wake(_: UnitOfWork) -> Any:
    """A command that does nothing: the loop looks around."""
    return NO_ANSWER


def _ignore(_: Any) -> None:
    """No caller waits for the answer."""
