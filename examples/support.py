"""Shared code of the samples: a client, each role in a process of its own, and histories printed and checked.

Nothing here is special to workflowsvc: it is boto3 with the service at `AWS_ENDPOINT_URL_SWF`. The samples define the
decider, the worker and the starter; this file runs them.
"""

from __future__ import annotations

import argparse
import difflib
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import boto3
import children
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

Json = dict[str, Any]

DOMAIN = "examples"
# A sample fails when something that should take a few seconds at most has not happened in this time.
PATIENCE_SECONDS = 60.0

# What botocore raises when no server listens, or when the server dies in the middle of a call.
SERVER_IS_AWAY = (ConnectionError, HTTPClientError)


class Surprise(Exception):
    """A sample saw something unexpected. The text says what happened and what was expected."""


# ------------------------------------------------------------------------------------------- the client


def connect() -> Any:
    """A boto3 client of the service at AWS_ENDPOINT_URL_SWF; without that variable, at port 8888 of this machine."""
    os.environ.setdefault("AWS_ENDPOINT_URL_SWF", "http://127.0.0.1:8888")
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    os.environ.setdefault("AWS_ACCESS_KEY_ID", "local")
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "local")
    # A poll is held for 60 seconds, so the socket must wait longer. The loops below retry by themselves.
    return boto3.client("swf", config=Config(read_timeout=75, retries={"total_max_attempts": 1}))


def register_if_missing(register: Callable[..., Any], **arguments: Any) -> None:
    """Registers a domain or type; one that exists already is fine."""
    try:
        register(**arguments)
    except ClientError as fault:
        if fault.response["Error"]["Code"] not in ("DomainAlreadyExistsFault", "TypeAlreadyExistsFault"):
            raise


def register_domain(swf: Any) -> None:
    """The domain of all samples. Its closed runs are kept for one day."""
    register_if_missing(swf.register_domain, name=DOMAIN, workflowExecutionRetentionPeriodInDays="1")


def decision_tasks(swf: Any, task_list: str) -> Iterator[Json]:
    """Decision tasks of this list, one after the other, for ever."""
    return map(partial(_whole, swf, task_list), _tasks(swf.poll_for_decision_task, task_list, "decider"))


def _whole(swf: Any, task_list: str, task: Json) -> Json:
    """The decision task with its whole history: a page holds 100 events at most, here as on Amazon SWF."""
    while token := task.pop("nextPageToken", None):
        page = swf.poll_for_decision_task(domain=DOMAIN, taskList={"name": task_list}, nextPageToken=token)
        task["events"] += page["events"]
        if "nextPageToken" in page:
            task["nextPageToken"] = page["nextPageToken"]
    return task


def activity_tasks(swf: Any, task_list: str) -> Iterator[Json]:
    """Activity tasks of this list, one after the other, for ever."""
    return _tasks(swf.poll_for_activity_task, task_list, "worker")


def _tasks(poll: Callable[..., Json], task_list: str, role: str) -> Iterator[Json]:
    while True:
        try:
            task = poll(domain=DOMAIN, taskList={"name": task_list}, identity=f"{role} {os.getpid()}")
        except SERVER_IS_AWAY:
            time.sleep(0.1)  # between two attempts to reach the server
            continue
        if task.get("taskToken"):  # without a token: no task came within 60 seconds
            yield task


def attributes(event: Json) -> Json:
    """The attributes of the event, such as `activityTaskScheduledEventAttributes`."""
    kind: str = event["eventType"]
    return event[kind[0].lower() + kind[1:] + "EventAttributes"]


def history_of(swf: Any, execution: Json) -> list[Json]:
    """All events of the execution, however many pages they fill."""
    pages = swf.get_paginator("get_workflow_execution_history").paginate(domain=DOMAIN, execution=execution)
    return [event for page in pages for event in page["events"]]


def wait_until_closed(swf: Any, execution: Json) -> None:
    """Returns as soon as the execution is closed, with any close status."""

    def closed() -> bool:
        described = swf.describe_workflow_execution(domain=DOMAIN, execution=execution)
        return described["executionInfo"]["executionStatus"] == "CLOSED"

    wait_until(closed, f"{execution['workflowId']} is closed")


# -------------------------------------------------------------------------------------------- the roles

_companions: dict[str, subprocess.Popen[bytes]] = {}


