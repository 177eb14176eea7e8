"""A batch that met a conflict is undone and run again, and no waiting poll is lost by that.

That whole scenarios come out the same is shown in tests/histories; here polls end.
"""

from __future__ import annotations

import pytest

from tests.scenario.in_process import InProcess
from workflowsvc.engine.command_queue import Command
from workflowsvc.settings import Settings
from workflowsvc.tenant import Tenant
from workflowsvc.testing import PendingAnswer

NOTHING = {"previousStartedEventId": 0, "startedEventId": 0}
LIST = {"name": "l"}


@pytest.fixture
def service() -> InProcess:
    """In which every batch is undone once."""
    service = InProcess(Settings(), unlucky=True)
    service.call("RegisterDomain", Tenant(), {"name": "d", "workflowExecutionRetentionPeriodInDays": "1"})
    return service


def test_a_poll_whose_time_is_over_gets_the_empty_answer(service: InProcess) -> None:
    poll = service.world.poll("PollForDecisionTask", domain="d", taskList=LIST)
    assert not poll.done
    assert poll.poll is not None
    poll.poll.withdraw()
    service.world.run()
    assert poll.result() == NOTHING


def test_polls_are_released_once_when_the_service_stops(service: InProcess) -> None:
    polls = [
        service.world.poll("PollForDecisionTask", domain="d", taskList={"name": name})
        for name in ("l", "l", "other")
    ]
    released = PendingAnswer()
    service.world.writer.submit(Command(lambda work: work.release_polls(), released))
    service.world.run()
    assert released.done
    assert [poll.result() for poll in polls] == [NOTHING] * 3
    assert service.call("PollForDecisionTask", Tenant(), {"domain": "d", "taskList": LIST}) == NOTHING


def test_a_poll_in_the_same_batch_as_the_stop_is_answered_once(service: InProcess) -> None:
    waiting = service.world.poll("PollForDecisionTask", domain="d", taskList=LIST)
    service.world.writer.submit(Command(lambda work: work.release_polls(), PendingAnswer()))
    late = service.world.poll("PollForDecisionTask", domain="d", taskList=LIST)
    assert waiting.result() == NOTHING
    assert late.result() == NOTHING
