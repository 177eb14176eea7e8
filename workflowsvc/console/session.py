"""Who looks at the console, and the token that proves that a form came from one of its pages.

Owns this question: the one place that a sign-in changes. While requests are not authenticated, every visitor of this
machine is the account of the settings, and one token is enough: a page from elsewhere cannot read it.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from workflowsvc.access.caller import Caller
from workflowsvc.tenant import Tenant

if TYPE_CHECKING:
    from starlette.requests import Request

    from workflowsvc.settings import Settings

TOKEN_BYTES = 32


class Session(NamedTuple):
    """A visitor."""

    caller: Caller
    form_token: str
    """In a hidden field of every form (QUALITY §5.4)."""
    name: str = ""
    """Of who has signed in; empty where there is no sign-in."""

    def has_sent(self, token: str) -> bool:
        """Whether a form with this token came from a page of this session."""
        return hmac.compare_digest(token.encode("utf-8", "surrogatepass"), self.form_token.encode())


class Sessions:
    """The visitors of one console."""

    def __init__(self, settings: Settings, random_bytes: Callable[[int], bytes]) -> None:
        self._tenant = Tenant(settings.account, settings.region)
        self._form_token = random_bytes(TOKEN_BYTES).hex()

    def who(self, request: Request) -> Session:
        """The visitor that sends this request."""
        client = request.client
        caller = Caller(
            self._tenant,
            source_ip=client.host if client else "",
            user_agent=request.headers.get("user-agent", ""),
            is_secure=request.url.scheme == "https",
        )
        return Session(caller, self._form_token)
