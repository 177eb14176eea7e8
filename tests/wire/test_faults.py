"""Faults: the body that SDKs branch on, and the names in a request that lead to one."""

from __future__ import annotations

import json

import pytest
from botocore.parsers import create_parser

from tests.wire import swf_model
from workflowsvc import faults
from workflowsvc.model import wire
from workflowsvc.model.shapes import OPERATIONS
from workflowsvc.service.models import MODELS

PARSER = create_parser("json")
MODELLED = sorted({fault for operation in OPERATIONS.values() for fault in operation.faults})


@pytest.mark.parametrize("name", MODELLED)
def test_every_modelled_fault_reaches_botocore_with_code_and_text(name: str) -> None:
    fault = getattr(faults, name)("Unknown domain: é")
    assert (fault.code, fault.status) == (name, 400)
    parsed = PARSER.parse({"status_code": fault.status, "headers": {}, "body": fault.body()}, None)
    assert parsed["Error"] == {"Message": "Unknown domain: é", "Code": name}
    assert json.loads(fault.body())["__type"] == f"com.amazonaws.swf.base.model#{name}"


def test_each_operation_lists_the_faults_of_the_model() -> None:
    for name, operation in OPERATIONS.items():
        errors = swf_model.SERVICE.operation_model(name).error_shapes
        assert set(operation.faults) == {error.name for error in errors}


def test_a_fault_has_two_members_and_nothing_more() -> None:
    """Byte for byte the form of a captured answer (SWF §1.4.1)."""
    assert faults.UnknownResourceFault("Unknown domain: d").body() == (
        b'{"__type":"com.amazonaws.swf.base.model#UnknownResourceFault","message":"Unknown domain: d"}'
    )


@pytest.mark.parametrize(
    ("fault", "status", "body"),
    [
        (faults.WorkflowExecutionAlreadyStartedFault(), 400, None),  # SWF §1.4.6
        (faults.InternalFailure(), 500, b'{"__type":"com.amazon.coral.service#InternalFailure"}'),
        (
            faults.ServiceUnavailable(),
            503,
            b'{"__type":"com.amazon.coral.service#ServiceUnavailable",'
            b'"message":"The request has failed due to a temporary failure of the server."}',
        ),
        (faults.RequestEntityTooLargeException(), 413, None),
        (
            faults.UnknownOperationException(),
            400,
            b'{"__type":"com.amazon.coral.service#UnknownOperationException"}',
        ),
        (
            faults.ThrottlingException(),
            400,
            b'{"__type":"com.amazon.coral.availability#ThrottlingException","message":"Rate exceeded"}',
        ),
        (
            faults.ValidationException("Invalid token"),
            400,
            b'{"__type":"com.amazon.coral.validate#ValidationException","message":"Invalid token"}',
        ),
        (
            faults.SerializationException("x"),
            400,
            b'{"__type":"com.amazon.coral.service#SerializationException","Message":"x"}',
        ),
    ],
    ids=lambda value: value.code if isinstance(value, faults.Fault) else "",
)
def test_faults_carry_their_namespace_status_and_text(
    fault: faults.Fault, status: int, body: bytes | None
) -> None:
    assert fault.status == status
    assert body is None or fault.body() == body
    if fault.message is None:
        assert list(json.loads(fault.body())) == ["__type"]


@pytest.mark.parametrize("operation", swf_model.OPERATIONS)
@pytest.mark.parametrize(
    "prefix", ["SimpleWorkflowService", "com.amazonaws.swf.service.model.SimpleWorkflowService"]
)
def test_both_spellings_of_a_target_name_the_operation(prefix: str, operation: str) -> None:
    assert MODELS.by_target(f"{prefix}.{operation}").name == operation


@pytest.mark.parametrize(
    "target",
    [
        "",
        ".",
        "SimpleWorkflowService",
        "SimpleWorkflowService.",
        "a.listDomains",
        "S.X",
        "ListDomains",
        ".ListDomains",
        "NoSuchService.ListDomains",
        "simpleworkflowservice.ListDomains",
        "SimpleWorkflowService.listDomains",
        "SimpleWorkflowService.SimpleWorkflowService.ListDomains",
        "com.amazonaws.swf.service.model.ListDomains",
        "com.amazonaws.swf.SimpleWorkflowService.ListDomains",
    ],
)
def test_any_other_target_is_an_unknown_operation(target: str) -> None:
    with pytest.raises(faults.UnknownOperationException):
        MODELS.by_target(target)


@pytest.mark.parametrize(
    ("request_type", "response_type"),
    [
        ("application/json; charset=UTF-8", "application/json"),
        ("application/json", "application/json"),
        ("Application/JSON;charset=utf-8", "application/json"),
        ("application/x-amz-json-1.0", "application/x-amz-json-1.0"),
        (None, "application/x-amz-json-1.0"),
        ("text/plain", "application/x-amz-json-1.0"),
    ],
)
def test_the_content_type_of_an_answer_is_of_the_requests_family(
    request_type: str | None, response_type: str
) -> None:
    assert wire.response_content_type(request_type) == response_type
