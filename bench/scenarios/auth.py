"""What access control costs: the load of `throughput` with `--auth off` and with `--auth enforce`, side by side.

Both servers get the same signed requests of one user, whose policy allows SWF's actions in one domain, and polls of one
task list.
"""

from __future__ import annotations

import json
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from bench.load import CALLS_PER_WORKFLOW, Outcome
from bench.report import Result
from bench.scenarios import Bench
from bench.scenarios.throughput import add_estimate, add_sides, described, workflows_per_second
from bench.server import run_command, workflowsvc
from bench.side_by_side import SLICES, Side, side_by_side
from bench.signing import Signer
from bench.swf import DOMAIN

MODES = ("off", "enforce")
RATIO, CALL_US = 0.75, 60.0  # the goals
IN_DOMAIN = f"arn:aws:swf:*:*:/domain/{DOMAIN}"
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "swf:*", "Resource": IN_DOMAIN},
        {
            "Effect": "Deny",
            "Action": "swf:PollFor*",
            "Resource": IN_DOMAIN,
            "Condition": {"StringNotEquals": {"swf:taskList.name": "bench"}},
        },
    ],
}


async def run(bench: Bench) -> Result:
    result = Result("auth", f"{SLICES} slices of each; {described(bench.plan)}")
    with ExitStack() as opened:
        sides = await side_by_side(
            {mode: opened_server(opened, bench, mode) for mode in MODES}, seconds=bench.plan.seconds
        )
    add_sides(result, sides, {mode: f"--auth {mode}" for mode in MODES})
    rates = sides.ratio("enforce", "off", workflows_per_second)
    add_estimate(result, "complete workflows, enforce to off", rates, "", at_least=RATIO)
    added = sides.difference("enforce", "off", cpu_us_per_call)
    add_estimate(result, "server CPU of a call, more with enforce", added, "µs", at_most=CALL_US)
    return result


def opened_server(opened: ExitStack, bench: Bench, mode: str) -> Side:
    store = opened.enter_context(bench.fresh_store())
    folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="bench-auth-")))
    key_file = folder / "master.key"
    signer = make_user(bench, store, folder, key_file)
    settings = {"WORKFLOWSVC_AUTH": mode, "WORKFLOWSVC_MASTER_KEY_FILE": str(key_file)}
    server = opened.enter_context(workflowsvc(store, code=bench.code, settings=settings))
    return Side(server, replace(bench.plan, signer=signer))


def cpu_us_per_call(outcome: Outcome) -> float:
    return outcome.server_cpu_ms_per_workflow * 1e3 / CALLS_PER_WORKFLOW


def make_user(bench: Bench, store: str, folder: Path, key_file: Path) -> Signer:
    """In the store, before its server starts."""
    policy = folder / "policy.json"
    policy.write_text(json.dumps(POLICY))

    def access(*words: str) -> str:
        return run_command("access", *words, code=bench.code, folder=folder)

    on_store = ("--store", store, "--master-key-file", str(key_file))
    access("master-key", str(key_file))
    access("policy", "put", "bench", str(policy), *on_store)
    access("user", "create", "bench", "--policy", "bench", *on_store)
    key = dict(line.split("=", 1) for line in access("key", "create", "bench", *on_store).splitlines())
    return Signer(key["AWS_ACCESS_KEY_ID"], key["AWS_SECRET_ACCESS_KEY"])
