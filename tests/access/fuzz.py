"""Signed and mangled requests by the hundred thousand, each answer judged by botocore's own signature.

`python -m tests.access.fuzz [--requests N] [--seed N]`. Owns the rules: no request is answered 500 or holds up the next
one; what is accepted was signed, as far as botocore can say from the bytes that were sent; a key that does not exist is
refused in the bytes in which a wrong secret is.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.abuse.fuzz import Line
from tests.abuse.report import Report
from tests.access.signed_requests import ACCOUNT, Raw, TestBook, access_key, signed
from tests.http.fake_service import FakeService
from tests.http.support import running

REQUESTS = 200_000
REGIONS = ("us-east-1", "eu-west-1")
TOKEN = "a token"
KEYS = {
    key.id: key
    for key in (
        access_key("AKIDONE", "secret one"),
        access_key("AKIDTWO", "secret two"),
        access_key("AKIDOFF", "secret off", active=False),
        access_key("AKIDOLD", "secret old", expires_at=1),
        access_key("ASIATEMP", "secret temporary", token=TOKEN),
    )
}
USABLE = {"AKIDONE", "AKIDTWO", "ASIATEMP"}
STATUSES = frozenset((200, 400, 413, 431))
MOMENT = re.compile(rb"[0-9]{8}T[0-9]{6}Z")  # in a message: the second may change between two answers
STRANGE = (b"\x00", b"\t", b" ", b",", b"=", b";", b"/", b"%", b"\xff", b"a", b"A", b"0", b"'", b'"')
ANY_HEADERS = (
    b"X-Amz-Date",
    b"Date",
    b"X-Amz-Security-Token",
    b"X-Amz-Content-SHA256",
    b"X-Amzn-Authorization",
    b"X-Amz-Anything",
    b"User-Agent",
    b"Host",
    b"Origin",
    b"X-Forwarded-For",
)


class Drawn(NamedTuple):
    """A request, its signature left untouched or not, and how it was changed."""

    request: Raw
    change: str


class Fuzzer:
    """Draws requests; the same seed draws the same ones, but for their date."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._changes: tuple[Callable[[Raw], Raw], ...] = (
            self.nothing,
            self.flip_in_a_header,
            self.flip_in_a_header,
            self.flip_in_the_authorization,
            self.flip_in_the_authorization,
            self.flip_in_the_body,
            self.another_target,
            self.drop_a_header,
            self.repeat_a_header,
            self.add_a_header,
            self.shuffle_the_headers,
            self.shuffle_the_parameters,
            self.another_query,
            self.another_path,
            self.another_key,
            self.another_signed_list,
        )

    def draw(self) -> Drawn:
        """Signed by a key that may or may not sign, then changed by none, one or two of the ways."""
        chance = self._random
        key_id = chance.choice([*KEYS, "AKIDNONE"])
        secret = KEYS[key_id].secret.decode() if key_id in KEYS else "none"
        if chance.random() < 0.1:
            secret = "wrong"
        has_token = (key_id == "ASIATEMP") != (chance.random() < 0.05)
        request = signed(
            key_id=key_id,
            secret=secret,
            token=TOKEN if has_token else None,
            region=chance.choice(REGIONS),
            now_ms=int(time.time() * 1000) + chance.choice((0, 0, 0, 200_000, -200_000, 400_000, -400_000)),
            headers={"User-Agent": "x  y", "X-Mine": chance.choice(("a", " a  b ", "", "é"))},
            body=json.dumps({"registrationStatus": "REGISTERED", "x": "y" * chance.randrange(50)}).encode(),
        )
        names: list[str] = []
        for _ in range(chance.choice((0, 1, 1, 1, 2))):
            change = chance.choice(self._changes)
            names.append(change.__name__)
            request = change(request)
        return Drawn(request, " and ".join(names) or "nothing")

    def nothing(self, request: Raw) -> Raw:
        return request

    def flip_in_a_header(self, request: Raw) -> Raw:
        fields = list(request.fields)
        index = self._random.randrange(len(fields))
        name, value = fields[index]
        if self._random.random() < 0.3:
            name = self._flipped(name)
        else:
            value = self._flipped(value)
        fields[index] = (name, value)
        return replace(request, fields=fields)

    def flip_in_the_authorization(self, request: Raw) -> Raw:
        given = request.header(b"authorization")
        return request if given is None else request.with_header(b"Authorization", self._flipped(given))

    def flip_in_the_body(self, request: Raw) -> Raw:
        return replace(request, body=self._flipped(request.body))

    def another_target(self, request: Raw) -> Raw:
        return request.with_header(b"X-Amz-Target", b"SimpleWorkflowService.DescribeDomain")

    def drop_a_header(self, request: Raw) -> Raw:
        fields = list(request.fields)
        del fields[self._random.randrange(len(fields))]
        return replace(request, fields=fields)

    def repeat_a_header(self, request: Raw) -> Raw:
        fields = list(request.fields)
        fields.insert(self._random.randrange(len(fields) + 1), self._random.choice(fields))
        return replace(request, fields=fields)

    def add_a_header(self, request: Raw) -> Raw:
        values = (b"", b"x", request.body_hash, TOKEN.encode(), b"20150830T123600Z", b"UNSIGNED-PAYLOAD")
        added = (self._random.choice(ANY_HEADERS), self._random.choice(values))
        return replace(request, fields=[*request.fields, added])

    def shuffle_the_headers(self, request: Raw) -> Raw:
        fields = list(request.fields)
        self._random.shuffle(fields)
        return replace(request, fields=fields)

    def shuffle_the_parameters(self, request: Raw) -> Raw:
        algorithm, _, rest = (request.header(b"authorization") or b"").partition(b" ")
        parameters = rest.replace(b",", b" ").split()
        self._random.shuffle(parameters)
        separator = self._random.choice((b",", b", ", b" ", b" ,, "))
        return request.with_header(b"Authorization", algorithm + b" " + separator.join(parameters))

    def another_query(self, request: Raw) -> Raw:
        queries = (
            b"",
            b"x",
            b"x=y",
            b"X-Amz-Algorithm=AWS4-HMAC-SHA256",
            b"%",
            b"&&",
            b"a=%20+b&a=",
            b"&" * 200,
        )
        return replace(request, query=self._random.choice(queries))

    def another_path(self, request: Raw) -> Raw:
        paths = (b"//", b"/./", b"/x/..", b"/%2e/", b"/ListDomains", b"/%", b"/x", b"*")
        return replace(request, raw_path=self._random.choice(paths))

    def another_key(self, request: Raw) -> Raw:
        given = request.header(b"authorization") or b""
        for key_id in KEYS:
            given = given.replace(key_id.encode(), self._random.choice([*KEYS, "AKIDNONE", ""]).encode())
        return request.with_header(b"Authorization", given)

    def another_signed_list(self, request: Raw) -> Raw:
        given = request.header(b"authorization") or b""
        lists = (
            b"host",
            b"host;x-amz-date",
            b"",
            b";",
            b"Host",
            b"host;host",
            b"x-amz-date;host",
            b"host;nothing",
        )
        before, _, after = given.partition(b"SignedHeaders=")
        return request.with_header(
            b"Authorization",
            before + b"SignedHeaders=" + self._random.choice(lists) + b"," + after.partition(b",")[2],
        )

    def _flipped(self, text: bytes) -> bytes:
        """With one byte more, less or different."""
        position = self._random.randrange(len(text) + 1)
        removed = self._random.choice((0, 1))
        return text[:position] + self._random.choice((b"", *STRANGE)) + text[position + removed :]

    def without_a_right_key(self, request: Raw) -> tuple[Raw, Raw]:
        """The same request as if of a key that does not exist, and with a wrong signature of one that does."""
        given = request.header(b"authorization") or b""
        wrong = bytes(self._random.choice(b"0123456789abcdef") for _ in range(64))
        head, mark, _ = given.partition(b"Signature=")
        known = head + mark + wrong
        for key_id in KEYS:
            known = known.replace(key_id.encode(), b"AKIDONE")
        return (
            request.with_header(b"Authorization", known.replace(b"AKIDONE", b"AKIDNO!")),
            request.with_header(b"Authorization", known),
        )


