"""The AWS SDK for JavaScript v3: a decider loop and a worker loop in one Node program lead runs to their end.

Owns starting Node; the program is interop/javascript/life_cycle.mjs, and interop/orders.py checks its histories.
"""

from __future__ import annotations

import json

from interop.histories import histories_of
from interop.install import HERE, node_modules, program
from interop.orders import lead_orders
from interop.outcome import say
from interop.replaying import replay
from interop.server import Server

FOLDER = HERE / "javascript"
DOMAIN = "javascript"
DECIDED = ("order-1", "parcel of order-1")  # the runs that its decider loop leads


def prepare() -> None:
    """Install the SDK from its lock into interop/javascript/node_modules."""
    package = node_modules(FOLDER) / "@aws-sdk" / "client-swf" / "package.json"
    say(f"  @aws-sdk/client-swf {json.loads(package.read_text())['version']}")


def drive(server: Server) -> str:
    """Run the program and check the histories it must have made."""
    command = [program("node"), "life_cycle.mjs"]
    said = lead_orders(server, command, FOLDER, DOMAIN)
    # The program answers the other orders by hand.
    runs = [run for run in histories_of(server.client(), DOMAIN) if run.workflow_id in DECIDED]
    return said + replay(server, runs, [*command, "decide"], folder=FOLDER)
