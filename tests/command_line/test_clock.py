"""`workflowsvc clock`: shows and turns the clock of a domain, and asks before it turns that of runs in real time."""

from __future__ import annotations

import io
import sys
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.command_line.conftest import Run
from tests.command_line.shell import Shop


@pytest.fixture
def shop(client: Any, domain: str) -> Shop:
    return Shop(client, domain)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def now(run: Run, domain: str) -> datetime:
    (found,) = run("clock", "show", domain, "--json").objects
    return datetime.fromisoformat(found["now"])


def test_a_clock_is_shown_and_turned(run: Run, domain: str) -> None:
    assert run("clock", "show", domain).out.endswith("in real time\n")
    frozen = run("clock", "freeze", domain)
    assert "beside real time; it stands still" in frozen.out
    before = now(run, domain)
    advanced = run("clock", "advance", domain, "--by", "30d")
    assert f"{domain}: {before + timedelta(days=30):%Y-%m-%d %H:%M:%S}, " in advanced.out
    assert "ahead of real time; it stands still" in advanced.out
    assert now(run, domain) == before + timedelta(days=30)
    to = (before + timedelta(days=40)).replace(microsecond=0)
    run("clock", "advance", domain, "--to", to.isoformat())
    assert now(run, domain) == to
    assert "it runs at real speed" in run("clock", "run", domain).out
    skipping = run("clock", "skip", domain, "--at-most", "2d").out
    assert "it jumps when nothing is in flight, by nothing so far and 2 d at most" in skipping


def test_open_runs_in_real_time_must_be_meant(
    run: Run, shop: Shop, domain: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.start("mine")
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    refused = run("clock", "freeze", domain)
    assert (refused.status, "has 1 open run. Turn its clock all the same? Give --yes" in refused.err) == (
        2,
        True,
    )
    monkeypatch.setattr(sys, "stdin", Terminal("no\n"))
    assert (
        run("clock", "freeze", domain).status,
        run("clock", "show", domain, "--json").objects[0]["mode"],
    ) == (
        1,
        "REAL",
    )
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    assert run("clock", "freeze", domain, "--json").objects[0]["mode"] == "FROZEN"
    assert run("clock", "skip", domain, "--yes", "--json").objects[0]["mode"] == "SKIPPING"


def test_show_and_domains_say_when_time_is_not_real(run: Run, shop: Shop, domain: str) -> None:
    shop.start("w")
    assert "not real" not in run("show", "w").out + run("domains", domain).out
    run("clock", "advance", domain, "--by", "100d", "--yes")
    shop.start("later")
    said = "ahead of real time; it runs at real speed"
    shown = run("show", "later").out
    assert "the time of the domain is not real" in shown
    assert said in shown
    assert " s ago" in shown or " ms ago" in shown, "by the clock of the domain"
    assert said in run("domains", domain).out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["advance", "--by", "soon"], "--by: 'soon' is no span of time"),
        (["advance", "--to", "2h"], "--to: '2h' is a span of time, for which there is --by"),
        (["advance", "--to", "never"], "--to: 'never' is no moment"),
        (["advance"], "one of the arguments --by --to is required"),
        (["skip", "--at-most", "x"], "--at-most: 'x' is no span of time"),
    ],
)
def test_wrong_words_are_refused(run: Run, domain: str, words: list[str], said: str) -> None:
    action, *further = words
    outcome = run("clock", action, domain, *further)
    assert outcome.status == 2
    assert said in outcome.err


def test_what_the_server_refuses_is_said(run: Run, domain: str) -> None:
    backwards = run("clock", "advance", domain, "--to", "2001-01-01")
    assert backwards.status == 1
    assert "never runs backwards" in backwards.err
    assert run("clock", "show", "nowhere").status == 3
