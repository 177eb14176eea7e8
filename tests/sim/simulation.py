"""The whole service in one process, on a clock and a source of chance that make it a function of its seed.

Owns a simulation: the world, its steps, what is checked after each, and the healthy phase at the end, in which
every execution must come to an end. Step n of a seed draws from dice of its own, so leaving out other steps leaves it
much as it was: that is what makes a failure short (shrink.py).
"""

from __future__ import annotations

import logging
import random
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, NamedTuple

from tests.sim import actions, reads, retention
from tests.sim.archive import ALL, Archive
from tests.sim.auditor import Auditor
from tests.sim.calls import Call, Clients, HeldTask
from tests.sim.checks import Checks
from tests.sim.decisions import FUNCTION, LISTS, Dice
from tests.sim.faulty import Crash, FaultyStore
from tests.sim.retention import Retention
from workflowsvc import lint
from workflowsvc.model.shapes import EVENTS, OPERATIONS
from workflowsvc.settings import Limits, Settings
from workflowsvc.store.interface import Store
from workflowsvc.store.sqlite.store import SqliteStore
from workflowsvc.tenant import Tenant
from workflowsvc.testing import World
from workflowsvc.testing.scenarios.judge import lint_limits

STEPS = 100
ROUNDS = 400  # of the healthy phase: far more than any seed has needed
IDLE_ROUNDS = 3  # background work rests for a second after the last fault
DAY_MS = 86_400_000
ARCHIVING = 0.5  # share of the seeds that have an archive, and rules of retention
RULING = 0.3  # of the others, the share that has rules
CHANGING_RULES = 0.2  # of the steps of these
MAX_FEED_HOURS = 8_760

OpenStore = Callable[[], Store]


class Result(NamedTuple):
    """What a simulation did; `hash` stands for all of it."""

    seed: int
    hash: str
    steps: int
    calls: int
    acknowledged: int
    events: int
    runs: int
    commits: int
    archived: int
    rules: int
    struck: dict[str, int]
    event_types: set[str]
    operations: set[str]


class Failure(AssertionError):
    """`step` is where, -1: in the healthy phase."""

    def __init__(self, seed: int, step: int, report: str, story: list[str]) -> None:
        super().__init__(report)
        self.seed = seed
        self.step = step
        self.report = report
        self.story = story


@dataclass(frozen=True)
class Plan:
    """What to simulate. `only`: these steps and no others."""

    seed: int
    steps: int = STEPS
    only: tuple[int, ...] | None = None
    open_store: OpenStore | None = None  # None: one in memory
    reopens: bool = True  # each restart closes the store and opens it again


def simulate(plan: Plan) -> Result:
    """Runs to the end, or raises Failure."""
    simulation = Simulation(plan)
    step = -1
    try:
        with _no_logs(simulation):
            simulation.furnish()
            for step in range(plan.steps) if plan.only is None else plan.only:
                simulation.step(step)
            step = -1
            simulation.settle()
            simulation.conclude()
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        report = f"{type(error).__name__}: {error}\nat {where.filename}:{where.lineno} {where.line}"
        if simulation.bugs:
            report += "\nlogged: " + "\n".join(simulation.bugs)
        raise Failure(plan.seed, step, report, simulation.story) from error
    finally:
        simulation.world.store.close()
    return simulation.result()


class _no_logs:
    """What the service logs is kept for the story."""

    def __init__(self, simulation: Simulation) -> None:
        self._handler = _Handler(simulation.bugs)
        self._log = logging.getLogger("workflowsvc")

    def __enter__(self) -> None:
        self._log.addHandler(self._handler)
        self._propagate, self._log.propagate = self._log.propagate, False

    def __exit__(self, *_: object) -> None:
        self._log.removeHandler(self._handler)
        self._log.propagate = self._propagate