def wire_of(request: Raw) -> bytes:
    """The bytes of a request. Its length is always right: framing is tried elsewhere."""
    target = request.raw_path + (b"?" + request.query if request.query else b"")
    lines = [request.method + b" " + target + b" HTTP/1.1"]
    lines += [name + b": " + value for name, value in request.fields]
    lines += [b"Content-Length: %d" % len(request.body), b"", request.body]
    return b"\r\n".join(lines)


def was_signed(request: Raw) -> str | None:
    """Whose signature botocore finds right, and for which region: `key id/region`; None when it finds none."""
    parts = dict(
        part.partition("=")[::2]
        for part in (request.header(b"authorization") or b"").decode("latin-1").replace(",", " ").split()
    )
    credential = parts.get("Credential", "").split("/")
    if len(credential) != 5 or credential[0] not in USABLE:
        return None
    names = parts.get("SignedHeaders", "").split(";")
    url = "https://x" + request.raw_path.decode("latin-1")
    if request.query:
        url += "?" + request.query.decode("latin-1")
    asked = AWSRequest(request.method.decode(), url, None, request.body)
    for name, value in request.fields:
        if name.decode("latin-1").lower() in names:
            asked.headers.add_header(name.decode("latin-1"), value.decode("utf-8", "replace"))
    asked.context["timestamp"] = asked.headers.get("X-Amz-Date", "").strip()
    signer = SigV4Auth(Credentials(credential[0], KEYS[credential[0]].secret.decode()), "swf", credential[2])
    canonical = signer.canonical_request(asked)
    right = signer.signature(signer.string_to_sign(asked, canonical), asked)
    return f"{credential[0]}/{credential[2]}" if parts.get("Signature") == right else None


