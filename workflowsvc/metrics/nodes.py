"""How a node fares: its batches, its queues, its memory, its peers.

Owns the names of these metrics. What is read belongs to the writer's thread, so it is copied first.
"""

from __future__ import annotations

from workflowsvc.clock import Clock
from workflowsvc.engine.engine import Engine
from workflowsvc.metrics.families import Families, counter, gauge, gauges, histograms


def node_families(engine: Engine, clock: Clock) -> Families:
    yield from _batches(engine, clock)
    yield from _failures(engine)
    yield from _memory(engine)
    state = engine.state
    yield gauge("workflowsvc_polls_waiting", "Long polls that wait for a task.", len(state.pollers))
    wake_at, now = state.agenda.wake_at, engine.now_ms()
    overdue_ms = 0 if not wake_at else max(now - wake_at, 0)
    yield gauge(
        "workflowsvc_timers_overdue_seconds",
        "How late the earliest timer or time-out that is due has become; 0 if none is.",
        overdue_ms / 1000,
    )
    yield gauge(
        "workflowsvc_nodes", "Nodes on this store that this one knows, itself included.", 1 + len(state.peers)
    )
    yield gauge(
        "workflowsvc_clock_skew_seconds",
        "The database's clock, if that is the one that counts, minus the one of this machine.",
        (now - clock.now_ms()) / 1000,
    )


def _batches(engine: Engine, clock: Clock) -> Families:
    writer, figures = engine.writer, engine.writer.figures
    yield histograms(
        "workflowsvc_batch_commands",
        "Commands that shared a commit; a batch of 0 is background work.",
        (),
        [((), figures.commands)],
    )
    yield histograms(
        "workflowsvc_batch_run_seconds",
        "From the begin of a batch to that of its commit: rules, reads and writes.",
        (),
        [((), figures.run)],
    )
    yield histograms("workflowsvc_commit_seconds", "How long commits took.", (), [((), figures.commit)])
    began_at = figures.began_at
    yield gauge(
        "workflowsvc_batch_age_seconds",
        "How long the batch at hand has been running; 0 between two batches.",
        0 if began_at is None else max(clock.monotonic() - began_at, 0),
    )
    yield gauge(
        "workflowsvc_commands_queued", "Commands that wait for the writer loop.", len(engine.writer.queue)
    )
    yield gauge(
        "workflowsvc_commands_waiting_for_peers",
        "Commands that wait because another node has locked their execution.",
        writer.waiting_for_peers,
    )


def _failures(engine: Engine) -> Families:
    writer, figures = engine.writer, engine.writer.figures
    quarantine = engine.state.quarantine
    yield gauge("workflowsvc_store_fails", "1 while the store takes no writes.", writer.store_fails)
    yield counter(
        "workflowsvc_store_write_failures",
        "Batches that the store has refused or did not answer.",
        figures.store_failures.value,
    )
    yield counter(
        "workflowsvc_unknown_commit_outcomes",
        "Batches of which it is not known whether they were committed.",
        figures.unknown_outcomes.value,
    )
    yield counter(
        "workflowsvc_batch_conflicts",
        "Batches that were run again, as another node was faster.",
        figures.conflicts.value,
    )
    yield counter(
        "workflowsvc_commands_locked_by_peers",
        "Commands that were postponed, as another node had locked their execution.",
        figures.locked_by_peer.value,
    )
    yield counter(
        "workflowsvc_bugs", "Bugs of the service that were met; the log has each.", figures.bugs.value
    )
    yield gauges(
        "workflowsvc_quarantined",
        "Executions and messages that are left alone until the next start, as a bug was met in them.",
        ("what",),
        [(("executions",), len(quarantine.runs)), (("messages",), len(quarantine.messages))],
    )


def _memory(engine: Engine) -> Families:
    cache = engine.state.cache
    yield gauge("workflowsvc_cached_executions", "Executions in memory.", len(cache.executions))
    yield gauge(
        "workflowsvc_cache_bytes",
        "Estimated memory of executions and their events.",
        cache.size + cache.histories.size,
    )
    yield gauge(
        "workflowsvc_cache_max_bytes", "What --max-cache-bytes allows.", engine.settings.max_cache_bytes
    )
