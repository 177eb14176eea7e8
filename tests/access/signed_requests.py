"""Requests as bytes, signed by botocore, for tests of what verifies them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from workflowsvc.access.book import AccessKey, NamedPolicy, Principal
from workflowsvc.tenant import Tenant

ACCOUNT, REGION = "123456789012", "eu-west-1"
NOW_MS = 1_440_938_160_000
"""2015-08-30T12:36:00Z"""
ALICE = Principal(ACCOUNT, "alice", "AIDAALICE")


@dataclass(frozen=True)
class Raw:
    """A request as it was received."""

    method: bytes = b"POST"
    raw_path: bytes = b"/"
    query: bytes = b""
    fields: Sequence[tuple[bytes, bytes]] = ()
    body: bytes = b""

    @cached_property
    def first(self) -> dict[bytes, bytes]:
        return {name.lower(): value for name, value in reversed(self.fields)}

    @cached_property
    def repeated(self) -> frozenset[bytes]:
        times = Counter(name.lower() for name, _ in self.fields)
        return frozenset(name for name, count in times.items() if count > 1)

    @property
    def header(self) -> Callable[[bytes], bytes | None]:
        return self.first.get

    @cached_property
    def body_hash(self) -> bytes:
        return hashlib.sha256(self.body).hexdigest().encode()

    def with_header(self, name: bytes, value: bytes | None) -> Raw:
        """The same with this header field in place of those of the name; without any for None."""
        fields = [(other, old) for other, old in self.fields if other.lower() != name.lower()]
        return replace(self, fields=[*fields, *([(name, value)] if value is not None else [])])

    def with_authorization(self, old: bytes, new: bytes) -> Raw:
        """The same with a part of its Authorization header replaced."""
        given = self.header(b"authorization") or b""
        assert old in given
        return self.with_header(b"Authorization", given.replace(old, new))


class TestBook:
    """Access data of a few keys."""

    __test__ = False

    def __init__(self, *keys: AccessKey) -> None:
        self._keys = {key.id: key for key in keys}

    @property
    def is_empty(self) -> bool:
        return not self._keys

    def key(self, key_id: str) -> AccessKey | None:
        return self._keys.get(key_id)

    def policies_of(self, principal: Principal) -> tuple[NamedPolicy, ...]:
        return ()

    def domain_policy(self, tenant: Tenant, domain: str) -> NamedPolicy | None:
        return None


def access_key(
    key_id: str = "AKIDALICE",
    secret: str = "alice's secret",
    *,
    active: bool = True,
    expires_at: int | None = None,
    token: str | None = None,
) -> AccessKey:
    """A key of Alice's; `token` makes it a temporary one."""
    digest = None if token is None else hashlib.sha256(token.encode()).digest()
    return AccessKey(
        key_id, ALICE, secret.encode(), active=active, expires_at=expires_at, session_token=digest
    )


KEY = access_key()
BOOK = TestBook(KEY)


def signed(
    *,
    key_id: str = KEY.id,
    secret: str = KEY.secret.decode(),
    token: str | None = None,
    region: str = REGION,
    service: str = "swf",
    now_ms: int = NOW_MS,
    method: str = "POST",
    url: str = "https://swf.example.org/",
    headers: dict[str, str] | None = None,
    body: bytes = b'{"registrationStatus":"REGISTERED"}',
) -> Raw:
    """A request that botocore has signed as if it were `now_ms`."""
    given = {
        "Host": "swf.example.org",
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": "SimpleWorkflowService.ListDomains",
        **(headers or {}),
    }
    request = AWSRequest(method, url, given, body)
    request.context["timestamp"] = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
    _Signing(Credentials(key_id, secret, token), service, region).add_auth(request)
    path, _, query = request.url.partition("//")[2].partition("?")
    return Raw(
        method.encode(),
        b"/" + path.partition("/")[2].encode(),
        query.encode(),
        [(name.encode(), value.encode()) for name, value in request.headers.items()],
        body,
    )


class _Signing(SigV4Auth):
    """botocore's, at the moment that the request says."""

    def add_auth(self, request: AWSRequest) -> None:
        self._modify_request_before_signing(request)
        signature = self.signature(self.string_to_sign(request, self.canonical_request(request)), request)
        self._inject_signature_to_request(request, signature)