def play(
    *,
    register: Callable[[], None],
    starter: Callable[[], None],
    companions_leave: bool = False,
    **companions: Callable[[], None],
) -> None:
    """Runs the whole sample: the starter here and each companion in a process of its own. With --role, one role only.

    Every role begins with `register`, because the roles may be started in any order. With `companions_leave` the
    companions end by themselves; otherwise they run until the starter is done.
    """
    roles = {"starter": starter, **companions}
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--role", choices=roles, help="run only this role, in this process")
    role = parser.parse_args().role
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # several processes write to one pipe
    try:
        register()
        if role:
            roles[role]()
        else:
            children.leave_at_signals(signal.SIGINT, signal.SIGTERM)
            with company(sys.argv[0], *companions, leave=companions_leave):
                starter()
    except Surprise as surprise:
        sys.exit(f"\n{role or 'starter'}: {surprise}")
    except SERVER_IS_AWAY as away:
        sys.exit(f"{away} Is the service running (make serve), is AWS_ENDPOINT_URL_SWF its address?")
    except KeyboardInterrupt:
        sys.exit(130)


@contextmanager
def company(program: str, *roles: str, leave: bool = False) -> Iterator[None]:
    """Runs `program --role ROLE` for each role during the block. With `leave` each must end with status 0 by itself."""
    try:
        for role in roles:
            _companions[role] = children.start([sys.executable, program, "--role", role])
        yield
        if leave:
            wait_until(lambda: all(one.poll() == 0 for one in _companions.values()), f"{roles} have finished")
    finally:
        for companion in _companions.values():
            children.stop(companion)
        _companions.clear()


def wait_until(condition: Callable[[], Any], what: str) -> None:
    """Returns as soon as the condition holds. Surprise when it does not in time, or when a companion has failed."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        for role, companion in _companions.items():
            if companion.poll():
                raise Surprise(f"the {role} has failed with exit status {companion.returncode}")
        if time.monotonic() > deadline:
            raise Surprise(f"waited {PATIENCE_SECONDS:.0f} s, but not: {what}")
        time.sleep(0.02)


# ------------------------------------------------------------------------------------ shown and checked


def print_history(title: str, events: list[Json], line_after: int = 0, line: str = "") -> None:
    """Prints the history as a table: number, seconds since the first event, type, attributes."""
    began = events[0]["eventTimestamp"]
    print(f"\n  {title}")
    print(f"  {'id':>3} {'seconds':>8}  event")
    for event in events:
        seconds = (event["eventTimestamp"] - began).total_seconds()
        said = " ".join(
            f"{name}={shlex.quote(text)}" for name, text in _said(event).items() if text != "NONE"
        )
        happened = _shortened(f"{event['eventType']:<27} {said}")
        print(f"  {event['eventId']:>3} {seconds:>8.3f}  {happened}")
        if event["eventId"] == line_after:
            print(f"  {line:─^100}")


def expect_history(events: list[Json], expected: str) -> None:
    """Surprise with the difference, unless the events are the expected ones: one a line, `id type member=value ...`.

    A line names only the members that matter; `member=absent` says that it must not be there.
    """
    wanted = [shlex.split(line) for line in expected.strip().splitlines()]
    happened: list[str] = []
    for position, event in enumerate(events):
        said = _said(event)
        members = [
            part.partition("=")[0] for part in (wanted[position][2:] if position < len(wanted) else [])
        ]
        happened.append(
            _line(
                [
                    str(event["eventId"]),
                    event["eventType"],
                    *(f"{m}={said.get(m, 'absent')}" for m in members),
                ]
            )
        )
    expect_lines([_line(words) for words in wanted], happened)


def expect_lines(wanted: Iterable[str], happened: Iterable[str]) -> None:
    """Surprise with the difference, unless both are the same."""
    wanted, happened = list(wanted), list(happened)
    if wanted != happened:
        difference = (line for line in difflib.ndiff(wanted, happened) if not line.startswith("?"))
        raise Surprise("not what it should be (- expected, + happened):\n  " + "\n  ".join(difference))


@contextmanager
def refused(code: str, message: str) -> Iterator[None]:
    """The call in the block must fail with exactly this fault. Surprise otherwise."""
    answer = "it was accepted"
    try:
        yield
    except ClientError as fault:
        answer = f"{fault.response['Error']['Code']}: {fault.response['Error']['Message']}"
    expect_lines([f"{code}: {message}"], [answer])


def unknown_execution(execution: Json) -> str:
    """The message of SWF about a run that is closed or does not exist (SWF §1.4.10)."""
    run = f"workflowId={execution['workflowId']}, runId={execution['runId']}"
    return f"Unknown execution: WorkflowExecution=[{run}]"


def _said(event: Json) -> dict[str, str]:
    return {member: _text(value) for member, value in attributes(event).items()}


def _text(value: Any) -> str:
    match value:
        case {"name": name, "version": version}:
            return f"{name}/{version}"
        case {"name": name}:
            return name
        case {"workflowId": workflow_id}:
            return workflow_id
        case _:
            return str(value)


def _line(words: list[str]) -> str:
    number, kind, *said = words
    return f"{number:>3} {kind:<27} {' '.join(said)}".rstrip()


def _shortened(text: str, width: int = 108) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
