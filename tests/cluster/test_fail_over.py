"""A fail-over to a real standby: with synchronous replication, all that was acknowledged is there afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from tests.cluster.conftest import Run
from tests.cluster.domain_fixture import DomainFixture
from tests.cluster.nodes import Node
from tests.postgres.pair import Pair, running_pair
from tests.support.peer import Refused
from tests.support.tcp_proxy import BlockingTcpProxy
from tests.support.waiting import PATIENCE_SECONDS, until

CALLERS = 6


@pytest.fixture
def pair() -> Iterator[Pair]:
    with running_pair() as pair:
        yield pair


@pytest.fixture
def proxy(pair: Pair) -> Iterator[BlockingTcpProxy]:
    with closing(BlockingTcpProxy(pair.primary.port)) as proxy:
        yield proxy


@pytest.fixture
def node(pair: Pair, proxy: BlockingTcpProxy, start_nodes: Run) -> Node:
    """It finds the primary behind the proxy, and the standby when that has taken over."""
    hosts = f"127.0.0.1:{proxy.port},127.0.0.1:{pair.standby.port}"
    (node,) = start_nodes("", dsn=f"postgresql://workflowsvc@{hosts}/postgres")
    return node


def test_nothing_that_was_acknowledged_is_lost(pair: Pair, proxy: BlockingTcpProxy, node: Node) -> None:
    """The standby goes away first. The connection to the primary is lost while commits wait, and the primary dies."""
    on = DomainFixture([node])
    acknowledged = {f"before{number}": on.start(0, f"before{number}") for number in range(5)}
    refused: list[str] = []

    def attempt(number: int) -> None:
        try:
            acknowledged[f"later{number}"] = on.start(0, f"later{number}")
            on.ask(
                0, "SignalWorkflowExecution", workflowId=f"before{number % 5}", signalName=f"later{number}"
            )
        except Refused as fault:
            refused.append(str(fault))

    pair.standby.stop()
    with ThreadPoolExecutor(CALLERS) as callers:
        calls = [callers.submit(attempt, number) for number in range(CALLERS)]
        pair.await_waiting()
        proxy.cut()
        for call in calls:
            call.result(PATIENCE_SECONDS)
    assert refused == ["ServiceUnavailable"] * CALLERS
    pair.fail_over()

    def serves() -> bool:
        try:
            acknowledged["after"] = on.start(0, "after")
        except Refused as fault:
            return str(fault) != "ServiceUnavailable"  # any other fails the test below
        return True

    until(serves, "the node serves again")
    assert "after" in acknowledged
    for execution in acknowledged.values():
        on.ask(0, "DescribeWorkflowExecution", execution=execution)
    on.start(0, "later0")  # it was committed on the old primary alone
