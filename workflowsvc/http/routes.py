"""A table of routes: which handler answers a method and a path.

Owns the look-up. Must not know what any handler does. A new page is one more row (`app.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from workflowsvc.http.request import HttpRequest

Handler = Callable[[HttpRequest], None]
"""Answers a request, now or later."""

ANY_PATH = "/*"


class Route(NamedTuple):
    """A row. `path` is matched as a whole; ANY_PATH takes what no other row of the method takes."""

    method: bytes
    path: str
    handler: Handler


class Router:
    """The rows, ready to be looked up. A row for GET answers HEAD as well."""

    def __init__(self, routes: Iterable[Route], otherwise: Handler) -> None:
        """`otherwise` answers what no row matches."""
        self._exact: dict[tuple[bytes, str], Handler] = {}
        self._any_path: dict[bytes, Handler] = {}
        self._otherwise = otherwise
        for method, path, handler in routes:
            for name in (method, b"HEAD") if method == b"GET" else (method,):
                if path == ANY_PATH:
                    self._any_path[name] = handler
                else:
                    self._exact[name, path] = handler

    def find(self, method: bytes, path: str) -> Handler:
        handler = self._exact.get((method, path))
        return self._any_path.get(method, self._otherwise) if handler is None else handler
