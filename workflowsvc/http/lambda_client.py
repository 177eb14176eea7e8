"""Calls a Lambda function over HTTP: one POST, one answer, one deadline for all of it (SWF §9.2).

Owns the exchange and what its endings mean; that a function is called once, and only when its start is
committed, is the engine's promise. It follows no redirect, knows no credentials and no proxy, and calls no
address but the one it has looked at (QUALITY §5.5). http.client reads the answer; its connections are not
used, as they resolve names by themselves and count each wait anew.
"""

from __future__ import annotations

import io
import json
import logging
import re
import socket
import ssl
from contextlib import closing
from http.client import HTTPException, HTTPResponse
from typing import Any, NamedTuple, cast

from workflowsvc import __version__
from workflowsvc.clock import Clock
from workflowsvc.engine.invoker import (
    Ending,
    Failed,
    Invocation,
    Returned,
    too_large,
)
from workflowsvc.http.addresses import AddressRefused, addresses_of
from workflowsvc.http.lambda_map import FunctionMap, Target
from workflowsvc.model.explain import MOST_DATA

CONNECT_SECONDS = 10.0  # for each address; a host that is not there must not hold a worker for 15 minutes
MOST_BYTES = 4 * MOST_DATA  # a character is four bytes of UTF-8 at most

_is_code = re.compile(r"[A-Za-z0-9_.]{1,100}").fullmatch

log = logging.getLogger("workflowsvc.lambda")


class LambdaClient:
    """A `workflowsvc.engine.invoker.Call`; used by many threads at once."""

    def __init__(self, functions: FunctionMap, clock: Clock) -> None:
        self._functions = functions
        self._clock = clock
        self._tls = ssl.create_default_context()

    def __call__(self, invocation: Invocation) -> Ending | None:
        target = self._functions.names.find(invocation.name)
        path = None if target is None else target.path_for(invocation.name)
        if target is None or path is None:
            return Failed("ResourceNotFoundException", f"Function not found: {invocation.name}")
        try:
            answer = self._exchange(target, path, invocation)
        except _TooLate:
            return None  # LambdaFunctionTimedOut says it
        except _TooLarge:
            return too_large()
        except AddressRefused as error:
            return _not_reached("AddressRefused", invocation, str(error))
        except OSError as error:  # first, as a connection that ends without an answer is both
            if self._clock.monotonic() >= invocation.deadline:
                return None
            return _not_reached("ConnectionFailed", invocation, error.strerror or str(error))
        except HTTPException as error:
            return _not_reached("InvalidResponse", invocation, f"{type(error).__name__}: {error}")
        return ending_of(answer)

    def _exchange(self, target: Target, path: str, invocation: Invocation) -> Answer:
        deadline = _Deadline(self._clock, invocation.deadline)
        with closing(self._connect(target, deadline)) as sock:
            deadline.bound(sock)
            sock.sendall(_request(target, path, invocation.payload.encode()))
            response = HTTPResponse(cast("socket.socket", _Answering(sock, deadline)), method="POST")
            with closing(response):
                response.begin()
                body = response.read(MOST_BYTES + 1)
                if len(body) > MOST_BYTES:
                    raise _TooLarge
                if response.length:
                    raise HTTPException("the answer ends before its Content-Length")
                return Answer(
                    status=response.status,
                    function_error=response.headers.get("X-Amz-Function-Error"),
                    error_type=response.headers.get("X-Amzn-ErrorType"),
                    body=body,
                )

    def _connect(self, target: Target, deadline: _Deadline) -> socket.socket:
        """To the first address that answers. All are looked at before any is called."""
        problem: OSError | None = None
        for family, address in addresses_of(target.host, target.port):
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                deadline.bound(sock, CONNECT_SECONDS)
                sock.connect(address)
                if target.secure:
                    deadline.bound(sock, CONNECT_SECONDS)
                    return self._tls.wrap_socket(sock, server_hostname=target.host)
                return sock
            except OSError as error:
                sock.close()
                problem = error
                deadline.seconds_left()
        assert problem is not None
        raise problem


class Answer(NamedTuple):
    """What of an HTTP answer says how a function ended."""

    status: int
    function_error: str | None
    error_type: str | None
    body: bytes


def ending_of(answer: Answer) -> Ending:
    """SWF §9.2: the function's own error by X-Amz-Function-Error, that of the invocation by its code."""
    if not 200 <= answer.status < 300:
        text = answer.body.decode("utf-8", "replace")
        return Failed(_error_code(answer, text), text or None)
    if answer.function_error is not None:
        return Failed(answer.function_error or "Unhandled", answer.body.decode("utf-8", "replace") or None)
    try:
        return Returned(answer.body.decode("utf-8") or None)
    except UnicodeDecodeError:
        return Failed("InvalidResponse", "The function's answer is not text in UTF-8")


def _error_code(answer: Answer, text: str) -> str:
    """As the AWS SDKs find it: in the header, or in the body; else the status is all there is."""
    found: Any = answer.error_type
    if found is None:
        try:
            body: Any = json.loads(text)
            found = body.get("__type") or body.get("code") or body.get("Code")
        except (ValueError, AttributeError, RecursionError):
            pass
    code = str(found or "").partition(":")[0].rpartition("#")[2]
    return code if _is_code(code) else f"HTTP {answer.status}"


def _not_reached(reason: str, invocation: Invocation, details: str) -> Failed:
    log.warning("Lambda function %r: %s: %s", invocation.name, reason, details)
    return Failed(reason, details)


def _request(target: Target, path: str, body: bytes) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\n"
        f"Host: {target.authority}\r\n"
        f"User-Agent: workflowsvc/{__version__}\r\n"
        "Accept: application/json\r\n"
        "Accept-Encoding: identity\r\n"
        "Connection: close\r\n"
        "Content-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n"
        "X-Amz-Invocation-Type: RequestResponse\r\n"
        "\r\n"
    )
    return head.encode("ascii") + body


# --- one deadline for a whole exchange ---


class _TooLate(Exception):
    """The task has timed out. No OSError: it must not be taken for trouble with a connection."""


class _TooLarge(Exception):
    """The answer fits into no event."""


class _Deadline:
    """The moment after which nobody waits for the answer."""

    def __init__(self, clock: Clock, at: float) -> None:
        self._clock = clock
        self._at = at

    def seconds_left(self) -> float:
        seconds = self._at - self._clock.monotonic()
        if seconds <= 0:
            raise _TooLate
        return seconds

    def bound(self, sock: socket.socket, most: float | None = None) -> None:
        """The next operation of this socket takes no longer than is left, or than `most`."""
        seconds = self.seconds_left()
        sock.settimeout(seconds if most is None else min(seconds, most))


class _Answering(io.RawIOBase):
    """A socket as http.client reads it: every wait is for what is left of the deadline, however often bytes
    come.
    """

    def __init__(self, sock: socket.socket, deadline: _Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._deadline.bound(self._sock)
        try:
            return self._sock.recv_into(buffer)
        except TimeoutError:
            raise _TooLate from None
