"""Tests of workflows with unittest: a test case with a fresh domain for each test."""

from __future__ import annotations

import unittest
from collections.abc import Callable
from functools import cached_property, wraps
from typing import Any

from workflowsvc.testing.clock import DomainClock
from workflowsvc.testing.domain import Run, TestDomain, add_report
from workflowsvc.testing.service import TestService, shared_service


class WorkflowTestCase(unittest.TestCase):
    """`self.domain` is a fresh domain of a server that all tests of the process share, made when it is used first;
    `self.swf` a boto3 client, `self.clock` the clock of the domain. A test that fails shows its runs."""

    def __init__(self, methodName: str = "runTest") -> None:
        super().__init__(methodName)
        test = getattr(self, methodName, None)
        if test is not None:
            setattr(self, methodName, self._reporting(test))

    def _reporting(self, test: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(test)
        def run(*args: Any, **kwargs: Any) -> Any:
            try:
                return test(*args, **kwargs)
            except Exception as error:
                if "domain" in vars(self) and not isinstance(error, unittest.SkipTest):
                    add_report(error, self.domain)
                raise

        return run

    @property
    def service(self) -> TestService:
        """The server."""
        return shared_service()

    @cached_property
    def domain(self) -> TestDomain:
        """The domain of this test; it is deleted at the end of it."""
        domain = self.service.domain(self._testMethodName)
        self.addCleanup(domain.close)
        return domain

    @property
    def swf(self) -> Any:
        """A boto3 client of SWF; calls name the domain: `domain=self.domain.name`."""
        return self.domain.swf

    @property
    def clock(self) -> DomainClock:
        """The clock of the domain."""
        return self.domain.clock

    def assert_history(self, run: Run, expected: str) -> None:
        """As `TestDomain.assert_history`."""
        self.domain.assert_history(run, expected)
