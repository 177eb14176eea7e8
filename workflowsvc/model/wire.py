"""A request's bytes become a typed input or a fault in AWS's words, an output becomes bytes: AWS JSON 1.0.

Owns the names in the target header, the content types and the order of the layers: accept fast, explain
slowly, then hold what was accepted to the rules that AWS gives in prose (SWF §3.1).
Must not know HTTP beyond the two header values it is handed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from workflowsvc.faults import UnknownOperationException
from workflowsvc.model import constraints, decision_list
from workflowsvc.model.explain import MOST_DATA, explain, require_short_data
from workflowsvc.model.shapes import OPERATIONS, RespondDecisionTaskCompletedInput, Shape

JSON = "application/json"
AMZ_JSON = "application/x-amz-json-1.0"


TARGET_PREFIXES = ("SimpleWorkflowService", "com.amazonaws.swf.service.model.SimpleWorkflowService")
"""What stands before an operation's name in `X-Amz-Target`: today's SDKs, boto2 and the guide (SWF §1.1.2)."""


def operation_of(target: str) -> str:
    """The operation that `X-Amz-Target` names; UnknownOperationException for any other target (SWF §1.1.3)."""
    operation = _BY_TARGET.get(target)
    if operation is None:
        raise UnknownOperationException
    return operation


def require_operation(name: str) -> str:
    """The same name if it is an operation's, else UnknownOperationException."""
    if name not in OPERATIONS:
        raise UnknownOperationException
    return name


def response_content_type(request_content_type: str | None) -> str:
    """The answer's content type, of the request's family (SWF §1.2.2); otherwise of today's SDKs."""
    family = (request_content_type or "").partition(";")[0].strip().lower()
    return JSON if family == JSON else AMZ_JSON


def decode(operation: str, body: bytes, most_data: int = MOST_DATA) -> Shape:
    """The typed input of an operation, or a fault.

    An empty body counts as an empty object; null members are absent (SWF §1.1.10). `most_data`: characters of
    an input, result and the like, for those who allow less than the model does (SWF §12.1).
    """
    read, checks = _READERS[operation]
    try:
        if not body.isascii():
            body.decode()  # the decoder skips unknown members without looking at their bytes
        request = read(body or b"{}")
    except (ValueError, RecursionError):
        request = explain(operation, body)
    if len(body) > most_data < MOST_DATA:
        require_short_data(operation, body, most_data)
    for check in checks:
        check(request)
    return request


def encode(output: Shape | bytes | None) -> bytes:
    """The body of an answer: none where the operation has no output (SWF §1.2.1), bytes as they are."""
    if output is None:
        return b""
    if isinstance(output, bytes):
        return output
    return _encode(output)


def _check_decision_list(request: RespondDecisionTaskCompletedInput) -> None:
    decisions = request.decisions
    if decisions:
        decision_list.require_order([decision.decision_type for decision in decisions])
        decision_list.require_attributes(decisions)


_BY_TARGET = {f"{prefix}.{name}": name for prefix in TARGET_PREFIXES for name in OPERATIONS}

Check = Callable[[Any], None]
_encode = msgspec.json.Encoder().encode
_FIRST: dict[str, tuple[Check, ...]] = {"RespondDecisionTaskCompleted": (_check_decision_list,)}
_READERS: dict[str, tuple[Callable[[bytes], Shape], tuple[Check, ...]]] = {
    operation.name: (
        msgspec.json.Decoder(operation.input).decode,
        _FIRST.get(operation.name, ()) + constraints.checks(operation.name),
    )
    for operation in OPERATIONS.values()
}
