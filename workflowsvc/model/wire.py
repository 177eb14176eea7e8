"""A request's bytes become a typed input or a fault in AWS's words, an output becomes bytes: AWS JSON 1.0.

Owns the content types and the order of the layers: accept fast, explain slowly, then check the constraints that AWS
documents in prose only (SWF §3.1). Must not know HTTP beyond the one header value that it is given, nor which action a
request names.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import msgspec

from workflowsvc.model import constraints
from workflowsvc.model.explain import MAX_DATA_CHARACTERS, explain, require_short_data
from workflowsvc.model.input_rules import INPUT_RULES, InputRules
from workflowsvc.model.shapes import OPERATIONS, Shape, ShapeClass

JSON = "application/json"
AMZ_JSON = "application/x-amz-json-1.0"

Decode = Callable[[bytes, int], Shape]
"""A body, and the characters that one piece of data may have -> the typed input; raises a Fault."""

_encode = msgspec.json.Encoder().encode


def response_content_type(request_content_type: str | None) -> str:
    """The answer's content type, of the request's family (SWF §1.2.2); otherwise of today's SDKs."""
    family = (request_content_type or "").partition(";")[0].strip().lower()
    return JSON if family == JSON else AMZ_JSON


@cache
def decoder(structure: ShapeClass) -> Decode:
    """Reads inputs of this structure; made once for each.

    An empty body counts as an empty object; null members are absent (SWF §1.1.10). The second argument is how many
    characters an input, result and the like may have, when an installation allows less than the model (SWF §12.1).
    """
    read = msgspec.json.Decoder(structure).decode
    rules = INPUT_RULES.get(structure, InputRules())
    checks = rules.before_members + constraints.member_checks(structure) + rules.after_members

    def decode(body: bytes, max_data: int) -> Shape:
        try:
            if not body.isascii():
                body.decode()  # the decoder skips unknown members without looking at their bytes
            request = read(body or b"{}")
        except (ValueError, RecursionError):
            request = explain(structure, body)
        if len(body) > max_data < MAX_DATA_CHARACTERS:
            require_short_data(structure, body, max_data)
        for check in checks:
            check(request)
        return request

    return decode


def decode(operation: str, body: bytes, max_data: int = MAX_DATA_CHARACTERS) -> Shape:
    """The typed input of an operation of SWF, or a fault: `decoder` for callers that have the name alone."""
    return decoder(OPERATIONS[operation].input)(body, max_data)


def encode(output: Shape | bytes | None) -> bytes:
    """The body of an answer: none where the operation has no output (SWF §1.2.1), bytes as they are."""
    if output is None:
        return b""
    if isinstance(output, bytes):
        return output
    return _encode(output)
