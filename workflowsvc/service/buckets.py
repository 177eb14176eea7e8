"""Request buckets: throttling as SWF does it, to show how a program behaves under it (SWF §12.2 to §12.4).

Owns the arithmetic of the buckets, and the sizes of those for decisions and task lists; the sizes for actions are in
the table of actions. Buckets are per node, as SWF does not promise exactness either, and off unless the limits profile
is `aws`.
"""

from __future__ import annotations

from collections import Counter
from threading import Lock

from workflowsvc.faults import ThrottlingException
from workflowsvc.service.action import Action, Rate
from workflowsvc.tenant import Tenant

DECISIONS: dict[str, Rate] = {
    "RequestCancelExternalWorkflowExecution": Rate(1200, 120),
    "ScheduleActivityTask": Rate(1000, 200),
    "SignalExternalWorkflowExecution": Rate(1200, 120),
    "StartChildWorkflowExecution": Rate(500, 12),
    "StartTimer": Rate(2000, 200),
    # AWS publishes no figures for these two; ours are those of the decision most like them. With the figures of
    # StartWorkflowExecution, which are also those of polls and responses, the first could never be reached.
    "ContinueAsNewWorkflowExecution": Rate(500, 12),
    "ScheduleLambdaFunction": Rate(1000, 200),
}
"""Per account and region, by decision type (SWF §12.3)."""

ACTIVITY_TASK_LIST = Rate(2000, 2000)
"""Activity tasks scheduled on one list (SWF §12.1)."""

MAX_BUCKETS = 20_000  # buckets in memory; beyond that those that are full again are forgotten


class _Bucket:
    __slots__ = ("at_ms", "level", "rate")

    def __init__(self, rate: Rate, at_ms: int) -> None:
        self.rate = rate
        self.level = float(rate.size)
        self.at_ms = at_ms

    def take(self, now: int) -> bool:
        self.fill(now)
        if self.level < 1:
            return False
        self.level -= 1
        return True

    def fill(self, now: int) -> bool:
        """Adds what has come back since the last time; True when the bucket is full."""
        passed = max(now - self.at_ms, 0)
        self.level = min(self.rate.size, self.level + passed * self.rate.refill / 1000)
        self.at_ms = max(now, self.at_ms)
        return self.level >= self.rate.size


class Buckets:
    """The buckets of one node. May be used from any thread."""

    def __init__(self, *, enforced: bool) -> None:
        self.enforced = enforced
        self._buckets: dict[tuple[object, ...], _Bucket] = {}
        self._lock = Lock()
        self.taken: Counter[tuple[str, str]] = Counter()
        """Calls and decisions that were admitted, by (action, "") or ("", decision type)."""
        self.refused: Counter[tuple[str, str]] = Counter()
        """Those that were not."""

    def require_call(self, tenant: Tenant, action: Action, now: int) -> None:
        """ThrottlingException when the account has called this action more often than its rate allows."""
        if action.rate is not None and not self._counted(
            (action.name, ""), self._take((tenant, action), action.rate, now)
        ):
            raise ThrottlingException

    def require_run(self, run_id: str, action: Action, now: int) -> None:
        """ThrottlingException when this action was called for this run more often than its rate allows."""
        if action.run_rate is not None and not self._take((run_id, action), action.run_rate, now):
            raise ThrottlingException

    def admits_decision(self, tenant: Tenant, decision_type: str, now: int) -> bool:
        """Whether the account may make one more decision of this type; takes it from the bucket if so."""
        rate = DECISIONS.get(decision_type)
        return rate is None or self._counted(
            ("", decision_type), self._take((tenant, "decision", decision_type), rate, now)
        )

    def admits_activity(self, domain: int, task_list: str, now: int) -> bool:
        """Whether this list may get one more activity task; takes it from the bucket if so."""
        return self._take((domain, "list", task_list), ACTIVITY_TASK_LIST, now)

    def _take(self, key: tuple[object, ...], rate: Rate, now: int) -> bool:
        if not self.enforced:
            return True
        with self._lock:
            bucket = self._buckets.get(key)
            if bucket is None:
                self._forget_full(now)
                bucket = self._buckets[key] = _Bucket(rate, now)
            return bucket.take(now)

    def _counted(self, what: tuple[str, str], admitted: bool) -> bool:
        if self.enforced:
            with self._lock:
                (self.taken if admitted else self.refused)[what] += 1
        return admitted

    def _forget_full(self, now: int) -> None:
        if len(self._buckets) >= MAX_BUCKETS:
            self._buckets = {key: bucket for key, bucket in self._buckets.items() if not bucket.fill(now)}
