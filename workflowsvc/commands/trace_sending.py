"""Spans to a collector: OTLP over HTTP, in JSON, which needs no package of OpenTelemetry.

Owns the address, the headers and certificates that OpenTelemetry's variables give, what is sent again, and what a
refusal is reported as.
"""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any, cast

from workflowsvc import __version__
from workflowsvc.client.client import proxy_of
from workflowsvc.client.problems import NoAnswer
from workflowsvc.commands.context import CommandContext, CommandFailed
from workflowsvc.display.text import printable
from workflowsvc.options import SettingsError
from workflowsvc.traces.endpoint import BadEndpoint, headers_of, traces_url
from workflowsvc.traces.otlp_json import traces_data
from workflowsvc.traces.span import Span, Value

SPANS_PER_REQUEST = 512  # some 400 KB: collectors take at least 4 MB
TIMEOUT_SECONDS = 10.0  # for one answer; OpenTelemetry's default
PAUSES_SECONDS = (0.3, 1.0, 3.0)  # before a request is sent again
_AGAIN = {429, 502, 503, 504}  # as OTLP names them
MAX_ANSWER_BYTES = 1_000_000
MAX_SAID = 200  # letters of an answer that are shown


class Receiver:
    """One collector."""

    def __init__(self, given: str, context: CommandContext) -> None:
        """SettingsError when the address or a variable cannot be used."""
        environment = context.environment
        try:
            self._url = traces_url(given)
            self._headers = headers_of(environment)
        except BadEndpoint as error:
            raise SettingsError(f"--to: {error}") from error
        parts = urllib.parse.urlsplit(self._url)
        proxy = proxy_of(parts, environment)
        self._clock = context.clock
        # Without what follows redirects: that would make a GET of a POST, whose answer says nothing of the spans.
        self._opener = urllib.request.OpenerDirector()
        for handler in (
            urllib.request.ProxyHandler({parts.scheme: proxy} if proxy else {}),
            urllib.request.HTTPHandler(),
            urllib.request.HTTPSHandler(context=_tls(environment.get("OTEL_EXPORTER_OTLP_CERTIFICATE"))),
            urllib.request.HTTPDefaultErrorHandler(),
            urllib.request.HTTPErrorProcessor(),
        ):
            self._opener.add_handler(handler)

    def send(self, spans: Sequence[Span], resource: Mapping[str, Value]) -> None:
        """Sends all spans. NoAnswer when the collector cannot be reached, CommandFailed when it refuses some."""
        for first in range(0, len(spans), SPANS_PER_REQUEST):
            batch = spans[first : first + SPANS_PER_REQUEST]
            self._send(json.dumps(traces_data(batch, resource, __version__)).encode())

    def _send(self, body: bytes) -> None:
        for pause in (*PAUSES_SECONDS, None):
            status, answer = self._post(body)
            if status == 200:
                self._require_taken(answer)
                return
            said = (
                f"{self._url} answers with HTTP status {status}: {printable(_words(answer), limit=MAX_SAID)}"
            )
            if status not in _AGAIN:
                raise CommandFailed(
                    f"{said} (is this an address of OTLP over HTTP?)" if status == 404 else said
                )
            if pause is None:
                raise NoAnswer(f"{said}; try again later")
            self._clock.sleep(pause)

    def _post(self, body: bytes) -> tuple[int, bytes]:
        headers = {
            "User-Agent": f"workflowsvc/{__version__}",
            **self._headers,
            "Content-Type": "application/json",
        }
        request = urllib.request.Request(self._url, body, headers)
        try:
            with self._opener.open(request, timeout=TIMEOUT_SECONDS) as response:
                return response.status, response.read(MAX_ANSWER_BYTES)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read(MAX_ANSWER_BYTES)
        except (OSError, http.client.HTTPException) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            said = reason.strerror if isinstance(reason, OSError) and reason.strerror else str(reason)
            raise NoAnswer(f"{self._url} cannot be reached: {' '.join(said.split())}") from error

    def _require_taken(self, answer: bytes) -> None:
        """CommandFailed when the collector has taken only a part."""
        try:
            parsed: object = json.loads(answer or b"{}")
        except (ValueError, RecursionError):
            return  # taken, as the status says
        members = cast("dict[str, Any]", parsed) if isinstance(parsed, dict) else {}
        partial = members.get("partialSuccess")
        if not isinstance(partial, dict):
            return
        found = cast("dict[str, Any]", partial)
        rejected = str(found.get("rejectedSpans") or "0")
        if rejected != "0":
            why = printable(str(found.get("errorMessage") or "no reason is given"), limit=MAX_SAID)
            raise CommandFailed(f"{self._url} has refused {printable(rejected, limit=20)} spans: {why}")


def _tls(certificates: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=certificates or None)
    except OSError as error:
        raise SettingsError(
            f"OTEL_EXPORTER_OTLP_CERTIFICATE: {certificates} cannot be read: {error.strerror or error}"
        ) from error


def _words(answer: bytes) -> str:
    return " ".join(answer.decode("utf-8", "replace").split()) or "no reason is given"
