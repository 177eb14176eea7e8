"""How a server answers: calls, connections, the event loop.

Owns the names of these metrics. What is read belongs to the event loop, so it is copied first.
"""

from __future__ import annotations

from workflowsvc.http.call_figures import ActionFigures
from workflowsvc.http.call_observer import POLLS
from workflowsvc.http.server_figures import ServerFigures
from workflowsvc.metrics.families import Families, counter, counters, gauge, histograms

OK = "ok"


def server_families(figures: ServerFigures) -> Families:
    actions = sorted(figures.calls.actions.copy().items())
    yield counters(
        "workflowsvc_requests",
        "Calls that were answered, by action and by `ok` or the fault.",
        ("action", "result"),
        [
            ((name, result), count)
            for name, action in actions
            for result, count in _results(action, action.faults.copy())
        ],
    )
    yield histograms(
        "workflowsvc_request_duration_seconds",
        "From a request that has arrived to its answer; of a poll, its wait included.",
        ("action",),
        [((name,), action.latency) for name, action in actions],
    )
    yield histograms(
        "workflowsvc_request_duration_without_wait_seconds",
        "The same without the time that a poll waited for its task.",
        ("action",),
        [((name,), action.without_wait if name in POLLS else action.latency) for name, action in actions],
    )
    if figures.connections is not None:
        connections = figures.connections
        yield gauge("workflowsvc_connections", "Open connections.", len(connections.open))
        yield gauge("workflowsvc_connections_max", "Connections that may be open.", connections.most)
        yield counter("workflowsvc_connections_accepted", "Connections accepted.", connections.accepted.value)
        yield counters(
            "workflowsvc_refused_requests",
            "Requests and connections that were refused before they were a call, by fault.",
            ("fault",),
            [((code,), count) for code, count in sorted(connections.refused.copy().items())],
        )
        yield gauge("workflowsvc_request_body_bytes", "Bodies of requests in memory.", connections.body_bytes)
    if figures.lag is not None:
        yield histograms(
            "workflowsvc_event_loop_lag_seconds",
            "How late the event loop did what was due, looked at every second.",
            (),
            [((), figures.lag.all)],
        )


def _results(action: ActionFigures, faults: dict[str, int]) -> list[tuple[str, int]]:
    """A call that is counted while this is read may be missing in one of the two, never more than that."""
    answered = action.latency.observations
    return [(OK, max(answered - sum(faults.values()), 0)), *sorted(faults.items())]
