"""DescribeService: which service answers, and what its operator has set."""

from __future__ import annotations

from workflowsvc import __version__
from workflowsvc.settings import Limits, Settings
from workflowsvc.testing import World


def test_a_service_with_default_settings_says_its_version_and_nothing_changed() -> None:
    detail = World().call("WorkflowSvc.DescribeService")
    assert detail["version"] == __version__
    assert detail["limits"] == "structural"
    assert detail["changedSettings"] == []
    (node,) = detail["nodes"]
    assert (node["name"], node["version"]) == (detail["node"], __version__)
    assert node["startTimestamp"] <= node["lastSeenTimestamp"] == detail["timestamp"]


def test_changed_settings_and_quotas_are_listed_with_their_defaults() -> None:
    settings = Settings(port=0, linger_ms=1.5, quotas=Limits(max_events=50))
    detail = World(settings=settings).call("WorkflowSvc.DescribeService")
    assert detail["changedSettings"] == [
        {"defaultValue": "8888", "name": "port", "value": "0"},
        {"defaultValue": "0", "name": "linger_ms", "value": "1.5"},
        {"defaultValue": "25000", "name": "max_events", "value": "50"},
    ]


def test_limits_off_is_one_change_and_not_one_for_each_quota() -> None:
    settings = Settings.from_environment({}, {"limits": "off"})
    detail = World(settings=settings).call("WorkflowSvc.DescribeService")
    assert [setting["name"] for setting in detail["changedSettings"]] == ["limits"]


def test_the_password_of_the_store_is_never_answered() -> None:
    settings = Settings(store="postgresql://me:secret@host/db")
    detail = World(settings=settings).call("WorkflowSvc.DescribeService")
    assert "secret" not in str(detail)
    assert detail["store"] == "postgresql://me:…@host/db"
