"""Short forms of the calls of our own API, for its tests."""

from __future__ import annotations

from typing import Any

from tests.world_fixture import WorldFixture


def own(on: WorldFixture, operation: str, /, **members: Any) -> Any:
    """The answer of an operation of our own API in the domain of the stage."""
    return on.ask(f"WorkflowSvc.{operation}", **members)


def state(on: WorldFixture, workflow_id: str = "w", **named: Any) -> dict[str, Any]:
    return own(on, "DescribeExecutionState", execution={"workflowId": workflow_id} | named)


def why(on: WorldFixture, workflow_id: str = "w", **named: Any) -> dict[str, dict[str, Any]]:
    """The findings about a run by code; of several with one code the first."""
    answer = own(on, "ExplainExecution", execution={"workflowId": workflow_id} | named)
    found: dict[str, dict[str, Any]] = {}
    for finding in answer["findings"]:
        found.setdefault(finding["code"], finding)
    return found
