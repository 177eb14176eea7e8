"""The clock of a domain is the same on two nodes of one PostgreSQL, and both see a turn before they act on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.postgres.places import Place, new_place
from tests.world_fixture import WorldFixture, decision
from workflowsvc.clock import ManualClock
from workflowsvc.faults import UnknownResourceFault
from workflowsvc.fsck.audit import Options, audit
from workflowsvc.store.postgres.store import PostgresStore
from workflowsvc.testing import World

DAY = 86_400
YEAR = 365 * DAY
CLOSE = decision("CompleteWorkflowExecution")


def timer(seconds: int) -> dict[str, Any]:
    return decision("StartTimer", timerId="t", startToFireTimeout=str(seconds))


class Nodes:
    """Two nodes, on one clock of real time."""

    def __init__(self, place: Place) -> None:
        self.clock = ManualClock()
        self.stores = [PostgresStore(place.dsn) for _ in range(2)]
        worlds = [World(store=store, clock=self.clock, seed=seed) for seed, store in enumerate(self.stores)]
        self.one = WorldFixture(worlds[0])
        self.two: WorldFixture = object.__new__(WorldFixture)
        self.two.world, self.two.tenant, self.two.domain = worlds[1], self.one.tenant, "d"
        self.both = [self.one, self.two]

    def wait(self, seconds: float) -> None:
        self.clock.advance(round(seconds * 1000))
        self.run()

    def run(self) -> None:
        """Until none of them has anything to do."""
        for node in self.both * 2:
            node.world.run()

    def problems(self) -> list[str]:
        with self.stores[0].reader() as reader:
            return list(map(str, audit(reader, Options(self.clock.now_ms()))))


@pytest.fixture
def nodes() -> Iterator[Nodes]:
    nodes = Nodes(new_place())  # skips when there is no PostgreSQL
    yield nodes
    assert nodes.problems() == []
    for store in nodes.stores:
        store.close()


def own(on: WorldFixture, operation: str, **members: Any) -> dict[str, Any]:
    return on.ask(f"WorkflowSvc.{operation}", **members)


def fired(on: WorldFixture, run_id: str, workflow_id: str = "w") -> list[float]:
    events = on.history(run_id, workflow_id)
    first = events[0]["eventTimestamp"]
    return [event["eventTimestamp"] - first for event in events if event["eventType"] == "TimerFired"]


def start(on: WorldFixture, workflow_id: str = "w") -> str:
    return on.start(workflow_id, executionStartToCloseTimeout=str(YEAR))


def test_a_node_acts_by_a_clock_that_the_other_has_turned(nodes: Nodes) -> None:
    start(nodes.two, "before")  # both know the domain, in real time
    nodes.two.decide(CLOSE)
    own(nodes.one, "AdvanceClock", seconds=YEAR)
    assert own(nodes.two, "DescribeClock") == own(nodes.one, "DescribeClock")
    run_id = start(nodes.two)
    assert nodes.two.history(run_id)[0]["eventTimestamp"] == nodes.clock.now_ms() / 1000 + YEAR
    own(nodes.one, "AdvanceClock", seconds=YEAR // 2)  # without a new version of the catalog
    nodes.two.ask("SignalWorkflowExecution", workflowId="w", signalName="s")
    assert nodes.two.history(run_id)[-1]["eventTimestamp"] == nodes.clock.now_ms() / 1000 + YEAR + YEAR // 2


def test_what_one_node_has_in_flight_keeps_the_other_from_jumping(nodes: Nodes) -> None:
    own(nodes.one, "SkipClock")
    run_id = start(nodes.one)
    nodes.one.decide(timer(DAY))
    assert fired(nodes.two, run_id) == [DAY]
    start(nodes.two, "other")
    for _ in range(2):
        task = nodes.two.next_task()
        decisions = [timer(3_600)] if task["workflowExecution"]["workflowId"] == "other" else [timer(DAY)]
        nodes.run()
        assert own(nodes.one, "DescribeClock")["skippedSeconds"] == DAY
        nodes.two.call("RespondDecisionTaskCompleted", taskToken=task["taskToken"], decisions=decisions)
    nodes.run()
    assert own(nodes.one, "DescribeClock")["skippedSeconds"] == DAY + 3_600


def test_one_of_two_nodes_jumps_where_both_have_worked(nodes: Nodes) -> None:
    own(nodes.two, "SkipClock")
    run_id = start(nodes.one)
    for month in range(6):
        nodes.both[month % 2].decide(timer(30 * DAY))
        nodes.wait(1)
    nodes.one.decide(CLOSE)
    assert fired(nodes.two, run_id) == [30 * DAY * month + month - 1 for month in range(1, 7)]


def test_a_jump_that_a_dead_node_owed_is_made_by_the_other(nodes: Nodes) -> None:
    own(nodes.one, "SkipClock")
    run_id = start(nodes.one)
    token = nodes.one.next_task()["taskToken"]
    nodes.one.world.submit(
        "RespondDecisionTaskCompleted", nodes.one.tenant, taskToken=token, decisions=[timer(DAY)]
    )
    nodes.one.world.writer.step()  # recorded; this node does nothing more
    nodes.clock.advance(1_000)
    nodes.two.world.run()
    assert fired(nodes.two, run_id) == [DAY]


def test_a_frozen_domain_stays_frozen_on_both(nodes: Nodes) -> None:
    run_id = start(nodes.one)
    nodes.one.decide(timer(60))
    own(nodes.two, "FreezeClock", yes=True)
    nodes.wait(DAY)
    assert fired(nodes.one, run_id) == []
    own(nodes.one, "AdvanceClock", seconds=60)
    assert fired(nodes.two, run_id) == [60]


def test_a_batch_that_waits_for_no_lock_is_tried_again(nodes: Nodes) -> None:
    """While one node turns the clock, the calls of the other wait their turn and are answered."""
    own(nodes.one, "FreezeClock")
    own(nodes.two, "DescribeClock")
    start(nodes.two)
    with nodes.stores[0].transaction() as tx:
        (domain,) = [row.id for row in tx.clocked_domains()]
        assert tx.lock_domain(domain, exclusive=True) is not None
        answer = nodes.two.world.submit(
            "SignalWorkflowExecution", nodes.two.tenant, domain="d", workflowId="w", signalName="s"
        )
        nodes.two.world.writer.step()
        assert not answer.done
    nodes.wait(1)
    assert answer.done
    assert answer.result() is None


def test_the_runs_of_a_deleted_domain_are_no_concern_of_its_name_sake(nodes: Nodes) -> None:
    own(nodes.one, "AdvanceClock", seconds=YEAR)
    start(nodes.two)
    own(nodes.two, "DeleteDomain", force=True)
    nodes.wait(60)
    with pytest.raises(UnknownResourceFault):
        own(nodes.one, "DescribeClock")
    again = WorldFixture(nodes.one.world)
    assert own(again, "DescribeClock")["mode"] == "REAL"
