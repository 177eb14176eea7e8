"""The secrets of webhooks and the signatures made with them, by the conventions of Standard Webhooks.

Owns the forms: a secret is `whsec_` and base64, a signature is `v1,` and the base64 of HMAC-SHA256 over id, time and
body with dots between. Ready-made libraries check it. Must not know what is sent.
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode

from workflowsvc.access.secrets import RandomBytes

PREFIX = "whsec_"
SECRET_BYTES = 32  # 24 to 64 are allowed


def new_webhook_secret(random_bytes: RandomBytes) -> str:
    """Text that is shown once, and stored sealed."""
    return PREFIX + b64encode(random_bytes(SECRET_BYTES)).decode()


def signed_headers(secret: str, message_id: str, at_s: int, body: bytes) -> dict[str, str]:
    """The header fields by which a receiver knows who sent this body, and when."""
    key = b64decode(secret.removeprefix(PREFIX))
    signed = hmac.digest(key, b"%b.%d.%b" % (message_id.encode(), at_s, body), "sha256")
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": f"v1,{b64encode(signed).decode()}",
    }
