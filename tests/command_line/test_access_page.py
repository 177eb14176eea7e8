"""docs/access.md: its commands work in the order in which they stand there, and its worker can only work."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from interop.server import REGION, running_server

PAGE = Path(__file__).resolve().parents[2] / "docs" / "access.md"
BLOCK = re.compile(r"^```(sh)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NO_LONGER_A_KEY = {"InvalidSignatureException", "UnrecognizedClientException"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the commands of the page were run, once for all tests; `said` holds what they printed."""
    folder = tmp_path_factory.mktemp("page")
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    done = shell(folder, "".join(text for kind, text in blocks if kind))
    assert done.returncode == 0, done.stderr
    (folder / "said").write_text(done.stdout)
    return folder


def shell(folder: Path, script: str, **more: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "SWF_", "WORKFLOWSVC_"))}
    start = f'set -eu\nworkflowsvc() {{ "{sys.executable}" -m workflowsvc "$@"; }}\n'
    command = ["bash", "-c", start + script]
    return subprocess.run(command, cwd=folder, env=kept | more, capture_output=True, text=True, check=False)


def key_in(folder: Path, name: str) -> dict[str, str]:
    """What the page has written for a shell."""
    text = (folder / f"{name}.env").read_text()
    assert re.fullmatch(r"AWS_ACCESS_KEY_ID=AKIA\w{16}\nAWS_SECRET_ACCESS_KEY=\S{40}\n", text)
    return dict(line.split("=", 1) for line in text.splitlines())


def test_the_commands_of_the_page_print_what_it_says(folder: Path) -> None:
    said = (folder / "said").read_text()
    expected = next(text for _, text in BLOCK.findall(PAGE.read_text()) if text.startswith("allowed: "))
    assert expected in said
    assert "2 secrets were encrypted anew" in said
    assert (folder / "access.json").exists()


def test_the_worker_of_the_page_can_work_and_nothing_else_until_its_key_is_disabled(folder: Path) -> None:
    options = (
        "--auth",
        "enforce",
        "--master-key-file",
        str(folder / "new.key"),
        "--long-poll-seconds",
        "0.1",
    )
    with running_server(folder, *options, store=f"sqlite:{folder / 'workflowsvc.db'}") as server:
        admin, mailer = (client(server.endpoint, key_in(folder, name)) for name in ("admin", "mailer"))
        admin.register_domain(name="orders", workflowExecutionRetentionPeriodInDays="1")
        mailer.poll_for_activity_task(domain="orders", taskList={"name": "mail"})
        assert refusal(mailer.list_domains, registrationStatus="REGISTERED") == "AccessDeniedException"
        polls_other = {"domain": "orders", "taskList": {"name": "other"}}
        assert refusal(mailer.poll_for_activity_task, **polls_other) == "AccessDeniedException"
        forger = client(server.endpoint, key_in(folder, "mailer") | {"AWS_SECRET_ACCESS_KEY": "wrong"})
        assert refusal(forger.list_domains, registrationStatus="REGISTERED") == "InvalidSignatureException"

        key_id = key_in(folder, "mailer")["AWS_ACCESS_KEY_ID"]
        as_admin = {"AWS_ENDPOINT_URL_SWF": server.endpoint, "AWS_REGION": REGION}
        script = f"set -a; . ./admin.env; set +a\nworkflowsvc access key disable mailer {key_id}\n"
        disabled = shell(folder, script + "workflowsvc access user list\n", **as_admin)
        assert disabled.returncode == 0, disabled.stderr
        assert "mailer" in disabled.stdout
        polls_mail = {"domain": "orders", "taskList": {"name": "mail"}}
        assert refusal(mailer.poll_for_activity_task, **polls_mail) in NO_LONGER_A_KEY
    log = (folder / "server.log").read_text()
    assert '"event": "access-change"' in log
    assert f'"updatedAccessKeyId": "{key_id}"' in log
    for name in ("admin", "mailer"):
        assert key_in(folder, name)["AWS_SECRET_ACCESS_KEY"] not in log


def client(endpoint: str, key: dict[str, str]) -> Any:
    return boto3.client(
        "swf",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=key["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=key["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"total_max_attempts": 1}),
    )


def refusal(call: Any, **members: Any) -> str:
    """The code of the fault that the call is refused with."""
    with pytest.raises(ClientError) as caught:
        call(**members)
    return str(caught.value.response["Error"]["Code"])
