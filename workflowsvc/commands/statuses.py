"""The exit statuses of the command line, which scripts rely on; docs/command-line.md lists them.

Owns the numbers, and which one a failed call has.
"""

from __future__ import annotations

from workflowsvc.client.problems import CallFailed, NoAnswer, NoRun, NoSuchOperation, NotFound, WrongProfile

DONE = 0
FAILED = 1  # refused by the server, or not done
WRONG_ARGUMENTS = 2  # also settings and credentials
NOT_FOUND = 3  # what was named does not exist
NO_ANSWER = 4  # no server, a wrong endpoint, throttled
LACKING = 5  # the server does not have the operation
FOUND = (
    10  # the answer is not the good one: a finding, a run that did not complete, a run of a batch that failed
)
INTERRUPTED = 130  # 128 + SIGINT, the convention of shells

_OF_CALLS: tuple[tuple[type[CallFailed], int], ...] = (
    (WrongProfile, WRONG_ARGUMENTS),
    (NotFound, NOT_FOUND),
    (NoRun, NOT_FOUND),
    (NoAnswer, NO_ANSWER),
    (NoSuchOperation, LACKING),
)


def of_call(error: CallFailed) -> int:
    """The exit status for a call that failed."""
    return next((status for kind, status in _OF_CALLS if isinstance(error, kind)), FAILED)
