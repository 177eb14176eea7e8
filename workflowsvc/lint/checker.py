"""The two judgements: of one history, and of several that refer to each other.

Owns the order in which rules are checked; the rules themselves are in the files named after their subject.
"""

from collections.abc import Iterable, Mapping, Sequence

from workflowsvc.lint import (
    activities,
    batches,
    children,
    closing,
    decision_tasks,
    describe,
    externals,
    lambdas,
    related_children,
    related_messages,
    related_runs,
    timers,
    triggers,
)
from workflowsvc.lint.envelope import check_numbering, read_events
from workflowsvc.lint.history import Finding, History, Limits, build
from workflowsvc.lint.recorded_runs import RecordedRuns

__all__ = ["check_growth", "check_related", "lint_history", "read_history"]

_REFERENCES = (
    decision_tasks.check,
    batches.check,
    triggers.check,
    activities.check,
    timers.check,
    lambdas.check,
    children.check,
    externals.check,
    closing.check,
)


def read_history(
    events: Sequence[object], *, complete: bool = True, limits: Limits | None = None
) -> tuple[History | None, list[Finding]]:
    """The history and the findings about its single events; no history if the numbering is broken."""
    if not events:
        return None, [Finding("H2", 0, "there are no events")] if complete else []
    read, findings = read_events(events)
    unnumbered = check_numbering(read)
    if unnumbered:
        return None, unnumbered + findings
    return build(read, complete=complete, limits=limits or Limits()), findings


def lint_history(
    events: Sequence[Mapping[str, object]],
    *,
    complete: bool = True,
    execution: Mapping[str, object] | None = None,
    limits: Limits | None = None,
) -> list[Finding]:
    """All rules that these HistoryEvents break, by event; an empty list if none.

    `complete=False` says that more events may follow these, which start with event 1. `execution` is the
    answer of DescribeWorkflowExecution for the same moment. `limits` are the quotas of the service under test
    if not AWS's.
    """
    history, findings = read_history(events, complete=complete, limits=limits)
    if history is not None:
        for check in _REFERENCES:
            findings += check(history)
        if execution is not None and complete:
            findings += describe.check(history, execution)
    return sorted(set(findings), key=lambda finding: (finding.event_id, finding.rule, finding.message))


def check_related(
    histories: Mapping[tuple[str, str], Sequence[Mapping[str, object]]],
    *,
    settled: bool = False,
    one_clock: bool = True,
) -> list[Finding]:
    """All rules that these histories of one domain break between them, by (workflowId, runId).

    The histories must be one consistent reading. Executions that are not among them are not judged.
    `settled=True` says that nothing was under way at that moment, so that what must arrive has arrived.
    `one_clock=False` says that the service's clock was set back meanwhile, so that times of different
    histories cannot be compared.
    """
    runs: dict[tuple[str, str], History] = {}
    for key, events in histories.items():
        history, _ = read_history(events)
        if history is not None:
            runs[key] = history
    recorded = RecordedRuns(runs, settled=settled, one_clock=one_clock)
    findings: list[Finding] = []
    for check in (related_runs.check, related_children.check, related_messages.check):
        findings += check(recorded)
    return sorted(set(findings), key=lambda finding: (finding.execution or ("", ""), *finding[:3]))


def check_growth(earlier: Iterable[object], later: Iterable[object]) -> list[Finding]:
    """H8: the first event in which a later reading of the same execution differs from an earlier one."""
    after = iter(later)
    for index, event in enumerate(earlier):
        if event != next(after, None):
            return [
                Finding("H8", index + 1, "a later reading of the history has another event here, or none")
            ]
    return []
