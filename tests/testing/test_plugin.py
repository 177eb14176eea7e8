"""The pytest plugin: its fixtures, what a failing test shows, and that it is not noticed where it is not used."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import boto3  # noqa: F401 - these stay imported when a run within the run is over, which saves a second each
import pytest

from tests.testing import programs  # noqa: F401
from workflowsvc.testing import boto
from workflowsvc.testing import service as _service  # noqa: F401
from workflowsvc.testing import world_service as _world_service  # noqa: F401

pytest_plugins = ["pytester"]

PLUGIN = "workflowsvc.testing.plugin"
INSTALLED = any(found.value == PLUGIN for found in entry_points(group="pytest11"))
LOAD = () if INSTALLED else ("-p", PLUGIN)  # an environment that was made before the plugin was
QUIET = ("-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:hypothesispytest")

PROGRAMS = """
    from tests.testing.programs import complete_at_once, fail_at_once, start

    TYPES = {"workflows": ["order@1"], "activities": ["remind@1"]}
"""


def run(pytester: pytest.Pytester, tests: str, *options: str) -> pytest.RunResult:
    """The result of a project with these tests."""
    pytester.makepyfile(PROGRAMS + tests)
    return pytester.runpytest_inprocess(*LOAD, *QUIET, *options)


def test_each_test_has_a_fresh_domain_of_one_server(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
    seen = []

    def test_one(swf_domain, swf, swf_service):
        swf_domain.register(**TYPES)
        swf_domain.run(complete_at_once, swf, swf_domain.name)
        start(swf, swf_domain.name)
        assert swf_domain.wait_for_close("order-1") == "COMPLETED"
        assert swf_domain.name.startswith("test_one-")
        seen.append((swf_domain.name, swf_service.url))

    def test_other(swf_domain, swf, swf_service):
        assert swf_domain.runs() == []
        assert swf.meta.endpoint_url == swf_service.url == seen[0][1]
        assert swf_domain.name != seen[0][0]
        names = [info["name"] for info in swf.list_domains(registrationStatus="REGISTERED")["domainInfos"]]
        assert names == [swf_domain.name]
    """,
    )
    result.assert_outcomes(passed=2)


def test_a_failing_test_shows_its_runs_and_why_they_do_not_go_on(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
    def test_it_fails(swf_domain, swf):
        swf_domain.register(**TYPES)
        start(swf, swf_domain.name)
        assert swf_domain.runs() == []

    def test_it_waits_in_vain(swf_world_domain):
        swf_world_domain.register(**TYPES)
        start(swf_world_domain.swf, swf_world_domain.name)
        swf_world_domain.wait_for_close("order-1")

    def test_it_passes(swf_domain, swf):
        swf_domain.register(**TYPES)
        start(swf, swf_domain.name)
    """,
    )
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(
        [
            "*- workflow runs -*",
            "order-1  OPEN  order@1  run *",
            "  CRITICAL NO_DECISION_POLLER: A decision task waits on the list *deciders*",
            '  1 WorkflowExecutionStarted +0 * input="two apples" *',
            "E*nothing more happens, and it is not so: order-1 is closed",
        ]
    )
    assert result.stdout.str().count("- workflow runs -") == 1


def test_a_loop_that_fails_fails_its_test(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
    def test_it_waits(swf_domain, swf):
        swf_domain.register(**TYPES)
        swf_domain.run(fail_at_once, swf, swf_domain.name)
        start(swf, swf_domain.name)
        swf_domain.wait_for_close("order-1")
    """,
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*KeyError: 'no such customer'", "*LoopFailed: fail_at_once failed: KeyError*"]
    )


def test_code_that_makes_its_own_clients_is_led_to_the_server(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
    import boto3, os, subprocess, sys

    def test_own_client(swf_environment, swf_domain):
        listed = boto3.client("swf").list_domains(registrationStatus="REGISTERED")["domainInfos"]
        assert swf_domain.name in [info["name"] for info in listed]

    def test_it_is_over():
        assert "AWS_ENDPOINT_URL_SWF" not in os.environ
    """,
    )
    result.assert_outcomes(passed=2)


def test_a_project_chooses_the_settings_of_its_server(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
    import pytest
    from workflowsvc.settings import Settings

    @pytest.fixture(scope="session")
    def swf_settings():
        return Settings(empty_poll_token="empty", long_poll_seconds=0)

    def test_it_is_so(swf, swf_domain):
        task = swf.poll_for_decision_task(domain=swf_domain.name, taskList={"name": "deciders"})
        assert task["taskToken"] == ""
    """,
    )
    result.assert_outcomes(passed=1)


def test_without_boto3_the_fixture_says_what_to_do_and_calls_work(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    boto.session.cache_clear()
    monkeypatch.setitem(sys.modules, "boto3", None)  # as if it were not installed
    result = run(
        pytester,
        """
    def test_call(swf_domain):
        swf_domain.register(workflows=["order@1"])
        swf_domain.call("StartWorkflowExecution", workflowId="w", workflowType={"name": "order", "version": "1"})
        assert len(swf_domain.history("w")) == 2

    def test_client(swf):
        pass
    """,
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        ["*MissingBoto3: boto3 is not installed, and clients of SWF are made with it*"]
    )


def test_a_project_that_does_not_use_it_loads_nothing_of_the_service() -> None:
    """The plugin is loaded by every pytest of an environment, so it must cost nothing and warn of nothing."""
    program = (
        f"import sys, pytest; before = set(sys.modules); import {PLUGIN}; "
        "print(sorted(name for name in set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "['workflowsvc', 'workflowsvc.testing', 'workflowsvc.testing.plugin']"
    assert done.stderr == ""


def test_classes_whose_names_begin_with_test_are_not_collected(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
    from workflowsvc.testing import TestDomain, TestService

    def test_nothing():
        pass
    """,
        "-W",
        "error",
    )
    result.assert_outcomes(passed=1)