class _Errors(logging.Handler):
    """What the server logs as its own bugs."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(record.getMessage())


def fuzz(requests: int, seed: int, deadline: float = float("inf")) -> Report:
    """Draws and judges; stops early at `deadline`, a moment of time.monotonic."""
    report = Report()
    service = FakeService()
    service.access_data = TestBook(*KEYS.values())
    errors = _Errors()
    logging.getLogger().addHandler(errors)
    quiet, logging.getLogger("workflowsvc").level = logging.getLogger("workflowsvc").level, logging.ERROR
    try:
        with running(service, auth="enforce", regions=",".join(REGIONS)) as server:
            _ask(server.port, Fuzzer(seed), requests, deadline, report)
            report.require(server.service.waiting == set(), "a poll waits though none was asked for")
    finally:
        logging.getLogger().removeHandler(errors)
        logging.getLogger("workflowsvc").setLevel(quiet)
    report.require(not errors.found, f"the server logged {errors.found[:3]}")
    return report


def _ask(port: int, fuzzer: Fuzzer, requests: int, deadline: float, report: Report) -> None:
    line = Line(port)
    answers: Counter[str] = Counter()
    pairs = 0
    for number in range(requests):
        if time.monotonic() > deadline or len(report.wrong) > 20:
            report.say(f"stopped after {number:,} requests")
            break
        drawn = fuzzer.draw()
        status, body = _answer(line, drawn.request)
        code = "accepted" if status == 200 else _code(body)
        answers[code] += 1
        report.require(status in STATUSES, f"{drawn} was answered {status} {body!r}")
        if status == 200:
            signer = was_signed(drawn.request)
            region = json.loads(body)["region"]
            report.require(
                signer is not None
                and signer.endswith(f"/{region}")
                and json.loads(body)["account"] == ACCOUNT,
                f"forged: {drawn} was accepted as {body!r}, and was signed by {signer}",
            )
        elif drawn.change == "nothing" and was_signed(drawn.request):
            report.require(
                code in ("InvalidSignatureException", "UnrecognizedClientException"),
                f"{drawn} was signed and answered {code}",
            )
        if number % 4 == 0:
            unknown, wrong = (_answer(line, each) for each in fuzzer.without_a_right_key(drawn.request))
            pairs += 1
            texts = [MOMENT.sub(b"", body.replace(b"AKIDNO!", b"AKIDONE")) for _, body in (unknown, wrong)]
            same = unknown[0] == wrong[0] and texts[0] == texts[1]
            report.require(same, f"{drawn}: a key that does not exist {unknown}, a wrong secret {wrong}")
    line.close()
    report.say(f"{sum(answers.values()):,} requests: {dict(answers.most_common())}")
    report.say(f"{pairs:,} pairs of a key that does not exist and a wrong secret were answered alike")


def _answer(line: Line, request: Raw) -> tuple[int, bytes]:
    """400 and nothing when the server hangs up without a word, as it does when it is not sent HTTP."""
    try:
        return line.ask(wire_of(request))
    except ConnectionError:
        return 400, b'{"__type":"#closed"}'


def _code(body: bytes) -> str:
    return str(json.loads(body)["__type"]).rpartition("#")[2]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    report = fuzz(arguments.requests, arguments.seed)
    print("\n".join(report.lines()))
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
