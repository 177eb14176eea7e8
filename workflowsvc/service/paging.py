"""Cutting results into pages (SWF §2, common pagination rules).

Owns the page size and the binding of a page token to its call: all arguments but the page size must be repeated
unchanged.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import msgspec

from workflowsvc.model.shapes import Shape
from workflowsvc.service.call_context import CallContext
from workflowsvc.service.tokens import PageKey

_encode = msgspec.json.Encoder().encode


class Pages:
    """The paging of one call."""

    def __init__(self, context: CallContext, request: Any, largest: int) -> None:
        """`largest`: items of a page at most, and of a page whose request names no size."""
        self._context = context
        self._request = request
        self._token: str | None = request.next_page_token or None
        self.size: int = min(request.maximum_page_size or largest, largest)

    def position(self, form: Any) -> Any:
        """Where this page begins, None for the first; ValidationException for a token of another call."""
        if self._token is None:
            return None
        return self._context.tokens.read_page(self._key(), self._context.now, self._token, form)

    def token(self, position: Any) -> str:
        """The token of the page that begins there."""
        return self._context.tokens.page(self._key(), self._context.now, position)

    def _key(self) -> PageKey:
        """Made only when there is a token to read or to make: most calls have one page."""
        return PageKey(self._context.tenant, self._context.action.name, _digest(self._request))


def _digest(request: Shape) -> bytes:
    same = msgspec.structs.replace(request, next_page_token=None, maximum_page_size=None)
    return blake2b(_encode(same), digest_size=16).digest()
