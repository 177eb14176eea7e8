"""Request buckets: how SWF throttles, for those who want to see how their programs behave then (SWF §12.2 to §12.4).

Owns the sizes and the arithmetic of the buckets. They are per node, as exactness is not promised by SWF
either, and off unless the limits profile is `aws`.
"""

from __future__ import annotations

from threading import Lock
from typing import NamedTuple

from workflowsvc.faults import ThrottlingException
from workflowsvc.tenant import Tenant


class Rate(NamedTuple):
    """A bucket holds so many calls and gets so many back each second."""

    size: int
    refill: int


CALLS: dict[str, Rate] = {
    "CountClosedWorkflowExecutions": Rate(2000, 6),
    "CountOpenWorkflowExecutions": Rate(2000, 6),
    "CountPendingActivityTasks": Rate(200, 6),
    "CountPendingDecisionTasks": Rate(200, 6),
    "DeleteActivityType": Rate(200, 6),
    "DeleteWorkflowType": Rate(200, 6),
    "DeprecateActivityType": Rate(200, 6),
    "DeprecateDomain": Rate(100, 6),
    "DeprecateWorkflowType": Rate(200, 6),
    "DescribeActivityType": Rate(2000, 6),
    "DescribeDomain": Rate(200, 6),
    "DescribeWorkflowExecution": Rate(2000, 6),
    "DescribeWorkflowType": Rate(2000, 6),
    "GetWorkflowExecutionHistory": Rate(2000, 60),
    "ListActivityTypes": Rate(200, 6),
    "ListClosedWorkflowExecutions": Rate(200, 6),
    "ListDomains": Rate(100, 6),
    "ListOpenWorkflowExecutions": Rate(200, 48),
    "ListTagsForResource": Rate(50, 30),
    "ListWorkflowTypes": Rate(200, 6),
    "PollForActivityTask": Rate(2000, 200),
    "PollForDecisionTask": Rate(2000, 200),
    "RecordActivityTaskHeartbeat": Rate(2000, 160),
    "RegisterActivityType": Rate(200, 60),
    "RegisterDomain": Rate(100, 6),
    "RegisterWorkflowType": Rate(200, 60),
    "RequestCancelWorkflowExecution": Rate(2000, 30),
    "RespondActivityTaskCanceled": Rate(2000, 200),
    "RespondActivityTaskCompleted": Rate(2000, 200),
    "RespondActivityTaskFailed": Rate(2000, 200),
    "RespondDecisionTaskCompleted": Rate(2000, 200),
    "SignalWorkflowExecution": Rate(2000, 30),
    "StartWorkflowExecution": Rate(2000, 200),
    "TagResource": Rate(50, 30),
    "TerminateWorkflowExecution": Rate(2000, 60),
    "UndeprecateActivityType": Rate(200, 6),
    "UndeprecateDomain": Rate(100, 6),
    "UndeprecateWorkflowType": Rate(200, 6),
    "UntagResource": Rate(50, 30),
}
"""Per account and region, by action (SWF §12.2)."""

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

RUNS: dict[str, Rate] = {
    "GetWorkflowExecutionHistory": Rate(400, 200),
    "RecordActivityTaskHeartbeat": Rate(1000, 1000),
    "RequestCancelWorkflowExecution": Rate(200, 200),
    "SignalWorkflowExecution": Rate(1000, 1000),
}
"""Per run, by action (SWF §12.4)."""

ACTIVITY_TASK_LIST = Rate(2000, 2000)
"""Activity tasks scheduled on one list (SWF §12.1)."""

MOST_BUCKETS = 20_000  # runs and lists come and go; those that are full again are forgotten then


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
        """True when it is full."""
        passed = max(now - self.at_ms, 0)
        self.level = min(self.rate.size, self.level + passed * self.rate.refill / 1000)
        self.at_ms = max(now, self.at_ms)
        return self.level >= self.rate.size


class Buckets:
    """Of one node. May be used from any thread."""

    def __init__(self, *, enforced: bool) -> None:
        self.enforced = enforced
        self._buckets: dict[tuple[object, ...], _Bucket] = {}
        self._lock = Lock()

    def require_call(self, tenant: Tenant, operation: str, now: int) -> None:
        """ThrottlingException when the account has called this too often."""
        rate = CALLS.get(operation)
        if rate is not None and not self._take((tenant, operation), rate, now):
            raise ThrottlingException

    def require_run(self, run_id: str, operation: str, now: int) -> None:
        """ThrottlingException when this run was called too often."""
        if not self._take((run_id, operation), RUNS[operation], now):
            raise ThrottlingException

    def admits_decision(self, tenant: Tenant, decision_type: str, now: int) -> bool:
        rate = DECISIONS.get(decision_type)
        return rate is None or self._take((tenant, "decision", decision_type), rate, now)

    def admits_activity(self, domain: int, task_list: str, now: int) -> bool:
        """One more activity task on this list."""
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

    def _forget_full(self, now: int) -> None:
        if len(self._buckets) >= MOST_BUCKETS:
            self._buckets = {key: bucket for key, bucket in self._buckets.items() if not bucket.fill(now)}
