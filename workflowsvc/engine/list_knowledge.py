"""What all nodes that run know of task lists, put together: this one's memory and the reports of the others.

Owns the putting together. How old the reports are is the business of presence.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from workflowsvc.core.findings import ListKnowledge
from workflowsvc.core.findings.near import nearest
from workflowsvc.core.findings.pollers import POLLER_GONE_MS
from workflowsvc.engine.list_traffic import OneList
from workflowsvc.engine.node_report import ListReport
from workflowsvc.engine.node_state import NodeState
from workflowsvc.engine.presence import list_report
from workflowsvc.store.rows import ListKey


def reports_of(state: NodeState, key: ListKey, now: int) -> Iterator[tuple[str, ListReport]]:
    """What each node knows of the list, with the node's name; this node first."""
    yield state.name, list_report(state, key, state.traffic.find(key) or OneList(), now)
    for peer in state.peers.values():
        for report in peer.lists:
            if (report.domain, report.kind, report.name) == key:
                yield peer.name, report


def known_of(state: NodeState, key: ListKey, now: int, here: int) -> ListKnowledge:
    """What the rules of findings ask of a list, in a domain where it is `here` when it is `now` in real time."""
    ahead = here - now  # polls come in real time
    waiting, last = 0, None
    for _, report in reports_of(state, key, now):
        waiting += report.waiting_polls
        if report.last_poll_at is not None:
            last = max(report.last_poll_at + ahead, last or 0)
    since = min([state.started_at, *(peer.started_at for peer in state.peers.values())])
    return ListKnowledge(waiting, last, since + ahead)


def polled_near(state: NodeState, key: ListKey, now: int) -> list[str]:
    """Names of lists that are polled, in the same domain and for tasks of the same kind, that are nearly the name of
    this one. `now` is real time, as that of polls."""
    since = now - POLLER_GONE_MS
    polled = {
        other.name
        for other, one in state.traffic.lists()
        if other.domain == key.domain and other.kind == key.kind and (one.last_poll_at or 0) > since
    }
    for peer in state.peers.values():
        polled |= {
            report.name
            for report in peer.lists
            if report.domain == key.domain and report.kind == key.kind and (report.last_poll_at or 0) > since
        }
    return nearest(key.name, polled)
