"""The AWS SDK for Go v2: a decider loop and a worker loop in one Go program lead runs to their end.

Owns building and starting it; the program is in interop/go, and interop/orders.py checks its histories.
"""

from __future__ import annotations

import re

from interop.install import HERE, go_program
from interop.orders import lead_orders
from interop.outcome import say
from interop.server import Server

FOLDER = HERE / "go"
DOMAIN = "go"


def prepare() -> None:
    """Fetch the SDK as go.sum says and build interop/go/target/orders."""
    go_program(FOLDER)
    for version in re.findall(r"aws-sdk-go-v2/service/swf v\S+", (FOLDER / "go.mod").read_text()):
        say(f"  {version}")


def drive(server: Server) -> str:
    """Run the program and check the histories it must have made."""
    return lead_orders(server, [str(go_program(FOLDER))], FOLDER, DOMAIN)
