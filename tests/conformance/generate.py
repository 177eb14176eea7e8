"""`python -m tests.conformance.generate [--check]`: writes docs/conformance.md from the tests and from `facts/*.toml`.

Every scenario is played, which takes some seconds. With `--check` nothing is written: exit status 1 when the page is
stale or when a member of the model is without a fact or without a test. `test_page.py` does the same in `make test`.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Iterator

from tests.conformance import evidence
from tests.conformance.coverage import Coverage, Member, covered
from tests.conformance.evidence import ROOT, Evidence, Fact, facts
from tests.conformance.refusals import CANNOT_OCCUR, modelled, refusals
from tests.scenario import runner
from tests.wire import swf_model

PAGE = ROOT / "docs" / "conformance.md"


class Incomplete(Exception):
    """A member of the model is without a fact or without a test; the message lists all of them."""


def page(played: list[Coverage]) -> str:
    """The text that docs/conformance.md must have."""
    known = Evidence(played)
    gaps = list(known.gaps())
    if gaps:
        raise Incomplete("\n".join(gaps))
    parts = [
        [HEAD.format(**figures())],
        section_of(known, "Actions", "action", swf_model.OPERATIONS),
        fault_section(),
        section_of(known, "Decisions", "decision", swf_model.DECISION_TYPES),
        section_of(known, "Events", "event", swf_model.EVENT_TYPES),
        cause_section(known),
        value_section(known),
        wrong_section(),
        question_section(known),
        difference_section(),
        recording_section(known),
        checklist_section(known),
    ]
    text = "\n".join(line for part in parts for line in part) + "\n"
    return text + "\n" + "\n".join(labels(text)) + "\n"


HEAD = """\
# Conformance

What of Amazon SWF is here, how well it is known, and which test shows it. This page is written by
`python -m tests.conformance.generate` from the service model, the tests and what is known of each member; `make test`
fails when it is stale, or when a member of the model is without a test.

| Of the service model | Members | Shown by a test | Cannot occur here |
|---|---|---|---|
| actions | {actions} | {actions} | 0 |
| decisions | {decisions} | {decisions} | 0 |
| events | {events} | {events_shown} | {events_never} |
| causes of failure, by event | {causes} | {causes_shown} | {causes_never} |
| types of time-out, by event | {timeouts} | {timeouts} | 0 |
| statuses and policies | {values} | {values} | 0 |
| faults, by action | {faults} | {faults_shown} | {faults_never} |
| members of requests that are under a constraint | {constrained} | {constrained} | 0 |

Behind this stand the scenarios of `tests/histories` and `tests/conformance`, each played in this process, in one that
dies before every command, and over HTTP with boto3; {refusals} calls that are refused, each over HTTP with boto3, with
its exact text; {constraints} requests that break one constraint of the model each. After no refusal is there a
difference in any table of the store.

**Evidence** is of the real service, not of this one. Each grade stands before its source in
[the specification](spec/README.md); the grades are:

| Grade | The evidence is |
|---|---|
| A | traffic recorded from the real service, or an answer of it word for word |
| A* | a specific report about it: a live test that asserts it, an author who measured |
| B | AWS's own words: the service model, the API reference, the guides |
| C | a client in wide use, which would break otherwise |
| D | an emulator or a descendant that does so |
| E | a guess, where all of them are silent |

