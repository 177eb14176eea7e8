"""A running server of our own for one client: `with running_server(folder) as server: …`.

Owns the life of one `workflowsvc serve` process on a free port of 127.0.0.1, with a SQLite file unless another store is
named, and the environment that points a client at it. Must not know what the clients do.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import boto3
from botocore.config import Config

from interop.outcome import Failed, require_equal, say

START_SECONDS = STOP_SECONDS = 120.0  # about 1 on an idle machine
BANNER = re.compile(r"http://127\.0\.0\.1:[0-9]+")
REGION = "us-east-1"


class Key(NamedTuple):
    """An access key, as clients are given it."""

    id: str
    secret: str


ANY_KEY = Key("local", "local")  # anything but twelve digits means the default account


class Server(NamedTuple):
    """Where a running server can be reached, by which key, and where it keeps what it prints and stores."""

    endpoint: str
    folder: Path
    key: Key = ANY_KEY

    def environment(self) -> dict[str, str]:
        """This process's environment, with every AWS setting replaced by those that lead to this server."""
        return client_environment(self.endpoint, self.key)

    def client(self) -> Any:
        """A boto3 client of this server, for checking what another client left behind."""
        return boto3_client(self.endpoint, self.key)


def client_environment(endpoint: str, key: Key = ANY_KEY) -> dict[str, str]:
    """The environment that sends an unmodified AWS client to `endpoint` and nowhere else."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return kept | {
        "AWS_ENDPOINT_URL_SWF": endpoint,
        "AWS_ACCESS_KEY_ID": key.id,
        "AWS_SECRET_ACCESS_KEY": key.secret,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,  # the JavaScript and Java SDKs read only this one
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_PAGER": "",  # version 2 of the CLI would wait in a pager
        # Profiles of the developer must not change what is tested.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def boto3_client(endpoint: str, key: Key = ANY_KEY) -> Any:
    """A boto3 client of the service at `endpoint` whose read time-out is longer than a long poll.

    botocore's own read timeout of 60 s equals the poll's (SWF §16.4), hence 75; no retries, so that
    every answer is seen as the server gave it.
    """
    return boto3.client(
        "swf",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=key.id,
        aws_secret_access_key=key.secret,
        config=Config(read_timeout=75, retries={"total_max_attempts": 1}),
    )


@contextmanager
def running_server(
    folder: Path, *options: str, store: str | None = None, key: Key = ANY_KEY
) -> Iterator[Server]:
    """Run `workflowsvc serve` on `store`, or with its database in `folder`, for a block, then see it stop cleanly.

    `key`: the one that clients are to use; with `--auth enforce` it must exist (`enforcing_server`).
    """
    command = [serve_program(), "serve", "--host", "127.0.0.1", "--port", "0", *options]
    # In a variable: all users of the machine can read command lines.
    environment = {**os.environ, "WORKFLOWSVC_STORE": store or store_in(folder)}
    log = folder / "server.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, cwd=folder, env=environment
        )
    banner = Banner(process)
    try:
        yield Server(banner.endpoint(log), folder, key)
    except BaseException:
        process.kill()
        process.wait()
        say("  the server's last words:\n" + log.read_text(errors="replace")[-3000:])
        raise
    stop(process, log)


@contextmanager
def enforcing_server(folder: Path) -> Iterator[Server]:
    """The same with `--auth enforce`, for a client whose user may call every action of SWF and no other."""
    key_file = str(folder / "master.key")
    key = make_key(folder, key_file)
    with running_server(folder, "--auth", "enforce", "--master-key-file", key_file, key=key) as server:
        yield server


def make_key(folder: Path, key_file: str) -> Key:
    """A master key, and the key of a new user, in the database that a server will have."""

    def access(*words: str) -> str:
        command = [serve_program(), "access", *words]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout

    on_store = ("--store", store_in(folder), "--master-key-file", key_file)
    policy = folder / "policy.json"
    statement = {"Effect": "Allow", "Action": "swf:*", "Resource": "*"}
    policy.write_text(json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    access("master-key", key_file)
    access("policy", "put", "client", str(policy), *on_store)
    access("user", "create", "client", "--policy", "client", *on_store)
    made = access("key", "create", "client", "--json", *on_store)
    key = json.loads(made)
    return Key(key["accessKeyId"], key["secretAccessKey"])


def store_in(folder: Path) -> str:
    """The SQLite file of the server that keeps its data in this folder."""
    return f"sqlite:{folder / 'interop.db'}"


def serve_program() -> str:
    """The `workflowsvc` command that belongs to this Python, else the one on the path."""
    beside = Path(sys.executable).with_name("workflowsvc")
    found = str(beside) if beside.exists() else shutil.which("workflowsvc")
    if found is None:
        raise Failed("no workflowsvc command beside this Python nor on the path: run `make venv`")
    return found


def stop(process: subprocess.Popen[bytes], log: Path) -> None:
    """Stop the server as a service manager would; it must end by itself and with exit code 0."""
    process.send_signal(signal.SIGTERM)
    try:
        code = process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise Failed(f"the server did not stop within {STOP_SECONDS:.0f} s of SIGTERM; see {log}") from None
    require_equal(code, 0, "exit code of the server after SIGTERM")


class Banner:
    """Reads what the server prints: finds the address in it and keeps the pipe empty afterwards."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.text = ""
        self.address = ""
        self.settled = threading.Event()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self) -> None:
        stdout = self.process.stdout
        if stdout is not None:
            with stdout:
                for line in stdout:
                    self.notice(line.decode(errors="replace"))
        self.settled.set()

    def notice(self, line: str) -> None:
        if self.settled.is_set():
            return
        self.text += line
        match = BANNER.search(line)
        if match:
            self.address = match.group()
            self.settled.set()

    def endpoint(self, log: Path) -> str:
        """The address from the banner; a failure if the server ends or stays silent instead."""
        self.settled.wait(START_SECONDS)
        if not self.address:
            raise Failed(
                f"no address in the banner; exit code {self.process.poll()}, printed {self.text!r}, "
                f"errors: {log.read_text(errors='replace')[-2000:]}"
            )
        return self.address
