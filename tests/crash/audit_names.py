"""Types, domains and tags must end in a state that the acknowledged calls explain.

Owns the possible states of a name: an acknowledged call leads from one to another, a call with an unknown outcome may
have done so, and a refused one must have had a reason. The rules have the same form as in `audit.py`.
"""

from __future__ import annotations

from collections import defaultdict

from tests.support.client import Client
from tests.support.journal import Call, Journal
from tests.support.names import ARN, TYPES

ABSENT, REGISTERED, DEPRECATED = "absent", "REGISTERED", "DEPRECATED"

# verb -> the state in which it succeeds, the state that follows
VERBS = {
    "Register": (ABSENT, REGISTERED),
    "Deprecate": (REGISTERED, DEPRECATED),
    "Undeprecate": (DEPRECATED, REGISTERED),
    "Delete": (DEPRECATED, ABSENT),
}


async def audit_names(journal: Journal, client: Client) -> list[str]:
    """All violations by names and tags."""
    wrong = await _tags(journal, client)
    lives: dict[tuple[str, str], list[Call]] = defaultdict(list)
    for call in journal.calls:
        if "entity" in call.about:
            lives[call.about["entity"]].append(call)
    kinds = {kind.kind: kind for kind in TYPES}
    for (kind, name), calls in lives.items():
        possible = {ABSENT}
        for call in calls:
            possible = _after(possible, call)
            if not possible:
                wrong.append(f"{call}: no state of {kind} {name} explains this after {[*map(str, calls)]}")
                break
        else:
            action, members = kinds[kind].describe(name)
            now = await client.call(action, **members)
            status = now.answer[kinds[kind].info]["status"] if now.acknowledged else ABSENT
            if status not in possible:
                wrong.append(f"{kind} {name} is {status}, not {possible}, after {[*map(str, calls)]}")
    return wrong


def _after(possible: set[str], call: Call) -> set[str]:
    verb = next(verb for verb in VERBS if call.action.startswith(verb))
    needed, following = VERBS[verb]
    if call.acknowledged:
        return {following} if needed in possible else set()
    if call.outcome == "refused":
        return possible - {needed}
    return possible | ({following} if needed in possible else set())


async def _tags(journal: Journal, client: Client) -> list[str]:
    """The one tag has the value of the last acknowledged call, or of an unknown one behind it."""
    calls = list(journal.of("TagResource", "UntagResource"))
    last = max((n for n, call in enumerate(calls) if call.acknowledged), default=-1)
    possible = {call.about["tag"] for call in calls[max(last, 0) :] if call.may_have_happened}
    if last < 0:
        possible.add(None)
    now = await client.call("ListTagsForResource", resourceArn=ARN)
    value = next((tag["value"] for tag in now.answer["tags"] if tag["key"] == "k"), None)
    return [] if value in possible else [f"the tag is {value}, not {possible}"]
