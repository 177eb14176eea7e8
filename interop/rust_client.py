"""The AWS SDK for Rust: a decider loop and a worker loop in one Rust program lead runs to their end.

Owns building and starting it; the program is in interop/rust, and interop/orders.py checks its histories.
"""

from __future__ import annotations

import re

from interop.install import HERE, rust_program
from interop.orders import lead_orders
from interop.outcome import say
from interop.server import Server

FOLDER = HERE / "rust"
DOMAIN = "rust"


def prepare() -> None:
    """Fetch the SDK as Cargo.lock.in says and build interop/rust/target/debug/orders."""
    rust_program(FOLDER)
    for version in re.findall(
        r'^aws-sdk-swf = .*"=(\S+)"', (FOLDER / "Cargo.toml").read_text(), re.MULTILINE
    ):
        say(f"  aws-sdk-swf {version}")


def drive(server: Server) -> str:
    """Run the program and check the histories it must have made."""
    return lead_orders(server, [str(rust_program(FOLDER))], FOLDER, DOMAIN)
