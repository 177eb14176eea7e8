"""`workflowsvc feed`: switches the feed of a domain on and off, shows it, and reads it as it grows."""

from __future__ import annotations

from typing import Any

import pytest

from tests.command_line.conftest import Run
from tests.command_line.shell import Shop
from workflowsvc.core.feed_event import AMAZONS_TYPES

CLOSE = {"decisionType": "CompleteWorkflowExecution"}


@pytest.fixture
def shop(client: Any, domain: str) -> Shop:
    return Shop(client, domain)


def test_a_feed_is_switched_on_shown_and_off(run: Run, domain: str) -> None:
    assert f"{domain}: the feed is off" in run("feed", "show", domain).out
    on = run("feed", "on", domain, "--event-type", "TimerFired", "--keep-hours", "5")
    assert "the feed is on; an entry is kept for 5 hours; it is empty\n  TimerFired\n" in on.out
    assert "the feed is off; an entry is kept for 5 hours" in run("feed", "off", domain).out
    run("feed", "on", domain)
    (shown,) = run("feed", "show", domain, "--json").objects
    assert shown["status"] == "ON"
    assert set(shown["eventTypes"]) == AMAZONS_TYPES


def test_a_feed_is_read_to_its_end_and_from_a_cursor(run: Run, shop: Shop, domain: str) -> None:
    run("feed", "on", domain)
    shop.start("a")
    shop.decide(CLOSE)
    printed = run("feed", "read", domain).out.splitlines()
    assert [line.split("  ")[1:] for line in printed[:-1]] == [
        ["a", "1 WorkflowExecutionStarted"],
        ["a", "5 WorkflowExecutionCompleted"],
    ]
    assert printed[-1].startswith("To go on from here: --cursor ")
    cursor = printed[-1].split()[-1]
    shop.start("b")
    (entry,) = run("feed", "read", domain, "--cursor", cursor, "--json").objects
    assert entry["event"]["detail"]["eventType"] == "WorkflowExecutionStarted"
    rest = run("feed", "read", domain, "--event-type", "WorkflowExecutionCompleted", "--json").objects
    assert [entry["event"]["detail"]["eventId"] for entry in rest] == [5]


def test_wrong_arguments_are_refused(run: Run, domain: str) -> None:
    assert run("feed", "on", domain, "--keep-hours", "0").status == 2
    refused = run("feed", "on", domain, "--event-type", "Started")
    assert refused.status == 1
    assert "eventTypes" in refused.err
    refused = run("feed", "read", domain, "--cursor", "x")
    assert refused.status == 1
    assert "Invalid cursor" in refused.err
    assert run("feed", "show", "none").status != 0
