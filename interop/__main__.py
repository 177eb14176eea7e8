"""`python -m interop [client …]` runs the clients, all of them by default, and closes with a table.

Exits with 1 when a client failed, with 0 when all passed or were skipped. Each client gets two servers of
its own, with `--auth off` and with `enforce`; when it is done, every history that it left behind is checked.
"""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from interop.histories import all_histories, require_sound
from interop.outcome import Failed, Outcome, Skipped, closing_table, require, say
from interop.server import Server, enforcing_server, running_server
from tools.guard import Guard

# name -> module with `prepare()`, which installs, and `drive(server) -> str`, which runs and checks
CLIENTS = {
    "boto3": "interop.boto3_client",
    "aws-cli": "interop.aws_cli",
    "simpleflow": "interop.simpleflow_client",
    "javascript": "interop.javascript_client",
    "java": "interop.java_client",
    "go": "interop.go_client",
    "rust": "interop.rust_client",
}

# Each client meets both: one that asks for no key, and one that holds every signature against a key.
SERVERS: dict[str, Callable[[Path], AbstractContextManager[Server]]] = {
    "auth off": running_server,
    "enforce": enforcing_server,
}


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m interop", description="Run real clients against a server."
    )
    parser.add_argument(
        "clients", nargs="*", metavar="client", help=f"any of {', '.join(CLIENTS)}; default all"
    )
    chosen = parser.parse_args(words).clients or list(CLIENTS)
    unknown = [name for name in chosen if name not in CLIENTS]
    if unknown:
        parser.error(f"no such client: {', '.join(unknown)}; there are {', '.join(CLIENTS)}")
    Guard()  # what is started here ends with this process
    outcomes = [outcome_of(name) for name in chosen]
    say()
    say(closing_table(outcomes))
    return 1 if any(outcome.verdict == "failed" for outcome in outcomes) else 0


def outcome_of(name: str) -> Outcome:
    """Try one client; the result, also an error, becomes its line of the table."""
    say(f"== {name}")
    began = time.monotonic()
    try:
        verdict, remark = "passed", attempt(name)
    except Skipped as reason:
        verdict, remark = "skipped", str(reason)
    except (Failed, subprocess.TimeoutExpired) as reason:
        verdict, remark = "failed", str(reason)
    except Exception as error:  # a client's own exception is its way of failing: show it, try the others
        traceback.print_exc()
        verdict, remark = "failed", f"{type(error).__name__}: {error}"
    say(f"  {verdict}: {remark}")
    return Outcome(name, verdict, time.monotonic() - began, remark)


def attempt(name: str) -> str:
    """Install one client, run it against servers of its own, check what it left; says what was seen."""
    client = importlib.import_module(CLIENTS[name])
    prepare: Callable[[], None] = client.prepare
    drive: Callable[[Server], str] = client.drive
    prepare()
    return "; ".join(f"{mode}: {attempt_with(SERVERS[mode], name, drive)}" for mode in SERVERS)


def attempt_with(
    start: Callable[[Path], AbstractContextManager[Server]], name: str, drive: Callable[[Server], str]
) -> str:
    """Run one client against one server."""
    with tempfile.TemporaryDirectory(prefix=f"interop-{name}-") as folder, start(Path(folder)) as server:
        said = drive(server)
        histories = all_histories(server.client())
        require(histories, "the client left no execution behind")
        events = require_sound(histories)
    return f"{said}, {len(histories)} histories of {events} events are sound"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
