"""Futures that wait for an answer of the writer loop or of a thread that reads."""

from __future__ import annotations

import asyncio
from typing import Any


def resolve(future: asyncio.Future[Any], answer: Any) -> None:
    """Gives the answer, or raises it if it is an exception. On the event loop of the future."""
    if future.done():
        return  # cancelled: its caller does not wait any more
    if isinstance(answer, BaseException):
        future.set_exception(answer)
    else:
        future.set_result(answer)
