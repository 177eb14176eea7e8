"""The visitors of a console with a sign-in: sessions in memory, each by a cookie (QUALITY §5.4).

Owns how long a session lasts, how many there are, its cookie, and which connections are safe enough for one. Each
request asks for the key again, so that a session ends with its key. Must not know pages; how a session begins is in
`sign_in.py`.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from workflowsvc.access.caller import Caller
from workflowsvc.access.sign_in import key_that_holds
from workflowsvc.console.refusals import Refusal
from workflowsvc.console.session import TOKEN_BYTES, Session
from workflowsvc.http.admission import MAX_USER_AGENT
from workflowsvc.http.hosts import is_loopback_address
from workflowsvc.http.proxies import Origin, Proxies
from workflowsvc.tenant import Tenant

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from workflowsvc.access.book import AccessKey, Book
    from workflowsvc.clock import Clock
    from workflowsvc.console.calls import ConsoleService
    from workflowsvc.settings import Settings

ID_BYTES = 32
MAX_ID_LETTERS = 2 * ID_BYTES
MAX_SECONDS = 12 * 3_600.0
MAX_IDLE_SECONDS = 30 * 60.0  # since the last request of a person: those that open pages make do not count
MAX_SESSIONS = 10_000  # of all keys; each takes about 1 KB
MAX_OF_KEY = 20

# Browsers take a name with this prefix from this host alone, by TLS alone, so that no other host can plant it.
SECURE_COOKIE = "__Host-workflowsvc"
# Without TLS they refuse it. Cookies of one machine are shared by all its ports, so the port is in the name.
PLAIN_COOKIE = "workflowsvc-{}"


class _Held:
    """One session."""

    def __init__(self, key: AccessKey, region: str, form_token: str, now: float) -> None:
        self.key = key
        self.region = region
        self.form_token = form_token
        self.begun_at = self.used_at = now

    def is_over(self, now: float) -> bool:
        return now - self.begun_at >= MAX_SECONDS or now - self.used_at >= MAX_IDLE_SECONDS


class SignedIn:
    """The sessions of one console."""

    def __init__(
        self,
        service: ConsoleService,
        settings: Settings,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._service = service
        self._clock = clock
        self._random_bytes = random_bytes
        self._proxies = Proxies(settings.trusted_proxies)
        self._nobody = Tenant(settings.account, settings.region)
        self._held: OrderedDict[bytes, _Held] = OrderedDict()  # by a hash of the id, the oldest first
        self._book: Book | None = None
        self._version = 0

    def __len__(self) -> int:
        return len(self._held)

    def who(self, request: Request) -> Session:
        origin = self.origin(request)
        held = self._find(request, origin)
        if held is None:
            return self.stranger(request)
        now_ms = self._clock.now_ms()
        key = key_that_holds(self._latest_book(), held.key, now_ms)
        if key is None:
            self.end(request)
            return self.stranger(request)
        if request.headers.get("hx-request") != "true":
            held.used_at = self._clock.monotonic()
        self._service.key_used(key, now_ms)
        caller = Caller(
            Tenant(key.principal.account, held.region),
            key,
            origin.source_ip,
            request.headers.get("user-agent", "")[:MAX_USER_AGENT],
            origin.is_secure,
        )
        return Session(caller, held.form_token, key.principal.name, self._version)

    def stranger(self, request: Request) -> Session:
        return Session(Caller(self._nobody), "", is_known=False)

    def origin(self, request: Request) -> Origin:
        """Where the request comes from. Refusal when others could read its secret or its cookie on the way."""
        origin = self._proxies.origin(_Received(request))
        if not origin.is_secure and not is_loopback_address(origin.source_ip):
            raise Refusal(
                403,
                "This connection is not encrypted",
                "Whoever reads the network could sign in like you. Ask for this page by https, or on the machine of "
                "the server itself.",
            )
        return origin

    def begin(self, request: Request, response: Response, key: AccessKey, region: str) -> None:
        """A session of who has this key; the response tells the browser its id. One that it has already ends."""
        self.end(request)
        self._forget(key)
        session_id = self._random_bytes(ID_BYTES).hex()
        token = self._random_bytes(TOKEN_BYTES).hex()
        self._held[_hashed(session_id)] = _Held(key, region, token, self._clock.monotonic())
        is_secure = self.origin(request).is_secure
        response.set_cookie(
            _cookie_name(request, is_secure=is_secure),
            session_id,
            path="/",
            secure=is_secure,
            httponly=True,
            samesite="strict",
        )

    def end(self, request: Request) -> None:
        """Ends the session of the request, if it has one."""
        self._held.pop(self._hash(request, self.origin(request)), None)

    def _find(self, request: Request, origin: Origin) -> _Held | None:
        hashed = self._hash(request, origin)
        held = self._held.get(hashed)
        if held is not None and held.is_over(self._clock.monotonic()):
            del self._held[hashed]
            return None
        return held

    def _hash(self, request: Request, origin: Origin) -> bytes:
        given = request.cookies.get(_cookie_name(request, is_secure=origin.is_secure), "")
        return _hashed(given[: MAX_ID_LETTERS + 1])

    def _forget(self, key: AccessKey) -> None:
        """What is over; and the oldest ones, when there are too many of this key or of all."""
        now = self._clock.monotonic()
        for hashed in [hashed for hashed, held in self._held.items() if held.is_over(now)]:
            del self._held[hashed]
        own = [hashed for hashed, held in self._held.items() if held.key.id == key.id]
        for hashed in own[: max(0, len(own) - MAX_OF_KEY + 1)]:
            del self._held[hashed]
        while len(self._held) >= MAX_SESSIONS:
            self._held.popitem(last=False)

    def _latest_book(self) -> Book:
        book = self._service.book()
        if book is not self._book:
            self._book = book
            self._version += 1
        return book


class _Received:
    """A request, as `Proxies` reads it."""

    def __init__(self, request: Request) -> None:
        self.peer = request.client.host if request.client else ""
        self.is_tls = request.url.scheme == "https"
        self.fields = request.headers.raw
        self.first = dict(reversed(self.fields))


def _cookie_name(request: Request, *, is_secure: bool) -> str:
    if is_secure:
        return SECURE_COOKIE
    server = request.scope.get("server")
    return PLAIN_COOKIE.format(server[1] if server else "")


def _hashed(session_id: str) -> bytes:
    """How long a look-up takes says nothing about ids that are there."""
    return hashlib.sha256(session_id.encode("utf-8", "surrogatepass")).digest()
