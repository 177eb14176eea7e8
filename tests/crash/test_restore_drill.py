"""A short form of the part `restore` of `make soak`, and that its audit notices what a restore could get wrong."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.crash import restore_drill
from tests.crash.findings import Found
from tests.support.journal import Call, Journal

ROUNDS = 2


@pytest.mark.usefixtures("calm_load")
def test_a_restore_has_what_was_acknowledged_before_the_backup_and_confuses_no_client(tmp_path: Path) -> None:
    report = asyncio.run(restore_drill.run(ROUNDS, tmp_path, seed=3))
    assert not report.wrong, "\n".join(report.wrong[:20])
    assert report.facts[-1].startswith(f"{ROUNDS} restores")


def test_the_audit_of_the_drill_notices_what_is_lost_and_what_should_be_gone() -> None:
    journal = Journal()
    call = Call("SignalWorkflowExecution", "~signal1~", {}, {"workflowId": "w"}, 1, sent=1.0)
    call.end("acknowledged")
    call.answered = 2.0
    journal.calls.append(call)
    (lost,) = restore_drill.compared(journal, Found(), began=3.0, ended=4.0)
    assert "was acknowledged before the backup" in lost
    found = Found()
    signaled = {
        "eventType": "WorkflowExecutionSignaled",
        "eventId": 3,
        "eventTimestamp": 1.0,
        "workflowExecutionSignaledEventAttributes": {"signalName": "s", "input": "~signal1~"},
    }
    found.add(("w", "r"), [signaled], {})
    assert restore_drill.compared(journal, found, began=3.0, ended=4.0) == []
    call.sent, call.answered = 5.0, 6.0
    assert "was sent after the backup" in restore_drill.compared(journal, found, began=3.0, ended=4.0)[0]
