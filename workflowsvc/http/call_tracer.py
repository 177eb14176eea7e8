"""What a tracer sees of calls: it answers them in place of the request, so that it can add header fields.

Owns the protocol, so that calls need not know OpenTelemetry (`workflowsvc.otel.calls` has the one implementation).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from workflowsvc.http.call_observer import AnsweredCall

if TYPE_CHECKING:
    from workflowsvc.faults import Fault
    from workflowsvc.http.answer import HeaderFields
    from workflowsvc.model.shapes import Shape


class TracedCall(AnsweredCall, Protocol):
    """A call, as far as a tracer looks at it."""

    shape: Shape | None
    """The request; None while it is not decoded, and when it cannot be."""


class CallTracer(Protocol):
    """Belongs to the event loop."""

    def respond(
        self,
        call: TracedCall,
        output: Any,
        status: int,
        fields: HeaderFields,
        body: bytes,
        fault: Fault | None,
        /,
    ) -> None:
        """Answers the request of the call, with further header fields, whatever becomes of the trace."""
        ...
