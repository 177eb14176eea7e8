"""Several tenants make their calls at the same time, one each in turn; the answers to each of them are kept.

Owns the turns and the judgement of leaks. How a call is carried out is given.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tests.tenants.story import Call, story
from workflowsvc.tenant import Tenant

TENANTS: dict[str, Tenant] = {
    "crimson": Tenant("111111111111", "us-east-1"),
    "emerald": Tenant("111111111111", "eu-west-1"),
    "saffron": Tenant("222222222222", "us-east-1"),
}
"""By mark: one account in two regions, and another in one of them."""


class Refusal(NamedTuple):
    """A fault, as the client sees it."""

    code: str
    message: str | None


CarryOut = Callable[[Tenant, str, dict[str, Any]], Any]
"""(tenant, operation, members): the decoded answer, or a Refusal."""


class Heard(NamedTuple):
    """One answer."""

    operation: str
    answer: Any


def live(carry_out: CarryOut) -> dict[str, list[Heard]]:
    """Plays the calls of all tenants to the end; the answers to each of them."""
    heard: dict[str, list[Heard]] = {mark: [] for mark in TENANTS}
    stories = {mark: story(mark) for mark in TENANTS}
    calls: dict[str, Call] = {mark: next(own) for mark, own in stories.items()}
    while calls:
        for mark, call in list(calls.items()):
            answer = carry_out(TENANTS[mark], call.operation, call.members)
            assert isinstance(answer, Refusal) == call.refused, (mark, call, answer)
            heard[mark].append(Heard(call.operation, answer))
            try:
                calls[mark] = stories[mark].send(answer)
            except StopIteration:
                del calls[mark]
    return heard


def secrets(answer: Any) -> set[str]:
    """Names that the service has made: in an answer to another tenant each of them is a leak."""
    found: set[str] = set()
    if isinstance(answer, Mapping):
        for name, value in answer.items():
            if name in ("runId", "taskToken", "nextPageToken", "newExecutionRunId"):
                found.add(value)
            else:
                found |= secrets(value)
    elif isinstance(answer, list):
        for item in answer:
            found |= secrets(item)
    return found


def leaks(heard: dict[str, list[Heard]]) -> list[str]:
    """Every text in an answer to one tenant that only another could know."""
    owned = {
        mark: {mark, TENANTS[mark].domain_arn("")} | set().union(*(secrets(item.answer) for item in answers))
        for mark, answers in heard.items()
    }
    found: list[str] = []
    for mark, answers in heard.items():
        others = {word for other, words in owned.items() if other != mark for word in words}
        assert not others & owned[mark], "two tenants own the same name"
        for item in answers:
            text = json.dumps(item.answer, ensure_ascii=False, default=str)
            found += [f"{mark} heard {word} in {item.operation}: {text}" for word in others if word in text]
    return found
