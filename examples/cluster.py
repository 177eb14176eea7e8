"""Three nodes on one PostgreSQL, in a minute: the samples, then an execution that survives the loss of a node.

    make cluster

Starts a PostgreSQL of its own in a temporary folder, three nodes on free ports and a proxy that sends each call to the
next node. Removes all of it at the end, also after a failure or Ctrl-C. The exit status is 0 only if everything
happened as expected.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import quiet  # noqa: F401
from service import Service
from story import EXAMPLES, SAMPLES, chapter, point_clients_at, run_samples, stop, tell, tell_story
from support import Surprise, company, history_of, print_history, wait_until, wait_until_closed

sys.path.append(str(EXAMPLES.parent))  # the root of the project, for tools/

from tools import postgres
from tools.balancer import Balancer, balancing

NODES = 3
FAREWELL = """Now on machines of your own:

    workflowsvc serve --store postgresql://…              # on each of them, behind any load balancer

docs/postgresql.md says more."""


def story(afterwards: ExitStack) -> None:
    folder = Path(afterwards.enter_context(tempfile.TemporaryDirectory(prefix="workflowsvc-cluster-")))
    try:
        database = afterwards.enter_context(postgres.running(durable=True))
    except (postgres.NoPostgres, RuntimeError) as reason:
        raise Surprise(str(reason)) from reason
    nodes = [Service(database.dsn(), log=folder / f"node{number}.log") for number in range(1, NODES + 1)]
    for node in nodes:
        afterwards.callback(node.stop)
        node.start()
    balancer = afterwards.enter_context(balancing([node.url for node in nodes]))
    point_clients_at(balancer.url)
    chapter(1, f"{NODES} nodes are up behind {balancer.url}. All their data is in one PostgreSQL.")
    for number, node in enumerate(nodes, start=1):
        tell(f"node {number}: process {node.pid}, {node.url}")
    tell(f"PostgreSQL: process {database.pid}, {database.dsn()}")
    run_samples(2)
    chapter(len(SAMPLES) + 2, "An execution that survives the loss of a node.  (examples/node_loss.py)")
    survivors = lose_a_node(nodes, balancer, folder / "a node is gone")
    chapter(len(SAMPLES) + 3, "An audit of the database.")
    for node in survivors:
        stop(node)
    tell("The other nodes have stopped with exit status 0. workflowsvc fsck reports:")
    audit(database.dsn())


def lose_a_node(nodes: list[Service], balancer: Balancer, sign: Path) -> list[Service]:
    """Kills the node that gave the worker its task, with a decision task and a timer open too. The other nodes."""
    import crash as parcel  # imported late: it makes its client from AWS_ENDPOINT_URL_SWF
    import node_loss

    os.environ[node_loss.NODE_IS_GONE] = str(sign)
    parcel.register()
    balancer.answered_by.clear()
    with company(str(EXAMPLES / "node_loss.py"), "decider", "worker"):
        execution, before = parcel.start_until_all_is_in_flight()
        tell(f"{execution['workflowId']} has an open activity task, an open decision task and an open timer.")
        wait_until(lambda: "RecordActivityTaskHeartbeat" in balancer.answered_by, "the worker is at work")
        victim, survivors = parted(nodes, balancer.answered_by["PollForActivityTask"])
        number, pid = nodes.index(victim) + 1, victim.pid
        victim.kill()
        if victim.listens():
            raise Surprise(f"something still listens at {victim.url}")
        sign.touch()
        tell(f"kill -9 {pid}: node {number} is dead. It had given the worker its task.")
        try:
            wait_until_closed(parcel.swf, execution)
        finally:
            after = history_of(parcel.swf, execution)
            print_history(
                f"{execution['workflowId']}, across the loss of node {number}",
                after,
                line_after=len(before),
                line=f" here node {number} was killed; it is not started again ",
            )
    parcel.expect_survival(before, after)
    if not balancer.passed_over:
        raise Surprise("no call has tried to reach the dead node")
    tell("")
    tell(
        f"Events 1 to {len(before)} are unchanged. The other nodes fired the timer and accepted the answers of the"
    )
    tell(
        f"worker and the decider with their task tokens. The proxy tried the dead node {balancer.passed_over} times and"
    )
    tell("then sent these calls to the next one. Nothing was lost.")
    return survivors


def parted(nodes: list[Service], url: str) -> tuple[Service, list[Service]]:
    """The node at this address, and the others."""
    [node] = [node for node in nodes if node.url == url]
    return node, [other for other in nodes if other is not node]


def audit(dsn: str) -> None:
    """Surprise when the audit finds a problem in the database."""
    command = [sys.executable, "-m", "workflowsvc", "fsck", "--store", dsn]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    tell(done.stdout.strip() or done.stderr.strip())
    if done.returncode:
        raise Surprise(f"workflowsvc fsck ended with exit status {done.returncode}")


if __name__ == "__main__":
    tell_story("cluster", story, FAREWELL)
