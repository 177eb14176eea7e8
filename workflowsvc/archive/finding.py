"""Archived runs by what their names say: account, region, domain, day, workflowId, runId.

Owns how a search follows the names, so that no more of a place is listed than must be.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from workflowsvc.archive.names import ObjectName, is_of, read_name, spelt
from workflowsvc.archive.place import Found, Place


class Wanted(NamedTuple):
    """Conditions; None: any."""

    account: str | None = None
    region: str | None = None
    domain: str | None = None
    day: str | None = None  # 2026-11-30, 2026-11 or 2026
    workflow_id: str | None = None
    run_id: str | None = None


class FoundRun(NamedTuple):
    """An object, and what its name says."""

    object: Found
    name: ObjectName


def find(place: Place, wanted: Wanted) -> Iterator[FoundRun]:
    """By account, region, domain and day of the close, the oldest first. PlaceFailed."""
    for prefix in _prefixes(place, wanted):
        for found in place.list(prefix):
            if wanted.workflow_id is not None and not is_of(found.name, wanted.workflow_id):
                continue
            name = read_name(found.name)
            if name is not None and wanted.run_id in (None, name.run_id):
                yield FoundRun(found, name)


def _prefixes(place: Place, wanted: Wanted) -> Iterator[str]:
    levels = [
        wanted.account,
        wanted.region,
        None if wanted.domain is None else spelt(wanted.domain),
        *(wanted.day.split("-") if wanted.day else ()),
    ]
    whole_day = len(levels) == 6
    if wanted.workflow_id is None and all(level is None for level in levels):
        yield ""
        return
    prefixes = [""]
    while levels:
        level = levels.pop(0)
        if level is None and all(each is None for each in levels):
            break  # whatever is below is wanted
        prefixes = [
            f"{prefix}{below}/"
            for prefix in prefixes
            for below in ([level] if level is not None else place.folders(prefix))
        ]
    for prefix in prefixes:
        yield f"{prefix}{spelt(wanted.workflow_id)}," if whole_day and wanted.workflow_id else prefix
