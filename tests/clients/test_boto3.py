"""boto3, unmodified, against a real server: every paginator (SWF §16.4) and whole life cycles (SWF §16.5).

The programs are those of `python -m interop boto3`; here each of their checks is a test of its own.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from interop import boto3_life_cycle, boto3_paging
from interop.histories import histories_of, require_sound
from interop.server import Server
from tests.support.waiting import PATIENCE_SECONDS

Check = Callable[[Any, str], str]


@pytest.fixture(scope="module")
def furnished(client: Any) -> str:
    """A domain with enough of everything to page through."""
    boto3_paging.furnish(client, "clients-paging")
    return "clients-paging"


@pytest.mark.parametrize("check", boto3_paging.PAGINATORS, ids=lambda check: check.__name__)
def test_a_paginator_walks_its_whole_list(client: Any, furnished: str, check: Check) -> None:
    check(client, furnished)


def test_every_paginator_of_boto3_is_walked() -> None:
    session = boto3.Session(region_name="us-east-1")
    model = session.client("swf", aws_access_key_id="x", aws_secret_access_key="x").meta.service_model
    client = session.client("swf", aws_access_key_id="x", aws_secret_access_key="x")
    snake = {name: boto3_name for boto3_name, name in client.meta.method_to_api_mapping.items()}
    paginated = {snake[name] for name in model.operation_names if client.can_paginate(snake[name])}
    assert {check.__name__ for check in boto3_paging.PAGINATORS} == paginated


@pytest.mark.parametrize("check", boto3_life_cycle.LIFE_CYCLES, ids=lambda check: check.__name__)
def test_a_life_cycle_runs_to_its_end(client: Any, domain: str, check: Check) -> None:
    boto3_life_cycle.furnish(client, domain)
    check(client, domain)
    require_sound(list(histories_of(client, domain)))


def test_the_environment_alone_leads_boto3_to_the_server(server: Server) -> None:
    program = "import boto3; print(boto3.client('swf').list_domains(registrationStatus='DEPRECATED'))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=server.environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    assert "domainInfos" in done.stdout
