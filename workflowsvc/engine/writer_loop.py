"""The lane: the one owner of sessions in a process. Takes a batch of commands, commits once, then answers.

Owns the order of things: read the clock once, let due deadlines expire, carry messages, run the commands,
commit, and only then tell anybody (persist, then tell). `step` does all of it without a thread, for tests and
simulation; `WriterLoop.start` runs it in one.
"""

from __future__ import annotations

import logging
from threading import Event as Event
from threading import Thread
from typing import Any

from workflowsvc.clock import Clock
from workflowsvc.engine import outbox_relay
from workflowsvc.engine.command_queue import NO_ANSWER, Command, CommandQueue, Reply, deliver_here
from workflowsvc.engine.matching import RETRY_LOCKED_MS
from workflowsvc.engine.quarantine import Bug, Quarantined
from workflowsvc.engine.retry_queue import RetryQueue
from workflowsvc.engine.state import EngineState
from workflowsvc.engine.throttled_log import ThrottledLog
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.faults import Fault, InternalFailure, ServiceUnavailable
from workflowsvc.store.errors import Conflict, LockedByPeer, OutcomeUnknown, StoreError
from workflowsvc.store.interface import PeerStore, Store
from workflowsvc.store.rows import ListKey

COMMANDS_PER_BATCH = 128  # past this a batch no longer gets cheaper (38,000 transitions/s at 128)
# Several nodes pay for each commit together, so commands gather for the next one (docs/decisions/0011):
LINGER_MS = 20  # at most, and no longer than the last batch took,
MIN_BATCH_TO_LINGER = 8  # if that had so many commands,
MAX_QUEUED_TO_LINGER = COMMANDS_PER_BATCH // 2  # and so many do not wait yet;
OTHERS_MS = 1_000  # there are several when we have read what others recorded, as lately as this
DUE_PER_BATCH = 200  # so that a storm of timers does not keep callers waiting: of runs,
DUE_EVENTS_PER_BATCH = 1_000  # and of what they record; one run may have a thousand timers due, 50 ms of work
PURGED_EVENTS_PER_BATCH = 500
ATTEMPTS = 8  # a batch that met a conflict is run again so often
PAUSE_MS = 5  # between the second attempt and the third; it doubles
LOOK_AGAIN_MS = 900  # a poll sees the task of another node within a second though every hint is lost
RETRY_MS = 1_000  # after the store could not be reached, work that nobody waits for waits this long

log = logging.getLogger("workflowsvc.lane")


