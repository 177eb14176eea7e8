"""What a replay found: for a program, for a build server, and side by side for people.

Owns these three forms. Must not know how text gets to a terminal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from xml.etree import ElementTree

from workflowsvc.display.text import counted, printable
from workflowsvc.replay.comparison import EXECUTION_CONTEXT, name_of
from workflowsvc.replay.decisions import MadeDecision
from workflowsvc.replay.player import Ending
from workflowsvc.replay.verdict import Verdict

MAX_SHOWN = 100  # characters of a value
BEFORE_DIFFERENCE = 20  # characters shown of what two values have in common
ABSENT = "-"


class Row(NamedTuple):
    """One line of two lists of decisions beside each other."""

    then: str
    now: str
    differs: bool


def summary_of(verdicts: Sequence[Verdict]) -> str:
    """`3 recordings, 12 decision tasks compared: 2 the same, 1 differs`."""
    counts = Counter(verdict.status for verdict in verdicts)
    texts = (
        (counts["SAME"], "the same"),
        (counts["ANSWERED"], "answered"),
        (counts["DIFFERS"], "differ" if counts["DIFFERS"] != 1 else "differs"),
        (counts["NO_ANSWER"], "without an answer"),
        (counts["UNUSABLE"], "that cannot be replayed"),
    )
    compared = counted(sum(verdict.compared for verdict in verdicts), "decision task", "decision tasks")
    listed = ", ".join(f"{count:,} {text}" for count, text in texts if count) or "nothing to play"
    return f"{counted(len(verdicts), 'recording', 'recordings')}, {compared} compared: {listed}"


def notes_of(ending: Ending) -> Iterator[str]:
    """What a reader should know beside the verdicts."""
    for action, count in ending.not_executed.items():
        yield f"{action} was called {counted(count, 'time', 'times')} and not executed"
    for why, count in ending.strange_answers.items():
        yield f"{counted(count, 'answer was', 'answers were')} refused: {why}"


# --- side by side ---


def place_of(verdict: Verdict) -> str:
    """Where in the recording a verdict belongs: the event that the decision follows."""
    step = verdict.step
    if step is None:
        return ""
    after = f", after event {step.after}" if step.after else ""
    if step.completed_id:
        return f"at event {step.completed_id} DecisionTaskCompleted{after}"
    return f"at event {step.started_id} DecisionTaskStarted{after}"


def side_by_side(verdict: Verdict) -> list[Row]:
    """The decisions of then and of now, one a line, and below those that differ, in which members."""
    assert verdict.step is not None
    then, now = verdict.step.decisions, verdict.now
    difference = verdict.difference
    rows: list[Row] = []
    for index in range(max(len(then), len(now))):
        one = then[index] if index < len(then) else None
        other = now[index] if index < len(now) else None
        is_it = difference is not None and difference.position == index
        rows.append(Row(_numbered(index, one), _numbered(index, other), is_it))
        if is_it and difference is not None and one and other:
            rows += [
                _member(path, one.members.get(path), other.members.get(path)) for path in difference.members
            ]
    if difference is not None and difference.position < 0:
        rows.append(_member(EXECUTION_CONTEXT, verdict.step.execution_context, verdict.context_now))
    return rows


def decided_now(verdict: Verdict) -> list[str]:
    """The decisions of now with all their members, in lines."""
    lines: list[str] = []
    for index, decision in enumerate(verdict.now):
        lines.append(_numbered(index, decision))
        lines += [f"    {path} = {_shown(value)}" for path, value in sorted(decision.members.items())]
    if verdict.context_now is not None:
        lines.append(f"{EXECUTION_CONTEXT} = {_shown(verdict.context_now)}")
    return lines or ["no decision"]


def _numbered(index: int, decision: MadeDecision | None) -> str:
    return ABSENT if decision is None else f"{index + 1} {name_of(decision)}"


def _member(path: str, then: object, now: object) -> Row:
    start = 0
    if isinstance(then, str) and isinstance(now, str):
        start = next(
            (at for at, (one, other) in enumerate(zip(then, now, strict=False)) if one != other),
            min(len(then), len(now)),
        )
    return Row(f"    {path} = {_shown(then, start)}", f"    {path} = {_shown(now, start)}", True)


def _shown(value: object, start: int = 0) -> str:
    """A value, cut to what matters: where two of them begin to differ."""
    if value is None:
        return ABSENT
    text = value if isinstance(value, str) else repr(value)
    first = max(0, start - BEFORE_DIFFERENCE) if len(text) > MAX_SHOWN else 0
    cut = printable(text[first : first + MAX_SHOWN])
    return f"{'…' if first else ''}{cut}{'…' if first + MAX_SHOWN < len(text) else ''}" or '""'


# --- for programs ---


def as_object(verdict: Verdict) -> dict[str, Any]:
    """One line of --json."""
    found: dict[str, Any] = {"recording": verdict.name, "status": verdict.status}
    if verdict.workflow_id:
        found["execution"] = {"workflowId": verdict.workflow_id, "runId": verdict.run_id}
        name, _, version = verdict.workflow_type.rpartition(":")
        found["workflowType"] = {"name": name, "version": version}
        found["decisionTasksCompared"] = verdict.compared
    if verdict.message:
        found["message"] = verdict.message
    if verdict.status in ("DIFFERS", "NO_ANSWER", "ANSWERED") and verdict.step is not None:
        step = verdict.step
        found["startedEventId"] = step.started_id
        if step.completed_id:
            found["completedEventId"] = step.completed_id
        if step.after:
            found["afterEvent"] = step.after
        if verdict.status != "NO_ANSWER":
            found |= _both(verdict)
    return found


def _both(verdict: Verdict) -> dict[str, Any]:
    assert verdict.step is not None
    found: dict[str, Any] = {
        "recorded": [{"eventId": one.event_id} | _decision(one) for one in verdict.step.decisions],
        "now": [_decision(one) for one in verdict.now],
    }
    difference = verdict.difference
    if difference is not None:
        found["difference"] = {"decision": difference.position + 1, "members": list(difference.members)}
        if difference.position < 0:
            found["difference"] = {"members": [EXECUTION_CONTEXT]}
            found["executionContext"] = {
                "recorded": verdict.step.execution_context,
                "now": verdict.context_now,
            }
    return found


def _decision(decision: MadeDecision) -> dict[str, Any]:
    return {"decisionType": decision.type, "members": decision.members}


def summary_object(verdicts: Sequence[Verdict], ending: Ending) -> dict[str, Any]:
    """The last line of --json."""
    counts: Mapping[str, int] = Counter(verdict.status for verdict in verdicts)
    return {
        "recordings": len(verdicts),
        "decisionTasksCompared": sum(verdict.compared for verdict in verdicts),
        "statuses": dict(counts),
        "callsNotExecuted": dict(ending.not_executed),
        "answersRefused": dict(ending.strange_answers),
    }


def as_junit(verdicts: Sequence[Verdict]) -> bytes:
    """A test suite with a case for each recording, as build servers read it."""
    suite = ElementTree.Element(
        "testsuite",
        name="workflowsvc replay",
        tests=str(len(verdicts)),
        failures=str(sum(verdict.status == "DIFFERS" for verdict in verdicts)),
        errors=str(sum(verdict.status in ("NO_ANSWER", "UNUSABLE") for verdict in verdicts)),
        skipped="0",
        time=f"{sum(verdict.seconds for verdict in verdicts):.3f}",
    )
    for verdict in verdicts:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            classname=_xml(verdict.workflow_type or "recording"),
            name=_xml(f"{verdict.workflow_id} {verdict.run_id}" if verdict.workflow_id else verdict.name),
            file=_xml(verdict.name),
            time=f"{verdict.seconds:.3f}",
        )
        if verdict.status in ("SAME", "ANSWERED"):
            continue
        kind = "failure" if verdict.status == "DIFFERS" else "error"
        found = ElementTree.SubElement(case, kind, message=_xml(verdict.message), type=verdict.status)
        found.text = _xml("\n".join(_lines(verdict)))
    return ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True) + b"\n"


def _lines(verdict: Verdict) -> Iterator[str]:
    yield f"{verdict.name}: {place_of(verdict)}" if verdict.step else verdict.name
    yield verdict.message
    if verdict.status == "DIFFERS":
        rows = side_by_side(verdict)
        width = max(len(row.then) for row in rows) if rows else 0
        yield f"  {'recorded':<{width}}  now"
        for row in rows:
            yield f"{'*' if row.differs else ' '} {row.then:<{width}}  {row.now}"


def _xml(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return "\n".join(printable(line) for line in text.split("\n"))
