"""Answers: spelt as AWS spells them, and read by botocore as what they say."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.parsers import create_parser
from hypothesis import given, settings

from tests.wire import swf_model
from tests.wire.answers import as_json, built, require_awss_form
from workflowsvc.model import shapes, wire
from workflowsvc.model.events import timestamp
from workflowsvc.model.shapes import OPERATIONS

PARSER = create_parser("json")
WITH_OUTPUT = [name for name in swf_model.OPERATIONS if swf_model.SERVICE.operation_model(name).output_shape]


@pytest.mark.parametrize("operation", WITH_OUTPUT)
def test_botocore_reads_what_we_answer(operation: str) -> None:
    output = swf_model.SERVICE.operation_model(operation).output_shape

    @settings(max_examples=25)
    @given(swf_model.structures(output))
    def check(answer: dict[str, Any]) -> None:
        struct = built(output, answer)
        assert type(struct) is OPERATIONS[operation].output
        body = wire.encode(struct)
        require_awss_form(body)
        response = {"status_code": 200, "headers": {}, "body": body}
        assert as_json(PARSER.parse(response, output)) == answer

    check()


@pytest.mark.parametrize("operation", sorted(set(swf_model.OPERATIONS) - set(WITH_OUTPUT)))
def test_actions_without_output_answer_with_no_body_at_all(operation: str) -> None:
    assert OPERATIONS[operation].output is None
    assert wire.encode(None) == b""


def test_bytes_are_answered_as_they_are() -> None:
    idle = b'{"previousStartedEventId":0,"startedEventId":0}'
    assert wire.encode(idle) == idle


def test_a_recorded_type_description_comes_out_byte_for_byte() -> None:
    """SWF §2.10, from a recording of the real service."""
    detail = shapes.WorkflowTypeDetail(
        configuration=shapes.WorkflowTypeConfiguration(
            default_child_policy="TERMINATE",
            default_execution_start_to_close_timeout="300",
            default_task_list=shapes.TaskList(name="None"),
            default_task_start_to_close_timeout="300",
        ),
        type_info=shapes.WorkflowTypeInfo(
            creation_date=timestamp(1435159034741),
            status="REGISTERED",
            workflow_type=shapes.WorkflowType(name="basic", version="example"),
        ),
    )
    assert wire.encode(detail) == (
        b'{"configuration":{"defaultChildPolicy":"TERMINATE","defaultExecutionStartToCloseTimeout":"300",'
        b'"defaultTaskList":{"name":"None"},"defaultTaskStartToCloseTimeout":"300"},"typeInfo":{"creationDate":'
        b'1.435159034741E9,"status":"REGISTERED","workflowType":{"name":"basic","version":"example"}}}'
    )


def test_zero_false_and_empty_strings_are_written_absent_values_are_not() -> None:
    """SWF §1.2.7 to §1.2.10."""
    count = shapes.WorkflowExecutionCount(count=0, truncated=False)
    assert wire.encode(count) == b'{"count":0,"truncated":false}'
    domain = shapes.DomainInfo(name="d", status="REGISTERED", description="")
    assert wire.encode(domain) == b'{"description":"","name":"d","status":"REGISTERED"}'
