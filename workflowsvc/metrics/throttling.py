"""What SWF's request rates have admitted and refused, with `--limits aws`: metrics that SWF has at CloudWatch too."""

from __future__ import annotations

from workflowsvc.metrics.families import Families, counters, gauges
from workflowsvc.service.actions import SWF
from workflowsvc.service.buckets import DECISIONS, Buckets

LABELS = ("api_name", "decision_name")


def throttling_families(buckets: Buckets) -> Families:
    """Nothing while no rate is enforced."""
    if not buckets.enforced:
        return
    rates = [((action.name, ""), action.rate) for action in SWF.actions.values() if action.rate is not None]
    rates += [(("", decision), rate) for decision, rate in DECISIONS.items()]
    yield gauges(
        "swf_provisioned_bucket_size",
        "Calls, or decisions, that an account may make at once.",
        LABELS,
        [(labels, rate.size) for labels, rate in rates],
    )
    yield gauges(
        "swf_provisioned_refill_rate",
        "Calls, or decisions, that an account gets back each second.",
        LABELS,
        [(labels, rate.refill) for labels, rate in rates],
    )
    taken, refused = dict(buckets.taken), dict(buckets.refused)
    yield counters(
        "swf_consumed_capacity",
        "Calls, or decisions, of all accounts that were within the rate.",
        LABELS,
        [(labels, taken.get(labels, 0)) for labels, _ in rates],
    )
    yield counters(
        "swf_throttled_events",
        "Calls, or decisions, of all accounts that were refused for the rate.",
        LABELS,
        [(labels, refused.get(labels, 0)) for labels, _ in rates],
    )
