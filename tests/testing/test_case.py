"""`WorkflowTestCase`: the same for unittest, run by unittest."""

from __future__ import annotations

import io
import unittest

from tests.testing.programs import complete_at_once, start
from workflowsvc.testing import WorkflowTestCase


class Orders(WorkflowTestCase):
    """As users write it; named so that pytest does not collect it."""

    __test__ = False

    def setUp(self) -> None:  # without calling the one of the base class
        self.domain.register(workflows=["order@1"])

    def test_it_completes(self) -> None:
        self.domain.run(complete_at_once, self.swf, self.domain.name)
        start(self.swf, self.domain.name)
        assert self.domain.wait_for_close("order-1") == "COMPLETED"
        self.assert_history(
            "order-1", "WorkflowExecutionStarted\n...\nWorkflowExecutionCompleted result=done"
        )

    def test_it_fails(self) -> None:
        start(self.swf, self.domain.name)
        assert self.domain.runs() == []

    def test_it_is_skipped(self) -> None:
        self.skipTest("not today")

    def test_it_is_wrong(self) -> None:
        raise KeyError("before anything was started")


def outcome(*names: str) -> tuple[unittest.TestResult, str]:
    stream = io.StringIO()
    suite = unittest.TestSuite(map(Orders, names))
    return unittest.TextTestRunner(stream, verbosity=0).run(suite), stream.getvalue()


def test_each_test_has_a_domain_of_its_own() -> None:
    result, said = outcome("test_it_completes", "test_it_completes", "test_it_is_skipped")
    assert result.wasSuccessful(), said
    assert len(result.skipped) == 1


def test_a_failing_test_shows_its_runs_and_why_they_do_not_go_on() -> None:
    result, said = outcome("test_it_fails", "test_it_is_wrong")
    assert (len(result.failures), len(result.errors)) == (1, 1)
    assert "order-1  OPEN  order@1" in said
    assert "NO_DECISION_POLLER" in said


def test_what_a_test_leaves_is_deleted() -> None:
    case = Orders("test_it_fails")
    case.run(unittest.TestResult())
    listed = case.service.call("ListDomains", registrationStatus="REGISTERED", maximumPageSize=1000)
    assert case.domain.name not in [info["name"] for info in listed["domainInfos"]]
