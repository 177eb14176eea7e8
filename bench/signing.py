"""Signatures of the load: AWS Signature Version 4 for the one form of request that the generator sends.

Owns the key of the day and the parts of the text to sign that never change, since the generator shares its cores with
the server. A signature is good for minutes: longer than a measurement.
"""

from __future__ import annotations

import hashlib
import hmac
import time

REGION = "us-east-1"


class Signer:
    """Of one access key."""

    def __init__(self, key_id: str, secret: str) -> None:
        day = time.strftime("%Y%m%d", time.gmtime())
        self._scope = f"{day}/{REGION}/swf/aws4_request"
        self._credential = f"{key_id}/{self._scope}"
        key = f"AWS4{secret}".encode()
        for part in self._scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        self._key = key

    def head(self, host: str, action: str, body: bytes) -> bytes:
        """The head of a request up to the value of Content-Length, which is not signed."""
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        target = f"SimpleWorkflowService.{action}"
        names = "host;x-amz-date;x-amz-target"
        request = (
            f"POST\n/\n\nhost:{host}\nx-amz-date:{moment}\nx-amz-target:{target}\n\n{names}\n"
            f"{hashlib.sha256(body).hexdigest()}"
        )
        text = f"AWS4-HMAC-SHA256\n{moment}\n{self._scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        signature = hmac.digest(self._key, text.encode(), "sha256").hex()
        return (
            f"POST / HTTP/1.1\r\nHost: {host}\r\nX-Amz-Target: {target}\r\n"
            f"Content-Type: application/x-amz-json-1.0\r\nX-Amz-Date: {moment}\r\n"
            f"Authorization: AWS4-HMAC-SHA256 Credential={self._credential}, SignedHeaders={names}, "
            f"Signature={signature}\r\nContent-Length: "
        ).encode()
