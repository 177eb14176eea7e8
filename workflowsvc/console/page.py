"""A page: a function that gathers plain data, and a template that draws it; the data alone is the page's `.json`.

Owns the three forms of a page, which one URL has: the whole page, its live part alone for `HX-Request`, and `.json`.
Must not know what any page shows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from starlette.responses import HTMLResponse, RedirectResponse, Response

from workflowsvc.console.paths import JSON_SUFFIX
from workflowsvc.display.text import with_times

if TYPE_CHECKING:
    from starlette.requests import Request

    from workflowsvc.console.drawing import Drawing
    from workflowsvc.console.visit import Visit

Data = dict[str, Any]
"""What a page shows, in the names and units of the API: JSON can hold it, and its moments are seconds."""

Gather = Callable[["Visit"], Awaitable[Data]]
Act = Callable[["Visit", "Form"], Awaitable["str | Shown"]]
Answer = Callable[["Visit"], Awaitable[Response]]

VERSION_HEADER = "if-none-match"


class Page(NamedTuple):
    """What a GET of a path shows. `template` may have a block `live`, which open pages ask for again and again."""

    path: str
    template: str
    gather: Gather
    extras: Callable[[Visit, Data], Data] | None = None
    """What the template needs beside the data and is no data itself: choices of fields, addresses."""
    seen: Callable[[Visit, Data], Data] | None = None
    """What of the data makes an open page be drawn again when it changes; all of it without this."""


class Shown(NamedTuple):
    """A page that no address has: it answers a form, to ask for more or to say what has become of each run."""

    template: str
    data: Data


class Action(NamedTuple):
    """What a POST of a path does: the answer of `act` is the path of the page to see next, or a page itself."""

    path: str
    act: Act
    takes_file: bool = False


class Download(NamedTuple):
    """A path that answers something else than a page."""

    path: str
    answer: Answer


class File(NamedTuple):
    """A file that was sent with a form."""

    name: str
    data: bytes


class Form:
    """The fields of a form."""

    def __init__(self, fields: list[tuple[str, str]], file: File | None = None) -> None:
        self._fields = fields
        self.file = file

    def one(self, name: str, default: str = "") -> str:
        """The value of a field; the default when it is missing or empty."""
        return next((value for key, value in self._fields if key == name and value), default)

    def text(self, name: str) -> str | None:
        """The value of a field as it was sent, None when it is missing or empty."""
        return self.one(name) or None

    def all(self, name: str) -> list[str]:
        """All values of a field."""
        return [value for key, value in self._fields if key == name]

    def __contains__(self, name: str) -> bool:
        return any(key == name for key, _ in self._fields)

    @property
    def fields(self) -> list[tuple[str, str]]:
        return list(self._fields)


async def show(page: Page, visit: Visit, drawing: Drawing) -> Response:
    """The page in the form that the request asks for."""
    if visit.request.url.path.endswith(JSON_SUFFIX):
        return as_json(await page.gather(visit))
    data = await page.gather(visit)
    version = version_of(data if page.seen is None else page.seen(visit, data))
    if visit.session.version:  # what may be done from here has perhaps changed
        version += f"-{visit.session.version}"
    asks_again = is_live(visit.request)
    if asks_again and visit.request.headers.get(VERSION_HEADER) == version:
        return Response(status_code=204)  # htmx leaves the page as it is
    shown = data if page.extras is None else {**data, **page.extras(visit, data)}
    if not asks_again:
        return HTMLResponse(drawing.page(page.template, visit, shown, version=version))
    return HTMLResponse(drawing.block(page.template, "live", visit, shown, version=version))


def is_live(request: Request) -> bool:
    """Whether an open page asks for its live part."""
    return request.headers.get("hx-request") == "true"


def version_of(data: Data) -> str:
    """Changes when the data does, so an open page that shows it already is not drawn again. A page token holds the
    moment at which it was made: only whether there is one counts."""
    if "nextPageToken" in data:
        data = {**data, "nextPageToken": data["nextPageToken"] is not None}
    return hashlib.blake2b(msgspec.json.encode(data), digest_size=9).hexdigest()


def as_json(data: Data, status: int = 200) -> Response:
    """The data for programs; moments as ISO 8601."""
    body = msgspec.json.format(msgspec.json.encode(with_times(data)), indent=2)
    return Response(body, status, media_type="application/json")


def see(path: str) -> Response:
    """Leads the browser to a page, after a form was sent."""
    return RedirectResponse(path, 303)
