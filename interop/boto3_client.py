"""boto3: every paginator and a life cycle, in this process with the project's own boto3."""

from __future__ import annotations

import boto3

from interop import boto3_life_cycle, boto3_paging
from interop.outcome import say
from interop.server import Server


def prepare() -> None:
    """Nothing to install: boto3 belongs to the project's environment."""
    say(f"  boto3 {boto3.__version__}")


def drive(server: Server) -> str:
    """Run every check of both programs in two domains."""
    client = server.client()
    boto3_paging.furnish(client, "paging")
    for check in boto3_paging.PAGINATORS:
        say(f"  paginator {check.__name__}: {check(client, 'paging')}")
    boto3_life_cycle.furnish(client, "life")
    for check in boto3_life_cycle.LIFE_CYCLES:
        say(f"  {check.__name__}: {check(client, 'life')}")
    return f"{len(boto3_paging.PAGINATORS)} paginators, {len(boto3_life_cycle.LIFE_CYCLES)} life cycles"
