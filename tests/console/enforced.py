"""A real server that holds calls against access keys, with its console, and a user with a key.

Owns how the first key is made and the settings that this takes.
"""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from tests.support.server import HOST, ROOT, Server, free_port


class Key(NamedTuple):
    id: str
    secret: str


class Enforced(NamedTuple):
    server: Server
    console: str
    """Its address."""
    key: Key
    store: list[str]
    """Options of `workflowsvc access`, while the server is stopped."""


def access(store: list[str], *words: str) -> str:
    """What `workflowsvc access` prints."""
    command = [sys.executable, "-m", "workflowsvc", "access", *words, *store]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def make_key(store: list[str], user: str, policy: str) -> Key:
    access(store, "user", "create", user, "--policy", policy)
    lines = dict(line.split("=", 1) for line in access(store, "key", "create", user).splitlines())
    return Key(lines["AWS_ACCESS_KEY_ID"], lines["AWS_SECRET_ACCESS_KEY"])


@asynccontextmanager
async def enforced_server(
    folder: Path, *, policy: str = "SwfFullAccess", **settings: str
) -> AsyncGenerator[Enforced]:
    """It has ended, without a bug in its log, when the block is left."""
    master = folder / "master.key"
    master.write_bytes(base64.b64encode(os.urandom(32)))
    master.chmod(0o600)
    port = free_port()
    server = Server(
        folder,
        {"auth": "enforce", "master_key_file": str(master), "console_port": str(port), **settings},
    )
    store = ["--store", f"sqlite:{server.file}", "--master-key-file", str(master)]
    key = make_key(store, "ann", policy)
    try:
        await server.start()
        scheme = "https" if "tls_certificate" in settings else "http"
        yield Enforced(server, f"{scheme}://{HOST}:{port}", key, store)
        assert await server.stop() == 0
        assert not server.bugs_in_log()
        assert key.secret not in server.said()
    finally:
        await server.end()