class WriterLoop:
    """Commands may be submitted from any thread; everything else belongs to the thread that steps."""

    def __init__(self, store: Store, clock: Clock, state: EngineState, ahead: int = 0) -> None:
        """`ahead`: by so many milliseconds the store's clock is ahead of ours, where that is the one that counts."""
        self._store = store
        self._clock = clock
        self.state = state
        self.deliver = deliver_here  # hands answers to their callers; replaced by a server
        self.queue = CommandQueue()
        self._commands = 0  # of the last batch
        self._thread: Thread | None = None
        self._retries = RetryQueue()
        self._ahead = ahead
        self._not_before = 0  # background work rests until then after a store failure
        self._throttled_log = ThrottledLog(log, clock)

    # --- from any thread ---

    def submit(self, command: Command) -> None:
        self.queue.put(command)

    def now_ms(self) -> int:
        """The moment, by the clock that counts."""
        return self._clock.now_ms() + self._ahead

    def look(self, lists: list[ListKey]) -> None:
        """Another node hints that these lists have got tasks."""

        def look(work: UnitOfWork) -> Any:
            work.look(lists)
            return NO_ANSWER

        if any(map(self.state.pollers.waiting, lists)):
            self.submit(Command(look, _ignore))

    def start(self) -> None:
        self._thread = Thread(target=self._work, name="lane", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finishes what was submitted, then ends the thread."""
        self.queue.close()
        if self._thread is not None:
            self._thread.join()

    # --- the lane's own thread ---

    def _work(self) -> None:
        while True:
            self.queue.clear()
            try:
                began = self._clock.monotonic()
                while self.step():
                    self._linger(self._clock.monotonic() - began)
                    began = self._clock.monotonic()
            except Exception:
                # Not in what a batch does: that is treated where it happens. Whatever it was, others wait.
                log.exception("the lane has met a bug of its own")
                self._not_before = self.now_ms() + RETRY_MS
            if self.queue.is_closed and not self.queue and not self._retries:
                return
            self.queue.sleep(self._seconds_to_wait())

    def _linger(self, took: float) -> None:
        """Waits for more commands where several nodes are at work, as long as the last batch `took`: seconds."""
        state = self.state
        others = state.shared and abs(self.now_ms() - state.others_at) < OTHERS_MS
        if others and self._commands >= MIN_BATCH_TO_LINGER and len(self.queue) < MAX_QUEUED_TO_LINGER:
            self.queue.linger(COMMANDS_PER_BATCH, min(took, LINGER_MS / 1000))

    def _seconds_to_wait(self) -> float | None:
        moment = self.next_moment()
        return None if moment is None else max(moment - self.now_ms(), 0) / 1000

    def next_moment(self) -> int | None:
        """When `step` has something to do without being asked; None: never."""
        state = self.state
        locked_lists_at = state.locked_lists_at if state.locked_lists else None
        relay_at = state.relay_at if state.messages_waiting else None  # left over when the store refused
        moments = [state.wake_at, state.purge_at, state.look_at, locked_lists_at, relay_at]
        resting = [max(at, self._not_before) for at in moments if at is not None]
        return min((at for at in (*resting, self._retries.next_at()) if at is not None), default=None)

    def step(self) -> bool:
        """Runs one batch if there is anything to do; True when there was."""
        now = self.now_ms()
        commands = self._retries.take(now, COMMANDS_PER_BATCH) if self._retries else []
        commands += self.queue.take(COMMANDS_PER_BATCH - len(commands))
        if not commands and not self._has_background_work(now):
            return False
        self._commands = len(commands)
        answers = self._run(commands)
        if answers:
            self.deliver(answers)
        self.state.trim()
        return True

    def _has_background_work(self, now: int) -> bool:
        state = self.state
        return not self._rests(now) and (
            (state.messages_waiting and state.relay_at <= now)
            or (bool(state.locked_lists) and state.locked_lists_at <= now)
            or _has_come(state.look_at, now)
            or _has_come(state.wake_at, now)
            or _has_come(state.purge_at, now)
        )

    def _rests(self, now: int) -> bool:
        """After the store has failed. A clock that is set back makes no rest longer."""
        if self._not_before > now + RETRY_MS:
            self._not_before = 0
        return now < self._not_before

    def _run(self, commands: list[Command]) -> list[tuple[Reply, Any]]:
        """The answers; whatever happens, every command gets one, now or, if it waits for a task, later."""
        attempts = 0
        refused: list[tuple[Reply, Any]] = []
        while True:
            try:
                return refused + self._attempt(commands)
            except Bug as bug:
                self._set_aside(bug)
                if bug.command is not None:
                    commands = [command for command in commands if command is not bug.command]
                    refused += self._refuse([bug.command], InternalFailure())
            except Conflict:
                attempts += 1
                if attempts == ATTEMPTS:
                    log.error("a batch of %d commands met a conflict %d times", len(commands), attempts)
                    return refused + self._refuse(commands, ServiceUnavailable())
                if self.state.shared and attempts > 1:
                    self._pause(PAUSE_MS << (attempts - 2))
            except StoreError as error:
                self._throttled_log.error(
                    "the store refused a batch of %d commands: %s", len(commands), error
                )
                self._not_before = self.now_ms() + RETRY_MS
                if isinstance(
                    error, OutcomeUnknown
                ):  # tasks may have been committed that polls here wait for
                    self.state.look_at = 0
                return refused + self._refuse(commands, ServiceUnavailable())
            except Exception:
                log.exception("a batch of %d commands could not be written down", len(commands))
                self._not_before = self.now_ms() + RETRY_MS
                self.state.isolate_failures = True
                if len(commands) == 1:
                    return refused + self._refuse(commands, InternalFailure())
                return refused + [answer for command in commands for answer in self._run([command])]

    def _pause(self, most_ms: int) -> None:
        """Chance decides how long, so that two nodes do not meet again."""
        Event().wait(most_ms / 1000 * int.from_bytes(self.state.ids.random_bytes(1), "big") / 255)

    def _refuse(self, commands: list[Command], fault: Fault) -> list[tuple[Reply, Any]]:
        for command in commands:
            if command.refused is not None:
                command.refused(self.state)
        return [(command.reply, fault) for command in commands]

    def _set_aside(self, bug: Bug) -> None:
        """One thing less is tried in the next attempt, so that all others go on."""
        if bug.run is not None:
            self.state.quarantined_runs.add(bug.run)
        elif bug.message is not None:
            self.state.quarantined_messages.add(bug.message)
        elif bug.command is None:
            self._not_before = self.now_ms() + RETRY_MS  # background work as a whole, then piece by piece
            self.state.isolate_failures = True
        log.error("set aside %s after a bug", bug, exc_info=bug.__cause__)

    def _attempt(self, commands: list[Command]) -> list[tuple[Reply, Any]]:
        work: UnitOfWork | None = None
        try:
            with self._store.transaction() as tx:
                subjects = [
                    command.execution_ref for command in commands if command.execution_ref is not None
                ]
                work = UnitOfWork(tx, self._clock.now_ms(), self.state, subjects)
                if self.state.store_clock:
                    self._ahead = work.now - self._clock.now_ms()
                self._background(work)
                makers: dict[int, Command] = {}
                for command in commands:
                    self._command(work, command)
                    makers.update((run, command) for run in work.made - makers.keys())
                self._match(work, makers)
                work.flush()
        except BaseException:
            if work is not None:
                work.roll_back()
            raise
        for act in work.after_commit:
            act()
        if (hints := work.hints()) and isinstance(self._store, PeerStore):
            self._store.hint(hints)
        if work.held:
            given_up = self._retries.put(work.held, self.now_ms())
            return work.answers + self._refuse(given_up, ServiceUnavailable())
        return work.answers

    def _background(self, work: UnitOfWork) -> None:
        state, now = work.state, work.now
        if self._rests(now):
            return
        try:
            if _has_come(state.look_at, now):
                _look_around(work)
            if state.locked_lists and state.locked_lists_at <= now:
                _look_again(work)
            if _has_come(state.wake_at, now):
                _advance_due(work)
            if state.messages_waiting and state.relay_at <= now:
                outbox_relay.relay(work)
            if _has_come(state.purge_at, now):
                _purge(work)
        except (Bug, StoreError):
            raise
        except Exception as error:
            raise Bug.met(work) from error

    def _match(self, work: UnitOfWork, makers: dict[int, Command]) -> None:
        """A bug that is met here lies in the execution whose task is handed out, or in the command that made it."""
        work.last_run = None
        try:
            work.match()
        except (Bug, StoreError):
            raise
        except Exception as error:
            maker = None if work.last_run is None else makers.get(work.last_run)
            raise Bug.met(work, command=maker) from error

    def _command(self, work: UnitOfWork, command: Command) -> None:
        work.last_run = None
        try:
            try:
                answer = command.run(work)
            except (Fault, Quarantined) as refusal:
                answer = refusal if isinstance(refusal, Fault) else InternalFailure()
            work.collect()  # after a refusal too: deadlines may have passed for what the caller asked about
        except LockedByPeer as held:
            if not work.is_clean:
                raise Conflict(str(held)) from held
            work.held.append(command)
            return
        except (Bug, StoreError):
            raise
        except Exception as error:
            raise Bug.met(work, command=command) from error
        if answer is not NO_ANSWER:
            work.answers.append((command.reply, answer))


def _ignore(_: Any) -> None:
    """Nobody waits for the answer."""


def _has_come(moment: int | None, now: int) -> bool:
    return moment is not None and moment <= now


def _look_around(work: UnitOfWork) -> None:
    """What other nodes have left, were they to die now: tasks for polls that wait here, deadlines, messages, purges.
    Counts are taken anew, as others start and close runs too.
    """
    state = work.state
    state.look_at = work.now + LOOK_AGAIN_MS if state.shared else None
    work.looked = True
    state.open_counts.clear()
    state.messages_waiting = True
    state.wake_by(work.now)
    state.purge_by(work.now)
    work.look(state.pollers.lists())
    work.collect()


def _look_again(work: UnitOfWork) -> None:
    lists, work.state.locked_lists = work.state.locked_lists, set()
    work.look(list(lists))
    work.collect()


def _advance_due(work: UnitOfWork) -> None:
    state = work.state
    most = DUE_PER_BATCH + len(state.quarantined_runs)
    runs = work.tx.due_runs(work.now, most)
    work.prefetch_runs(runs)
    for run in runs:
        if run not in state.quarantined_runs:
            work.refresh(run)
            work.collect()
            if state.isolate_failures:
                work.flush()
            if work.events_recorded >= DUE_EVENTS_PER_BATCH:
                break
    work.last_run = None  # what cannot be written down may be any of them
    work.flush()
    state.wake_at = work.tx.next_wake_at()
    if len(runs) < most and work.events_recorded < DUE_EVENTS_PER_BATCH and state.wake_at is not None:
        if state.quarantined_runs:  # what remains due
            state.wake_at = max(state.wake_at, work.now + RETRY_MS)
        elif state.wake_at <= work.now:  # what remains due is in the hands of another node
            state.wake_at = work.now + RETRY_LOCKED_MS


def _purge(work: UnitOfWork) -> None:
    """One closed run at a time, a bounded number of events at a time."""
    state = work.state
    expired = work.tx.expired_runs(work.now, 1 + len(state.quarantined_runs))
    healthy = [run for run in expired if run not in state.quarantined_runs]
    for run in healthy[:1]:
        work.last_run = run
        if work.tx.purge(run, PURGED_EVENTS_PER_BATCH):
            state.forget(run)
    if not healthy:
        work.flush()  # runs that have closed in this transaction are to be purged, too
        state.purge_at = work.tx.next_purge_at()
        if expired and state.purge_at is not None:
            state.purge_at = max(state.purge_at, work.now + RETRY_MS)
