"""Event feeds: what is written to them, who reads them, and how pushing to webhooks goes.

Owns the names of these metrics. Without webhooks, those about them are 0.
"""

from __future__ import annotations

from workflowsvc.engine.engine import Engine
from workflowsvc.metrics.families import Families, counter, counters, gauge, histograms
from workflowsvc.service.api import FeedFigures
from workflowsvc.service.feed_streams import OPEN
from workflowsvc.service.webhook_figures import WebhookFigures
from workflowsvc.service.webhook_sending import Webhooks


def feed_families(engine: Engine, feeds: FeedFigures | None) -> Families:
    yield counter(
        "workflowsvc_feed_entries",
        "Entries that were written to event feeds.",
        engine.state.feed_entries.value,
    )
    yield gauge(
        "workflowsvc_feed_readers",
        "Readers of feeds that wait for an entry: long polls, streams and webhooks.",
        0 if feeds is None else feeds.waits.waiting,
    )
    yield gauge("workflowsvc_feed_streams", "Streams of server-sent events that are open.", OPEN.open)
    yield counter("workflowsvc_feed_streamed_events", "Events that were sent in streams.", OPEN.events.value)
    yield from _webhooks(engine, None if feeds is None else feeds.webhooks)


def _webhooks(engine: Engine, webhooks: Webhooks | None) -> Families:
    figures = WebhookFigures() if webhooks is None else webhooks.figures
    yield gauge(
        "workflowsvc_webhooks_at_work",
        "1 on the node of several that pushes to webhooks.",
        figures.is_at_work,
    )
    yield counters(
        "workflowsvc_webhook_deliveries",
        "Messages to webhooks by their result.",
        ("result",),
        [
            (("delivered",), figures.delivered.value),
            (("refused",), figures.refused.value),
            (("unanswered",), figures.unanswered.value),
        ],
    )
    yield histograms(
        "workflowsvc_webhook_delivery_seconds",
        "How long messages to webhooks took, whatever their result.",
        (),
        [((), figures.seconds)],
    )
    yield counter(
        "workflowsvc_webhook_given_up", "Entries that were given up on: dead letters.", figures.given_up.value
    )
    yield counter(
        "workflowsvc_webhook_missed",
        "How often entries were deleted because of their age before they could be sent.",
        figures.missed.value,
    )
    yield gauge(
        "workflowsvc_webhook_dead_letters",
        "Entries that were given up on and are kept, as the node that pushes knows.",
        0 if webhooks is None else webhooks.dead_letters(),
    )
    yield gauge(
        "workflowsvc_webhooks_failing",
        "Webhooks to which nothing goes: the last message has failed, or the secret cannot be read.",
        0 if webhooks is None else webhooks.failing(),
    )
    oldest_at = None if webhooks is None else webhooks.oldest_at()
    yield gauge(
        "workflowsvc_webhook_lag_seconds",
        "Age of the oldest entry that is not delivered to all webhooks; 0 if all are.",
        0 if oldest_at is None else max(engine.now_ms() - oldest_at, 0) / 1000,
    )
