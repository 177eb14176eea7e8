"""A request's bytes become a typed input or a fault in AWS's words, an output becomes bytes: AWS JSON 1.0.

Owns the content types and the order of the layers: accept fast, explain slowly, then check the constraints that AWS
documents in prose only (SWF §3.1). Must not know HTTP beyond the one header value that it is given, nor which action a
request names.
"""

from __future__ import annotations

from functools import cache

import msgspec

from workflowsvc.model import constraints
from workflowsvc.model.explain import MAX_DATA_CHARACTERS, explain, require_short_data
from workflowsvc.model.input_rules import INPUT_RULES, InputRules
from workflowsvc.model.shapes import OPERATIONS, Shape, ShapeClass

JSON = "application/json"
AMZ_JSON = "application/x-amz-json-1.0"

_encode = msgspec.json.Encoder().encode


def response_content_type(request_content_type: str | None) -> str:
    """The answer's content type, of the request's family (SWF §1.2.2); otherwise of today's SDKs."""
    family = (request_content_type or "").partition(";")[0].strip().lower()
    return JSON if family == JSON else AMZ_JSON


class Decoder:
    """Reads inputs of one structure: a body, and the characters that one piece of data may have -> the typed input.

    An empty body counts as an empty object; null members are absent (SWF §1.1.10). An input, result and the like may
    have fewer characters than in the model, when an installation allows less (SWF §12.1).
    """

    def __init__(self, structure: ShapeClass) -> None:
        self._structure = structure
        self._read = msgspec.json.Decoder(structure).decode
        rules = INPUT_RULES.get(structure, InputRules())
        self._checks = rules.before_members + constraints.member_checks(structure) + rules.after_members

    def __call__(self, body: bytes, max_data: int) -> Shape:
        """The typed input; raises a Fault."""
        request = self.accept(body, max_data)
        return self._check(explain(self._structure, body), body, max_data) if request is None else request

    def accept(self, body: bytes, max_data: int) -> Shape | None:
        """The typed input; None for a body that is refused, or has to be read slowly: calling the decoder does both.
        Raises a Fault for a body that only breaks a rule which is not in the model.
        """
        try:
            if not body.isascii():
                body.decode()  # the decoder skips unknown members without looking at their bytes
            request = self._read(body or b"{}")
        except (ValueError, RecursionError):
            return None
        return self._check(request, body, max_data)

    def _check(self, request: Shape, body: bytes, max_data: int) -> Shape:
        if len(body) > max_data < MAX_DATA_CHARACTERS:
            require_short_data(self._structure, request, max_data)
        for check in self._checks:
            check(request)
        return request


@cache
def decoder(structure: ShapeClass) -> Decoder:
    """Reads inputs of this structure; made once for each."""
    return Decoder(structure)


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
