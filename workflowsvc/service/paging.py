"""Cutting results into pages (SWF §2, common pagination rules).

Owns the page size and the binding of a page token to what it continues: the action, a domain or run, and the order. The
other arguments may change from page to page: callers compute `oldestDate` anew, or poll with another `identity`. Those
of the call count then, because a token holds a place in an order and nothing else.
"""

from __future__ import annotations

from typing import Any

import msgspec

from workflowsvc.service.call_context import CallContext
from workflowsvc.service.tokens import PageKey

_encode = msgspec.json.Encoder().encode


class Pages:
    """The paging of one call."""

    def __init__(self, context: CallContext, request: Any, *scope: int | str, now: int | None = None) -> None:
        """`scope`: whose items are listed (the number of a domain or run), and the order beside `reverseOrder`. `now`:
        what time it is in the domain, by which tokens grow old; real time where none is given. Requests of our own API
        have no `reverseOrder`, and some have pages without a size.
        """
        largest = context.settings.max_page_size
        self._context = context
        self._now = context.now if now is None else now
        self._scope = (*scope, bool(getattr(request, "reverse_order", False)))
        self._token: str | None = request.next_page_token or None
        self.size: int = min(getattr(request, "maximum_page_size", None) or largest, largest)

    def position(self, form: Any) -> Any:
        """Where this page begins, None for the first; ValidationException for a token that continues something else."""
        if self._token is None:
            return None
        return self._context.tokens.read_page(self._key(), self._now, self._token, form)

    def token(self, position: Any) -> str:
        """The token of the page that begins there."""
        return self._context.tokens.page(self._key(), self._now, position)

    def _key(self) -> PageKey:
        """Made only when there is a token to read or to make: most calls have one page."""
        action = self._context.action
        return PageKey(self._context.tenant, f"{action.model}.{action.name}", _encode(self._scope))
