"""What every request to the console must be, and what every answer says to the browser.

Owns the checks of Host, Origin and Sec-Fetch-Site, and the headers of answers (QUALITY §5.4). Must not know pages.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from workflowsvc.http.hosts import Hosts

# Nothing is loaded from elsewhere, nothing inline runs, and no other page may frame this one.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",  # for browsers that do not know frame-ancestors
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
NOT_KEPT = "no-store"
READS = ("GET", "HEAD")
OWN_SITE = ("none", "same-origin")  # not same-site: that is any other port of this machine


class Gate:
    """Before the application."""

    def __init__(self, app: ASGIApp, hosts: Hosts) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return  # uvicorn is told to speak neither of the other two

        async def send_with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", NOT_KEPT)
            await send(message)

        refusal = self._refusal(scope["method"], Headers(scope=scope))
        app = self._app if refusal is None else PlainTextResponse(f"{refusal}\n", 403)
        await app(scope, receive, send_with_headers)

    def _refusal(self, method: str, headers: Headers) -> str | None:
        """Why the request is not served; None when it is."""
        hosts, origins, sites = (headers.getlist(name) for name in ("host", "origin", "sec-fetch-site"))
        if len(hosts) != 1 or not self._hosts.admit(hosts[0].encode("latin-1")):
            # A page of another site may have its name lead to this machine.
            return "This is not a name of this machine; --allowed-hosts adds names"
        is_foreign = any(site not in OWN_SITE for site in sites)
        if method in READS:
            # A link from elsewhere may lead here, but another page gets nothing of it.
            if is_foreign and headers.get("sec-fetch-mode") != "navigate":
                return "Pages of other sites cannot read this one"
            return None
        # Browsers name the origin of each form that is sent; as null where the referrer policy is ours, and then only
        # Sec-Fetch-Site tells the two apart.
        ours = "null" if sites == ["same-origin"] else hosts[0]
        if is_foreign or any(
            (origin.partition("://")[2] or origin) not in (hosts[0], ours) for origin in origins
        ):
            return "Forms of other sites are not accepted"
        return None
