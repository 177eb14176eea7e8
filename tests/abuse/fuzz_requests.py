"""Requests without end, drawn from SWF's own model: most nearly right, some wrong in every way there is.

Owns the making of values, members, bytes and heads. It remembers names, runs and tokens that the service has
given, so that many requests mean something that exists. Must not know what the service makes of them.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict, deque
from typing import Any, NamedTuple

from botocore.model import ListShape, Shape, StructureShape

from tests.conformance.test_never_500 import HOSTILE
from tests.wire import swf_model

DOMAIN = "fuzz"
ARN = f"arn:aws:swf:us-east-1:000000000000:/domain/{DOMAIN}"
REMEMBERED = 40  # values of each kind
MUTATED = 0.35  # of the bodies, somewhere in their JSON
SPOILT = 0.1  # of the bodies, as bytes
ODD_HEAD = 0.05
DURATIONS = ("NONE", "0", "1", "60", "3600", "31536000", "31536001", "-1", "1.5", "", "٣٠", "00000060")

# What members may hold that means something here. Kept small, so that things meet.
NAMES: dict[str, tuple[Any, ...]] = {
    "DomainName": (DOMAIN, DOMAIN, DOMAIN, DOMAIN, "second", "unknown"),
    "Name": ("a", "b", "c"),
    "Version": ("1", "2"),
    "VersionOptional": ("1", "2", ""),
    "WorkflowId": tuple(f"w{number}" for number in range(12)),
    "ActivityId": ("a1", "a2", "a3"),
    "TimerId": ("t1", "t2"),
    "FunctionId": ("f1", "f2"),
    "Arn": (ARN, ARN, ARN + "x", "arn"),
    "TaskPriority": ("0", "1", "-5", "2147483647", "2147483648"),
    "DurationInDays": ("NONE", "0", "1", "90", "91"),
}
LEARNT = {"runId": "RunId", "taskToken": "TaskToken", "nextPageToken": "PageToken"}
KIND_OF = {
    "WorkflowRunId": "RunId",
    "WorkflowRunIdOptional": "RunId",
    "TaskToken": "TaskToken",
    "PageToken": "PageToken",
}


class Request(NamedTuple):
    """One request as it goes over the wire, and what it tries to be."""

    action: str
    data: bytes
    body: bytes


class Maker:
    """A source of requests; the same seed and the same answers give the same ones."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._known: dict[str, deque[str]] = defaultdict(lambda: deque(maxlen=REMEMBERED))
        # Executions make most of what there is to break.
        self._actions = [
            *swf_model.OPERATIONS,
            *("StartWorkflowExecution", "PollForDecisionTask", "RespondDecisionTaskCompleted") * 6,
            *("PollForActivityTask", "RespondActivityTaskCompleted", "SignalWorkflowExecution") * 3,
        ]

    def learn(self, answer: Any) -> None:
        """Names and tokens in an answer may be used from now on."""
        if isinstance(answer, dict):
            for name, value in answer.items():
                if name in LEARNT and isinstance(value, str):
                    self._known[LEARNT[name]].append(value)
                elif name != "events":
                    self.learn(value)

    def request(self) -> Request:
        chance = self._chance
        action = chance.choice(self._actions)
        body = json.dumps(swf_model.legal(action, self._structure(swf_model.input_of(action))))
        data = body.encode()
        dice = chance.random()
        if dice < MUTATED:
            data = self._mutated(body)
        elif dice < MUTATED + SPOILT:
            data = self._spoilt(data)
        return Request(action, self._whole(action, data), data)

    # --- values ---

    def _value(self, shape: Shape) -> Any:
        if isinstance(shape, StructureShape):
            return self._decision(shape) if shape.name == "Decision" else self._structure(shape)
        if isinstance(shape, ListShape):
            return [self._value(shape.member) for _ in range(self._chance.choice((0, 1, 1, 1, 2, 3, 6)))]
        if shape.type_name == "string":
            return self._text(shape)
        if shape.type_name == "boolean":
            return self._chance.random() < 0.5
        if shape.type_name == "timestamp":
            return self._chance.choice((0, 1, 1.5e9, 4e9, 1_700_000_000.123))
        return self._chance.choice((0, 1, 2, 10, 1000, 1001, -1))

    def _structure(self, shape: StructureShape) -> dict[str, Any]:
        needed = shape.required_members
        return {
            name: self._value(member)
            for name, member in shape.members.items()
            if self._chance.random() < (0.98 if name in needed else 0.35)
        }

    def _decision(self, shape: StructureShape) -> dict[str, Any]:
        kind = self._chance.choice(swf_model.DECISION_TYPES)
        member = f"{swf_model.lower_first(kind)}DecisionAttributes"
        return {"decisionType": kind, member: self._structure(shape.members[member])}

    def _text(self, shape: Shape) -> str:
        chance, kind = self._chance, KIND_OF.get(shape.name)
        if kind is not None:
            known = self._known[kind]
            return chance.choice(known) if known and chance.random() < 0.95 else "unknown"
        if shape.enum:
            return chance.choice(shape.enum)
        if shape.name in NAMES:
            return chance.choice(NAMES[shape.name])
        if shape.name.startswith("Duration"):
            return chance.choice(DURATIONS)
        most = shape.metadata.get("max", 100)
        length = chance.choice((0, 1, 5, 20, 200, most, most + 1)) if chance.random() < 0.1 else 5
        return chance.choice(("x", "é", "日", '"', "\n", "a")) * min(length, 40_000)

    # --- damage ---

    def _mutated(self, body: str) -> bytes:
        """One place of the JSON holds something else."""
        tree = json.loads(body)
        places = list(_places(tree))
        if not places:
            return self._chance.choice(list(HOSTILE.values()))
        holder, key = self._chance.choice(places)
        dice = self._chance.random()
        if dice < 0.15:
            del holder[key]
        elif dice < 0.3:
            holder[key] = [holder[key]]
        elif dice < 0.4 and isinstance(holder, dict):
            holder["unknownMember"] = holder[key]
        else:
            holder[key] = "\0here"
        return (
            json.dumps(tree).encode().replace(b'"\\u0000here"', self._chance.choice(list(HOSTILE.values())))
        )

    def _spoilt(self, data: bytes) -> bytes:
        """Bytes that are lost, doubled, turned or pushed in."""
        spoilt = bytearray(data)
        for _ in range(self._chance.choice((1, 1, 2, 8))):
            at = self._chance.randrange(len(spoilt) + 1)
            how = self._chance.randrange(4)
            if how == 0:
                del spoilt[at : at + self._chance.randrange(1, 20)]
            elif how == 1:
                spoilt[at:at] = spoilt[at : at + 20]
            elif how == 2:
                spoilt[at:at] = self._chance.randbytes(self._chance.randrange(1, 5))
            elif at < len(spoilt):
                spoilt[at] ^= 1 << self._chance.randrange(8)
        return bytes(spoilt)

    # --- heads ---

    def _whole(self, action: str, body: bytes) -> bytes:
        method, path, target, kind = (
            "POST",
            "/",
            f"SimpleWorkflowService.{action}",
            "application/x-amz-json-1.0",
        )
        more = ""
        if self._chance.random() < ODD_HEAD:
            odd = self._chance.randrange(9)
            if odd == 0:
                method = self._chance.choice(("PUT", "DELETE", "OPTIONS", "PATCH"))
            elif odd == 1:
                path = self._chance.choice(
                    (f"/{action}", "/unknown", "/%00", "/../../etc/passwd", "*", "/?x=1")
                )
            elif odd == 2:
                target = self._chance.choice(
                    ("", "x", action, "DynamoDB_20120810.ListTables", f"{target}x", "é")
                )
            elif odd == 3:
                kind = self._chance.choice(
                    ("text/plain", "application/json", "", "application/x-amz-json-1.1")
                )
            elif odd == 4:
                more = "Origin: http://elsewhere.example\r\n"
            elif odd == 5:
                more = f"Authorization: AWS4-HMAC-SHA256 Credential={'x' * self._chance.randrange(300)}\r\n"
            elif odd == 6:
                more = "".join(f"X-Header-{n}: {n}\r\n" for n in range(self._chance.choice((10, 90, 200))))
            elif odd == 7:
                more = "Expect: 100-continue\r\n"
            else:
                more = "Transfer-Encoding: chunked\r\n"  # beside a length: refused
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
            f"X-Amz-Target: {target}\r\n{more}Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode("latin-1") + body


def _places(tree: Any) -> Any:
    """Every (holder, key) in a tree of JSON."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield tree, key
        yield from _places(value)
