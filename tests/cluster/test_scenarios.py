"""Scenarios of tests/histories happen as they are written when the calls alternate between two nodes on PostgreSQL.

`make test` plays those that it does not play on a single node on PostgreSQL; `make soak-postgres` plays all.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.cluster.two_nodes import TwoNodes
from tests.postgres.places import Place, empty, new_place
from tests.postgres.test_scenarios import ALL, PLAIN
from tests.scenario import runner
from tests.scenario.runner import ScenarioSettings
from workflowsvc.engine.multi_node import MultiNode
from workflowsvc.settings import Settings
from workflowsvc.store.postgres import low_watermarks
from workflowsvc.tenant import Tenant
from workflowsvc.testing.scenarios import language
from workflowsvc.testing.scenarios.language import Scenario

YEAR_MS = 366 * 86_400_000
RUN = {
    "workflowType": {"name": "t", "version": "1"},
    "taskList": {"name": "l"},
    "taskStartToCloseTimeout": "60",
    "executionStartToCloseTimeout": "60",
    "childPolicy": "TERMINATE",
}
SCENARIOS = [scenario for path in runner.files() for scenario in language.read(path)]
PLAYED = SCENARIOS if ALL else [scenario for scenario in SCENARIOS if scenario not in PLAIN]


@pytest.fixture(scope="module")
def place() -> Place:
    return new_place()


@pytest.fixture(autouse=True)
def polls_the_store_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """Polling the store each second of the years that pass in scenarios would take too long, and hints are never lost
    here. No real time passes in which low watermarks could expire, so each look is a full one.
    """
    monkeypatch.setattr(MultiNode, "poll_store_ms", YEAR_MS)
    monkeypatch.setattr(low_watermarks, "FULL_LOOK_MS", 0)


@pytest.fixture
def emptied(place: Place) -> Iterator[Place]:
    yield place
    empty(place)


@pytest.mark.parametrize("scenario", PLAYED, ids=[scenario.name for scenario in PLAYED])
def test_it_happens_as_written_on_two_nodes(scenario: Scenario, emptied: Place) -> None:
    def nodes(wanted: ScenarioSettings) -> TwoNodes:
        return TwoNodes(wanted, emptied)

    answers = runner.play(scenario, nodes)
    different = runner.differences(scenario, answers)
    assert not different, different


def test_a_node_detects_other_nodes_by_the_rows_that_they_have_written(emptied: Place) -> None:
    nodes, tenant = TwoNodes(ScenarioSettings(Settings(), functions_answer=False), emptied), Tenant()
    first, second = (world.state.coordination for world in reversed(nodes.worlds))  # as calls reach them
    signal = {"domain": "d", "workflowId": "w", "signalName": "s"}
    with closing(nodes):
        nodes.call("RegisterDomain", tenant, {"name": "d", "workflowExecutionRetentionPeriodInDays": "1"})
        nodes.call("RegisterWorkflowType", tenant, {"domain": "d", "name": "t", "version": "1"})
        nodes.call("StartWorkflowExecution", tenant, {"domain": "d", "workflowId": "w", **RUN})
        assert (first.peers_seen_at, second.peers_seen_at) == (0, 0)
        nodes.call("SignalWorkflowExecution", tenant, signal)
        assert (first.peers_seen_at, second.peers_seen_at) == (0, nodes.now_ms)
        nodes.call("SignalWorkflowExecution", tenant, signal)
        assert (first.peers_seen_at, second.peers_seen_at) == (nodes.now_ms, nodes.now_ms)
