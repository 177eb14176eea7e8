"""The AWS SDK for JavaScript v3: a decider loop and a worker loop in one Node program lead runs to their end.

Owns starting Node; the program is interop/javascript/life_cycle.mjs, and interop/orders.py checks its histories.
"""

from __future__ import annotations

import json

from interop.install import HERE, node_modules, program
from interop.orders import lead_orders
from interop.outcome import say
from interop.server import Server

FOLDER = HERE / "javascript"
DOMAIN = "javascript"


def prepare() -> None:
    """Install the SDK from its lock into interop/javascript/node_modules."""
    package = node_modules(FOLDER) / "@aws-sdk" / "client-swf" / "package.json"
    say(f"  @aws-sdk/client-swf {json.loads(package.read_text())['version']}")


def drive(server: Server) -> str:
    """Run the program and check the histories it must have made."""
    return lead_orders(server, [program("node"), "life_cycle.mjs"], FOLDER, DOMAIN)
