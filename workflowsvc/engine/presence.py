"""Nodes of one installation tell each other that they run, and who polls their task lists.

Owns how often, how much, and when a silent node counts as gone. A single node never does this.
"""

from __future__ import annotations

from heapq import nlargest
from operator import attrgetter

import msgspec

from workflowsvc import __version__
from workflowsvc.engine.agenda import Agenda
from workflowsvc.engine.list_traffic import OneList
from workflowsvc.engine.node_report import (
    ListReport,
    NodeReport,
    PollerReport,
    decode_report,
    encode_report,
)
from workflowsvc.engine.node_state import NodeState
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.store.rows import ListKey

PRESENCE_MS = 3_000  # what other nodes know is at most this old, and a batch
GONE_MS = 20_000  # a node that was silent for that long no longer counts
DELETED_MS = 600_000  # its row is deleted then
REPORTED_MS = 600_000  # lists and pollers that were not used for longer are not reported
MAX_LISTS = 500  # in one report, those that were polled last
MAX_POLLERS = 20  # of one list
_FIRST, _LAST = "node ", "node!"  # keys in `meta`: the prefix, and what follows all keys that begin with it


class Presence:
    """A `Duty`."""

    def __init__(self, agenda: Agenda) -> None:
        self._agenda = agenda

    def next_at(self) -> int | None:
        return self._agenda.presence_at

    def run(self, work: UnitOfWork) -> None:
        state, now = work.state, work.now
        # No more often than the store is polled for what other nodes have left there.
        self._agenda.presence_at = now + max(PRESENCE_MS, state.coordination.poll_store_ms or 0)
        work.tx.put_meta(_FIRST + state.name, encode_report(report_of(state, now)))
        peers: dict[str, NodeReport] = {}
        for key, value in work.tx.metas(_FIRST, _LAST, 1_000):
            report = _read(value)
            if report is None or now - report.seen_at > DELETED_MS:
                work.tx.delete_meta(key)
            elif report.name != state.name and now - report.seen_at <= GONE_MS:
                peers[report.name] = report
        state.peers = peers

    def roll_back(self, *, ran: bool) -> None:
        """It is told again in time."""


def _read(value: bytes) -> NodeReport | None:
    """None for a report that another release has written in another form."""
    try:
        return decode_report(value)
    except msgspec.DecodeError:
        return None


def report_of(state: NodeState, now: int) -> NodeReport:
    """What this node would tell others now."""
    used = [(key, one) for key, one in state.traffic.lists() if now - (one.last_poll_at or 0) <= REPORTED_MS]
    used = nlargest(MAX_LISTS, used, key=lambda item: item[1].last_poll_at or 0)
    lists = [list_report(state, key, one, now) for key, one in used]
    return NodeReport(state.name, __version__, state.started_at, now, lists)


def list_report(state: NodeState, key: ListKey, one: OneList, now: int) -> ListReport:
    """What this node knows of one list."""
    waiting: dict[str, list[int]] = {}
    for pending in state.pollers.of_list(key):
        waiting.setdefault(pending.identity or "", []).append(pending.since)
    pollers = [
        PollerReport(
            identity,
            now if identity in waiting else last_seen_at,
            len(waiting.get(identity, ())),
            min(waiting[identity]) if identity in waiting else None,
        )
        for identity, last_seen_at in one.pollers.items()
        if identity in waiting or now - last_seen_at <= REPORTED_MS
    ]
    return ListReport(
        key.domain,
        key.kind,
        key.name,
        now if waiting else one.last_poll_at,
        sum(map(len, waiting.values())),
        one.added.per_minute(now),
        one.started.per_minute(now),
        nlargest(MAX_POLLERS, pollers, key=attrgetter("last_seen_at")),
    )
