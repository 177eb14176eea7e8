"""What a failing test shows: the runs of its domain, why each does not go on or how it ended, and its history."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workflowsvc.testing.domain import TestDomain

MAX_RUNS = 5
MAX_EVENTS = 40  # of one run, the last ones


def report_of(domain: TestDomain) -> str:
    """The text; empty when there is no run. It never fails: what it tells is about a failure already."""
    try:
        return "\n".join(_report(domain))
    except Exception as error:
        return f"the runs of domain {domain.name} cannot be shown: {type(error).__name__}: {error}"


def _report(domain: TestDomain) -> Iterator[str]:
    runs = domain.runs()
    for info in runs[:MAX_RUNS]:
        execution, kind = info["execution"], info["workflowType"]
        status = info.get("closeStatus", info["executionStatus"])
        yield f"{execution['workflowId']}  {status}  {kind['name']}@{kind['version']}  run {execution['runId']}"
        yield _indented(domain.explain(execution))
        lines = str(domain.history(execution)).splitlines()
        if len(lines) > MAX_EVENTS:
            yield f"  … {len(lines) - MAX_EVENTS} events before these"
        yield from (f"  {line}" for line in lines[-MAX_EVENTS:])
    if len(runs) > MAX_RUNS:
        yield f"and {len(runs) - MAX_RUNS} older runs"


def findings_text(explained: dict[str, Any]) -> str:
    """The findings of ExplainExecution, the most urgent first."""
    lines: list[str] = []
    for finding in explained["findings"]:
        lines.append(f"{finding['severity']} {finding['code']}: {finding['message']}")
        if finding.get("action"):
            lines.append(f"  do: {finding['action']}")
    return "\n".join(lines)


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
