"""Whether a request is served at all, and who makes it, by what it looks like before it is decoded.

Owns what `--auth` means for requests. With `off` and `log` no caller has to prove anything, so web pages and foreign
names of this machine are refused; with `enforce` the signature says that its sender meant the request. What is signed
is judged in `workflowsvc.access`; what a caller may do, by the service.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from workflowsvc.access.caller import Caller
from workflowsvc.access.names import KEY_ID_PATTERN
from workflowsvc.access.sigv4 import Verifier, require_once
from workflowsvc.faults import AccessDeniedException, Fault, ServiceUnavailable
from workflowsvc.http.hosts import Hosts
from workflowsvc.http.proxies import Proxies
from workflowsvc.http.request import values_of
from workflowsvc.service.audit_trail import Mode, Refusal
from workflowsvc.tenant import Tenant

if TYPE_CHECKING:
    from workflowsvc.access.book import AccessKey, Book
    from workflowsvc.clock import Clock
    from workflowsvc.http.credentials import Tenants
    from workflowsvc.http.request import HttpRequest
    from workflowsvc.settings import Settings

TARGET = b"x-amz-target"
AUTHORIZATION = b"authorization"
USER_AGENT = b"user-agent"
SEC_FETCH_SITE = b"sec-fetch-site"
ONCE = (TARGET, AUTHORIZATION)
"""Header fields that say what is done and whose it is: a proxy that reads the other one must not have been asked."""

# A request that a person began in the browser, and one of a page that came from here. `same-site` is not among them: it
# includes every other port of this machine.
NO_FOREIGN_PAGE = frozenset((b"none", b"same-origin"))

MAX_SHOWN_HOST = 255  # characters
MAX_USER_AGENT = 1_024  # characters
_KEY_ID = re.compile(f"Credential=({KEY_ID_PATTERN})/".encode())


class AccessData(Protocol):
    """What knows the keys (`workflowsvc.service.api.Api`)."""

    def book(self) -> Book:
        """The latest; ServiceUnavailable when it cannot be read."""
        ...

    def key_used(self, key: AccessKey, at_ms: int, /) -> None:
        """A call was signed with this key."""
        ...

    def refused(self, refusal: Refusal, /) -> None:
        """Into the audit trail: a request was refused, or would have been, for its signature."""
        ...


Admission = Callable[["HttpRequest", str], Caller]
"""Who makes the request with this id, and for which tenant; raises a Fault when it must not be served."""


def admission(settings: Settings, access: AccessData, clock: Clock, tenants: Tenants) -> Admission:
    """What `--auth` asks for. SettingsError when proxies are named that are none."""
    proxies = Proxies(settings.trusted_proxies)
    unproven = _Unproven(tenants, Hosts(settings.host, settings.allowed_hosts), proxies)
    if settings.auth == "off":
        return unproven
    signed = _Signed(settings, access, clock, proxies)
    return signed if settings.auth == "enforce" else _Watched(signed, unproven)


class _Unproven:
    """The tenant is the one that the credential scope names; nothing is verified."""

    def __init__(self, tenants: Tenants, hosts: Hosts, proxies: Proxies) -> None:
        self._tenants = tenants
        self._hosts = hosts
        self._proxies = proxies

    def __call__(self, request: HttpRequest, request_id: str) -> Caller:
        if request.repeated:
            require_once(request, ONCE)
        # Only browsers send these two. A web page must not drive a service that asks for no password.
        first = request.first
        if b"origin" in first or (SEC_FETCH_SITE in first and _is_of_foreign_page(request)):
            raise AccessDeniedException("Requests from web pages are not accepted")
        host = request.header(b"host")
        if not self._hosts.admit(host):
            shown = (host or b"").decode("latin-1")
            raise AccessDeniedException(
                f"Host '{shown[:MAX_SHOWN_HOST]}' is not a name of this machine",
                detail=f"Host '{shown[:MAX_SHOWN_HOST]}' is not a name of this machine; --allowed-hosts adds names",
            )
        return Caller(self._tenants.of(request.header(AUTHORIZATION)))


def _is_of_foreign_page(request: HttpRequest) -> bool:
    """All fields count: a proxy may have added one to the browser's."""
    return not NO_FOREIGN_PAGE.issuperset(values_of(request.fields, SEC_FETCH_SITE))


class _Signed:
    """A key of this installation has signed the request; the tenant is its account, in the region of the signature.

    Neither Host nor Origin is looked at: a web page has no key to sign with, and a proxy on this machine forwards its
    own name.
    """

    def __init__(self, settings: Settings, access: AccessData, clock: Clock, proxies: Proxies) -> None:
        self._mode: Mode = "enforce" if settings.auth == "enforce" else "log"
        self._verifier = Verifier(settings.signature_window_seconds, settings.signed_regions)
        self._access = access
        self._clock = clock
        self._proxies = proxies

    def __call__(self, request: HttpRequest, request_id: str) -> Caller:
        if request.repeated:
            require_once(request, ONCE)
        origin = self._proxies.origin(request)
        now_ms = self._clock.now_ms()
        try:
            key, region = self._verifier.verify(request, now_ms, self._access.book())
        except Fault as fault:
            reason = fault.detail or fault.code
            key_id = _key_id(request)
            fault.detail = f"{reason} (key {key_id or 'not named'}, from {origin.source_ip})"
            if fault.status < ServiceUnavailable.status:
                self._access.refused(
                    Refusal(request_id, key_id, "", "", "", reason, self._mode, origin.source_ip)
                )
            raise
        self._access.key_used(key, now_ms)
        return Caller(
            Tenant(key.principal.account, region),
            key,
            origin.source_ip,
            _user_agent(request),
            origin.is_secure,
        )


class _Watched:
    """Every request is served that `off` would serve; the audit trail has those that `enforce` would not."""

    def __init__(self, signed: _Signed, unproven: _Unproven) -> None:
        self._signed = signed
        self._unproven = unproven

    def __call__(self, request: HttpRequest, request_id: str) -> Caller:
        caller = self._unproven(request, request_id)
        try:
            return self._signed(request, request_id)
        except Fault:
            return caller


def _key_id(request: HttpRequest) -> str:
    """The key that a request names, when its text has the form of a key id."""
    found = _KEY_ID.search(request.header(AUTHORIZATION) or b"")
    return found[1].decode() if found else ""


def _user_agent(request: HttpRequest) -> str:
    return (request.header(USER_AGENT) or b"")[:MAX_USER_AGENT].decode("latin-1")
