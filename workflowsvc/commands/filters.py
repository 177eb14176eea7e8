"""The conditions on runs that `list`, `count`, `export` and `batch` have in common.

Owns their options and how they become the filter of the service's own API.
"""

from __future__ import annotations

import argparse
from typing import Any

from workflowsvc.commands.asking import filled, moment_of, span_of, type_name_and_version, whole
from workflowsvc.options import SettingsError

STATUSES = ("COMPLETED", "FAILED", "CANCELED", "TERMINATED", "CONTINUED_AS_NEW", "TIMED_OUT")

# option -> member, kind, metavar, help; a run must meet all conditions that are given.
_TEXTS = (
    ("--id", "workflowId", "W", "with this workflowId"),
    ("--id-begins", "workflowIdBeginsWith", "TEXT", "with a workflowId that begins so"),
    ("--id-contains", "workflowIdContains", "TEXT", "with a workflowId that contains this"),
    ("--run-id", "runId", "R", "with this runId"),
    ("--parent", "parentWorkflowId", "W", "children of runs of this workflowId"),
    ("--parent-run", "parentRunId", "R", "children of the run with this runId"),
    (
        "--reason-contains",
        "failureReasonContains",
        "TEXT",
        "whose failure or termination has such a reason or cause",
    ),
    ("--details-contain", "failureDetailsContains", "TEXT", "whose failure or termination has such details"),
)
_TAGS = (
    ("--tag", "tagsAll", "with this tag; repeat it for runs that have all of them"),
    ("--any-tag", "tagsAny", "with at least one of these tags"),
    ("--no-tag", "tagsNone", "with none of these tags"),
)
_MOMENTS = (
    ("--started-after", "startedAfter", "started then or later"),
    ("--started-before", "startedBefore", "started then or earlier"),
    ("--closed-after", "closedAfter", "closed then or later"),
    ("--closed-before", "closedBefore", "closed then or earlier"),
)
_SPANS = (
    ("--min-duration", "minimumDurationInSeconds", "that took, or have taken, at least this long"),
    ("--max-duration", "maximumDurationInSeconds", "that took, or have taken, at most this long"),
)
_COUNTS = (
    ("--min-events", "minimumEvents", "with at least this many events"),
    ("--max-events", "maximumEvents", "with at most this many events"),
)
_ANSWERS = (
    ("--cancel-requested", "cancelRequested", "open runs whose cancellation was requested, or was not"),
    ("--continued", "continued", "that continue an earlier run as new, or do not"),
)


def add_filter(parser: argparse.ArgumentParser) -> None:
    """The options; each is stored under the name of its member."""
    group = parser.add_argument_group(
        "conditions", "Runs must meet all that are given. WHEN is 2h (ago), a date or a time."
    )
    state = group.add_mutually_exclusive_group()
    state.add_argument("--open", dest="executionStatus", action="store_const", const="OPEN", help="open ones")
    state.add_argument(
        "--closed", dest="executionStatus", action="store_const", const="CLOSED", help="closed ones"
    )
    group.add_argument(
        "--status", dest="closeStatuses", action="append", choices=STATUSES, metavar="STATUS",
        help=f"closed so: {', '.join(STATUSES)}; repeat it for several",
    )  # fmt: skip
    group.add_argument(
        "--type",
        dest="workflowType",
        metavar="NAME[:VERSION]",
        type=type_name_and_version,
        help="of this workflow type, in one or all versions",
    )
    group.add_argument(
        "--task-list",
        dest="taskList",
        metavar="L",
        type=filled,
        help="started on this decision task list",
    )
    for flag, member, metavar, said in _TEXTS:
        group.add_argument(flag, dest=member, metavar=metavar, type=filled, help=said)
    for flag, member, said in _TAGS:
        group.add_argument(flag, dest=member, action="append", metavar="T", type=filled, help=said)
    for flag, member, said in _MOMENTS:
        group.add_argument(flag, dest=member, metavar="WHEN", type=filled, help=said)
    for flag, member, said in _SPANS:
        group.add_argument(flag, dest=member, metavar="SPAN", type=filled, help=said)
    for flag, member, said in _COUNTS:
        group.add_argument(flag, dest=member, metavar="N", type=filled, help=said)
    for flag, member, said in _ANSWERS:
        group.add_argument(flag, dest=member, action=argparse.BooleanOptionalAction, help=said)


def filter_of(arguments: argparse.Namespace, now: float) -> dict[str, Any]:
    """The filter that the options give; `now` in seconds since the epoch. SettingsError when a value cannot be read."""
    given = vars(arguments)
    found: dict[str, Any] = {}
    for member in ("executionStatus", "closeStatuses", *(row[1] for row in (*_TEXTS, *_TAGS, *_ANSWERS))):
        if given.get(member) is not None:
            found[member] = given[member]
    if given.get("workflowType"):
        found["workflowType"] = given["workflowType"]
    if given.get("taskList"):
        found["taskList"] = {"name": given["taskList"]}
    for flag, member, _ in _MOMENTS:
        if given.get(member) is not None:
            found[member] = moment_of(flag, given[member], now)
    for flag, member, _ in _SPANS:
        if given.get(member) is not None:
            found[member] = span_of(flag, given[member])
    for flag, member, _ in _COUNTS:
        if given.get(member) is not None:
            found[member] = whole(flag, given[member])
    for first, second, what in (
        ("startedAfter", "startedBefore", "--started-after is later than --started-before"),
        ("closedAfter", "closedBefore", "--closed-after is later than --closed-before"),
    ):
        if first in found and second in found and found[first] > found[second]:
            raise SettingsError(what)
    return found
