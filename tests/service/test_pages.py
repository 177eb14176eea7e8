"""How many items a page holds (SWF §2, common pagination rules)."""

from __future__ import annotations

import pytest

from workflowsvc.settings import Settings
from workflowsvc.testing import World


def test_with_the_largest_setting_a_page_holds_what_the_documents_promise() -> None:
    world = World(settings=Settings(max_page_size=1000))
    world.call("RegisterDomain", name="d", workflowExecutionRetentionPeriodInDays="1")
    for number in range(101):
        world.call("RegisterWorkflowType", domain="d", name=f"{number}", version="1")
    page = world.call("ListWorkflowTypes", domain="d", registrationStatus="REGISTERED")
    assert len(page["typeInfos"]) == 101
    assert "nextPageToken" not in page


@pytest.mark.parametrize("asked", [{}, {"maximumPageSize": 0}, {"maximumPageSize": 1000}])
def test_no_page_holds_more_than_the_setting_allows(asked: dict[str, int]) -> None:
    world = World(settings=Settings(max_page_size=2))
    for name in "abc":
        world.call("RegisterDomain", name=name, workflowExecutionRetentionPeriodInDays="1")
    answer = world.call("ListDomains", registrationStatus="REGISTERED", **asked)
    assert [domain["name"] for domain in answer["domainInfos"]] == ["a", "b"]
    answer = world.call(
        "ListDomains", registrationStatus="REGISTERED", nextPageToken=answer["nextPageToken"], **asked
    )
    assert [domain["name"] for domain in answer["domainInfos"]] == ["c"]
    assert "nextPageToken" not in answer
