"""deploy/patroni.yml: Patroni's own validator accepts it, and its times keep the rule that Patroni has for them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster import patroni
from tools import postgres


@pytest.fixture
def programs() -> patroni.Programs:
    if (found := patroni.find_programs()) is None:
        pytest.skip("patroni, patronictl, etcd and PostgreSQL are not all on this machine")
    return found


def test_patroni_accepts_the_file(programs: patroni.Programs, tmp_path: Path) -> None:
    """With places of this machine, as it looks whether they are there."""
    if postgres.server_account():
        for place in (tmp_path, *tmp_path.parents):
            if place.owner() == "root" and place != Path("/tmp"):
                place.chmod(place.stat().st_mode | 0o055)
    member = patroni.Member("a", tmp_path, programs)
    with patroni.running_etcd(programs, tmp_path) as etcd_port:
        file = member.write_file(etcd_port)
        done = subprocess.run(
            [programs.patroni, "--validate-config", str(file)],
            cwd=member.folder,
            env=os.environ,
            capture_output=True,
            text=True,
            check=False,
            **postgres.server_account(),
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "failed" not in done.stdout + done.stderr


def test_its_times_and_modes_are_those_that_the_page_speaks_of() -> None:
    read: dict[str, Any] = yaml.safe_load(patroni.FILE.read_text())
    dcs = read["bootstrap"]["dcs"]
    assert dcs["ttl"] >= dcs["loop_wait"] + 2 * dcs["retry_timeout"]
    assert dcs["synchronous_mode"] is True
    assert dcs["synchronous_mode_strict"] is True
    assert {"data-checksums"} <= {each for each in read["bootstrap"]["initdb"] if isinstance(each, str)}
