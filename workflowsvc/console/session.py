"""Who looks at the console, and the token that proves that a form came from one of its pages.

Owns what a visitor is, and the visitors of a console without a sign-in: all of them are the account of the
settings, and one token is enough, as a page from elsewhere cannot read it. Who signs in is in `signed_in.py`.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol

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
    version: int = 0
    """Another one whenever access data has changed: what was found for the visitor before is not shown again."""
    is_known: bool = True
    """False before signing in: the visitor is shown nothing but the way to do so."""

    def has_sent(self, token: str) -> bool:
        """Whether a form with this token came from a page of this session."""
        return self.is_known and hmac.compare_digest(
            token.encode("utf-8", "surrogatepass"), self.form_token.encode()
        )


class Visitors(Protocol):
    """The visitors of one console."""

    def who(self, request: Request) -> Session:
        """The visitor that sends this request. ServiceUnavailable when that cannot be told now, Refusal for a request
        that must not come in this way."""
        ...

    def stranger(self, request: Request) -> Session:
        """The visitor of a request of whom nothing is known."""
        ...


class AllVisitors:
    """Without a sign-in: all are the same visitor."""

    def __init__(self, settings: Settings, random_bytes: Callable[[int], bytes]) -> None:
        self._tenant = Tenant(settings.account, settings.region)
        self._form_token = random_bytes(TOKEN_BYTES).hex()

    def who(self, request: Request) -> Session:
        client = request.client
        caller = Caller(
            self._tenant,
            source_ip=client.host if client else "",
            user_agent=request.headers.get("user-agent", ""),
            is_secure=request.url.scheme == "https",
        )
        return Session(caller, self._form_token)

    stranger = who
