"""What the command prints: the problems as text for people, or as JSON for programs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from workflowsvc.fsck.audit import Counts
from workflowsvc.fsck.problem import Problem

MAX_SHOWN = 1_000  # printed problems: a damaged table can have one for each of a million runs


def as_text(where: str, problems: Sequence[Problem], counts: Counts, *, repaired: int | None) -> str:
    """One line for each problem, and a summary in the last one."""
    lines = [_line(problem) for problem in problems[:MAX_SHOWN]]
    if len(problems) > MAX_SHOWN:
        lines.append(f"… and {len(problems) - MAX_SHOWN} more")
    return "\n".join([*lines, _summary(where, problems, counts, repaired)]) + "\n"


def _line(problem: Problem) -> str:
    mark = "repairable" if problem.repairable else "stays"
    return _clean(f"{problem.kind:<9} {mark:<10}  {problem.where}: {problem.text}")


def _clean(text: str) -> str:
    """The text without control characters: names in a database come from untrusted clients."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)


def _summary(where: str, problems: Sequence[Problem], counts: Counts, repaired: int | None) -> str:
    read = f"{counts.runs} runs, {counts.events} events, {counts.tasks} tasks, {counts.messages} messages"
    done = "" if repaired is None else f" {repaired} problem{'' if repaired == 1 else 's'} repaired."
    if not problems:
        return f"{where}: {read}.{done} Nothing is wrong."
    kinds = Counter(problem.kind for problem in problems)
    listed = ", ".join(f"{kind} ({number})" for kind, number in sorted(kinds.items()))
    plural = "" if len(problems) == 1 else "s"
    return f"{where}: {read}.{done} {len(problems)} problem{plural}: {listed}."


def as_json(where: str, problems: Sequence[Problem], counts: Counts, *, repaired: int | None) -> str:
    report = {
        "database": where,
        "runs": counts.runs,
        "events": counts.events,
        "tasks": counts.tasks,
        "messages": counts.messages,
        "repaired": repaired,
        "problems": [problem._asdict() for problem in problems],
    }
    return json.dumps(report, indent=2) + "\n"
