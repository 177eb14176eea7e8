"""The AWS SDK for JavaScript v3: a decider loop and a worker loop in one Node program lead runs to their end.

Owns starting Node; the program is interop/javascript/life_cycle.mjs, and interop/orders.py checks its histories.
"""

from __future__ import annotations

import json

from interop import thirty_days
from interop.histories import History, attributes_of, histories_of
from interop.install import HERE, node_modules, program
from interop.orders import lead_orders
from interop.outcome import say
from interop.replaying import replay, require_changes_caught
from interop.server import Server

FOLDER = HERE / "javascript"
DOMAIN = "javascript"
DECIDED = ("order-1", "parcel of order-1")  # the runs that its decider loop leads


def prepare() -> None:
    """Install the SDK from its lock into interop/javascript/node_modules."""
    package = node_modules(FOLDER) / "@aws-sdk" / "client-swf" / "package.json"
    say(f"  @aws-sdk/client-swf {json.loads(package.read_text())['version']}")


def drive(server: Server) -> str:
    """Run the program and check the histories it must have made; then a test with a timer of 30 days."""
    command = [program("node"), "life_cycle.mjs"]
    said = lead_orders(server, command, FOLDER, DOMAIN)
    # The program answers the other orders by hand.
    runs = [run for run in histories_of(server.client(), DOMAIN) if run.workflow_id in DECIDED]
    replayed = replay(server, runs, [*command, "decide"], folder=FOLDER)
    first, _, third, *_ = completions(runs[0])
    caught = require_changes_caught(
        server,
        runs[0],
        [*command, "decide"],
        {
            "order": (
                third,
                "the order differs: decision 1 was StartTimer pause and is RecordMarker charged now",
            ),
            "missing": (first, "decision 1, ScheduleActivityTask charge-1 charge, is missing now"),
            "input": (first, "decision 1, ScheduleActivityTask charge-1 charge, differs in input"),
        },
        FOLDER,
    )
    return said + replayed + caught + thirty_days.javascript(server)


def completions(run: History) -> list[int]:
    """The events behind which decisions are recorded."""
    return sorted({
        attributes["decisionTaskCompletedEventId"]
        for attributes in map(attributes_of, run.events)
        if "decisionTaskCompletedEventId" in attributes
    })  # fmt: skip
