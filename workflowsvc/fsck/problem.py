"""What an audit finds: the kinds of problems, and a problem.

Owns the words for them, which `workflowsvc fsck` prints. Must not know how one is found.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal[
    "files",
    "schema",
    "catalog",
    "history",
    "rule",
    "name",
    "row",
    "task",
    "tag",
    "heartbeat",
    "message",
    "feed",
    "stray",
    "open",
    "check",
]
"""files: the database's own integrity check, a log that is missing · schema: tables, indexes and triggers that are not
those of this release · catalog: domains, types and keys · history: it cannot be read or replayed · rule: a finding of
`workflowsvc lint` · name: run, runId, workflowId and domain do not fit each other · row: columns of the execution ·
task, tag, heartbeat, message: rows too many, too few or different · feed: an entry tells of what has not happened ·
`stray`: orphans, rows of a run that has no row · open: two open runs of one workflowId · check: a check ended with an
error that was not foreseen, or a repair with any.

Of these, row, task, tag, heartbeat, message and `stray` follow from histories and can be repaired, except orphaned
events and some messages; `Problem.repairable` says which.
"""


class Problem(NamedTuple):
    """One difference between the database and its histories, or within them."""

    kind: Kind
    run: int | None
    where: str  # workflowId/runId, a table, or the key of a row of meta
    text: str
    repairable: bool
