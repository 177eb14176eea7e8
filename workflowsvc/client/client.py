"""Calls of SWF and of this service's own API: signed AWS JSON 1.0 over HTTP, one at a time.

Owns the connection, what is sent again and when, and how an answer that is none becomes one of `problems.py`. Calls
that only read are sent again after a broken connection or a failure of the server; all calls are when they were
throttled, because a throttled call has done nothing.
"""

from __future__ import annotations

import http.client
import json
import ssl
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, cast

from workflowsvc import __version__
from workflowsvc.client.problems import CallFailed, NoAnswer, NoSuchOperation, NotFound, Refused, WrongProfile
from workflowsvc.client.profile import Profile, is_loopback
from workflowsvc.client.signing import signed
from workflowsvc.clock import Clock
from workflowsvc.options import SettingsError

SWF, OWN = "SimpleWorkflowService", "WorkflowSvc"
Answer = Mapping[str, Any]

CONNECT_SECONDS = 10.0
TIMEOUT_SECONDS = 65.0  # a store that is away is reported after at most a minute
PAUSES_SECONDS = (0.3, 1.0, 3.0)  # before a call is sent again
MAX_ANSWER_BYTES = 256 * 1024 * 1024  # no answer of SWF is near; a wrong endpoint may send without end

_READS = ("Get", "Read", "List", "Count", "Describe", "Search", "Explain", "Simulate", "ExportAccess")
_THROTTLED = {"ThrottlingException", "Throttling", "RequestLimitExceeded", "TooManyRequestsException"}
_UNKNOWN_OPERATION = {"UnknownOperationException", "InvalidAction", "NotImplementedException"}
_NOT_LET_IN = {
    "AccessDeniedException",
    "ExpiredTokenException",
    "IncompleteSignatureException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}


class _Reply(NamedTuple):
    status: int
    body: bytes


class Client:
    """One server, asked by one caller; not for several threads."""

    def __init__(self, profile: Profile, clock: Clock, environment: Mapping[str, str]) -> None:
        self.profile = profile
        self._clock = clock
        self._environment = environment
        self.answers = 0  # how many there were
        self._connection: http.client.HTTPConnection | None = None

    def swf(self, operation: str, members: Mapping[str, Any]) -> Answer:
        """The answer of one of SWF's actions. A CallFailed when there is none."""
        return self._call(SWF, operation, members)

    def own(self, operation: str, members: Mapping[str, Any]) -> Answer:
        """The answer of an operation of this service's own API. A CallFailed when there is none."""
        return self._call(OWN, operation, members)

    def pages(self, target: str, operation: str, members: Mapping[str, Any]) -> Iterator[Answer]:
        """All pages of an answer that has several."""
        token: str | None = None
        while True:
            answer = self._call(target, operation, {**members, **({"nextPageToken": token} if token else {})})
            yield answer
            token = answer.get("nextPageToken")
            if not token:
                return

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _call(self, target: str, operation: str, members: Mapping[str, Any]) -> Answer:
        given = {name: value for name, value in members.items() if value is not None}
        body = json.dumps(given).encode()
        _require_text(given)
        reads = operation.startswith(_READS)
        for pause in (*PAUSES_SECONDS, None):
            try:
                return self._answer(target, operation, body, reads=reads)
            except _Again as again:
                if pause is None or not (reads or again.nothing_done):
                    raise again.failure from again.__cause__
            self._clock.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _answer(self, target: str, operation: str, body: bytes, *, reads: bool) -> Answer:
        reply = self._send(target, operation, body, reads=reads)
        try:
            parsed: object = json.loads(reply.body) if reply.body.strip() else {}
        except (ValueError, RecursionError):
            parsed = None
        answer = cast("dict[str, Any] | None", parsed if isinstance(parsed, dict) else None)
        if reply.status == 200 and answer is not None:
            self.answers += 1
            return answer
        code = str((answer or {}).get("__type") or "").rpartition("#")[2]
        if not code:
            raise self._foreign(target, operation, reply)
        message = str((answer or {}).get("message") or (answer or {}).get("Message") or "")
        raise self._refusal(target, operation, reply.status, code, " ".join(message.split()))

    def _refusal(self, target: str, operation: str, status: int, code: str, message: str) -> Exception:
        where = self.profile.endpoint
        if code in _THROTTLED:
            failure = NoAnswer(f"{operation} was throttled by {where}: {message or code}; try again later")
            return _Again(failure, nothing_done=True)
        if code in _UNKNOWN_OPERATION:
            return self._lacks(target, operation)
        if code in _NOT_LET_IN:
            return Refused(operation, code, f"{message} (are these the credentials and region of {where}?)")
        if status >= 500:
            return _Again(
                NoAnswer(f"{where} could not answer {operation}: {code}: {message}"), nothing_done=False
            )
        return (NotFound if code == "UnknownResourceFault" else Refused)(operation, code, message)

    def _foreign(self, target: str, operation: str, reply: _Reply) -> Exception:
        """An answer that is not SWF's: another program listens there, or another imitation of SWF."""
        where = f"{self.profile.endpoint} ({self.profile.endpoint_source})"
        if reply.status in (502, 503, 504):
            failure = NoAnswer(f"{where} answers with HTTP status {reply.status}; try again later")
            return _Again(failure, nothing_done=False)
        if target == OWN and reply.status in (404, 405, 500, 501):
            return self._lacks(target, operation)
        if reply.status >= 500:
            return NoAnswer(f"{where} failed at {operation} with HTTP status {reply.status}; see its log")
        return NoAnswer(
            f"{where} does not answer as SWF does (HTTP status {reply.status}): is this the endpoint?"
        )

    def _lacks(self, target: str, operation: str) -> NoSuchOperation:
        kind = "it needs a newer workflowsvc there" if target == OWN else "is this an endpoint of SWF?"
        return NoSuchOperation(f"{self.profile.endpoint} does not have the operation {operation}: {kind}")

    def _send(self, target: str, operation: str, body: bytes, *, reads: bool) -> _Reply:
        parts = urllib.parse.urlsplit(self.profile.endpoint)
        headers = {
            "Host": parts.netloc,
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": f"{target}.{operation}",
        }
        complete = signed(
            headers,
            body,
            credentials=self.profile.credentials(),
            region=self.profile.region,
            now_ms=self._clock.now_ms(),
        )
        if not reads:
            self.close()  # a connection that the server has closed meanwhile would leave open whether it got the call
        where = f"{self.profile.endpoint} ({self.profile.endpoint_source})"
        sent, connected = False, self._connection is not None
        try:
            if self._connection is None:
                self._connection = self._connect(parts)
                self._connection.connect()
                self._connection.sock.settimeout(TIMEOUT_SECONDS)
                connected = True
            through_proxy = parts.scheme == "http" and proxy_of(parts, self._environment)
            path = f"{self.profile.endpoint}/" if through_proxy else "/"
            self._connection.request(
                "POST", path, body, complete | {"User-Agent": f"workflowsvc/{__version__}"}
            )
            sent = True
            response = self._connection.getresponse()
            read = response.read(MAX_ANSWER_BYTES + 1)
        except (http.client.HTTPException, OSError, ValueError) as error:
            self.close()
            if isinstance(error, TimeoutError) and not connected:
                raise NoAnswer(f"{where} cannot be reached within {CONNECT_SECONDS:.0f} s") from error
            raise self._broken(error, operation, where, sent=sent, reads=reads) from error
        if len(read) > MAX_ANSWER_BYTES:
            self.close()
            raise NoAnswer(f"{where} does not answer as SWF does: its answer has no end")
        return _Reply(response.status, read)

    def _broken(self, error: Exception, operation: str, where: str, *, sent: bool, reads: bool) -> Exception:
        if isinstance(error, ssl.SSLCertVerificationError):
            return NoAnswer(
                f"{where}: its certificate is not trusted: {error.verify_message}; see AWS_CA_BUNDLE"
            )
        if isinstance(error, ssl.SSLError):
            return NoAnswer(
                f"{where} does not speak TLS ({error.reason}): should the endpoint begin with http:?"
            )
        unknown = "; it may have been done all the same" if sent and not reads else ""
        if isinstance(error, TimeoutError):
            return NoAnswer(f"{where} has not answered {operation} within {TIMEOUT_SECONDS:.0f} s{unknown}")
        if isinstance(error, ConnectionRefusedError):
            advice = (
                "start one with `workflowsvc serve`, or name another with AWS_ENDPOINT_URL_SWF or --endpoint"
            )
            return NoAnswer(f"no server listens at {where}: {advice}")
        if sent or isinstance(error, http.client.HTTPException | ConnectionError):
            failure = NoAnswer(f"{where} closed the connection without an answer to {operation}{unknown}")
            return _Again(failure, nothing_done=False)
        return NoAnswer(f"{where} cannot be reached: {_reason(error)}")

    def _connect(self, parts: urllib.parse.SplitResult) -> http.client.HTTPConnection:
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        proxy = proxy_of(parts, self._environment)
        first = urllib.parse.urlsplit(proxy) if proxy else None
        to_host = (first.hostname or "") if first else host
        to_port = (first.port or 80) if first else port
        if parts.scheme == "http":
            return http.client.HTTPConnection(to_host, to_port, timeout=CONNECT_SECONDS)
        try:
            context = ssl.create_default_context(cafile=self.profile.ca_bundle)
        except OSError as error:
            raise WrongProfile(
                f"the CA bundle {self.profile.ca_bundle} cannot be read: {_reason(error)}"
            ) from error
        connection = http.client.HTTPSConnection(to_host, to_port, timeout=CONNECT_SECONDS, context=context)
        if first:
            connection.set_tunnel(host, port)
        return connection


def _require_text(members: Mapping[str, Any]) -> None:
    """SettingsError for an argument with bytes that are no text, which Python keeps as halves of pairs."""
    try:
        json.dumps(members, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise SettingsError(
            f"a value holds bytes that are no text in {sys.getfilesystemencoding()}, the encoding of this system"
        ) from None


class _Again(Exception):
    """The call may be sent again; `failure` is what is reported when it is not."""

    def __init__(self, failure: CallFailed, *, nothing_done: bool) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.nothing_done = nothing_done


def proxy_of(parts: urllib.parse.SplitResult, environment: Mapping[str, str]) -> str | None:
    """The proxy that the environment names for this address; none for this machine's own."""
    if is_loopback(parts.geturl()):
        return None
    lower = {name.lower(): value for name, value in environment.items() if name.lower().endswith("_proxy")}
    proxies = {name.removesuffix("_proxy"): value for name, value in lower.items() if value}
    if urllib.request.proxy_bypass_environment(parts.netloc, proxies):  # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue]
        return None
    found = proxies.get(parts.scheme)
    return found if found is None or "://" in found else f"http://{found}"


def _reason(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split()) or type(error).__name__
