"""The application of the console: each path leads to a page, an action or a download; refusals become pages too.

Owns the table of routes, made of what `pages/` lists. Must not know what a page shows, nor
how bytes arrive (`listener.py`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import cache, partial
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from workflowsvc.console.calls import Calls, ConsoleService
from workflowsvc.console.drawing import Drawing
from workflowsvc.console.forms import read_form
from workflowsvc.console.gate import READS, Gate
from workflowsvc.console.histories import Histories
from workflowsvc.console.lookups import Lookups
from workflowsvc.console.pace import PAUSE_HEADER, Pace
from workflowsvc.console.page import Action, Data, Download, Form, Page, as_json, is_live, see, show
from workflowsvc.console.pages import ALL
from workflowsvc.console.paths import JSON_SUFFIX
from workflowsvc.console.refusals import Refusal, refusal_of
from workflowsvc.console.session import AllVisitors, Session, Visitors
from workflowsvc.console.shelf import Shelf
from workflowsvc.console.sign_in import OUT_PATH, PATH, TEMPLATE, SignInPages, to_sign_in
from workflowsvc.console.signed_in import SignedIn
from workflowsvc.console.static_files import StaticFiles
from workflowsvc.console.visit import Visit

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from workflowsvc.clock import Clock
    from workflowsvc.http.hosts import Hosts
    from workflowsvc.settings import Settings

log = logging.getLogger(__name__)

FIRST_PAGE = "/domains"
TOKEN_FIELD = "form_token"

Handler = Callable[["Visit"], Awaitable[Response]]


class Console:
    """The application, for any ASGI server."""

    def __init__(
        self,
        service: ConsoleService,
        settings: Settings,
        clock: Clock,
        hosts: Hosts,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self.api_port = settings.port
        """Of the API beside it; set when it is bound, where the settings leave it to the system."""
        self._calls = Calls(service, settings, random_bytes)
        self._lookups = Lookups(clock)
        self._pace = Pace(clock)
        self._histories = Histories(clock)
        self._shelf = Shelf(clock, random_bytes)
        self._ending = asyncio.Event()
        static_files, self._drawing = _of_the_package()
        self._visitors: Visitors
        if settings.auth == "enforce":
            self._visitors = sessions = SignedIn(service, settings, clock, random_bytes)
            pages = SignInPages(service, settings, clock, sessions, self._draw_sign_in, random_bytes)
            sign_in = self._routes_of_sign_in(pages)
        else:
            self._visitors, sign_in = AllVisitors(settings, random_bytes), []
        self._app = Starlette(
            routes=[
                Route("/", _to_the_first_page),
                Route("/static/{name}", static_files.answer),
                *sign_in,
                *(route for entry in ALL for route in self._routes(entry)),
            ],
            exception_handlers={HTTPException: self._not_routed},
        )
        self._gate = Gate(self._app, hosts)

    def end(self) -> None:
        """Ends answers that would last; all others are given as before."""
        self._ending.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._gate(scope, receive, send)

    def _routes(self, entry: Page | Action | Download) -> list[Route]:
        match entry:
            case Page():
                handler = self._guarded(partial(self._show, entry))
                # The longer one first: `{name}` would take `name.json` as well.
                return [Route(entry.path + JSON_SUFFIX, handler), Route(entry.path, handler)]
            case Action():
                return [Route(entry.path, self._guarded(partial(self._act, entry)), methods=["POST"])]
            case Download():
                return [Route(entry.path, self._guarded(entry.answer))]

    def _routes_of_sign_in(self, pages: SignInPages) -> list[Route]:
        async def sign_out(visit: Visit) -> Response:
            await self._form(visit, with_file=False)
            return await pages.sign_out(visit.request, visit.session)

        return [
            Route(PATH, self._open(pages.show), methods=["GET"]),
            Route(PATH, self._open(pages.act), methods=["POST"]),
            Route(OUT_PATH, self._guarded(sign_out), methods=["POST"]),
        ]

    def _draw_sign_in(self, request: Request, data: Data, status: int) -> Response:
        visit = self._visit(request, self._visitors.stranger(request))
        return HTMLResponse(self._drawing.page(TEMPLATE, visit, data), status)

    def _guarded(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """For who is known; others are led to the sign-in. What the handler raises becomes a page that says what is
        wrong."""

        async def guarded(request: Request) -> Response:
            session = self._visitors.stranger(request)
            try:
                session = self._visitors.who(request)
                if not session.is_known:
                    return self._not_known(request, session)
                return await handler(self._visit(request, session))
            except Exception as error:
                return self._failed(request, session, error)

        return guarded

    def _open(
        self, handler: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """For all visitors, known or not."""

        async def guarded(request: Request) -> Response:
            try:
                return await handler(request)
            except Exception as error:
                return self._failed(request, self._visitors.stranger(request), error)

        return guarded

    def _not_known(self, request: Request, session: Session) -> Response:
        """To people a way to sign in; to programs, and to pages that are still open, that there is no session."""
        is_page = request.method in READS and request.headers.get("hx-request") != "true"
        if is_page and not request.url.path.endswith(JSON_SUFFIX):
            return to_sign_in(request)
        text = "There is no session, or it has ended. Sign in and send this again."
        return self._refused(request, session, Refusal(401, "You are not signed in", text))

    def _visit(self, request: Request, session: Session) -> Visit:
        return Visit(
            request,
            session,
            self._calls,
            self._lookups,
            self._histories,
            self._shelf,
            self._settings,
            self.api_port,
            self._clock.now_ms(),
            self._ending,
        )

    async def _show(self, page: Page, visit: Visit) -> Response:
        began = self._clock.monotonic()
        response = await show(page, visit, self._drawing)
        self._drawing.prepare()
        request = visit.request
        if is_live(request):
            pause = self._pace.pause((request.url.path, request.url.query), began)
            response.headers[PAUSE_HEADER] = str(round(pause * 1000))
        return response

    async def _form(self, visit: Visit, *, with_file: bool) -> Form:
        """The form that was sent. Refusal unless it came from a page of this session."""
        form = await read_form(visit.request, with_file=with_file)
        if visit.session.has_sent(form.one(TOKEN_FIELD)):
            return form
        raise Refusal(
            403,
            "This form is out of date",
            "The server was started again since the page was loaded, or you have signed in again. Go back, load the "
            "page again, send it again.",
        )

    async def _act(self, action: Action, visit: Visit) -> Response:
        form = await self._form(visit, with_file=action.takes_file)
        next_page = await action.act(visit, form)
        if isinstance(next_page, str):
            return see(next_page)
        return HTMLResponse(self._drawing.page(next_page.template, visit, next_page.data))

    def _failed(self, request: Request, session: Session, error: Exception) -> Response:
        refusal = refusal_of(error)
        if refusal.is_bug:
            log.exception("%s %s failed", request.method, request.scope["route"].path)
        return self._refused(request, session, refusal)

    def _refused(self, request: Request, session: Session, refusal: Refusal) -> Response:
        if request.url.path.endswith(JSON_SUFFIX):
            return as_json(refusal.data, refusal.status)
        page = self._drawing.page("refusal.html", self._visit(request, session), refusal.data)
        return HTMLResponse(page, refusal.status)

    async def _not_routed(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 405:
            refusal = Refusal(405, "This address takes other requests", "It cannot be asked in this way.")
        else:
            refusal = Refusal(404, "There is no such page", "The address leads nowhere.")
        response = self._refused(request, self._who_if_told(request), refusal)
        response.headers.update(error.headers or {})
        return response

    def _who_if_told(self, request: Request) -> Session:
        try:
            return self._visitors.who(request)
        except Exception:
            return self._visitors.stranger(request)


async def _to_the_first_page(_: Request) -> Response:
    return RedirectResponse(FIRST_PAGE)


@cache
def _of_the_package() -> tuple[StaticFiles, Drawing]:
    """What all consoles of a process share: both hold nothing but files of the package, and compiled templates."""
    static_files = StaticFiles()
    return static_files, Drawing(static_files)