class _Handler(logging.Handler):
    def __init__(self, bugs: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._bugs = bugs

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self._bugs.append(logging.Formatter().format(record))


class Simulation:
    """One seed."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        source = random.Random(plan.seed)
        self._open = plan.open_store
        self.store = FaultyStore(plan.open_store() if plan.open_store else SqliteStore(None))
        self.clients = Clients(self.store)
        settings = _settings(source)
        self.auditor = Auditor(self.store.log, self.clients, settings.quotas, self._now_ms)
        # With chance of its own, so that the seed does what it does without an archive.
        has_archive = random.Random(f"{plan.seed}/archive").random() < ARCHIVING
        self.archive = Archive() if has_archive else None
        self._has_rules = has_archive or random.Random(f"{plan.seed}/rules").random() < RULING
        self.retention = Retention(self.store.log, self.auditor.domains, settings.min_retention_ms)
        self.checks = Checks(self.store, self.archive, self.retention)
        self.dice = Dice(source, self.clients.marker, [])
        self.one_clock = True
        self.never: list[Call] = []  # calls that must be refused
        self.story: list[str] = []
        self.bugs: list[str] = []
        self.steps = 0
        self.restarts = 0
        self._hash = blake2b(digest_size=16)
        self.world = World(
            store=self.store, settings=settings, seed=plan.seed, functions={FUNCTION: self._function}
        )
        if self.archive is not None:
            self.archive.begin(self.world)

    def _now_ms(self) -> int:
        return self.world.clock.now_ms()

    @property
    def limits(self) -> lint.Limits:
        return lint_limits(self.world.settings.quotas)

    def furnish(self) -> None:
        """Domains and types, with and without defaults."""
        for tenant, domain in actions.PLACES:
            days = actions.RETENTION[domain]
            self.do("RegisterDomain", tenant, name=domain, workflowExecutionRetentionPeriodInDays=days)
            with self.store.inner.reader() as reader:
                row = reader.domain(tenant.key, domain)
                assert row is not None
                self.auditor.domains[tenant, domain] = row.id
                self.retention.registered(row.id, days)
            for version in ("1", "2"):
                self._register(tenant, domain, "full", version)
            for kind in ("Workflow", "Activity"):
                self.do(f"Register{kind}Type", tenant, domain=domain, name="bare", version="1")
        tenant, domain = actions.PLACES[0]
        self.checks.fed = self.auditor.domains[tenant, domain]
        feed = {"status": "ON", "eventTypes": sorted(EVENTS), "retentionHours": MAX_FEED_HOURS}
        self.world.call("WorkflowSvc.SetFeed", tenant, domain=domain, **feed)

    def _register(self, tenant: Tenant, domain: str, name: str, version: str) -> None:
        named = {"domain": domain, "name": name, "version": version}
        first = {"defaultTaskList": {"name": LISTS[0]}}
        self.do(
            "RegisterWorkflowType",
            tenant,
            **named,
            **first,
            defaultChildPolicy="TERMINATE",
            defaultTaskStartToCloseTimeout="20",
            defaultExecutionStartToCloseTimeout="3600",
        )
        self.do(
            "RegisterActivityType",
            tenant,
            **named,
            **first,
            defaultTaskScheduleToStartTimeout="30",
            defaultTaskScheduleToCloseTimeout="120",
            defaultTaskStartToCloseTimeout="60",
            defaultTaskHeartbeatTimeout="20",
        )

    def do(self, operation: str, tenant: Tenant, **members: Any) -> None:
        self.send(operation, tenant, members)
        self.run()

    # --- what actions use ---

    def send(
        self, operation: str, tenant: Tenant, members: dict[str, Any], marker: str | None = None
    ) -> Call:
        self.tell(f"{operation} {members}")
        call = self.clients.send(self.world, operation, tenant, members, marker)
        self.auditor.sent(call)
        return call

    def read(self, operation: str, tenant: Tenant, members: dict[str, Any]) -> Any:
        """The answer at once; None when the store cannot be read just now."""
        call = self.send(operation, tenant, members)
        self.run()
        if call.fault is not None and call.outcome == "refused":
            raise call.fault
        return call.result

    def advance(self, ms: int) -> None:
        self.tell(f"{ms} ms pass")
        self._alive(lambda: self.world.advance(ms=ms))

    def run(self) -> None:
        self._alive(self.world.run)

    def restart(self) -> None:
        """The process ends without a word; the next one finds a store that works."""
        self.tell("restart")
        self.restarts += 1
        for call in self.clients.lose():
            self.hear(call)
        self.store.disarm()
        if self._open is not None and self._plan.reopens:
            self.store.inner.close()
            self.store.inner = self._open()
        self.world.restart()
        if self.archive is not None:
            self.archive.place.lose_power()
            self.archive.begin(self.world)

    def _alive(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Crash:
            self.tell("crash")
            self.restart()
            self.world.run()
        self._collect()

    def _collect(self) -> None:
        for call in self.clients.collect():
            self.hear(call)

    def hear(self, call: Call) -> None:
        self.auditor.hear(call)
        self.retention.hear(call)
        if call in self.never:
            assert call.outcome != "acknowledged", "a wrong token was accepted"
        self._hash.update(f"{call.number} {call.outcome} {call.result} {call.fault}\n".encode())

    def tell(self, what: str) -> None:
        self.story.append(f"{self.world.clock.now_ms() if hasattr(self, 'world') else 0} {what}"[:300])

    def _function(self, event: Any) -> Any:
        if isinstance(event, str):
            self.auditor.invoke(event)
        return actions.function(self, self.dice)

    # --- steps ---

    def step(self, number: int) -> None:
        """One action, and all checks."""
        self.steps += 1
        run_ids = [row.run_id for row in self.store.log.runs.values()][-12:]
        self.dice = Dice(random.Random(f"{self._plan.seed}/{number}"), self.clients.marker, run_ids)
        self.tell(f"--- step {number}")
        before = self.checks.tasks
        self._change_rules(Dice(random.Random(f"{self._plan.seed}/{number}/rules"), self.clients.marker, []))
        actions.draw(self.dice, actions.ACTIONS)(self, self.dice)
        self.run()
        self._archive_some(random.Random(f"{self._plan.seed}/{number}/archive"))
        self.checks.check(self.world)
        self._check_order(before)
        if self.dice.chance(0.15):
            actions.draw(self.dice, reads.READS)(self, self.dice)
            self.checks.check(self.world)
        self._hash.update(repr(self.store.struck).encode())

    def _change_rules(self, dice: Dice) -> None:
        """Together with what the step does."""
        if self._has_rules and dice.chance(CHANGING_RULES):
            tenant, domain = actions.place(dice)
            operation, members = retention.change(dice)
            self.send(operation, tenant, {"domain": domain, **members})

    def _archive_some(self, chance: random.Random) -> None:
        if self.archive is None or chance.random() < 0.5:
            return
        self.archive.place.room = ALL if chance.random() < 0.7 else chance.choice((0, 1, 1, 2))
        self.archive.place.syncs = chance.random() < 0.5
        self.tell("the archive works")
        self._alive(self.archive.work)

    def _check_order(self, before: list[Any]) -> None:
        """R6: of the tasks that waited on a list and still do, none goes before one that was handed out."""
        left = set(self.checks.tasks)
        taken = [task for task in before if task not in left and task.ready and self._was_handed_out(task)]
        for task in left & set(before):
            for other in taken:
                same = (task.domain, task.kind, task.task_list) == (other.domain, other.kind, other.task_list)
                if same and task.ready:
                    mine, its = (-task.priority, task.position), (-other.priority, other.position)
                    assert its <= mine, f"R6: {other} was handed out before {task}"

    def _was_handed_out(self, task: Any) -> bool:
        kinds = ("DecisionTaskStarted", "ActivityTaskStarted")
        return any(
            event["eventType"] in kinds
            and next(iter(_attributes(event).values()), None) is not None
            and _attributes(event)["scheduledEventId"] == task.scheduled_event_id
            for event in self.store.log.decoded[task.run][task.scheduled_event_id :]
        )

    # --- the healthy phase ---

    def settle(self) -> None:
        """Nothing fails any more, deciders close what they can, workers work: all comes to an end."""
        self.store.disarm()
        self.dice = Dice(random.Random(f"{self._plan.seed}/end"), self.clients.marker, [])
        self.tell("--- the healthy phase")
        for tenant, domain in actions.PLACES:
            self.do("UndeprecateDomain", tenant, name=domain)
        idle = 0
        for _ in range(ROUNDS):
            idle = 0 if self._work_once() else idle + 1
            if idle == IDLE_ROUNDS:
                break
            self.advance(1_000)
            self.checks.check(self.world)
        else:
            raise AssertionError("R7: work never comes to an end")
        self.checks.check(self.world, everything=True)
        self._require_only_waiting()
        self._require_answers()
        self._check_related()
        for _ in range(3):  # beyond every time-out, and then beyond every retention
            self._let_a_year_pass()
        self._end_rules()
        self.checks.check(self.world, everything=True)

    def _let_a_year_pass(self) -> None:
        """The archive is the last to be healthy: all that is left is due at once, when it cannot take or sync that."""
        self.advance(370 * DAY_MS)
        if self.archive is None:
            return
        for room, syncs in ((ALL, False), (1, True), (ALL, True)):
            self.archive.place.room, self.archive.place.syncs = room, syncs
            self._alive(self.archive.work)
            self.checks.check(self.world)
            self.advance(DAY_MS)  # after which it is tried again

    def _end_rules(self) -> None:
        """What they keep for ever can be read until they are deleted."""
        self.checks.check(self.world, everything=True)
        with self.store.inner.reader() as reader:
            kept = self.retention.conclude(reader, self._now_ms())
        for run in kept:
            assert reads.read_history_of(self, run, {}), f"run {run} is kept, and cannot be read"
        for (tenant, name), domain in self.auditor.domains.items():
            for type_name, version, status in self.retention.rules(domain):
                about = {"name": type_name, "version": version}
                named = {"workflowType": {key: value for key, value in about.items() if value is not None}}
                members = {"closeStatus": status, **(named if type_name else {})}
                given = {key: value for key, value in members.items() if value is not None}
                self.do(retention.DELETE, tenant, domain=name, **given)
        self._let_a_year_pass()

    def _work_once(self) -> bool:
        """Every decider and worker takes a task and completes it. False when there was none."""
        busy = False
        for tenant, domain in actions.PLACES:
            for name in LISTS:
                while (task := self._poll("PollForDecisionTask", tenant, domain, name)) is not None:
                    busy = True
                    decision = {"decisionType": "CompleteWorkflowExecution"}
                    self.do(
                        "RespondDecisionTaskCompleted", tenant, taskToken=task.token, decisions=[decision]
                    )
                while (task := self._poll("PollForActivityTask", tenant, domain, name)) is not None:
                    busy = True
                    self.do("RespondActivityTaskCompleted", tenant, taskToken=task.token)
        while self.world.unanswered:
            actions.end_a_function(self, self.dice)
            self.run()
            busy = True
        return busy

    def _poll(self, operation: str, tenant: Tenant, domain: str, name: str) -> HeldTask | None:
        marker = self.clients.marker()
        members = {"domain": domain, "taskList": {"name": name}, "identity": marker}
        call = self.send(operation, tenant, members, marker)
        self.run()
        if not call.answer.done:
            assert call.answer.poll is not None
            call.answer.poll.withdraw()
            self.run()
        if call.fault is not None:
            return None  # too many polls wait here already: they will get what there is
        return HeldTask(call, call.result["taskToken"]) if "taskToken" in call.result else None

    def _require_only_waiting(self) -> None:
        """D6: an open run waits for something that is open, for a decider that was lost, or was left alone."""
        with self.store.inner.reader() as reader:
            for run, row in reader.executions(reader.runs(-1, 1_000_000)).items():
                if row.closed_at is None:
                    assert row.wake_at is not None, f"nothing will ever happen to run {run}"
            for task in self.checks.tasks:
                assert not (task.ready and task.task_list in LISTS), f"R7: {task} was never handed out"
            assert not reader.waiting_messages(-1, 1), "messages wait for nothing"

    def _require_answers(self) -> None:
        """R7: every call is answered, and polls that wait are as soon as they are let go."""
        for call in self.clients.waiting:
            assert call.answer.poll is not None, f"R7: {call.operation} is never answered"
            call.answer.poll.withdraw()
        self.run()
        lost = [call.operation for call in self.clients.waiting if not call.hung_up]
        assert not lost, f"R7: {lost} are never answered"

    def _check_related(self) -> None:
        """All histories of a domain, forgotten ones too: they were all committed before now."""
        by_domain: dict[int, dict[tuple[str, str], list[dict[str, Any]]]] = {}
        for run, row in self.store.log.runs.items():
            histories = by_domain.setdefault(row.domain, {})
            histories[row.workflow_id, row.run_id] = self.store.log.decoded[run]
        for histories in by_domain.values():
            found = lint.check_related(histories, settled=True, one_clock=self.one_clock)
            assert not found, "\n".join(map(str, found))

    def conclude(self) -> None:
        """Everything has ended and is forgotten; every call is accounted for."""
        with self.store.inner.reader() as reader:
            assert not reader.runs(-1, 10), "something was never forgotten"
            assert not reader.waiting_messages(-1, 10)
            assert not reader.orphans(10)
        for run, history in self.store.log.decoded.items():
            found = lint.lint_history(history, limits=self.limits)
            assert not found, f"{run}: " + "\n".join(map(str, [*found, *history]))
        self._check_related()
        self.auditor.conclude()

    def result(self) -> Result:
        log = self.store.log
        for run, bodies in log.events.items():
            self._hash.update(run.to_bytes(8, "big"))
            for body in bodies:
                self._hash.update(body)
        return Result(
            seed=self._plan.seed,
            hash=self._hash.hexdigest(),
            steps=self.steps,
            calls=len(self.clients.calls),
            acknowledged=self.auditor.acknowledged,
            events=sum(map(len, log.events.values())),
            runs=len(log.events),
            commits=log.commits,
            archived=self.archive.runs if self.archive is not None else 0,
            rules=self.retention.changes,
            struck=dict(self.store.struck) | {"restarts": self.restarts},
            event_types={event["eventType"] for events in log.decoded.values() for event in events},
            operations={call.operation for call in self.clients.calls} & OPERATIONS.keys(),
        )


def _attributes(event: dict[str, Any]) -> dict[str, Any]:
    kind = event["eventType"]
    return event[kind[0].lower() + kind[1:] + "EventAttributes"]


def _settings(source: random.Random) -> Settings:
    """Quotas so small that they are reached, and no retention where a domain wants none, in two seeds of three."""
    if source.random() < 0.33:
        return Settings(child_policy_applies="documented" if source.random() < 0.5 else "any-close")
    quotas = Limits(
        max_events=source.choice((40, 80, 25_000)),
        max_open_activities=source.choice((2, 4)),
        max_open_timers=source.choice((1, 3)),
        max_open_children=source.choice((1, 2)),
        max_open_lambdas=source.choice((1, 2)),
        max_open_executions=source.choice((4, 8)),
        max_pollers_per_list=source.choice((1, 3)),
    )
    policy = source.choice(("documented", "any-close"))
    return Settings(quotas=quotas, child_policy_applies=policy, min_retention_seconds=0)


def every(seeds: Iterable[int], **plan: Any) -> list[Result]:
    return [simulate(Plan(seed, **plan)) for seed in seeds]
