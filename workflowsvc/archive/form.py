"""The form of an archived run: gzip of lines of JSON, the first one about the run, then one for each event.

Owns the writing and reading of both. The same run makes the same bytes each time. `model/history_file.py` reads the
whole as it reads an export, so `lint`, `replay` and `import` take such a file.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import msgspec

from workflowsvc.archive.place import PlaceFailed
from workflowsvc.model.shapes import WorkflowExecution, WorkflowType
from workflowsvc.store.rows import ExecutionRow
from workflowsvc.tenant import Tenant

VERSION = 1
MAX_LINE = 8 << 20  # bytes; an event has at most a few inputs of 32,768 characters
GZIP_LEVEL = 6  # 9 takes twice the time for 1 % less


class Info(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    """As the member of this name that DescribeWorkflowExecution answers."""

    execution: WorkflowExecution
    workflow_type: WorkflowType
    start_timestamp: float
    close_timestamp: float
    execution_status: str
    close_status: str | None
    parent: WorkflowExecution | None = None
    tag_list: list[str | None] | None = None
    cancel_requested: bool


class Head(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    """The first line. `execution` is where an export has it."""

    archive: int
    account: str
    region: str
    domain: str
    execution: WorkflowExecution
    execution_info: Info
    events: int


class NoArchivedRun(ValueError):
    """The object is none; the message says why, and follows `it`."""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Head).decode
_decode_tags = msgspec.json.Decoder(list[str | None]).decode


def head_of(row: ExecutionRow, tenant: Tenant, domain: str) -> Head:
    """Of a closed run."""
    assert row.closed_at is not None, f"run {row.run} is open"
    named = WorkflowExecution(run_id=row.run_id, workflow_id=row.workflow_id)
    parent = None
    if row.parent_workflow_id is not None and row.parent_run_id is not None:
        parent = WorkflowExecution(run_id=row.parent_run_id, workflow_id=row.parent_workflow_id)
    return Head(
        archive=VERSION,
        account=tenant.account,
        region=tenant.region,
        domain=domain,
        execution=named,
        execution_info=Info(
            execution=named,
            workflow_type=WorkflowType(name=row.type_name, version=row.type_version),
            start_timestamp=row.started_at / 1000,
            close_timestamp=row.closed_at / 1000,
            execution_status="CLOSED",
            close_status=row.close_status,
            parent=parent,
            tag_list=(_decode_tags(row.tags) or None) if row.tags is not None else None,
            cancel_requested=row.cancel_requested,
        ),
        events=row.next_event_id - 1,
    )


def write_run(target: BinaryIO, head: Head, pages: Iterable[list[bytes]]) -> None:
    """`pages`: the events as they are stored, in their order; read while they are written, so that no history is in
    memory as a whole.
    """
    with gzip.GzipFile("", "wb", GZIP_LEVEL, target, mtime=0) as packed:
        packed.write(_encode(head) + b"\n")
        for page in pages:
            packed.write(b"\n".join(page) + b"\n")


def read_head(source: BinaryIO) -> Head:
    """NoArchivedRun for what is none, or for one of a later release; PlaceFailed when it cannot be read."""
    for line in _lines(source):
        return _head(line)
    raise NoArchivedRun("it is empty")


def read_run(source: BinaryIO) -> tuple[Head, Iterator[dict[str, Any]]]:
    """Its head and its events, which raise NoArchivedRun when the object ends early or is damaged."""
    lines = _lines(source)
    first = next(lines, None)
    if first is None:
        raise NoArchivedRun("it is empty")
    head = _head(first)
    return head, _events(head, lines)


def _head(line: bytes) -> Head:
    try:
        head = _decode(line)
    except msgspec.MsgspecError as error:
        raise NoArchivedRun(f"its first line is not about a run: {error}") from error
    if head.archive != VERSION:
        raise NoArchivedRun(f"it has form {head.archive}, and this release reads {VERSION}")
    return head


def _events(head: Head, lines: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    number = 0
    for number, line in enumerate(lines, 1):
        try:
            event: object = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise NoArchivedRun(f"line {number + 1} is no JSON") from None
        if not isinstance(event, dict):
            raise NoArchivedRun(f"line {number + 1} is no event")
        yield event  # pyright: ignore[reportUnknownVariableType] - names of members are text in JSON
    if number != head.events:
        raise NoArchivedRun(f"it has {number} events, and its first line says {head.events}")


def _lines(source: BinaryIO) -> Iterator[bytes]:
    """Of what is unpacked; the checksum is compared at the end."""
    try:
        with gzip.GzipFile(fileobj=source, mode="rb") as packed:
            while line := packed.readline(MAX_LINE + 1):
                if len(line) > MAX_LINE:
                    raise NoArchivedRun(f"a line of it is longer than {MAX_LINE} bytes")
                if not line.endswith(b"\n"):
                    raise NoArchivedRun("its last line has no end")
                yield line
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise NoArchivedRun(f"it is damaged: {error}") from error
    except OSError as error:
        raise PlaceFailed(str(error)) from error
