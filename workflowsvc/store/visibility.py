"""Which statement answers a visibility query, and with which parameters (SWF §10.1, §10.2).

Owns the choice of an index, the two ends of a page, and the names of the pieces that a statement is joined from; their
texts are in each dialect's visibility.sql. It must not know a database.
"""

from __future__ import annotations

from typing import NamedTuple

from workflowsvc.store.rows import ExecutionQuery

Parameters = dict[str, int | str | bytes | None]

END_OF_TIME = (1 << 63) - 1  # later than any run starts or closes


class ListingPieces(NamedTuple):
    """What visibility.sql of a dialect gives, by name."""

    list_columns: str
    count_column: str
    start_key: str
    close_key: str
    behind: str
    open_by_start: str
    closed_by_start: str
    closed_by_close: str
    open_of_workflow: str
    closed_of_workflow_by_start: str
    closed_of_workflow_by_close: str
    tagged: str
    oldest_start_first: str
    newest_start_first: str
    oldest_close_first: str
    newest_close_first: str
    oldest_tagged_first: str
    newest_tagged_first: str


def listing(pieces: ListingPieces, query: ExecutionQuery) -> tuple[str, Parameters]:
    """The statement that gives one page of executions."""
    source, order = _source_and_order(query)
    oldest_or_newest = "oldest" if query.ascending else "newest"
    text = "\n".join(
        (
            pieces.list_columns,
            getattr(pieces, source),
            getattr(pieces, f"{oldest_or_newest}_{order}_first"),
        )
    )
    return text, {**_parameters(query, query.after), "limit": query.limit}


def slicing(pieces: ListingPieces, query: ExecutionQuery, size: int) -> tuple[str, Parameters]:
    """The statement that gives (time, run) of the row behind which a slice of this many rows ends; filters but for the
    status are left out, so that it reads the index alone."""
    query = query._replace(type_name=None, type_version=None, close_status=None, forgotten=None)
    source, order = _source_and_order(query)
    oldest_or_newest = "oldest" if query.ascending else "newest"
    text = "\n".join(
        (
            pieces.start_key if order == "start" else pieces.close_key,
            getattr(pieces, source),
            getattr(pieces, f"{oldest_or_newest}_{order}_first"),
            pieces.behind,
        )
    )
    return text, {**_parameters(query, query.after), "limit": 1, "behind": size - 1}


def counting(pieces: ListingPieces, query: ExecutionQuery) -> tuple[str, Parameters]:
    """The statement that counts all executions that match."""
    source, _ = _source_and_order(query)
    return f"{pieces.count_column}\n{getattr(pieces, source)}", _parameters(query, None)


def _source_and_order(query: ExecutionQuery) -> tuple[str, str]:
    by = "start" if query.order_by == "started_at" else "close"
    if query.tag is not None:
        return "tagged", "tagged"
    if query.status == "OPEN":
        return ("open_by_start" if query.workflow_id is None else "open_of_workflow"), "start"
    if query.workflow_id is None:
        return f"closed_by_{by}", by
    return f"closed_of_workflow_by_{by}", by


def _parameters(query: ExecutionQuery, after: tuple[int, int] | None) -> Parameters:
    """Bounds are exclusive keys (time, run): run -1 stands before all runs of its millisecond. A caller may ask for
    dates that no run can have; they are moved to the ends of what a database can compare."""
    low = (min(max(query.oldest, -1), END_OF_TIME), -1)
    high = (END_OF_TIME, -1) if query.latest is None else (min(max(query.latest, -1) + 1, END_OF_TIME), -1)
    if after is not None and query.ascending:
        low = max(low, after)
    elif after is not None:
        high = min(high, after)
    if query.until is not None and query.ascending:
        high = min(high, (query.until[0], query.until[1] + 1))
    elif query.until is not None:
        low = max(low, (query.until[0], query.until[1] - 1))
    parameters: Parameters = {
        "domain": query.domain,
        "low_at": low[0],
        "low_run": low[1],
        "high_at": high[0],
        "high_run": high[1],
        "type_name": query.type_name,
        "type_version": query.type_version,
        "workflow_id": query.workflow_id,
        "close_status": query.close_status,
        "forgotten_at": None if query.forgotten is None else query.forgotten.at,
        "kept_since": None if query.forgotten is None else query.forgotten.kept_since,
    }
    if query.tag is not None:
        parameters["tag"] = query.tag.encode()
        parameters["list"] = tag_list(query)
    return parameters


def tag_list(query: ExecutionQuery) -> str:
    """Which of the lists in execution_tags has the order of this query."""
    if query.status == "OPEN":
        return "open by start"
    return "closed by start" if query.order_by == "started_at" else "closed by close"
