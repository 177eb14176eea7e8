"""Why there is no page: refusals in words, with the status of the answer.

Owns which fault of the service has which status here, and what its page says. The bodies are `templates/refusal.html`.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import ClientDisconnect

from workflowsvc import faults
from workflowsvc.console.visit import NoSuchPage

# fault -> status, heading
_FAULTS: tuple[tuple[type[faults.Fault], int, str], ...] = (
    (faults.UnknownResourceFault, 404, "There is no such thing"),
    (faults.AccessDeniedException, 403, "Access is denied"),
    # The key was taken away while the page was being made; the next request is led to the sign-in.
    (faults.UnrecognizedClientException, 401, "Your access key does not hold any more"),
    (faults.ExpiredTokenException, 401, "Your access key does not hold any more"),
    (faults.ThrottlingException, 429, "Too many requests"),
    (faults.ValidationException, 400, "A value cannot be used"),
    (faults.SerializationException, 400, "A value cannot be used"),
)


class Refusal(Exception):
    """The answer is a page that says why there is no other one."""

    def __init__(
        self, status: int, heading: str, message: str, *, code: str = "", is_bug: bool = False
    ) -> None:
        super().__init__(heading)
        self.status = status
        self.heading = heading
        self.message = message
        self.code = code
        self.is_bug = is_bug

    @property
    def data(self) -> dict[str, Any]:
        """As pages and programs get it."""
        named = {"code": self.code} if self.code else {}
        return {"status": self.status, "heading": self.heading, "message": self.message, **named}


def refusal_of(error: Exception) -> Refusal:
    """What is said of an error of a page. One that is not foreseen is a bug of ours."""
    match error:
        case Refusal():
            return error
        case NoSuchPage():
            return Refusal(404, "There is no such page", str(error))
        case ClientDisconnect():
            return Refusal(400, "The request is incomplete", "The connection was closed before its end.")
        case faults.ServiceUnavailable():
            text = "The store does not answer, or the server is starting or stopping. Try again in a moment."
            return Refusal(503, "Not now", text, code=error.code)
        case faults.Fault() if error.status < faults.InternalFailure.status:
            for kind, status, heading in _FAULTS:
                if isinstance(error, kind):
                    return Refusal(status, heading, error.message or error.code, code=error.code)
            return Refusal(400, "The service has refused this", error.message or error.code, code=error.code)
        case _:
            text = "This is a bug of the service; its log has the details."
            return Refusal(500, "Something failed", text, is_bug=True)
