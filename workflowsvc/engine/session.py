"""One batch of commands within one transaction: the door to every execution.

Owns `Session`: finding executions (from memory or by replay), letting time pass for them, and writing down
what they recorded (`flush`). Must not know the operations. One reading of the clock serves the whole batch;
nothing is told before its commit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from workflowsvc.core import activities, decision_tasks, workflow
from workflowsvc.core.execution import Execution
from workflowsvc.core.messages import AnyMessage, messages_of
from workflowsvc.core.outcome import outcome_of
from workflowsvc.core.run_ids import run_of, shard_for
from workflowsvc.engine.pollers import ListKey, Waiter
from workflowsvc.faults import UnknownResourceFault
from workflowsvc.model.events import Event, decode_event, encode_event
from workflowsvc.model.shapes import (
    WorkflowExecutionContinuedAsNewEventAttributes,
    WorkflowExecutionStartedEventAttributes,
)
from workflowsvc.store.interface import (
    DomainRow,
    EventRow,
    ExecutionChange,
    ExecutionRow,
    HeartbeatRow,
    MessageRow,
    TaskKey,
    TaskRow,
    Transaction,
    TypeKind,
    TypeRow,
)
from workflowsvc.tenant import Tenant

if TYPE_CHECKING:
    from workflowsvc.engine.state import EngineState

DAY_MS = 86_400_000
_encode = msgspec.json.Encoder().encode


class Session:
    """Handed to every command of a batch."""

    def __init__(self, tx: Transaction, now: int, state: EngineState) -> None:
        self.tx = tx
        self.now = now
        self.state = state
        self.settings = state.settings
        self.limits = state.settings.limits
        self.answers: list[tuple[Callable[[Any], None], Any]] = []  # told after the commit
        self.last_run: int | None = None  # the execution that was asked for last: where a bug must lie
        self._matched: list[Waiter] = []
        self._added: list[Waiter] = []
        self.touched: set[int] = set()  # every execution this transaction has changed
        self._dirty: dict[int, Execution] = {}  # by the command at hand
        self._created: dict[int, ExecutionRow] = {}
        self._fresh: set[ListKey] = set()

    # --- domains and types ---

    def domain(self, tenant: Tenant, name: str) -> DomainRow | None:
        key = (tenant.key, name)
        row = self.state.domains.get(key)
        if row is None:
            row = self.tx.domain(tenant.key, name)
            if row is not None:
                self.state.domains[key] = row
                self.state.domains_by_id[row.id] = row
        return row

    def require_domain(self, tenant: Tenant, name: str) -> DomainRow:
        row = self.domain(tenant, name)
        if row is None:
            raise UnknownResourceFault(f"Unknown domain: {name}")
        return row

    def domain_by_id(self, id: int) -> DomainRow:
        row = self.state.domains_by_id.get(id)
        if row is None:
            row = self.state.domains_by_id[id] = self.tx.domains_by_id([id])[id]
        return row

    def put_domain(self, row: DomainRow) -> None:
        self.tx.put_domain(row)
        self.state.domains[(row.tenant, row.name)] = row
        self.state.domains_by_id[row.id] = row

    def type(self, domain: int, kind: TypeKind, name: str, version: str) -> TypeRow | None:
        key = (domain, kind, name, version)
        row = self.state.types.get(key)
        if row is None:
            row = self.tx.type(domain, kind, name, version)
            if row is not None:
                self.state.types[key] = row
        return row

    def put_type(self, row: TypeRow) -> None:
        self.tx.put_type(row)
        self.state.types[(row.domain, row.kind, row.name, row.version)] = row

    def delete_type(self, row: TypeRow) -> None:
        self.tx.delete_type(row.domain, row.kind, row.name, row.version)
        self.state.types.pop((row.domain, row.kind, row.name, row.version), None)

    def deprecate_types(self, domain: int) -> None:
        self.tx.deprecate_types(domain, self.now)
        self.state.types.clear()

    def open_count(self, domain: int) -> int:
        """Open runs in the domain, children included."""
        count = self.state.open_counts.get(domain)
        if count is None:
            count = self.state.open_counts[domain] = self.tx.count_open(domain)
        return count

    # --- executions ---

    def execution(self, run: int) -> Execution | None:
        """The execution as of now: deadlines that have passed have expired. None when the run is unknown."""
        if run in self.state.quarantined:
            raise Quarantined(run)
        self.last_run = run
        execution = self.state.executions.get(run)
        if execution is None:
            execution = self._load(run)
            if execution is None:
                return None
            self.state.executions[run] = execution
        else:
            self.state.executions.move_to_end(run)
        if execution.is_open:
            due_at = execution.wake_at()
            if due_at is not None and due_at <= self.now:
                decision_tasks.advance(execution, self.now, max_events=self.limits.max_events)
                self._dirty[run] = execution
        return execution

    def _load(self, run: int) -> Execution | None:
        row = self.tx.lock([run]).get(run)
        if row is None:
            return None
        execution = Execution(run=run, run_id=row.run_id, domain=row.domain, workflow_id=row.workflow_id)
        bodies = self.tx.events(run, 1, row.next_event_id - 1, row.next_event_id)
        execution.replay([decode_event(body) for body in bodies])
        for heartbeat in self.tx.heartbeats(run):
            activities.restore_heartbeat(
                execution, heartbeat.at, heartbeat.scheduled_event_id, heartbeat.details
            )
        return execution

    def named_execution(self, domain: int, workflow_id: str, run_id: str) -> Execution | None:
        """The run with this name, open or closed."""
        run = run_of(run_id)
        execution = None if run is None else self.execution(run)
        if execution is None or execution.run_id != run_id:
            return None
        return execution if execution.domain == domain and execution.workflow_id == workflow_id else None

    def open_execution(self, domain: int, workflow_id: str, run_id: str | None) -> Execution | None:
        """The open run of the workflowId, or the run named by `run_id` if it is open."""
        if run_id:
            execution = self.named_execution(domain, workflow_id, run_id)
        else:
            run = self.tx.open_run(domain, workflow_id)
            execution = None if run is None else self.execution(run)
        return execution if execution is not None and execution.is_open else None

    def refresh(self, run: int) -> None:
        """Lets time pass for a run and writes down when it must be looked at again."""
        execution = self.execution(run)
        if execution is not None:
            self._dirty[run] = execution

    def changed(self, execution: Execution) -> None:
        """The command has recorded events: settle what follows from them."""
        decision_tasks.settle(execution, self.now, max_events=self.limits.max_events)
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
        execution = Execution(run=run, run_id=run_id, domain=domain, workflow_id=workflow_id)
        workflow.start(execution, self.now, attributes)
        parent = attributes.parent_workflow_execution
        self._created[run] = ExecutionRow(
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
        self.state.executions[run] = execution
        self.changed(execution)
        return execution

    def new_run_id(self, domain: int, workflow_id: str) -> str:
        row = self.domain_by_id(domain)
        return self.state.ids.run_id(self.now, shard_for(row.tenant, row.name, workflow_id))

    def put_heartbeat(self, execution: Execution, scheduled_id: int) -> None:
        """The one fact that history does not hold."""
        activity = execution.activities[scheduled_id]
        assert activity.heartbeat_at is not None
        row = HeartbeatRow(execution.run, scheduled_id, activity.heartbeat_at, activity.heartbeat_details)
        self.tx.put_heartbeats([row])
        self._dirty[execution.run] = execution

    # --- tasks ---

    def poll(self, waiter: Waiter) -> None:
        """Hands the poll a task, or lets it wait."""
        if not self.state.pollers.waiting(waiter.key):
            answer = self._take_for(waiter)
            if answer is not None:
                self.answers.append((waiter.reply, answer))
                return
        if self.state.draining:
            self.answers.append((waiter.reply, None))
            return
        self.state.pollers.add(waiter)
        self._added.append(waiter)

    def _take_for(self, waiter: Waiter) -> Any:
        key = waiter.key
        while rows := self.tx.take_tasks(key.domain, key.kind, key.name, 1):
            try:
                answer = waiter.start(self, rows[0])
            except Quarantined:
                self.tx.put_tasks([rows[0]._replace(ready=False)])
                continue
            if answer is not None:
                return answer
        return None

    def _match(self) -> None:
        """Tasks that have just become ready go to the polls that wait for them, the oldest poll first."""
        pollers = self.state.pollers
        while self._fresh:
            key = self._fresh.pop()
            while (waiter := pollers.first(key)) is not None:
                answer = self._take_for(waiter)
                if answer is None:
                    pollers.put_back(waiter)
                    break
                self._matched.append(waiter)
                self.answers.append((waiter.reply, answer))

    # --- writing down ---

    def write(self, execution: Execution) -> None:
        """What this execution has recorded goes into the transaction now, to be read back from it."""
        if self._dirty.pop(execution.run, None) is not None:
            self.touched.add(execution.run)
            self._write(execution, self._created.pop(execution.run, None))

    def flush(self) -> None:
        """Everything the command at hand has recorded goes into the transaction; waiting polls get what
        became ready.
        """
        while self._dirty or self._fresh:
            while self._dirty:
                self.write(next(iter(self._dirty.values())))
            self._match()  # records the starts of the tasks it hands out

    def _write(self, execution: Execution, created: ExecutionRow | None) -> None:
        tx, run = self.tx, execution.run
        events = execution.take_new_events()
        wake_at = execution.wake_at()
        purge_at = None if execution.is_open else self._purge_at(execution)
        change = ExecutionChange(
            run=run,
            next_event_id=execution.next_event_id,
            wake_at=wake_at,
            cancel_requested=execution.cancel_requested,
            closed_at=execution.closed_at,
            close_status=execution.close_status,
            purge_at=purge_at,
        )
        if created is not None:
            tx.insert_executions([created._replace(**change._asdict())])
            self._count_open(execution.domain, +1)
        else:
            tx.update_executions([change])
        tx.append_events([EventRow(run, event.id, encode_event(event)) for event in events])
        self._write_outcome(execution, events)
        self.state.wake_by(wake_at)
        self.state.purge_by(purge_at)
        if not execution.is_open and events:
            self._count_open(execution.domain, -1)
            self._continue(execution, events[-1])

    def _write_outcome(self, execution: Execution, events: list[Event]) -> None:
        tx, run, domain = self.tx, execution.run, execution.domain
        outcome = outcome_of(execution, events)
        if outcome.tasks:
            rows = [
                TaskRow(
                    run=run,
                    scheduled_event_id=task.scheduled_id,
                    kind=task.kind,
                    domain=domain,
                    task_list=task.task_list,
                    priority=task.priority,
                    position=self.state.ids.position(self.now),
                    ready=task.ready,
                )
                for task in outcome.tasks
            ]
            tx.put_tasks(rows)
            self._fresh.update(ListKey(domain, row.kind, row.task_list) for row in rows if row.ready)
        if outcome.ready:
            tx.ready_tasks([TaskKey(run, scheduled_id) for scheduled_id in outcome.ready])
            assert execution.scheduled_task is not None
            self._fresh.add(ListKey(domain, "decision", execution.scheduled_task.task_list))
        if outcome.gone:
            tx.delete_tasks([TaskKey(run, scheduled_id) for scheduled_id in outcome.gone])
        if outcome.heartbeats_over:
            tx.delete_heartbeats([TaskKey(run, scheduled_id) for scheduled_id in outcome.heartbeats_over])
        messages = messages_of(execution, events, self.settings.child_policy_applies)
        self.send(run, domain, list(messages))

    def send(self, run: int, domain: int, messages: list[AnyMessage]) -> None:
        """Messages leave with this transaction and are applied in a later one."""
        if not messages:
            return
        position = self.state.ids.position
        self.tx.put_messages(
            [
                MessageRow(position(self.now), run, type(message).__name__, domain, _encode(message))
                for message in messages
            ]
        )
        self.state.messages_waiting = True

    def _continue(self, execution: Execution, closing: Event) -> None:
        """The run that follows starts in the same transaction: the workflowId is never free between (8.7)."""
        attributes = closing.attributes
        if isinstance(attributes, WorkflowExecutionContinuedAsNewEventAttributes):
            self.create(
                execution.domain,
                execution.workflow_id,
                workflow.continued(execution.started, execution.run_id, attributes),
                run_id=attributes.new_execution_run_id,
            )

    def _purge_at(self, execution: Execution) -> int:
        assert execution.closed_at is not None
        retention = self.domain_by_id(execution.domain).retention
        return execution.closed_at + (0 if retention == "NONE" else int(retention) * DAY_MS)

    def _count_open(self, domain: int, change: int) -> None:
        if domain in self.state.open_counts:
            self.state.open_counts[domain] += change

    # --- undoing ---

    def roll_back(self) -> None:
        """The transaction was not committed: memory forgets it too, and who waited waits again."""
        for run in (*self.touched, *self._dirty, self.last_run or 0):
            self.state.executions.pop(run, None)
        self.state.forget_names()
        for waiter in reversed(self._matched):
            self.state.pollers.put_back(waiter)
        for waiter in self._added:
            self.state.pollers.remove(waiter)


class Quarantined(Exception):
    """A bug in the rules was met in this run; it is left alone until the server starts again."""

    def __init__(self, run: int) -> None:
        super().__init__(f"run {run} is quarantined")
        self.run = run
