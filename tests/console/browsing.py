"""A browser without scripts: asks the console for pages, reads them, fills and sends their forms.

Owns the way from a World to the application without sockets. What bytes on a real port do is in `test_listener.py`.
"""

from __future__ import annotations

import asyncio
import copy
import itertools
import json
from collections.abc import Generator
from contextlib import contextmanager
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

import httpx

from tests.support.access import Users
from tools.console_service import ConsoleService
from workflowsvc.access.book import AccessKey, Book
from workflowsvc.access.caller import Caller
from workflowsvc.console.app import Console
from workflowsvc.http.hosts import Hosts
from workflowsvc.service.audit_trail import Refusal, SignIn
from workflowsvc.service.authorization import Authorization
from workflowsvc.settings import Settings
from workflowsvc.testing import World

ORIGIN = "http://127.0.0.1:8889"


class ServiceOfUsers(ConsoleService):
    """A World as the service behind the console; one with access control comes with its users."""

    def __init__(
        self, world: World, users: Users | None = None, authorization: Authorization | None = None
    ) -> None:
        super().__init__(world)
        self.users = users
        self.authorization = authorization
        self.used: list[str] = []
        """Ids of keys that were used."""

    def book(self) -> Book:
        assert self.users is not None
        return self.users.book()

    def key_used(self, key: AccessKey, at_ms: int) -> None:
        self.used.append(key.id)

    def refused(self, refusal: Refusal) -> None:
        assert self.authorization is not None
        self.authorization.trail.refused(refusal)

    def signed_in(self, sign_in: SignIn) -> None:
        assert self.authorization is not None
        self.authorization.trail.signed_in(sign_in)

    def permits(self, caller: Caller, action: str, domain: str) -> bool | None:
        return self.authorization is None or self.authorization.permits(action, caller, domain)


