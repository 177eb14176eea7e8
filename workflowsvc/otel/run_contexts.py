"""Which trace a run belongs to, for the workers and deciders that get its tasks.

Owns the memory of traces that callers have begun runs in, which is bounded and is this node's alone. A run that is not
in it has a trace of its own, which follows from its runId, so that every node knows it.
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec
from opentelemetry.trace import SpanContext, TraceFlags

from workflowsvc.model.shapes import ActivityTask, DecisionTask
from workflowsvc.traces import context

MAX_RUNS = 10_000  # about 300 bytes each


class _Execution(msgspec.Struct):
    run_id: str = msgspec.field(default="", name="runId")


class _Started(msgspec.Struct):
    parent: _Execution | None = msgspec.field(default=None, name="parentWorkflowExecution")
    before: str | None = msgspec.field(default=None, name="continuedExecutionRunId")


class _FirstEvent(msgspec.Struct):
    started: _Started | None = msgspec.field(default=None, name="workflowExecutionStartedEventAttributes")


_decode_first = msgspec.json.Decoder(_FirstEvent).decode


class RunContexts:
    """Of one node."""

    def __init__(self, ratio: float) -> None:
        """`ratio`: of the traces of runs, how many are sampled; the same ones on every node."""
        self._bound = round(ratio * (1 << 64))
        self._known: OrderedDict[str, SpanContext] = OrderedDict()

    def started(self, run_id: str, of_call: SpanContext) -> None:
        """A caller has started this run within a trace of its own."""
        self._known[run_id] = of_call
        self._known.move_to_end(run_id)
        if len(self._known) > MAX_RUNS:
            self._known.popitem(last=False)

    def of_task(self, task: DecisionTask | ActivityTask) -> SpanContext:
        """What the poller of a task is to continue."""
        run_id = task.workflow_execution.run_id
        found = self._known.get(run_id)
        if found is None and self._known and isinstance(task, DecisionTask):
            found = self._inherited(run_id, task)
        if found is not None:
            self._known.move_to_end(run_id)
            return found
        return self.of_event(run_id, task.started_event_id)

    def of_event(self, run_id: str, event_id: int) -> SpanContext:
        """The span that `workflowsvc trace export` makes of what begins with an event, in the run's own trace."""
        own = context.of_event(run_id, event_id)
        trace_id = int(own.trace_id, 16)
        is_sampled = trace_id & ((1 << 64) - 1) < self._bound
        return SpanContext(
            trace_id, int(own.span_id, 16), is_remote=True, trace_flags=TraceFlags(int(is_sampled))
        )

    def _inherited(self, run_id: str, task: DecisionTask) -> SpanContext | None:
        """A child is in the trace of its parent, and a run in that of the run that it continues."""
        if task.previous_started_event_id or not task.events:
            return None
        started = _decode_first(task.events[0]).started
        if started is None:
            return None
        before = started.before or (started.parent.run_id if started.parent else "")
        found = self._known.get(before)
        if found is not None:
            self.started(run_id, found)
        return found
