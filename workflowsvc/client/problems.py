"""Why a call has no good answer: one class for each kind, which callers treat differently.

Owns the kinds. Each message is one line for the person at the terminal and says what to do.
"""

from __future__ import annotations


class CallFailed(Exception):
    """A call without a good answer."""


class WrongProfile(CallFailed):
    """Endpoint, region or credentials are missing or cannot be read; nothing was sent."""


class NoAnswer(CallFailed):
    """There is no server, it does not speak as SWF does, it is overloaded, or it failed."""


class NoSuchOperation(CallFailed):
    """The server answers, and does not have the operation."""


class Refused(CallFailed):
    """The server has checked the request and refused it with a fault."""

    def __init__(self, operation: str, code: str, message: str) -> None:
        super().__init__(f"{operation}: {code}: {message}" if message else f"{operation}: {code}")
        self.code = code
        self.message = message


class NotFound(Refused):
    """The domain, type, run, list or batch that the request names does not exist."""


class NoRun(CallFailed):
    """There is no run of the workflowId, open or closed."""
