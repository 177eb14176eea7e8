"""The application: every request is answered by the handler that the table of routes names.

Owns the table. Must not know what handlers do, nor how bytes arrive (`connection.py`).
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from workflowsvc.http.admission import TARGET, admission
from workflowsvc.http.calls import ActionCalls, Service
from workflowsvc.http.credentials import Tenants
from workflowsvc.http.health import TEXT, HealthPages
from workflowsvc.http.loop_lag import LoopLag
from workflowsvc.http.routes import ANY_PATH, Route, Router
from workflowsvc.service.models import MODELS
from workflowsvc.tenant import Tenant

if TYPE_CHECKING:
    from collections.abc import Callable

    from workflowsvc.clock import Clock
    from workflowsvc.http.call_figures import CallFigures
    from workflowsvc.http.call_tracer import CallTracer
    from workflowsvc.http.request import HttpRequest
    from workflowsvc.service.service_model import ServiceModels
    from workflowsvc.settings import Settings

log = logging.getLogger(__name__)


class HttpApp:
    """The application. While `draining` is true it reports that it is not ready."""

    def __init__(
        self,
        service: Service,
        settings: Settings,
        clock: Clock,
        random_bytes: Callable[[int], bytes] = os.urandom,  # noqa: TID251 - of request ids; tests give a seeded one
        models: ServiceModels = MODELS,
        figures: CallFigures | None = None,
        tracer: CallTracer | None = None,
    ) -> None:
        """Calls are counted in `figures`, and traced by `tracer`."""
        self.draining = False
        self.lag = LoopLag()
        admit = admission(settings, service, clock, Tenants(settings.account, settings.region))
        calls = ActionCalls(service, models, admit, settings, clock, random_bytes, figures, tracer)
        # A tenant that no client has: its small read does not wait behind those of a busy one.
        pages = HealthPages(
            service, Tenant("", ""), lambda: self.draining, self.lag, settings.min_free_disk_bytes
        )
        self._router = Router(
            [
                Route(b"POST", "/", calls.by_target),
                Route(b"POST", ANY_PATH, calls.by_path),
                Route(b"GET", "/", pages.version),
                Route(b"GET", "/livez", pages.live),
                Route(b"GET", "/readyz", pages.ready),
                Route(b"GET", "/startupz", pages.started),
            ],
            otherwise=calls.unknown,
        )
        self._unknown = calls.unknown

    def handle(self, request: HttpRequest) -> None:
        """Answers a request, now or later."""
        try:
            if request.method != b"POST" and request.header(TARGET) is not None:
                self._unknown(request)  # it names an action, so it does not ask for a page
            else:
                self._router.find(request.method, request.path)(request)
        except Exception:
            log.exception("%r %s failed", request.method, request.path)
            request.respond(500, TEXT, b"failed\n")
