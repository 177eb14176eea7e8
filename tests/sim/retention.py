"""Rules of retention of a simulated service: their changes, and the judge of which closed runs are there.

Owns what rules say, written from docs/retention.md and not from the code that keeps them. A run must not go before a
rule of that time has said so, must be readable until then, and must be gone in the end.
"""

from __future__ import annotations

import json
from typing import Any

from tests.sim.auditor import CLOSING, attributes
from tests.sim.calls import Call
from tests.sim.decisions import Dice
from tests.sim.faulty import Log
from tests.sim.reads import CLOSE_STATUS, STATUS
from workflowsvc.core.key_layout import due_moment
from workflowsvc.store.interface import Reader
from workflowsvc.store.meta import retention_key, retention_walk_key
from workflowsvc.store.rows import ExecutionRow
from workflowsvc.tenant import Tenant

PUT, DELETE = "WorkflowSvc.PutRetentionRule", "WorkflowSvc.DeleteRetentionRule"
DAY_MS = 86_400_000
ALL = 1 << 62

About = tuple[str | None, str | None, str | None]
"""Type, version, close status."""
Rules = dict[About, int | None]
"""The days of each; None: for ever."""


def change(dice: Dice) -> tuple[str, dict[str, Any]]:
    """An operation and its members, but for the domain. Most rules are short, so that runs go while steps go on."""
    members: dict[str, Any] = {}
    if dice.chance(0.5):
        members["workflowType"] = {"name": dice.one("full", "full", "bare", "brief")}
        members["workflowType"] |= dice.maybe(0.5, version=dice.one("1", "2"))
    members |= dice.maybe(0.3, closeStatus=dice.one(*CLOSE_STATUS.values()))
    if dice.chance(0.2):
        return DELETE, members
    if dice.chance(0.2):
        return PUT, members | {"forever": True}
    return PUT, members | {"days": dice.one(0, 0, 0, 0, 1, 2, 400)}


def _about(members: dict[str, Any]) -> About:
    named = members.get("workflowType") or {}
    return named.get("name"), named.get("version"), members.get("closeStatus")


class Retention:
    """Of one simulation, over all its nodes."""

    def __init__(self, log: Log, domains: dict[tuple[Tenant, str], int], min_ms: int) -> None:
        """`domains`: by account and name, as they are found."""
        self._log = log
        self._domains = domains
        self._min_ms = min_ms
        self._registered: dict[int, int] = {}
        self._possible: dict[int, list[Rules]] = {}  # what may be stored, as far as answers tell
        self._held: dict[int, list[Rules]] = {}  # what has held since the last check
        self._last_now = 0
        self._gone: set[int] = set()
        self.changes = 0

    def registered(self, domain: int, days: str) -> None:
        self._registered[domain] = 0 if days == "NONE" else int(days)
        self._possible[domain], self._held[domain] = [{}], [{}]

    def rules(self, domain: int) -> Rules:
        """Those that hold, after a check."""
        (rules,) = self._possible[domain]
        return rules

    def hear(self, call: Call) -> None:
        """An answer has arrived, or will never arrive."""
        if call.operation not in (PUT, DELETE):
            return
        domain = self._domains[call.tenant, call.members["domain"]]
        before = self._possible[domain]
        if call.outcome == "refused":
            assert call.operation == DELETE, f"a rule was refused: {call.fault}"
            assert any(_about(call.members) not in rules for rules in before), (
                f"R5: {call.members} is a rule, and its deletion was refused"
            )
            return
        self.changes += call.outcome == "acknowledged"
        after = [_changed(rules, call) for rules in before]
        self._held[domain] += after
        self._possible[domain] = after if call.outcome == "acknowledged" else [*before, *after]

    def check(self, reader: Reader, rows: dict[int, ExecutionRow], now: int) -> None:
        """After each step."""
        latest = max(now, self._last_now)
        for domain, possible in self._possible.items():
            stored = _stored(reader.meta(retention_key(domain)))
            assert stored in possible, f"R1: the rules of domain {domain} are {stored}, not one of {possible}"
            self._possible[domain] = [stored]
        for run, row in self._log.runs.items():
            if run in self._gone or self._closed_at(run) is None or _is_whole(reader, rows, run, self._log):
                continue
            moments = [self._moment(rules, run) for rules in self._held[row.domain]]
            assert any(moment is not None and moment <= latest for moment in moments), (
                f"run {run} is deleted at {latest}, and was kept until {moments}"
            )
            self._gone.add(run)
        for domain, (stored,) in self._possible.items():
            self._held[domain] = [stored]
        self._last_now = now

    def keeps(self, run: int, now: int) -> bool:
        """Whether the rules that hold keep it, unless it is deleted; an open run is always kept."""
        if run in self._gone:
            return False  # no rule brings it back
        if self._closed_at(run) is None:
            return True
        moment = self._moment(self.rules(self._log.runs[run].domain), run)
        return moment is None or moment > now

    def is_settled(self, reader: Reader, run: int, now: int) -> bool:
        """Whether calls must agree with the rules about this run. While a change is applied, and until a run of which
        the time was over is looked at again, they may say what held before.
        """
        row = reader.executions([run]).get(run)
        if row is None or reader.meta(retention_walk_key(row.domain)) is not None:
            return False
        is_over = row.purge_at is not None and due_moment(row.purge_at) <= now
        return is_over != self.keeps(run, now)

    def conclude(self, reader: Reader, now: int) -> list[int]:
        """When all has come to rest: exactly what the rules keep is there. The runs of it."""
        kept = {run for run in self._log.runs if self.keeps(run, now)}
        stored = set(reader.runs(-1, ALL))
        assert stored <= kept, f"runs {stored - kept} are there, and no rule keeps them"
        assert kept <= stored, f"runs {kept - stored} are deleted, and a rule keeps them"
        return sorted(kept)

    def _closed_at(self, run: int) -> int | None:
        last = self._log.decoded[run][-1]
        return round(last["eventTimestamp"] * 1000) if last["eventType"] in CLOSING else None

    def _moment(self, rules: Rules, run: int) -> int | None:
        """When the retention of a closed run ends; None: never."""
        first, last = self._log.decoded[run][0], self._log.decoded[run][-1]
        named = attributes(first)["workflowType"]
        name, version, status = named["name"], named["version"], CLOSE_STATUS[STATUS[last["eventType"]]]
        for about in (
            (name, version, status),
            (name, version, None),
            (name, None, status),
            (name, None, None),
            (None, None, status),
            (None, None, None),
        ):
            if about in rules:
                days = rules[about]
                break
        else:
            days = self._registered[self._log.runs[run].domain]
        closed_at = self._closed_at(run)
        assert closed_at is not None
        return None if days is None else closed_at + max(days * DAY_MS, self._min_ms)


def _changed(rules: Rules, call: Call) -> Rules:
    about = _about(call.members)
    if call.operation == DELETE:
        return {other: days for other, days in rules.items() if other != about}
    return {**rules, about: call.members.get("days")}


def _stored(value: bytes | None) -> Rules:
    """Read by its form, which is JSON."""
    return {
        (rule.get("type_name"), rule.get("type_version"), rule.get("close_status")): rule["days"]
        for rule in json.loads(value or b"[]")
    }


def _is_whole(reader: Reader, rows: dict[int, ExecutionRow], run: int, log: Log) -> bool:
    """The newest events are deleted first."""
    last = len(log.events[run])
    return run in rows and bool(reader.events(run, last, last, 1))
