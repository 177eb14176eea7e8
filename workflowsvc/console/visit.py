"""One request to the console, as a page sees it: who asks, what the path and the query name, and calls in their name.

Owns the reading of paths and queries. Must not know templates.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from msgspec import structs

from workflowsvc.console.as_command import Server
from workflowsvc.console.calls import OWN, SWF, Answer, Calls
from workflowsvc.console.lookups import PATIENCE_SECONDS, Found, Lookups, Work
from workflowsvc.console.paths import BadSegment, name_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from workflowsvc.console.histories import Histories, RunHistory
    from workflowsvc.console.session import Session
    from workflowsvc.console.shelf import Shelf
    from workflowsvc.settings import Settings


# What was found, where the right to see it depends on what is stored, such as the tags of the domain.
MAX_SECONDS_UNSURE = 0.9
LOOPBACK = "127.0.0.1"  # leads to a server that listens on all addresses


class NoSuchPage(Exception):
    """The path or query names nothing; the message says what."""


class Visit:
    """Of one request."""

    def __init__(
        self,
        request: Request,
        session: Session,
        calls: Calls,
        lookups: Lookups,
        histories: Histories,
        shelf: Shelf,
        settings: Settings,
        api_port: int,
        now_ms: int,
        ending: asyncio.Event,
    ) -> None:
        self.request = request
        self.session = session
        self.settings = settings
        self._api_port = api_port
        self.now = now_ms / 1000
        """Seconds since the epoch."""
        self.ending = ending
        """Set when the console stops: an answer that lasts ends then."""
        self.query = request.query_params
        self._calls = calls
        self._lookups = lookups
        self._histories = histories
        self.shelf = shelf

    def name(self, parameter: str) -> str:
        """The name in this part of the path. NoSuchPage when it is no text."""
        try:
            return name_of(self.request.path_params[parameter])
        except BadSegment as error:
            raise NoSuchPage(f"{error} is not a name") from None

    @property
    def domain(self) -> str:
        """The domain in the path."""
        return self.name("domain")

    def one(self, parameter: str, default: str = "") -> str:
        """The value of a parameter of the query; the default when it is missing or empty."""
        return self.query.get(parameter) or default

    def chosen(self, parameter: str, choices: Sequence[str]) -> str:
        """The value of a parameter that has few; the first of them when another one is given."""
        given = self.query.get(parameter, "")
        return given if given in choices else choices[0]

    @property
    def server(self) -> Server:
        """Where programs on this machine reach the API."""
        host = self.settings.host
        host = LOOPBACK if host in ("0.0.0.0", "::", "") else f"[{host}]" if ":" in host else host
        scheme = "https" if self.settings.tls_certificate else "http"
        return Server(f"{scheme}://{host}:{self._api_port}", self.session.caller.tenant.region)

    async def swf(self, operation: str, /, **members: Any) -> Answer:
        """The answer of one of SWF's operations. Raises Fault."""
        return await self._calls.ask(self.session.caller, SWF, operation, members)

    async def own(self, operation: str, /, **members: Any) -> Answer:
        """The answer of an operation of our own API. Raises Fault."""
        return await self._calls.ask(self.session.caller, OWN, operation, members)

    async def history(self, execution: dict[str, str], events: int) -> RunHistory:
        """The history of a run of the domain; `events` is their number. Raises Fault."""
        return await self._histories.open(self, self.domain, execution, events)

    def may(self, action: str, domain: str = "") -> bool | None:
        """Whether the visitor may do this, such as `swf:TerminateWorkflowExecution`, in the domain or in the account;
        None where that depends on the request."""
        return self._calls.permits(self.session.caller, action, domain)

    async def look(
        self,
        what: str,
        *names: str,
        needs: str,
        domains: Sequence[str],
        work: Work,
        min_rest: float = 0.0,
        patience: float = PATIENCE_SECONDS,
    ) -> Found:
        """What long work has found so far, or lately: it goes on while the page is shown (`lookups.py`). What it finds
        must depend on these names and on the caller alone. `needs` is the action that it asks for, in these domains:
        nothing is shown that was found before that right was withdrawn. Raises Fault."""
        rights = {self.may(needs, domain) for domain in domains}
        if False in rights:
            return Found(await work(_unpublished), True)  # the service refuses it, and writes that down
        key = self._key(what, names, needs, domains)
        max_rest = MAX_SECONDS_UNSURE if None in rights else None
        return await self._lookups.look(key, work, max_rest, min_rest=min_rest, patience=patience)

    def known(self, what: str, *names: str, needs: str, domains: Sequence[str]) -> Found | None:
        """What `look` has found lately for this visitor, without any work; None where that is nothing."""
        rights = {self.may(needs, domain) for domain in domains}
        if False in rights:
            return None
        key = self._key(what, names, needs, domains)
        return self._lookups.known(key, MAX_SECONDS_UNSURE if None in rights else None)

    def _key(self, what: str, names: Sequence[str], needs: str, domains: Sequence[str]) -> tuple[object, ...]:
        """A right may depend on the address of the client and the like, so they are all in it."""
        caller, version = self.session.caller, self.session.version
        key_id = None if caller.key is None else (caller.key.id, caller.key.principal.id)
        return (structs.replace(caller, key=None), key_id, version, needs, *domains, what, *names)


def _unpublished(_: Any) -> None:
    """Shows nothing of what was found so far."""
