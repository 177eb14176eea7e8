"""Whether there are backups of a store, and how old the newest is: an examination for `workflowsvc doctor`."""

from __future__ import annotations

import os
from collections.abc import Iterator

from workflowsvc.backups.folder import newest_at
from workflowsvc.store.errors import StoreUnusable

MINUTE_MS = 60_000
LATE = 2.5  # intervals: one backup may have failed and been tried again

Complaint = tuple[bool, str, str]  # whether it is bad, what it is, and what to do; no advice: all is well


def examine_backups(folder: str, store: str, now_ms: int, every_minutes: float) -> Iterator[Complaint]:
    """`folder`: empty when none is known. `store`: the path of the file."""
    if not folder:
        yield (
            False,
            "no folder of backups is named",
            "give --backups, and `serve --backup-to` to have them made",
        )
        return
    try:
        newest = newest_at(folder)
    except StoreUnusable as error:
        yield True, str(error), "name the folder that backups are made in"
        return
    if newest is None:
        yield True, f"{folder} holds no backup", "run `workflowsvc backup`, or `serve --backup-to`"
        return
    hours = max(now_ms - newest, 0) / 3_600_000
    what = f"the newest backup is {hours:,.1f} hours old"
    if now_ms - newest > LATE * every_minutes * MINUTE_MS:
        yield (
            True,
            what,
            "look for `no sound backup was made` in the log of the server, or run `workflowsvc backup`",
        )
    else:
        yield False, what, ""
    if os.stat(folder).st_dev == os.stat(os.path.dirname(os.path.realpath(store))).st_dev:
        yield False, "the backups are on the disk of the store", "copy them to another machine"
