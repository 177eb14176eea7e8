"""One batch of commands within one transaction: the only access to executions.

Owns `UnitOfWork`: loading executions, letting time pass for them by the clock of their domain, and writing down what
they recorded. Writing takes two steps: `collect` takes over what the command at hand has recorded, `flush` hands what
was collected to the store. Must not know the actions. One reading of the clock serves the whole batch; no answer is
given before its commit.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import msgspec

from workflowsvc.core import workflow
from workflowsvc.core.domain_clock import DomainClock
from workflowsvc.core.execution import Execution
from workflowsvc.core.key_layout import PURGE_NOW, due_key, shard_for
from workflowsvc.core.messages import AnyMessage, messages_of
from workflowsvc.core.outcome import outcome_of
from workflowsvc.core.retention import purge_moment
from workflowsvc.core.run_ids import run_of
from workflowsvc.engine import alarms
from workflowsvc.engine.catalog import Catalog
from workflowsvc.engine.clocks import Clocks
from workflowsvc.engine.execution_figures import Notes
from workflowsvc.engine.executions import Executions
from workflowsvc.engine.feeds import Feeds
from workflowsvc.engine.node_state import NodeState
from workflowsvc.engine.pollers import PendingPoll
from workflowsvc.engine.quarantine import Bug, Quarantined
from workflowsvc.engine.writes import Writes
from workflowsvc.model.events import Event, encode_event
from workflowsvc.model.shapes import (
    CloseStatus,
    WorkflowExecutionContinuedAsNewEventAttributes,
    WorkflowExecutionStartedEventAttributes,
)
from workflowsvc.store.interface import Transaction
from workflowsvc.store.rows import (
    ExecutionChange,
    ExecutionRow,
    HeartbeatRow,
    ListKey,
    MessageRow,
    TaskKey,
    TaskRow,
    closed_with,
)
from workflowsvc.tenant import Tenant

_encode = msgspec.json.Encoder().encode

log = logging.getLogger("workflowsvc.writer")

LOOK_AT_LISTS_MS = 60_000  # after a task was put on a list: unpolled_lists.py looks whether a client polls it


class ExecutionReference(NamedTuple):
    """What a command will ask for: a run, or the open run of a workflowId."""

    run: int | None = None
    domain: tuple[Tenant, str] | None = None
    workflow_id: str = ""


class UnitOfWork:
    """Handed to every command of a batch."""

    def __init__(
        self, tx: Transaction, now: int, state: NodeState, execution_refs: Sequence[ExecutionReference] = ()
    ) -> None:
        """`now` is the node's own time; the coordination may know better. `execution_refs` are prefetched."""
        coordination = state.coordination
        self.tx = tx
        self.state = state
        self.settings = state.settings
        self.quotas = state.settings.quotas
        self.answers: list[tuple[Callable[[Any], None], Any]] = []  # given after the commit
        # Called after the commit, before answers. One that raises keeps no other from being called.
        self.after_commit: list[Callable[[], None]] = []
        self.events_recorded = 0
        self.bytes_recorded = 0  # in these events
        self.last_run: int | None = None  # the execution at hand: where a bug must lie
        self.made: set[int] = set()  # executions that this transaction has made
        self._coordination = coordination
        self._seen: set[int] = set()  # every execution that was loaded
        self._touched: set[int] = set()  # every execution that this transaction has changed
        self._dirty: dict[int, Execution] = {}  # executions changed by the command at hand, not yet collected
        self._open: dict[tuple[int, str], int | None] = {}  # runs opened and closed by this transaction
        self._filled: set[ListKey] = set()  # lists that have got a ready task in the store
        self._writes = Writes()
        self._figures = state.figures
        self._notes: Notes = []  # for the figures of this node, once this is committed
        longest_ms = state.settings.quotas.max_execution_seconds * 1000
        self._executions = Executions(tx, state.cache, coordination, longest_ms)
        self.now = coordination.begin(
            tx,
            now,
            runs=self._runs_of(execution_refs) if execution_refs else [],
            names=self._names_of(execution_refs) if execution_refs else [],
            catalog=state.catalog,
            next_event_of=self._executions.next_event_of,
        )
        self.clocks = Clocks(tx, state.catalog, coordination, state.ids.random_bytes)
        self.feeds = Feeds(tx, state.catalog, coordination, state.ids, state.agenda)
        self._matching = coordination.matching(state.pollers, state.agenda, self._writes)
        self.catalog = Catalog(tx, state.catalog, coordination, state.ids.random_bytes)

    # --- time ---

    def now_in(self, domain: int) -> int:
        """What time it is in a domain; `now` is real time. Raises LockedByPeer when another node turns its clock."""
        if domain not in self.clocks.known:
            return self.now
        clock = self._clock_of(domain)
        return self.now if clock is None else clock.now(self.now)

    def _clock_of(self, domain: int, *, exclusive: bool = False) -> DomainClock | None:
        clock = self.clocks.find(domain, exclusive=exclusive)
        self.see_moment(self._coordination.database_time())
        return clock

    def turn_clock(self, domain: int) -> DomainClock | None:
        """The clock of a domain, which this batch may turn: no other node works there until its end. None when the
        domain lives in real time. Raises LockedByPeer.
        """
        return self._clock_of(domain, exclusive=True)

    # --- executions ---

    def _runs_of(self, execution_refs: Sequence[ExecutionReference]) -> list[int]:
        runs = {execution_ref.run for execution_ref in execution_refs if execution_ref.run is not None}
        return list(runs - self.state.quarantine.runs)

    def _names_of(self, execution_refs: Sequence[ExecutionReference]) -> list[tuple[int, str]]:
        """(domain, workflowId) of those whose domain this node knows."""
        names: set[tuple[int, str]] = set()
        for execution_ref in execution_refs:
            domain = execution_ref.domain
            row = None if domain is None else self.state.catalog.domains.get(domain)
            if row is not None:
                names.add((row.id, execution_ref.workflow_id))
        return list(names)

    def prefetch_runs(self, runs: list[int]) -> None:
        """These will be loaded: a store that is far away fetches all of them at once."""
        self._coordination.prefetch(set(runs) - self.state.quarantine.runs)

    def load_execution(self, run: int) -> Execution | None:
        """The execution as of now: deadlines that have passed are made to expire. None when the run is unknown. Raises
        Quarantined when it has met a bug, LockedByPeer when another node has locked it.
        """
        if run in self.state.quarantine.runs:
            raise Quarantined(run)
        self.last_run = run
        self._seen.add(run)
        execution = self._executions.find(run, self.now, self.now_in)
        if execution is None:
            return None
        in_real_time = execution.domain not in self.clocks.known
        if in_real_time:
            now = self.now = self._coordination.not_before(self.now, execution.last_at)
        else:
            now = self.now_in(execution.domain)
        if execution.close_status is not None:
            purge_at = self._purge_at(execution)
            if purge_at is not None and purge_at <= now:
                return None  # forgotten, though part of it may still be stored (SWF §8.12)
        due_at = execution.overdue_since(now)
        # No time passes within a batch: what it opens with no time to spare may still be answered in it, so a
        # waiting poll gets a task whose scheduleToStartTimeout is 0 (SWF §7.2).
        if due_at is not None and run not in self._touched:
            if self._figures is not None and in_real_time:
                self._notes.append((self._figures.timer_lag.pending, now - due_at))
            execution.advance(now, max_events=self.quotas.max_events)
            self._dirty[run] = execution
        return execution

    def see_moment(self, at_ms: int | None) -> None:
        """Something was read that was written at this moment of real time, so it is not earlier now."""
        self.now = self._coordination.not_before(self.now, at_ms)

    @property
    def is_clean(self) -> bool:
        """The command at hand has changed nothing yet."""
        return not self._dirty and not self._matching.fresh

    def load_named_execution(self, domain: int, workflow_id: str, run_id: str) -> Execution | None:
        """The run with this name, open or closed; as `load_execution`."""
        run = run_of(run_id)
        execution = None if run is None else self.load_execution(run)
        if execution is None or execution.run_id != run_id:
            return None
        return execution if execution.domain == domain and execution.workflow_id == workflow_id else None

    def load_open_execution(self, domain: int, workflow_id: str, run_id: str | None) -> Execution | None:
        """The open run of the workflowId, or the run named by `run_id` if it is open; as `load_execution`."""
        if run_id:
            execution = self.load_named_execution(domain, workflow_id, run_id)
            return execution if execution is not None and execution.is_open else None
        run = self._open_run(domain, workflow_id)
        while run is not None:
            execution = self.load_execution(run)
            if execution is not None and execution.is_open:
                return execution
            # It has just closed. Another node may have closed it, and continued it as a new run at the same moment.
            closed, run = run, self._open_run(domain, workflow_id)
            if run == closed:
                return None
        return None

    def _open_run(self, domain: int, workflow_id: str) -> int | None:
        key = (domain, workflow_id)
        if key in self._open:
            return self._open[key]
        run = self.tx.open_run(domain, workflow_id)
        self.see_moment(self._coordination.database_time())
        return run

    def refresh(self, run: int) -> None:
        """Lets time pass for a run and writes down when it is due next."""
        execution = self.load_execution(run)
        if execution is not None:
            self._dirty[run] = execution

    def expire(self, run: int) -> None:
        """As `refresh`, also for a run that this batch has changed: the clock of its domain was turned since."""
        self._touched.discard(run)
        self.refresh(run)

    def changed(self, execution: Execution) -> None:
        """The command has recorded events: settle what follows from them."""
        now = self.now if execution.domain not in self.clocks.known else self.now_in(execution.domain)
        execution.settle(now, max_events=self.quotas.max_events)
        self._dirty[execution.run] = execution

    def create(
        self,
        domain: int,
        workflow_id: str,
        attributes: WorkflowExecutionStartedEventAttributes,
        run_id: str | None = None,
    ) -> Execution:
        """A new run with events 1 and 2."""
        if run_id is None:
            run_id = self.new_run_id(domain, workflow_id)
        run = run_of(run_id)
        assert run is not None
        self.made.add(run)
        self._seen.add(run)
        self.last_run = run
        execution = self._executions.make(run, run_id, domain, workflow_id)
        workflow.start(execution, self.now_in(domain), attributes)
        parent = attributes.parent_workflow_execution
        row = ExecutionRow(
            run=run,
            run_id=run_id,
            domain=domain,
            workflow_id=workflow_id,
            type_name=attributes.workflow_type.name,
            type_version=attributes.workflow_type.version,
            tags=None if attributes.tag_list is None else _encode(attributes.tag_list),
            parent_workflow_id=parent and parent.workflow_id,
            parent_run_id=parent and parent.run_id,
            started_at=execution.started_at,
            next_event_id=0,
            wake_at=None,
            cancel_requested=False,
            closed_at=None,
            close_status=None,
            purge_at=None,
        )
        self._writes.create(row)
        self._open[(domain, workflow_id)] = run
        self._count_open(domain, +1)
        self.changed(execution)
        return execution

    def new_run_id(self, domain: int, workflow_id: str) -> str:
        row = self.catalog.domain_by_id(domain)
        return self.state.ids.run_id(self.now, shard_for(row.tenant, row.name, workflow_id))

    def delete(self, execution: Execution, at_most_events: int) -> None:
        """A closed run is forgotten by all callers from now on. Of a long history, the newest events go now and the
        others in the background.
        """
        self.flush()
        self.delete_stored(execution.run, at_most_events)

    def delete_stored(self, run: int, at_most_events: int) -> None:
        """The same for a run that is closed in the store. Its row says PURGE_NOW while a part of it is left."""
        if self.purge(run, at_most_events):
            return
        row = self.tx.executions([run])[run]
        self.tx.update_executions([closed_with(row, PURGE_NOW)])
        self.state.agenda.purge_by(self.now)

    def purge(self, run: int, at_most_events: int) -> bool:
        """True when nothing of the run is left."""
        self.state.cache.forget(run)
        if not self.tx.purge(run, at_most_events):
            return False
        self.after_commit.append(self.state.purged.add)
        return True

    def put_heartbeat(self, execution: Execution, scheduled_id: int) -> None:
        """The one fact that history does not hold."""
        activity = execution.activities[scheduled_id]
        assert activity.heartbeat_at is not None
        row = HeartbeatRow(execution.run, scheduled_id, activity.heartbeat_at, activity.heartbeat_details)
        self._writes.put_heartbeat(row)
        self.state.cache.add_heartbeat(execution, row.details)
        self._dirty[execution.run] = execution

    def events(self, run: int, first: int, last: int, limit: int, descending: bool) -> list[bytes]:
        """As `Reader.events`, with what this transaction has recorded, the command at hand included."""
        execution = self._dirty.get(run)
        if execution is not None:
            self._collect_one(execution)
        bodies = self.state.cache.histories.events(run, first, last, limit, descending)
        if bodies is None:
            self.flush()
            bodies = self.tx.events(run, first, last, limit, descending)
        return bodies

    def open_count(self, domain: int) -> int:
        """Open runs in the domain, children included."""
        count = self.state.catalog.open_counts.get(domain)
        if count is None:
            count = self.state.catalog.open_counts[domain] = self.tx.count_open(domain)
        return count

    # --- tasks ---

    def poll(self, pending: PendingPoll) -> None:
        """Hands the poll a task, or lets it wait."""
        pending.since = self.now
        self.state.traffic.polled(pending.key, pending.identity, self.now)
        self._matching.poll(self, pending)

    def release_polls(self) -> None:
        """Every waiting poll gets the empty answer, and none waits from now on."""
        self._matching.release(self)

    def match_stored(self, lists: list[ListKey]) -> None:
        """Gives the waiting polls of these lists what was put there by others than this process."""
        self._matching.match_stored(self, lists)

    def match(self) -> None:
        """Matches what is left when all commands of a batch have run."""
        self._matching.match_all(self)

    # --- writing down ---

    def collect(self) -> None:
        """Takes over everything that the command at hand has recorded; polls that wait get what became ready."""
        while self._dirty or self._matching.fresh:
            while self._dirty:
                self._collect_one(next(iter(self._dirty.values())))
            self._matching.match_fresh(self)  # records the starts of the tasks it hands out

    def flush(self) -> None:
        """Hands everything that was collected to the store, within the transaction."""
        filled = self._writes.flush(self.tx)
        if filled:
            self._filled |= filled
            if self.state.agenda.unpolled_at is None:
                self.state.agenda.unpolled_at = self.now + LOOK_AT_LISTS_MS
            self._matching.stored(filled)

    def _collect_one(self, execution: Execution) -> None:
        """What this execution has recorded, and all that follows from it, will be written with the next flush."""
        run = execution.run
        if self._dirty.pop(run, None) is None:
            return
        self._touched.add(run)
        self.last_run = run
        events = execution.take_new_events()
        self.events_recorded += len(events)
        if self._figures is None:
            execution.new_ends.clear()
        elif events:
            self._figures.note(execution, events, self.catalog.domain_by_id, self._notes)
        bodies = list(map(encode_event, events))
        first = execution.next_event_id - len(bodies)
        self._writes.append_events(run, first, bodies)
        self.bytes_recorded += self.state.cache.add_events(execution, bodies)
        wake_at = execution.wake_at()
        purge_at = None if execution.close_status is None else self._purge_at(execution)
        if execution.domain in self.clocks.known:
            wake_at, purge_at = self._due_by_clock(execution, wake_at, purge_at)
        else:
            self.state.agenda.wake_by(wake_at)
            self.state.agenda.purge_by(purge_at)
        self._writes.change(
            ExecutionChange(
                run,
                execution.next_event_id,
                wake_at,
                execution.cancel_requested,
                execution.closed_at,
                execution.close_status,
                purge_at,
            )
        )
        if events:
            types = self.feeds.book.on.get(execution.domain)
            if types is not None:
                told = [event for event in events if event.type in types]
                if told:  # a workflow of one activity has two among eleven events
                    self._writes.put_feed(self.feeds.entries(execution, told, self.now))
            self._collect_outcome(execution, events)
            if execution.failures or execution.decision_timeouts is not None:
                found = alarms.of_events(execution, events[0].id)
                if found:
                    self.after_commit.append(partial(self.state.alarms.say, found, self.now))

    def _due_by_clock(
        self, execution: Execution, wake_at: int | None, purge_at: int | None
    ) -> tuple[int | None, int | None]:
        """When a run is due whose domain has a clock, as its row says it."""
        clock = self._clock_of(execution.domain)
        assert clock is not None, f"the clock of domain {execution.domain}"
        self.state.agenda.look_at_clock(
            execution.domain,
            self.now if clock.mode == "SKIPPING" else self._earliest(clock, wake_at, purge_at),
        )
        return (
            None if wake_at is None else due_key(clock.number, wake_at, busy=execution.is_in_flight),
            None if purge_at is None else due_key(clock.number, purge_at),
        )

    @staticmethod
    def _earliest(clock: DomainClock, *moments: int | None) -> int | None:
        """In real time."""
        real = [clock.real_time_of(moment) for moment in moments if moment is not None]
        return min((at for at in real if at is not None), default=None)

    def _collect_outcome(self, execution: Execution, events: list[Event]) -> None:
        writes, run, domain = self._writes, execution.run, execution.domain
        outcome = outcome_of(execution, events)
        for task in outcome.tasks:
            kind, task_list = task.kind, task.task_list
            position = self.state.ids.position(self.now)
            writes.put_task(
                TaskRow(run, task.scheduled_id, kind, domain, task_list, task.priority, position, task.ready)
            )
            key = ListKey(domain, kind, task_list)
            self.state.traffic.added(key, self.now)
            if task.ready:
                self._matching.fresh.add(key)
        for scheduled_id in outcome.ready:
            assert execution.scheduled_task is not None
            key = ListKey(domain, "decision", execution.scheduled_task.task_list)
            self._matching.fresh.add(key)
            if writes.ready_task(TaskKey(run, scheduled_id)):
                self._matching.readied(key)
                self._filled.add(key)
        for scheduled_id in outcome.gone:
            writes.delete_task(TaskKey(run, scheduled_id))
        for scheduled_id in outcome.heartbeats_over:
            writes.delete_heartbeat(TaskKey(run, scheduled_id))
        messages = list(messages_of(execution, events, self.settings.child_policy_applies))
        if messages:
            self.send(run, domain, messages)
        if execution.close_status is not None:
            self._open[(domain, execution.workflow_id)] = None
            self._count_open(domain, -1)
            self._continue(execution, events[-1])

    def send(self, run: int, domain: int, messages: list[AnyMessage]) -> None:
        """Messages leave with this transaction and are applied in a later one."""
        position = self.state.ids.position
        self._writes.put_messages(
            MessageRow(position(self.now), run, type(message).__name__, domain, _encode(message))
            for message in messages
        )
        self.state.agenda.messages_waiting = True

    def _continue(self, execution: Execution, closing: Event) -> None:
        """The run that follows starts in the same transaction: the workflowId is never free between (SWF §8.7)."""
        attributes = closing.attributes
        if isinstance(attributes, WorkflowExecutionContinuedAsNewEventAttributes):
            self.create(
                execution.domain,
                execution.workflow_id,
                workflow.continued(execution.started, execution.run_id, attributes),
                run_id=attributes.new_execution_run_id,
            )

    def _purge_at(self, execution: Execution) -> int | None:
        """When the retention of a closed run ends, by the clock of its domain; None: never."""
        assert execution.closed_at is not None
        named = execution.started.workflow_type
        return self.purge_moment(
            execution.domain, execution.closed_at, named.name, named.version, execution.close_status
        )

    def purge_moment(
        self,
        domain: int,
        closed_at: int,
        type_name: str,
        type_version: str,
        close_status: CloseStatus | None,
    ) -> int | None:
        """The same for a run of which this is known."""
        return purge_moment(
            self.catalog.rules().get(domain, ()),
            self.catalog.domain_by_id(domain).retention,
            self.settings.min_retention_ms,
            closed_at=closed_at,
            type_name=type_name,
            type_version=type_version,
            close_status=close_status,
        )

    def _count_open(self, domain: int, change: int) -> None:
        self.state.catalog.open_counts[domain] = self.open_count(domain) + change

    # --- afterwards ---

    def committed(self) -> None:
        """The transaction was committed: what waits for that happens, before any answer is given."""
        for act in self.after_commit:
            try:
                act()
            except Exception:
                log.exception("what was to happen after a commit has failed")
        if self.feeds.grown:
            self._filled |= self.feeds.hints()
            self.state.feed_entries.add(self.feeds.written)
            self.state.tell_feeds(self.feeds.grown)
        self._coordination.committed(self._filled, self.state.pollers)
        if self._figures is not None:
            self._figures.committed(self._notes, self.events_recorded)

    def roll_back(self) -> None:
        """The transaction was not committed: memory forgets it too, and polls that waited wait again."""
        cache = self.state.cache
        try:
            for run in self._seen:
                cache.forget(run)
        except Exception:
            log.exception("executions could not be forgotten one by one; all of them are")
            cache.clear()  # memory must not be ahead of the store
        self.state.catalog.forget()
        self._coordination.rolled_back()
        self._matching.roll_back()

    def bug(self, *, met_in: str, message: int | None = None, command: Any = None) -> Bug:
        """What is to be set aside for a bug that was met just now: the execution at hand. One that this transaction has
        made cannot be set aside, as it will be undone: then it is the message or the command that made it. Nor can one
        that is set aside already.
        """
        run = self.last_run
        if run is None or run in self.made or run in self.state.quarantine.runs:
            set_aside = "this command" if command is not None else "background work for now"
            set_aside = set_aside if message is None else f"message {message}"
            return Bug(set_aside, met_in=met_in, run=None, message=message, command=command)
        execution = self.state.cache.get(run)
        name = f" ({execution.workflow_id}/{execution.run_id})" if execution is not None else ""
        return Bug(f"run {run}{name}", met_in=met_in, run=run, message=None, command=None)
