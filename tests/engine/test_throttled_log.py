"""Failures of a store are logged once a second, however many calls meet them."""

from __future__ import annotations

import logging

import pytest

from workflowsvc.clock import ManualClock
from workflowsvc.engine.throttled_log import PAUSE_MS, ThrottledLog


def test_it_is_said_once_a_second_and_again_when_the_clock_was_set_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = ManualClock()
    complaints = ThrottledLog(logging.getLogger("test"), clock)
    for number in range(3):
        complaints.error("the disk is full, %d", number)
    clock.advance(PAUSE_MS)
    complaints.error("the disk is full, %d", 3)
    clock.step(-10 * PAUSE_MS)
    complaints.error("the disk is full, %d", 4)
    complaints.error("the disk is full, %d", 5)
    assert [record.getMessage()[-1] for record in caplog.records] == ["0", "3", "4"]
