"""Signing in and out: the two pages that need no session, and what is written down of them.

Owns the form, the check of what was typed, the throttle and the way back to the page that was asked for. What was typed
is compared and dropped: it is neither stored, nor logged, nor shown again (QUALITY §5.4, §5.6).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from starlette.responses import RedirectResponse, Response

from workflowsvc.access.names import KEY_ID_PATTERN
from workflowsvc.access.sign_in import NotSignedIn, Typed, key_of
from workflowsvc.console.forms import read_form
from workflowsvc.console.refusals import Refusal
from workflowsvc.console.throttle import SignInThrottle
from workflowsvc.http.request_ids import request_ids
from workflowsvc.service.audit_trail import Refusal as RefusedSignIn
from workflowsvc.service.audit_trail import SignIn

if TYPE_CHECKING:
    from starlette.requests import Request

    from workflowsvc.clock import Clock
    from workflowsvc.console.calls import ConsoleService
    from workflowsvc.console.page import Form
    from workflowsvc.console.session import Session
    from workflowsvc.console.signed_in import SignedIn
    from workflowsvc.settings import Settings

PATH, OUT_PATH = "/sign-in", "/sign-out"
TEMPLATE = "sign-in.html"
ACTION = "console:SignIn"
"""How the audit trail calls it."""
WRONG = "This access key and secret do not go together, or the key cannot be used. The server's log says which it is."
MAX_LETTERS = 4_096  # of a field; session tokens of AWS have hundreds
MAX_NEXT = 4_000

Draw = Callable[["Request", dict[str, Any], int], Response]
"""(request, data, status) -> the page with the form."""


class SignInPages:
    """Of one console."""

    def __init__(
        self,
        service: ConsoleService,
        settings: Settings,
        clock: Clock,
        sessions: SignedIn,
        draw: Draw,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._service = service
        self._clock = clock
        self._sessions = sessions
        self._draw = draw
        self._regions = list(settings.signed_regions)
        self._throttle = SignInThrottle(clock.monotonic)
        self._ids = request_ids(random_bytes)

    async def show(self, request: Request) -> Response:
        """The form; who has signed in already is led on."""
        asked_for = path_of_here(request.query_params.get("next", ""))
        if self._sessions.who(request).is_known:
            return RedirectResponse(asked_for, 303)
        notice = "You are signed out." if "out" in request.query_params else ""
        return self._form(request, asked_for, notice=notice)

    async def act(self, request: Request) -> Response:
        """Begins a session, or shows the form again."""
        if "origin" not in request.headers and "sec-fetch-site" not in request.headers:
            # The form has no token, as there is no session yet; every browser sends one of the two.
            raise Refusal(403, "This is no form of this page", "Send it from the page, by a browser.")
        origin = self._sessions.origin(request)
        form = await read_form(request, with_file=False)
        typed = _typed(form)
        asked_for = path_of_here(form.one("next"))
        wait = self._throttle.wait_seconds(origin.source_ip, typed.key_id)
        if wait:
            self._refused(typed, "too many sign-ins have failed", origin.source_ip)
            return self._too_often(request, asked_for, wait)
        region = form.one("region", self._regions[0])
        try:
            if region not in self._regions:
                raise NotSignedIn("the region is not one of this installation")
            key = key_of(self._service.book(), typed, self._clock.now_ms())
        except NotSignedIn as refusal:
            self._throttle.failed(origin.source_ip, typed.key_id)
            self._refused(typed, str(refusal), origin.source_ip)
            return self._form(request, asked_for, problem=WRONG, status=401)
        self._service.signed_in(SignIn("signed-in", key.id, key.principal.arn, origin.source_ip))
        response = RedirectResponse(asked_for, 303)
        self._sessions.begin(request, response, key, region)
        return response

    async def sign_out(self, request: Request, session: Session) -> Response:
        """Ends the session."""
        key = session.caller.key
        if key is not None:
            self._service.signed_in(SignIn("signed-out", key.id, key.principal.arn, session.caller.source_ip))
        self._sessions.end(request)
        return RedirectResponse(f"{PATH}?out=1", 303)

    def _form(
        self, request: Request, asked_for: str, *, problem: str = "", notice: str = "", status: int = 200
    ) -> Response:
        data = {"next": asked_for, "problem": problem, "said": notice, "regions": self._regions}
        return self._draw(request, data, status)

    def _too_often(self, request: Request, asked_for: str, wait: int) -> Response:
        problem = f"Too many sign-ins have failed. Try again in {wait} seconds; who is signed in stays so."
        response = self._form(request, asked_for, problem=problem, status=429)
        response.headers["retry-after"] = str(wait)
        return response

    def _refused(self, typed: Typed, reason: str, source_ip: str) -> None:
        key_id = typed.key_id if re.fullmatch(KEY_ID_PATTERN, typed.key_id) else ""
        self._service.refused(
            RefusedSignIn(next(self._ids), key_id, "", ACTION, "", reason, "enforce", source_ip)
        )


def to_sign_in(request: Request) -> Response:
    """Leads there, and from there back to what this request asks for."""
    here = quote(request.url.path, safe="/:@~") + (f"?{request.url.query}" if request.url.query else "")
    asked_for = here if request.method == "GET" and len(here) <= MAX_NEXT else ""
    return RedirectResponse(f"{PATH}?{urlencode({'next': asked_for})}" if asked_for else PATH, 303)


def path_of_here(given: str) -> str:
    """A path of this console, the first page for anything else: a link must not lead elsewhere by way of here."""
    is_path = re.fullmatch(r"/(?![/\\])[\x21-\x7e]*", given) is not None and "\\" not in given
    return given if is_path and len(given) <= MAX_NEXT and not given.startswith(PATH) else "/"


def _typed(form: Form) -> Typed:
    """Pasted texts have blanks around them."""
    return Typed(*(form.one(name).strip()[:MAX_LETTERS] for name in ("key-id", "secret", "session-token")))