class Shown:
    """An answer, and what a person sees of it."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.status = response.status_code
        self.headers = response.headers
        self.html = response.text
        reader = _Reader()
        reader.feed(response.text)
        self.text = " ".join("".join(reader.text).split())
        """All text of the page, with single blanks."""
        self.links = reader.links
        self.forms = reader.forms
        self.boxes = reader.boxes
        self.rows = [[" ".join("".join(cell).split()) for cell in row] for row in reader.rows]
        """The cells of each row of each table."""

    @property
    def json(self) -> Any:
        return json.loads(self.response.text)

    def values(self, name: str) -> list[str]:
        """The values of all boxes of this name, ticked or not."""
        return [value for key, value in self.boxes if key == name]

    def form(self, action: str) -> FoundForm:
        """The form that is sent to this path."""
        found = [form for form in self.forms if form.action.partition("?")[0] == action]
        assert found, f"no form leads to {action}: {[form.action for form in self.forms]}"
        return found[0]


class FoundForm:
    """A form of a page, with the values that its fields have."""

    def __init__(self, action: str, method: str) -> None:
        self.action = action
        self.method = method
        self.fields: list[tuple[str, str]] = []
        self.names: set[str] = set()


class Browser:
    """Of one console. Its requests are those of a person who types an address or presses a button of a page."""

    def __init__(
        self,
        world: World,
        settings: Settings | None = None,
        service: ConsoleService | None = None,
    ) -> None:
        self.world = world
        numbers = itertools.count(0x17)  # in place of chance: the same in every run
        self.console = Console(
            service or ServiceOfUsers(world),  # type: ignore[arg-type]
            settings or world.settings,
            world.clock,
            Hosts("127.0.0.1", ""),
            lambda size: (next(numbers) % 256).to_bytes() * size,
        )
        self._runner = asyncio.Runner()
        self._client = self._at(ORIGIN)

    def _at(self, origin: str, client: str = "127.0.0.1") -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.console, client=(client, 1))
        return httpx.AsyncClient(transport=transport, base_url=origin, follow_redirects=False)

    @contextmanager
    def beside(self, origin: str = ORIGIN, client: str = "127.0.0.1") -> Generator[Browser]:
        """Another browser that looks at the same console, by this name and from this address."""
        other = copy.copy(self)
        other._client = self._at(origin, client)
        yield other
        self._runner.run(other._client.aclose())

    @property
    def cookies(self) -> dict[str, str]:
        return dict(self._client.cookies)

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._client.aclose())
        self._runner.close()

    def request(self, method: str, path: str, **given: Any) -> Shown:
        return Shown(self._runner.run(self._client.request(method, path, **given)))

    def get(self, path: str, **headers: str) -> Shown:
        return self.request(
            "GET", path, headers={key.replace("_", "-"): value for key, value in headers.items()}
        )

    def json(self, path: str) -> Any:
        """The data of a page."""
        shown = self.get(path)
        assert shown.status == 200, shown.html
        assert shown.headers["content-type"] == "application/json"
        return shown.json

    def send(self, form: FoundForm, **values: str | list[str]) -> Shown:
        """Fills the form and presses its button; the page behind it."""
        unknown = values.keys() - form.names
        assert not unknown, f"the form has no {unknown}, but {form.names}"
        fields = [(name, value) for name, value in form.fields if name not in values]
        for name, value in values.items():
            fields += [(name, one) for one in (value if isinstance(value, list) else [value])]
        if form.method == "get":
            return self.get(f"{form.action}?{urlencode(fields)}")
        headers = {
            "content-type": "application/x-www-form-urlencoded",
            "origin": "null",  # as browsers send it from pages with `Referrer-Policy: no-referrer`
            "sec-fetch-site": "same-origin",
            "sec-fetch-mode": "navigate",
        }
        shown = self.request("POST", form.action, content=urlencode(fields), headers=headers)
        return self.get(shown.headers["location"]) if shown.status == 303 else shown

    def upload(self, form: FoundForm, name: str, data: bytes) -> Shown:
        """Chooses a file in the form and presses its button; the page behind it."""
        headers = {"origin": "null", "sec-fetch-site": "same-origin", "sec-fetch-mode": "navigate"}
        shown = self.request(
            "POST", form.action, data=dict(form.fields), files={"file": (name, data)}, headers=headers
        )
        return self.get(shown.headers["location"]) if shown.status == 303 else shown


_BLOCKS = {
    "option",
    "dt",
    "dd",
    "li",
    "p",
    "td",
    "th",
    "h1",
    "h2",
    "h3",
    "summary",
    "button",
    "label",
    "caption",
}


class _Reader(HTMLParser):
    """Collects what tests look at."""

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.links: list[str] = []
        self.forms: list[FoundForm] = []
        self.boxes: list[tuple[str, str]] = []
        self.rows: list[list[list[str]]] = []
        self._form: FoundForm | None = None
        self._select = ""
        self._first_option = False
        self._textarea = ""
        self._cell: list[str] | None = None
        self._is_hidden = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in ("script", "style"):
            self._is_hidden = True
        elif tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag == "form":
            self._form = FoundForm(given.get("action", ""), given.get("method", "get").lower())
            self.forms.append(self._form)
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th") and self.rows:
            self._cell = []
            self.rows[-1].append(self._cell)
        if self._form is not None:
            self._field(tag, given)

    def _field(self, tag: str, given: dict[str, str]) -> None:
        form = self._form
        assert form is not None
        name = given.get("name", "")
        if tag == "option":
            if self._select and (self._first_option or "selected" in given):
                form.fields = [field for field in form.fields if field[0] != self._select]
                form.fields.append((self._select, given.get("value", "")))
                self._first_option = False
            return
        if not name:
            return
        form.names.add(name)
        if tag == "select":
            self._select, self._first_option = name, "multiple" not in given
        elif tag == "textarea":
            self._textarea = name
        elif given.get("type") == "checkbox" and "checked" not in given:
            self.boxes.append((name, given.get("value", "")))
        elif tag == "input" and (given.get("type") not in ("checkbox", "radio") or "checked" in given):
            form.fields.append((name, given.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag in _BLOCKS:
            self.text.append(" ")
        if tag in ("script", "style"):
            self._is_hidden = False
        elif tag == "form":
            self._form = None
        elif tag == "select":
            self._select = ""
        elif tag == "textarea":
            self._textarea = ""
        elif tag in ("td", "th"):
            self._cell = None

    def handle_data(self, data: str) -> None:
        if self._is_hidden:
            return
        if self._textarea and self._form is not None:
            self._form.fields.append((self._textarea, data.removeprefix("\n")))
        self.text.append(data)
        if self._cell is not None:
            self._cell.append(data)
