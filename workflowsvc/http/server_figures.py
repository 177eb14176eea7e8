"""What a server counts for its metrics, put together.

Owns nothing but the putting together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workflowsvc.http.call_figures import CallFigures

if TYPE_CHECKING:
    from workflowsvc.http.connections import Connections
    from workflowsvc.http.loop_lag import LoopLag


class ServerFigures:
    """Of one server. What is None is not known before the server has been made."""

    def __init__(self) -> None:
        self.calls = CallFigures()
        self.connections: Connections | None = None
        self.lag: LoopLag | None = None
