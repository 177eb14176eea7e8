"""What the command prints: the findings for a reader, or as JSON for a program."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence

from workflowsvc.lint.envelope import read_ms
from workflowsvc.lint.history import Finding, as_object, brief
from workflowsvc.lint.rules import RULES
from workflowsvc.lint.source import LoadedHistory
from workflowsvc.lint.tables import CLOSING, attributes_name

__all__ = ["as_json", "as_text"]

_LONGEST_LINE = 300


def as_text(source: LoadedHistory, findings: Sequence[Finding]) -> str:
    """The findings by event, what each broken rule says, and a summary in the last line."""
    events = {_id_of(event): event for event in map(as_object, source.events)}
    start = read_ms(as_object(source.events[0]).get("eventTimestamp")) if source.events else None
    lines: list[str] = []
    shown = -1
    for finding in findings:
        if finding.event_id != shown:
            shown = finding.event_id
            lines += ["", _event_line(events.get(shown, {}), shown, start[0] if start else None)]
        lines.append(_clean(f"    {finding.rule:<4} {finding.message}"))
    if findings:
        lines += ["", "The rules, with their sections in docs/spec/swf.md:"]
        broken = {finding.rule for finding in findings}
        lines += [f"    {rule:<4} {sentence}" for rule, sentence in RULES.items() if rule in broken]
    return "\n".join([*lines, "", _summary(source, findings)]).lstrip("\n") + "\n"


def _id_of(event: Mapping[str, object]) -> object:
    return event.get("eventId")


def _clean(text: str) -> str:
    """The text without control characters: texts in histories come from untrusted clients."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)


def _event_line(event: Mapping[str, object], event_id: int, start_ms: int | None) -> str:
    if not event:
        return "The execution" if event_id == 0 else f"Event {event_id}"
    event_type = str(event.get("eventType") or "without type")
    at = read_ms(event.get("eventTimestamp"))
    seconds = f" {(at[0] - start_ms) / 1_000:+.3f} s" if at and start_ms is not None else ""
    line = f"{event_id} {event_type}{seconds}"
    for name, value in as_object(event.get(attributes_name(event_type))).items():
        line += f"  {name}={brief(value)}"
    return _clean(line if len(line) <= _LONGEST_LINE else line[:_LONGEST_LINE] + "…")


def _summary(source: LoadedHistory, findings: Sequence[Finding]) -> str:
    last = as_object(source.events[-1] if source.events else None)
    state = CLOSING.get(str(last.get("eventType")), "open" if source.complete else "a beginning")
    described = ", compared with its description" if source.execution is not None else ""
    what = _clean(f"{source.name}: {len(source.events)} events, {state}{described}")
    if not findings:
        return f"{what}. No rule is broken."
    counts = Counter(finding.rule for finding in findings)
    listed = ", ".join(f"{rule} ({counts[rule]})" for rule in RULES if rule in counts)
    return f"{what}. {len(findings)} finding{'s' if len(findings) > 1 else ''}: {listed}."


def as_json(source: LoadedHistory, findings: Sequence[Finding]) -> str:
    """The findings as one JSON object."""
    return (
        json.dumps(
            {
                "name": source.name,
                "events": len(source.events),
                "complete": source.complete,
                "described": source.execution is not None,
                "findings": [
                    {
                        "rule": finding.rule,
                        "eventId": finding.event_id,
                        "message": finding.message,
                        "says": RULES[finding.rule],
                    }
                    for finding in findings
                ],
            },
            indent=2,
        )
        + "\n"
    )
