"""The application of the console: each path leads to a page, an action or a download; refusals become pages too.

Owns the table of routes, made of what `pages/` lists. Must not know what a page shows, nor
how bytes arrive (`listener.py`).
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from workflowsvc.console.calls import Calls
from workflowsvc.console.drawing import Drawing
from workflowsvc.console.forms import read_form
from workflowsvc.console.gate import Gate
from workflowsvc.console.histories import Histories
from workflowsvc.console.lookups import Lookups
from workflowsvc.console.pace import PAUSE_HEADER, Pace
from workflowsvc.console.page import Action, Download, Page, as_json, is_live, see, show
from workflowsvc.console.pages import ALL
from workflowsvc.console.paths import JSON_SUFFIX
from workflowsvc.console.refusals import Refusal, refusal_of
from workflowsvc.console.session import Sessions
from workflowsvc.console.shelf import Shelf
from workflowsvc.console.static_files import StaticFiles
from workflowsvc.console.visit import Visit

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from workflowsvc.clock import Clock
    from workflowsvc.http.calls import Service
    from workflowsvc.http.hosts import Hosts
    from workflowsvc.settings import Settings

log = logging.getLogger(__name__)

FIRST_PAGE = "/domains"
TOKEN_FIELD = "form_token"

Handler = Callable[["Request"], Awaitable[Response]]


class Console:
    """The application, for any ASGI server."""

    def __init__(
        self,
        service: Service,
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
        self._sessions = Sessions(settings, random_bytes)
        static_files = StaticFiles()
        self._drawing = Drawing(static_files)
        self._app = Starlette(
            routes=[
                Route("/", _to_the_first_page),
                Route("/static/{name}", static_files.answer),
                *(route for entry in ALL for route in self._routes(entry)),
            ],
            exception_handlers={HTTPException: self._not_routed},
        )
        self._gate = Gate(self._app, hosts)

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
                return [Route(entry.path, self._guarded(partial(self._answer, entry)))]

    def _guarded(self, handler: Handler) -> Handler:
        """What the handler raises becomes a page that says what is wrong."""

        async def guarded(request: Request) -> Response:
            try:
                return await handler(request)
            except Exception as error:
                refusal = refusal_of(error)
                if refusal.is_bug:
                    log.exception("%s %s failed", request.method, request.scope["route"].path)
                return self._refused(request, refusal)

        return guarded

    def _visit(self, request: Request) -> Visit:
        return Visit(
            request,
            self._sessions.who(request),
            self._calls,
            self._lookups,
            self._histories,
            self._shelf,
            self._settings,
            self.api_port,
            self._clock.now_ms(),
        )

    async def _show(self, page: Page, request: Request) -> Response:
        began = self._clock.monotonic()
        response = await show(page, self._visit(request), self._drawing)
        if is_live(request):
            pause = self._pace.pause((request.url.path, request.url.query), began)
            response.headers[PAUSE_HEADER] = str(round(pause * 1000))
        return response

    async def _answer(self, download: Download, request: Request) -> Response:
        return await download.answer(self._visit(request))

    async def _act(self, action: Action, request: Request) -> Response:
        visit = self._visit(request)
        form = await read_form(request, with_file=action.takes_file)
        if not visit.session.has_sent(form.one(TOKEN_FIELD)):
            raise Refusal(
                403,
                "This form is out of date",
                "The server was started again since the page was loaded. Go back, load the page again, send it again.",
            )
        next_page = await action.act(visit, form)
        if isinstance(next_page, str):
            return see(next_page)
        return HTMLResponse(self._drawing.page(next_page.template, visit, next_page.data))

    def _refused(self, request: Request, refusal: Refusal) -> Response:
        if request.url.path.endswith(JSON_SUFFIX):
            return as_json(refusal.data, refusal.status)
        page = self._drawing.page("refusal.html", self._visit(request), refusal.data)
        return HTMLResponse(page, refusal.status)

    async def _not_routed(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 405:
            refusal = Refusal(405, "This address takes other requests", "It cannot be asked in this way.")
        else:
            refusal = Refusal(404, "There is no such page", "The address leads nowhere.")
        response = self._refused(request, refusal)
        response.headers.update(error.headers or {})
        return response


async def _to_the_first_page(_: Request) -> Response:
    return RedirectResponse(FIRST_PAGE)
