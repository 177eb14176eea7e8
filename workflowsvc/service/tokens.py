"""Task tokens and page tokens: opaque, tamper-proof, bound to the tenant (SWF §1.3.2, §1.4.10, §2;
QUALITY §5.1, §5.2).

Owns their form: base64 of a payload and a keyed MAC over tenant, purpose and payload. Whether a task still
exists is not in the token: its validity is the state of the execution. A token that was made elsewhere, for
another tenant or for another kind of task is answered like one that cannot be decoded, so that a caller learns
nothing from trying.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error
from hashlib import blake2b
from hmac import compare_digest
from typing import Any, NamedTuple

import msgspec

from workflowsvc.core.outcome import TaskKind
from workflowsvc.faults import ValidationException
from workflowsvc.tenant import Tenant

_MAC_BYTES = 16
PAGE_LIFETIME_MS = 86_400_000  # 24 hours (SWF §2)


class TaskToken(msgspec.Struct, array_like=True, frozen=True):
    """Names a started task."""

    kind: TaskKind
    run: int
    run_id: str
    workflow_id: str
    scheduled_id: int
    started_id: int
    domain: int = 0  # held against what the caller may do; 0 in tokens of older releases


class _Page(msgspec.Struct, array_like=True):
    issued_at: int
    position: msgspec.Raw


class PageKey(NamedTuple):
    """What a page token is bound to."""

    tenant: Tenant
    operation: str  # with the prefix of its model
    scope: bytes  # what is listed, in which order


_pack = msgspec.msgpack.Encoder().encode
_unpack_task = msgspec.msgpack.Decoder(TaskToken).decode
_unpack_page = msgspec.msgpack.Decoder(_Page).decode


class Tokens:
    """Makes and reads tokens with the installation's key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def task(self, tenant: Tenant, token: TaskToken) -> str:
        """At most 1,024 characters, as the model demands of a task token."""
        if len(token.workflow_id.encode()) > 512:  # only the text of a fault needs it
            token = msgspec.structs.replace(token, workflow_id=token.workflow_id[:128])
        return self._seal(tenant.key.encode() + b"\0task", _pack(token))

    def read_task(self, tenant: Tenant, text: str, kind: TaskKind) -> TaskToken:
        """The token; ValidationException `Invalid token` for a text that this service has not given to this tenant for
        this kind of task.
        """
        try:
            token = _unpack_task(self._open(tenant.key.encode() + b"\0task", text))
        except msgspec.DecodeError:
            raise ValidationException("Invalid token") from None
        if token.kind != kind:
            raise ValidationException("Invalid token")
        return token

    def page(self, key: PageKey, at_ms: int, position: Any) -> str:
        """The place where the next page begins."""
        return self._seal(_purpose(key), _pack(_Page(at_ms, msgspec.Raw(_pack(position)))))

    def read_page(self, key: PageKey, at_ms: int, text: str, form: Any) -> Any:
        """The position, in the form given; ValidationException for a foreign, changed or outdated token."""
        try:
            page = _unpack_page(self._open(_purpose(key), text))
            position = msgspec.msgpack.decode(page.position, type=form)
        except msgspec.DecodeError:
            raise ValidationException("Invalid token") from None
        if at_ms - page.issued_at > PAGE_LIFETIME_MS:
            raise ValidationException("Specified token has exceeded its maximum lifetime")
        return position

    def _seal(self, purpose: bytes, payload: bytes) -> str:
        return b64encode(self._mac(purpose, payload) + payload).decode("ascii")

    def _open(self, purpose: bytes, text: str) -> bytes:
        try:
            raw = b64decode(text.encode("ascii"), validate=True)
        except (Error, ValueError):
            raise ValidationException("Invalid token") from None
        mac, payload = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not compare_digest(mac, self._mac(purpose, payload)):
            raise ValidationException("Invalid token")
        return payload

    def _mac(self, purpose: bytes, payload: bytes) -> bytes:
        return blake2b(purpose + b"\0" + payload, key=self._key, digest_size=_MAC_BYTES).digest()


def _purpose(key: PageKey) -> bytes:
    return b"\0".join((key.tenant.key.encode(), b"page", key.operation.encode(), key.scope))
