"""Writes the tables of docs/policies.md: every action, condition key and managed policy, from the code that judges.

`python -m tools.policy_page` writes them; `--check` exits 1 when the committed page is stale. Owns how the vocabulary
of policies reads as a page: what stands above MARK is written by hand.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from workflowsvc.access.capabilities import NEVER_THERE, NOT_OF_DECISIONS, can_have, resource_form
from workflowsvc.access.known_names import (
    ACTIONS,
    CONDITION_KEYS,
    OWN_OPERATIONS,
    SWF_DECISIONS,
    SWF_OPERATIONS,
    TAG_KEYS,
    TAG_POSITIONS,
    KeyKind,
)
from workflowsvc.access.managed_policies import MANAGED

TARGET = Path(__file__).resolve().parent.parent / "docs" / "policies.md"
MARK = "<!-- Generated from here on by `python -m tools.policy_page`. Do not edit. -->\n"

_VALUES = {
    "string": "text",
    "arn": "ARN",
    "date": "moment, as 2026-12-31T23:59:59Z",
    "epoch": "moment, in seconds since 1970",
    "bool": "true or false",
    "address": "address of the caller",
    "tag": "value of the tag",
}
_POSITIONS = f"{TAG_POSITIONS[0]} … {TAG_POSITIONS[-1]}"


def page() -> str:
    """The text that docs/policies.md must have."""
    by_hand, mark, _ = TARGET.read_text(encoding="utf-8").partition(MARK)
    if not mark:
        raise SystemExit(f"{TARGET} has lost the line {MARK!r}")
    return by_hand + mark + "\n" + "\n".join([*_actions(), *_keys(), *_managed()])


def _actions() -> Iterator[str]:
    yield "## Actions\n"
    yield "Each also has the condition keys of [all actions](#condition-keys).\n"
    for title, actions in (
        ("Calls of SWF", SWF_OPERATIONS),
        ("Decisions", SWF_DECISIONS),
        ("Calls of the service's own API", OWN_OPERATIONS),
    ):
        yield f"### {title}\n"
        yield "| Action | Resource | Keys of its own |"
        yield "|---|---|---|"
        for action in sorted(actions):
            yield f"| `{action}` | `{resource_form(action)}` | {_own_keys(action)} |"
        yield ""


def _own_keys(action: str) -> str:
    keys = [key for key in (*CONDITION_KEYS, *_tag_keys()) if can_have(action, key) and not _is_of_all(key)]
    return ", ".join(f"`{key}`" for key in _short(keys))


def _is_of_all(key: str) -> bool:
    """Whether all calls have it."""
    return all(can_have(action, key) for action in SWF_OPERATIONS) or key == "aws:ResourceTag/KEY"


def _short(keys: Iterable[str]) -> list[str]:
    """The keys of the positions of a tag as one."""
    found: dict[str, None] = {}
    for key in keys:
        stem, _, last = key.rpartition(".")
        found[f"{stem}.{_POSITIONS}" if last.isdecimal() else key] = None
    return list(found)


def _tag_keys() -> dict[str, KeyKind]:
    return {f"{prefix}KEY": kind for prefix, kind in TAG_KEYS.items()}


def _keys() -> Iterator[str]:
    yield "## Condition keys\n"
    yield "| Key | Value | Which actions have it |"
    yield "|---|---|---|"
    rows: dict[str, str] = {}
    for key, kind in sorted({**CONDITION_KEYS, **_tag_keys()}.items()):
        value = _VALUES[kind.values] + (", several" if kind.many else "")
        name = _short([key])[0]
        rows[name] = f"| `{name}` | {value} | {_who_has(key)} |"
    yield from rows.values()
    yield ""


def _who_has(key: str) -> str:
    if key in NEVER_THERE:
        return "none: there is no second factor here"
    if key in NOT_OF_DECISIONS:
        return "all calls, but no decision"
    if key == "aws:ResourceTag/KEY":
        return "all whose resource is one domain: a tag of it"
    if key == "aws:PrincipalTag/KEY":
        return "all: a tag of the user"
    having = [action for action in ACTIONS if can_have(action, key)]
    if len(having) == len(ACTIONS):
        return "all"
    return ", ".join(f"`{action}`" for action in having)


def _managed() -> Iterator[str]:
    yield "## Managed policies\n"
    yield "Every installation has them; none administers access. Copy one and name your domain in it to give less.\n"
    yield "| Policy | Allows, for any domain |"
    yield "|---|---|"
    for name, policy in MANAGED.items():
        allowed = [action for action in ACTIONS if action.lower() in policy.allows_by_action]
        yield f"| `{name}` | {', '.join(f'`{action}`' for action in _grouped(allowed))} |"
    yield ""


def _grouped(actions: list[str]) -> Iterator[str]:
    """All actions of SWF as `swf:*`."""
    whole = {*SWF_OPERATIONS, *SWF_DECISIONS}
    if whole <= set(actions):
        yield "swf:*"
        actions = [action for action in actions if action not in whole]
    yield from actions


def main() -> int:
    """Writes the page, or with --check compares it; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.policy_page")
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 when the page is stale")
    if not parser.parse_args().check:
        TARGET.write_text(page(), encoding="utf-8")
    elif TARGET.read_text(encoding="utf-8") != page():
        sys.stderr.write("docs/policies.md is stale: run `python -m tools.policy_page`\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
