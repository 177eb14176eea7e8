"""Spans on their way out: a bounded queue, a thread that sends, and a log that says once when that does not work.

Owns the provider of OpenTelemetry's SDK, with ids from this process's source of random bytes, and the end. A collector
that is slow, away or wrong holds no call up: the queue drops the oldest spans.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from threading import Thread

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.environment_variables import OTEL_BSP_MAX_EXPORT_BATCH_SIZE, OTEL_BSP_MAX_QUEUE_SIZE
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio

from workflowsvc import __version__
from workflowsvc.clock import Clock
from workflowsvc.otel.calls import CallTraces, TracedService
from workflowsvc.settings import Settings
from workflowsvc.traces.span_figures import SpanFigures

log = logging.getLogger("workflowsvc.traces")

_SDK_LOG = logging.getLogger("opentelemetry")

SERVICE = "workflowsvc"
MAX_REASON = 300  # letters of a reason that are logged
FLUSH_SECONDS = 3.0  # for the spans that are left when the server stops


class Export:
    """Of one process."""

    def __init__(self, url: str, ratio: float, random_bytes: Callable[[int], bytes]) -> None:
        self._reasons = reasons = _Reasons()
        # What the SDK logs of each failure is kept as the reason; the log gets one entry for all of them.
        _SDK_LOG.addHandler(reasons)
        _SDK_LOG.propagate = False
        self.figures = SpanFigures(
            _size(OTEL_BSP_MAX_QUEUE_SIZE, 2_048) + _size(OTEL_BSP_MAX_EXPORT_BATCH_SIZE, 512)
        )
        exporter = _LoggedExporter(OTLPSpanExporter(endpoint=url), url, reasons, self.figures)
        # What the variables of OpenTelemetry say of the service wins.
        ours = Resource({"service.name": SERVICE, "service.version": __version__})
        self._provider = TracerProvider(
            sampler=ParentBasedTraceIdRatio(ratio),
            resource=ours.merge(OTELResourceDetector().detect()),
            id_generator=_Ids(random_bytes),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(_Counted(self.figures))
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self.tracer = self._provider.get_tracer("workflowsvc", __version__)

    def tracer_of(self, service: TracedService, settings: Settings, clock: Clock) -> CallTraces:
        """What traces the calls of a server."""
        return CallTraces(service, self.tracer, settings.trace_ratio, clock)

    def close(self) -> None:
        """Sends what is left, within FLUSH_SECONDS."""
        # The SDK would wait up to half a minute for a collector that does not answer.
        ending = Thread(target=self._provider.shutdown, name="traces-end", daemon=True)
        ending.start()
        ending.join(FLUSH_SECONDS)
        _SDK_LOG.removeHandler(self._reasons)
        _SDK_LOG.propagate = True
        if ending.is_alive():
            log.warning("the last spans were not sent within %.0f s, and are lost", FLUSH_SECONDS)


def _size(variable: str, default: int) -> int:
    """What the SDK takes from this variable, which it also judges."""
    value = os.environ.get(variable, "")
    return int(value) if value.isdecimal() else default


class _Counted(SpanProcessor):
    """Counts the spans that are to be sent. Belongs to the event loop, where spans end."""

    def __init__(self, figures: SpanFigures) -> None:
        self._figures = figures

    def on_end(self, span: ReadableSpan) -> None:
        if span.context is not None and span.context.trace_flags.sampled:
            self._figures.made.add()


class _Ids(IdGenerator):
    def __init__(self, random_bytes: Callable[[int], bytes]) -> None:
        self._random_bytes = random_bytes

    def generate_trace_id(self) -> int:
        return int.from_bytes(self._random_bytes(16)) or 1

    def generate_span_id(self) -> int:
        return int.from_bytes(self._random_bytes(8)) or 1


class _Reasons(logging.Handler):
    """Keeps what the SDK has said last of a failure to send; the rest, such as of a full queue, is logged. The SDK says
    equal things once a minute."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = "no reason is known"

    def emit(self, record: logging.LogRecord) -> None:
        said = " ".join(record.getMessage().split())[:MAX_REASON]
        if record.name.startswith("opentelemetry.exporter."):
            self.last = said
        else:
            log.warning("spans are lost: %s", said)


class _LoggedExporter(SpanExporter):
    """Sends spans; logs when that begins to fail, and when it works again. Belongs to the SDK's thread."""

    def __init__(self, exporter: SpanExporter, url: str, reasons: _Reasons, figures: SpanFigures) -> None:
        self._exporter = exporter
        self._url = url
        self._reasons = reasons
        self._figures = figures
        self._lost = 0  # spans since it began to fail

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            if self._lost:
                log.info("%s takes spans again; %d were lost", self._url, self._lost)
            self._lost = 0
            self._figures.sent.add(len(spans))
            return result
        if not self._lost:
            log.warning(
                "spans cannot be sent to %s, and are lost until they can: %s", self._url, self._reasons.last
            )
        self._lost += len(spans)
        self._figures.refused.add(len(spans))
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()
