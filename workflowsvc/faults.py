"""Faults: the refusals that a client sees, each with a code, AWS's namespace, a text or none, and a status (SWF §1.4).

Owns the names, namespaces and the body of error answers. Must not know when a fault is raised, nor any text that
depends on a rule. A leaf.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

SWF = "com.amazonaws.swf.base.model"  # modelled faults (SWF §1.4.2)
VALIDATE = "com.amazon.coral.validate"  # SWF §1.4.3
AVAILABILITY = "com.amazon.coral.availability"  # SWF §1.4.4
SERVICE = "com.amazon.coral.service"  # SWF §1.4.5, §1.4.9


class Fault(Exception):
    """A refusal in AWS's form; the class name is the code that SDKs branch on."""

    namespace: ClassVar[str] = SERVICE
    status: ClassVar[int] = 400
    text_member: ClassVar[str] = "message"

    # The execution of the task that a refused call was about: for the log, as only the task token names it.
    workflow_id: str | None = None
    run_id: str | None = None

    def __init__(self, message: str | None = None, *, detail: str | None = None) -> None:
        """`detail`: for the log, in place of the message, if that says nothing or quotes the caller's data."""
        super().__init__(message)
        self.message = message
        self.detail = message if detail is None else detail

    def __str__(self) -> str:
        return self.code if self.message is None else f"{self.code}: {self.message}"

    @property
    def code(self) -> str:
        """The bare name, as in `client.exceptions.<code>`."""
        return type(self).__name__

    def body(self) -> bytes:
        """The compact JSON answer; without a text there is no text member (SWF §1.4.1, §1.4.6)."""
        body = {"__type": f"{self.namespace}#{self.code}"}
        if self.message is not None:
            body[self.text_member] = self.message
        return msgspec.json.encode(body | self.members())

    def members(self) -> dict[str, str]:
        """What the answer has beside its text."""
        return {}


class ModelledFault(Fault):
    """One of the faults that the service model names."""

    namespace = SWF


class DefaultUndefinedFault(ModelledFault): ...


class DomainAlreadyExistsFault(ModelledFault): ...


class DomainDeprecatedFault(ModelledFault): ...


class LimitExceededFault(ModelledFault): ...


class OperationNotPermittedFault(ModelledFault): ...


class TooManyTagsFault(ModelledFault): ...


class TypeAlreadyExistsFault(ModelledFault): ...


class TypeDeprecatedFault(ModelledFault): ...


class TypeNotDeprecatedFault(ModelledFault): ...


class UnknownResourceFault(ModelledFault): ...


class WorkflowExecutionAlreadyStartedFault(ModelledFault): ...


# From here to MalformedPolicyDocumentFault: of the service's own API.


class CursorExpiredFault(ModelledFault):
    """Entries of a feed behind a cursor were deleted."""

    def __init__(self, message: str, oldest_cursor: str | None = None) -> None:
        """`oldest_cursor`: with which its reader goes on with the oldest entry that is left."""
        super().__init__(message)
        self.oldest_cursor = oldest_cursor

    def members(self) -> dict[str, str]:
        return {} if self.oldest_cursor is None else {"oldestCursor": self.oldest_cursor}


class EntityAlreadyExistsFault(ModelledFault):
    """A user, group or policy of this name exists; IAM's code with the ending of SWF's."""


class MalformedPolicyDocumentFault(ModelledFault):
    """A policy, or a document of them, that cannot be read; IAM's code with the ending of SWF's."""


class ValidationException(Fault):
    """The request breaks a constraint of the model or a rule of the documentation."""

    namespace = VALIDATE


class ThrottlingException(Fault):
    """Too many calls; SDKs retry after a pause. The text is AWS's (SWF §1.4.4)."""

    namespace = AVAILABILITY

    def __init__(self, message: str | None = "Rate exceeded") -> None:
        super().__init__(message)


class SerializationException(Fault):
    """The body is no JSON object, or a member has the wrong JSON type."""

    text_member = "Message"  # capital, as sister services write it (SWF §1.4.9)


class UnknownOperationException(Fault):
    """The target names no action; without a text (SWF §1.4.9)."""


# From here to RequestExpiredException: signatures and tokens (QUALITY §3.3).


class MissingAuthenticationTokenException(Fault):
    def __init__(self, message: str | None = "Request is missing Authentication Token") -> None:
        super().__init__(message)


class IncompleteSignatureException(Fault): ...


class InvalidSignatureException(Fault): ...


class UnrecognizedClientException(Fault): ...


class ExpiredTokenException(Fault): ...


class RequestExpiredException(Fault): ...


class AccessDeniedException(Fault): ...


class MalformedHttpRequestException(Fault): ...


class RequestEntityTooLargeException(Fault):
    status = 413


class InternalFailure(Fault):
    """A bug of ours or a lost store; the answer has no text, as AWS's (SWF §1.4.5)."""

    status = 500


class ServiceUnavailable(Fault):
    """Not now: starting, stopping or out of room. SDKs retry. The text is that of AWS's list of common errors
    (SWF §1.4.9).
    """

    status = 503

    def __init__(
        self,
        message: str | None = "The request has failed due to a temporary failure of the server.",
        *,
        detail: str | None = None,
    ) -> None:
        super().__init__(message, detail=detail)
