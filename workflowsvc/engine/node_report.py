"""What one node tells the others of itself: that it runs, and who polls which task list there.

Owns the form of the report, as it is kept in `meta`. Must not know when it is made or read.
"""

from __future__ import annotations

import msgspec

from workflowsvc.core.outcome import TaskKind


class PollerReport(msgspec.Struct, array_like=True):
    """A client that polls a list, by the identity that its polls give; empty if they give none."""

    identity: str
    last_seen_at: int
    waiting_polls: int
    waiting_since: int | None  # the oldest of them


class ListReport(msgspec.Struct, array_like=True):
    """A task list that was used of late."""

    domain: int
    kind: TaskKind
    name: str
    last_poll_at: int | None
    waiting_polls: int
    added_per_minute: float
    started_per_minute: float
    pollers: list[PollerReport]  # the last seen first


class NodeReport(msgspec.Struct):
    """A node, as it last said. All moments are milliseconds."""

    name: str
    version: str
    started_at: int
    seen_at: int
    lists: list[ListReport]


encode_report = msgspec.json.Encoder().encode
decode_report = msgspec.json.Decoder(NodeReport).decode
