"""Findings between parents and children (rules C8 to C10; SWF §5.13, §8.5, §8.6).

A parent that continued as new has no children any more; no run records what they do (SWF §15.25).
"""

from collections.abc import Iterator

from workflowsvc.lint.children import CLOSES
from workflowsvc.lint.history import Event, Finding, History
from workflowsvc.lint.recorded_runs import SETTINGS, RecordedRuns, Run, key_of

__all__ = ["check"]

_INITIATED = "StartChildWorkflowExecutionInitiated"
_COPIED = ("result", "reason", "details", "timeoutType")  # members of the child's closing event


def check(recorded: RecordedRuns) -> Iterator[Finding]:
    """All findings about parents and children."""
    for run, history in recorded.runs.items():
        for event in history.events:
            if event.type == _INITIATED:
                yield from _check_initiated(recorded, run, history, event)
            elif event.type == "ChildWorkflowExecutionStarted":
                yield from _check_started(recorded, run, history, event)
            elif event.type in CLOSES:
                yield from _check_closed(recorded, run, event)
        yield from _check_parent(recorded, run, history)
        yield from _check_policy_received(recorded, run, history)


def _check_parent(recorded: RecordedRuns, run: Run, history: History) -> Iterator[Finding]:
    parent = key_of(history.start, "parentWorkflowExecution")
    if parent not in recorded.runs:
        return
    initiated = recorded.runs[parent].find(history.start.number("parentInitiatedEventId"), _INITIATED)
    if initiated is None or initiated.text("workflowId") != run[0]:
        named = history.start.number("parentInitiatedEventId")
        yield Finding("C8", 1, f"event {named} of parent {parent[0]}/{parent[1]} did not initiate it", run)


def _check_initiated(
    recorded: RecordedRuns, run: Run, history: History, initiated: Event
) -> Iterator[Finding]:
    family = recorded.children.get((run, initiated.id), [])
    firsts = [child for child in family if not recorded.runs[child].start.text("continuedExecutionRunId")]
    for child in firsts[1:]:
        yield Finding("C8", 1, f"event {initiated.id} of its parent had started run {firsts[0][1]}", child)
    answers = {
        event.type: event for event in history.events if event.number("initiatedEventId") == initiated.id
    }
    failed = answers.get("StartChildWorkflowExecutionFailed")
    if failed and family:
        yield failed.breaks("C8", f"the child could not start, but run {family[0][1]} exists", run)
    for child in firsts:
        if recorded.is_before(recorded.runs[child].start, initiated):
            yield Finding("C8", 1, "starts before its parent initiates it", child)
    if not recorded.settled:
        return
    if history.closing is None:
        yield from _check_recorded_by_parent(recorded, run, initiated, family, answers)
    else:
        yield from _check_policy_applied(recorded, history.closing, run, initiated, family)


def _check_recorded_by_parent(
    recorded: RecordedRuns, run: Run, initiated: Event, family: list[Run], answers: dict[str, Event]
) -> Iterator[Finding]:
    """What an open parent must have recorded once no message is under way any more."""
    if not answers:
        yield initiated.breaks("C8", "the child was neither started nor refused", run)
    endings = [recorded.runs[child].closing for child in family]
    ended = family and all(endings) and any(e and e.type in CLOSES.values() for e in endings)
    if ended and not any(event_type in CLOSES for event_type in answers):
        yield initiated.breaks("C9", "the child has ended, but its parent has not recorded that", run)


def _check_started(recorded: RecordedRuns, run: Run, history: History, event: Event) -> Iterator[Finding]:
    child = key_of(event, "workflowExecution")
    if child not in recorded.runs:
        return
    start = recorded.runs[child].start
    named = (key_of(start, "parentWorkflowExecution"), start.number("parentInitiatedEventId"))
    if named != (run, event.number("initiatedEventId")):
        other = f"{named[0][0]}/{named[0][1]}, event {named[1]}"
        yield event.breaks("C8", f"run {child[1]} says that it was initiated by {other}", run)
    if start.text("continuedExecutionRunId"):
        yield event.breaks("C8", f"run {child[1]} was not started, it continues another one", run)
    if recorded.is_before(event, start):
        yield event.breaks("C8", "is earlier than the child's own start", run)
    initiated = history.find(event.number("initiatedEventId"), _INITIATED)
    for name in SETTINGS if initiated else ():
        if initiated and start.attributes.get(name) != initiated.attributes.get(name):
            yield Finding(
                "C8", 1, f"{name} is not the one that its parent's event {initiated.id} decided", child
            )


