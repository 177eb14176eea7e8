"""Signatures of requests: AWS Signature Version 4, for the one form of request that SWF has.

Owns the computation, which is a function of its arguments. Source: AWS's documentation of "Create a signed AWS API
request"; `tests/client/test_signing.py` compares it with botocore's.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

ALGORITHM = "AWS4-HMAC-SHA256"
SERVICE = "swf"


class Credentials(NamedTuple):
    """Who asks."""

    access_key: str
    secret_key: str
    token: str | None = None


def signed(
    headers: Mapping[str, str], body: bytes, *, credentials: Credentials, region: str, now_ms: int
) -> dict[str, str]:
    """The headers of a `POST /`, `Host` among them, with those that sign it."""
    moment = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
    complete = {**headers, "X-Amz-Date": moment}
    if credentials.token:
        complete["X-Amz-Security-Token"] = credentials.token
    by_name = {name.lower(): " ".join(value.split()) for name, value in complete.items()}
    names = ";".join(sorted(by_name))
    lines = "".join(f"{name}:{by_name[name]}\n" for name in sorted(by_name))
    request = "\n".join(["POST", "/", "", lines, names, hashlib.sha256(body).hexdigest()])
    scope = f"{moment[:8]}/{region}/{SERVICE}/aws4_request"
    to_sign = "\n".join([ALGORITHM, moment, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = f"AWS4{credentials.secret_key}".encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    complete["Authorization"] = (
        f"{ALGORITHM} Credential={credentials.access_key}/{scope}, SignedHeaders={names}, "
        f"Signature={_hmac(key, to_sign).hex()}"
    )
    return complete


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