**Shown by** names at most two tests of those that are about it most. A scenario is named by its file and its title; it
counts for an event, a cause or a time-out only where a line of it says so, because only that is compared.
"""


def figures() -> dict[str, int]:
    """The numbers of the head."""
    model = evidence.members()

    def count(*kinds: str, impossible: bool | None = None) -> int:
        return sum(
            member[0] in kinds and impossible in (None, evidence.never(member) is not None)
            for member in model
        )

    broken = [constraint for name in swf_model.OPERATIONS for constraint in swf_model.constraints(name)]
    return {
        "actions": count("action"),
        "decisions": count("decision"),
        "events": count("event"),
        "events_shown": count("event", impossible=False),
        "events_never": count("event", impossible=True),
        "causes": count("cause"),
        "causes_shown": count("cause", impossible=False),
        "causes_never": count("cause", impossible=True),
        "timeouts": count("timeout"),
        "values": count("close status", "child policy", "execution status", "registration status"),
        "faults": len(modelled()),
        "faults_shown": len(modelled() - CANNOT_OCCUR.keys()),
        "faults_never": len(CANNOT_OCCUR),
        "constrained": len({(constraint.operation, constraint.path) for constraint in broken}),
        "constraints": len(broken),
        "refusals": len(refusals()),
    }


# --- tables ---


def table(*heads: str) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield "|" + "---|" * len(heads)


def row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def proof(grade: str, citation: str) -> str:
    return f"{grade} ({citation})"


def shown_by(tests: Iterable[str]) -> str:
    """Links, one beneath the other."""
    return "<br>".join(link(test) for test in tests)


def link(test: str) -> str:
    """`children: A child begins …` -> `[children][]: A child begins …`; the labels are resolved by `labels`."""
    path, _, name = test.partition("::")
    if name:
        label = path.removeprefix("tests/").removesuffix(".py")
        return f"[{label}][]: {name.removeprefix('test_').replace('_', ' ')}"
    stem, _, title = test.partition(": ")
    return f"[{stem}][]: {title}"


def labels(text: str) -> Iterator[str]:
    """Where the links of the page lead."""
    for label in sorted(set(re.findall(r"\[([\w/]+)\]\[\]", text))):
        found = [
            f"tests/{place}"
            for place in (f"{label}.py", f"histories/{label}.txt", f"conformance/{label}.txt")
        ]
        yield f"[{label}]: ../{next(path for path in found if (ROOT / path).is_file())}"


def section_of(known: Evidence, title: str, kind: str, names: list[str]) -> Iterator[str]:
    yield f"## {title}\n"
    yield from table(title.removesuffix("s"), "What can be relied on", "Evidence", "Shown by")
    written = evidence.known()
    for name in names:
        yield fact_row(known, (kind, name), written.get((kind, name)))
    yield ""


def fact_row(known: Evidence, member: Member, given: Fact | None) -> str:
    """A member that cannot occur has a reason instead of tests."""
    reason = evidence.never(member)
    if reason is not None:
        return row(f"`{member[-1]}`", "", "", f"*cannot occur:* {reason}")
    assert given is not None
    tests = shown_by(known.tests(member, given))
    return row(f"`{member[-1]}`", given.text, proof(given.grade, given.citation), tests)


FAULTS = """\
Every fault that the model lists for an action, and the calls that are answered with it. Each is a case of
[conformance/test_faults][], which compares the code, the exact text, the class that boto3 raises and all tables before
and after. `OperationNotPermittedFault` is not in the table: the model lists it for all 39 actions, and a call that
policies forbid is answered `AccessDeniedException` instead (SWF §15.10).
"""


def fault_section() -> Iterator[str]:
    """Which action answers which fault, then the texts."""
    yield "### Faults of actions\n"
    yield FAULTS
    yield from table("Action", "Fault", "A call that names, or makes")
    cases = refusals()
    for action in swf_model.OPERATIONS:
        listed = {fault for name, fault in modelled() if name == action} - {"OperationNotPermittedFault"}
        beside = {case.fault for case in cases if case.operation == action} - listed
        for fault in sorted(listed | beside):
            when = [case.when for case in cases if (case.operation, case.fault) == (action, fault)]
            reason = CANNOT_OCCUR.get((action, fault))
            text = "; ".join(when) if when else f"*cannot occur:* {reason}"
            mark = " (beside the model)" if fault in beside else ""
            yield row(f"`{action}`", f"`{fault}`{mark}", text)
    yield "\nWhat they say:\n"
    yield from table("Fault", "Text", "Evidence", "Actions")
    texts: dict[tuple[str, str], list[tuple[str, str, str]]] = {}
    for case in cases:
        texts.setdefault((case.fault, pattern(case.message)), []).append(
            (case.operation, case.grade, case.citation)
        )
    for (fault, text), uses in sorted(texts.items()):
        grade = min((use[1] for use in uses), key=evidence.GRADES.index)
        citation = next(use[2] for use in uses if use[1] == grade)
        yield row(f"`{fault}`", text, proof(grade, citation), str(len({use[0] for use in uses})))
    yield "\nFaults that no action of the model lists:\n"
    yield from table("Fault", "Status", "When", "Evidence", "Shown by")
    for name, (status, grade, citation, when, *tests) in facts("beside").items():
        yield row(f"`{name}`", status, when, proof(grade, citation), shown_by(tests))
    yield ""


def pattern(message: str | None) -> str:
    """A text with what differs from call to call left out."""
    if message is None:
        return "*no text*"
    text = re.sub(r"arn:aws\S*|(?<=resource: )d$", "<arn>", message)
    text = re.sub(r"(?<=Id=)[^,\]]+|(?<=workflowId = ).+", "…", text)
    text = re.sub(r"(?<=name=)\w+|(?<=version=)\w+|(?<=EventId = )\d+|(?<=domain: )\w+", "…", text)
    text = re.sub(r"\b\d+(?= (open|domains|tags|workflow|activity))", "…", text)
    text = re.sub(r"\b(workflow|activity)(?= types)", "<kind>", text)
    text = re.sub(r"\b(Workflow|Activity)(?=Type=)", "<Kind>", text)
    return f"`{'<name>' if text in ('d', 'old') else text}`"


def cause_section(known: Evidence) -> Iterator[str]:
    yield "## Causes of failure\n"
    written = evidence.known()
    yield from table("Event", "Cause", "When", "Evidence", "Shown by")
    for member in evidence.members():
        if member[0] == "cause":
            text = fact_row(known, member, written.get(member))
            yield f"| `{member[1]}` {text}"
    yield ""


def value_section(known: Evidence) -> Iterator[str]:
    yield "## Time-outs, statuses, policies\n"
    written = evidence.known()
    yield from table("Of", "Value", "Meaning", "Evidence", "Shown by")
    for member in evidence.members():
        if member[0] not in ("action", "decision", "event", "cause"):
            of = f"`{member[1]}`" if member[0] == "timeout" else member[0]
            yield f"| {of} {fact_row(known, member, written[member])}"
    yield ""


def wrong_section() -> Iterator[str]:
    yield "## Wrong input\n"
    yield "Whatever is refused leaves no trace in the store, and nothing that a client sends is answered 500.\n"
    yield from table("Input", "What comes of it", "Shown by")
    for what, outcome, *tests in facts("wrong")["inputs"]:
        yield row(what, outcome, shown_by(tests))
    yield ""


QUESTIONS = """\
What is neither recorded nor documented beyond doubt, and what is done here. Each is a guess of grade E unless its
scenario says more. [questions][] is written so that it can be asked of the real service.
"""


def question_section(known: Evidence) -> Iterator[str]:
    yield "## Open questions\n"
    yield QUESTIONS
    yield from table("#", "Question", "Here", "Switch", "Shown by")
    for number, asked in facts("questions").items():
        tests = [*asked.get("tests", []), *known.about(f"15.{number}")][:MAX_TESTS_OF_A_QUESTION]
        if not tests and "never" not in asked:
            raise Incomplete(
                f"question SWF §15.{number} is shown by no test: name it in the header of a scenario"
            )
        shown = shown_by(tests) or f"*{asked['never']}*"
        yield row(f"SWF §15.{number}", asked["question"], asked["here"], asked.get("switch", ""), shown)
    yield ""


MAX_TESTS_OF_A_QUESTION = 3


def difference_section() -> Iterator[str]:
    yield "## Different on purpose, or absent\n"
    yield from table("Different", "Specification", "Shown by")
    for citation, text, *tests in facts("differences")["other"]:
        yield row(text, citation, shown_by(tests))
    yield ""
    yield from table("Absent", "Specification")
    for citation, text in facts("differences")["absent"]:
        yield row(text, citation)
    yield ""


def recording_section(known: Evidence) -> Iterator[str]:
    yield "## Histories of the real service\n"
    yield "Each is a scenario that must come out event by event.\n"
    yield from table("Section", "Evidence", "Scenario")
    for number in range(1, 14):
        section = f"14.{number}"
        showing = [coverage for coverage in known.covered if section in coverage.sections]
        if not showing:
            raise Incomplete(f"the history of SWF §{section} is no scenario")
        for coverage in showing:
            yield row(f"SWF §{section}", coverage.scenario.grade, link(coverage.scenario.name))
    yield ""


def checklist_section(known: Evidence) -> Iterator[str]:
    """The lines of tests/histories/checklist.md, with what shows them."""
    yield "## Checklist\n"
    checklist = (runner.FOLDER / "checklist.md").read_text(encoding="utf-8").replace("\n  ", " ")
    yield from table("Line (SWF §16.6)", "Shown by")
    for line in re.findall(r"^- (.*)$", checklist, re.MULTILINE):
        text, _, elsewhere = line.partition(" -> ")
        tests = re.findall(r"tests/\S+\.py::\w+", elsewhere)
        tests += [coverage.scenario.name for coverage in known.covered if text in coverage.scenario.checklist]
        if not tests:
            raise Incomplete(f"no test shows the line of the checklist: {text}")
        yield row(text.replace("*", "\\*").replace("_", "\\_"), shown_by(tests[:MAX_TESTS_OF_A_QUESTION]))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.generate")
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 when the page is stale")
    options = parser.parse_args(arguments)
    try:
        text = page(covered())
    except Incomplete as incomplete:
        print(incomplete, file=sys.stderr)
        return 1
    if not options.check:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text:
        return 0
    print("docs/conformance.md is stale: run python -m tests.conformance.generate", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