def _check_closed(recorded: RecordedRuns, run: Run, event: Event) -> Iterator[Finding]:
    child = key_of(event, "workflowExecution")
    if child not in recorded.runs:
        return
    history = recorded.runs[child]
    closing = history.closing
    named = (key_of(history.start, "parentWorkflowExecution"), history.start.number("parentInitiatedEventId"))
    if named != (run, event.number("initiatedEventId")):
        yield event.breaks(
            "C9", f"run {child[1]} is not the child of event {event.number('initiatedEventId')}", run
        )
    if closing is None or closing.type != CLOSES[event.type]:
        own = closing.type if closing else "no closing event"
        yield event.breaks("C9", f"run {child[1]} has {own}", run)
        return
    for name in _COPIED:
        # The parent's event does not say why a child was terminated (SWF §6.7).
        wanted = None if closing.type == "WorkflowExecutionTerminated" else closing.attributes.get(name)
        if event.attributes.get(name) != wanted:
            yield event.breaks("C9", f"{name} is not that of run {child[1]}", run)
    if event.attributes.get("workflowType") != history.start.attributes.get("workflowType"):
        yield event.breaks("C9", f"workflowType is not that of run {child[1]}", run)
    if recorded.is_before(event, closing):
        yield event.breaks("C9", f"is earlier than the close of run {child[1]}", run)


def _policy_of(start: Event, closing: Event) -> str:
    """The child policy that this close applies; "" if it applies none."""
    if closing.type == "WorkflowExecutionContinuedAsNew":
        return ""
    return closing.text("childPolicy") or start.text("childPolicy")


def _check_policy_received(recorded: RecordedRuns, run: Run, history: History) -> Iterator[Finding]:
    parent = key_of(history.start, "parentWorkflowExecution")
    applied = [event for event in history.events if event.text("cause") == "CHILD_POLICY_APPLIED"]
    if not applied or parent not in recorded.runs:
        return
    closing = recorded.runs[parent].closing
    policy = _policy_of(recorded.runs[parent].start, closing) if closing else ""
    for event in applied:
        wanted = "TERMINATE" if event.type == "WorkflowExecutionTerminated" else "REQUEST_CANCEL"
        if policy != wanted:
            state = f"closed with policy {policy or 'none'}" if closing else "is open"
            yield event.breaks("C10", f"parent {parent[0]}/{parent[1]} {state}", run)
        elif closing and recorded.is_before(event, closing):
            yield event.breaks("C10", "is earlier than the close of the parent", run)


def _check_policy_applied(
    recorded: RecordedRuns, closing: Event, run: Run, initiated: Event, family: list[Run]
) -> Iterator[Finding]:
    # Whether a close by decision applies the policy is open (SWF §15.1), so only termination and time-out are checked.
    if closing.type not in ("WorkflowExecutionTimedOut", "WorkflowExecutionTerminated"):
        return
    still_open = [child for child in family if recorded.runs[child].closing is None]
    policy = _policy_of(recorded.runs[run].start, closing)
    asked = any(
        event.type == "WorkflowExecutionCancelRequested" and event.text("cause") == "CHILD_POLICY_APPLIED"
        for child in family
        for event in recorded.runs[child].events
    )
    for child in still_open:
        if policy == "TERMINATE" or (policy == "REQUEST_CANCEL" and not asked):
            who = f"{run[0]}/{run[1]}"
            yield closing.breaks("C10", f"policy {policy} of {who} did not reach run {child[1]}", run)
