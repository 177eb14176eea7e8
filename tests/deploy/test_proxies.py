"""deploy/haproxy.cfg and deploy/nginx.conf: the programs accept them, and a poll through them is held, and ends as it
must.

One of the two nodes is not there, so calls reach the other one only because the proxy passes them on.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from interop.server import running_server
from tests.http import certificates
from tests.support.waiting import until
from tests.test_tidy import ROOT
from tools.ports import HOST, free_port
from workflowsvc.service.own.actions import TARGET_PREFIX
from workflowsvc.settings import Settings

LIST = {"name": "deciders"}
Changes = dict[str, str]


def program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip(f"there is no {name} on this machine")
    return found


def written(name: str, folder: Path, changes: Changes) -> Path:
    """The file with each text changed, which must be there."""
    text = (ROOT / "deploy" / name).read_text()
    for old, new in changes.items():
        assert old in text, f"deploy/{name} no longer has {old!r}"
        text = text.replace(old, new)
    place = folder / name
    place.write_text(text)
    return place


def haproxy(folder: Path, changes: Changes) -> tuple[list[str], list[str]]:
    """The commands that check the file and that run it."""
    files = certificates.make(folder)
    both = folder / "both.pem"
    both.write_bytes(files.certificate.read_bytes() + files.key.read_bytes())
    changes = changes | {"/etc/haproxy/workflowsvc.pem": str(both), "maxconn 20000": "maxconn 200"}
    place = written("haproxy.cfg", folder, changes)
    command = [program("haproxy"), "-f", str(place)]
    return [*command, "-c"], [*command, "-db"]


def nginx(folder: Path, changes: Changes) -> tuple[list[str], list[str]]:
    files = certificates.make(folder)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"    {kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    changes = changes | {
        "/etc/nginx/workflowsvc.pem": str(files.certificate),
        "/etc/nginx/workflowsvc.key": str(files.key),
        "http {\n": f"http {{\n    access_log off;\n{places}",
    }
    place = written("nginx.conf", folder, changes)
    settings = f"daemon off; pid {folder}/pid; error_log stderr;"
    command = [program("nginx"), "-e", "stderr", "-c", str(place), "-g", settings]
    return [*command, "-t"], command


PROXIES = pytest.mark.parametrize("proxy", [haproxy, nginx])
Proxy = Callable[[Path, Changes], tuple[list[str], list[str]]]


@PROXIES
def test_the_file_as_it_is_is_accepted(proxy: Proxy, tmp_path: Path) -> None:
    check, _ = proxy(tmp_path, {})
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    warnings = [line for line in done.stderr.splitlines() if "warn" in line.lower()]
    assert not [line for line in warnings if "maxconn" not in line and "worker_rlimit" not in line]


@contextmanager
def proxied(proxy: Proxy, folder: Path) -> Iterator[tuple[Any, Callable[[], int]]]:
    """A client of the proxy, which stands before a server and a node that is not there; and how many polls wait on the
    server."""
    port = free_port()
    with running_server(folder, "--trusted-proxies", HOST) as server:
        address = server.endpoint.removeprefix("http://")
        listen = {haproxy: "bind :443", nginx: "listen 443"}[proxy]
        nodes = {"10.0.0.11:8888": f"{HOST}:{free_port()}", "10.0.0.12:8888": address}
        there = listen.replace(":443", "443").replace("443", f"{HOST}:{port}")
        _, command = proxy(folder, nodes | {listen: there})
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            client = client_of(f"https://localhost:{port}", folder)
            until(lambda: answers(client, process), "the proxy answers", pause_seconds=0.05)
            yield client, partial(waiting_polls, server.endpoint)
        finally:
            process.terminate()
            process.wait()


def client_of(endpoint: str, folder: Path, read_timeout: float = 75.0) -> Any:
    return boto3.client(
        "swf",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        verify=str(folder / "server.pem"),
        config=Config(retries={"total_max_attempts": 1}, read_timeout=read_timeout),
    )


def waiting_polls(endpoint: str) -> int:
    body = json.dumps({"domain": "d", "kind": "DECISION", "taskList": LIST}).encode()
    headers = {
        "X-Amz-Target": f"{TARGET_PREFIX}.DescribeTaskList",
        "Content-Type": "application/x-amz-json-1.0",
    }
    with urllib.request.urlopen(urllib.request.Request(endpoint, body, headers)) as answer:
        return sum(poller["waitingPolls"] for poller in json.load(answer)["pollers"])


def answers(client: Any, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "the proxy has ended"
    try:
        client.list_domains(registrationStatus="REGISTERED")
    except Exception:
        return False
    return True


@PROXIES
def test_a_poll_is_held_and_a_client_that_leaves_takes_no_task_with_it(proxy: Proxy, tmp_path: Path) -> None:
    with proxied(proxy, tmp_path) as (swf, waiting_polls):
        swf.register_domain(name="d", workflowExecutionRetentionPeriodInDays="1")
        swf.register_workflow_type(
            domain="d",
            name="w",
            version="1",
            defaultTaskList=LIST,
            defaultTaskStartToCloseTimeout="NONE",
            defaultExecutionStartToCloseTimeout="60",
            defaultChildPolicy="TERMINATE",
        )
        impatient = client_of(swf.meta.endpoint_url, tmp_path, read_timeout=0.2)
        for _ in range(3):
            with pytest.raises(Exception, match="Read timeout"):
                impatient.poll_for_decision_task(domain="d", taskList=LIST)
        until(lambda: waiting_polls() == 0, "the node knows that its clients have left")

        with ThreadPoolExecutor(1) as thread:
            poll = thread.submit(swf.poll_for_decision_task, domain="d", taskList=LIST)
            until(lambda: waiting_polls() == 1, "a poll waits")
            started = client_of(swf.meta.endpoint_url, tmp_path).start_workflow_execution(
                domain="d", workflowId="w", workflowType={"name": "w", "version": "1"}
            )
            assert poll.result()["workflowExecution"]["runId"] == started["runId"]


def test_the_proxies_wait_longer_than_a_poll_is_held() -> None:
    texts = [(ROOT / "deploy" / name).read_text() for name in ("haproxy.cfg", "nginx.conf")]
    waits = re.findall(
        r"^ *(?:timeout (?:client|server)|proxy_read_timeout) +(\d+)s;?$", "".join(texts), re.MULTILINE
    )
    assert len(waits) == 3
    assert min(map(int, waits)) > Settings().long_poll_seconds + 5
