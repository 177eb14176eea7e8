"""Calls a Lambda function over HTTP: one POST, one answer, one deadline for all of it (SWF §9.2).

Owns the exchange and what its endings mean. That a function is called once, and only after its start is committed, is
the engine's promise. No redirect is followed, and only an address that was checked is called (QUALITY §5.5): names are
resolved here, and aiohttp is given the address.

aiohttp and its parser are imported with this module, which is imported only if functions are mapped.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import ssl
from typing import Any, NamedTuple

import aiohttp

from workflowsvc import __version__
from workflowsvc.clock import Clock
from workflowsvc.engine.invoker import (
    Ending,
    Failed,
    Invocation,
    Returned,
    too_large,
)
from workflowsvc.lambdas.function_map import FunctionMap, Target
from workflowsvc.model.explain import MAX_DATA_CHARACTERS
from workflowsvc.outgoing.addresses import AddressRefused, resolve
from workflowsvc.outgoing.connections import reason_of, session_to, url_at

CONNECT_SECONDS = 10.0  # for each address; a host that is down must not hold a place for 15 minutes
MAX_BYTES = 4 * MAX_DATA_CHARACTERS  # of an answer; a character takes at most four bytes in UTF-8

_HEADERS = {
    "User-Agent": f"workflowsvc/{__version__}",
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "Connection": "close",
    "Content-Type": "application/json",
    "X-Amz-Invocation-Type": "RequestResponse",
}

_is_code = re.compile(r"[A-Za-z0-9_.]{1,100}").fullmatch

log = logging.getLogger("workflowsvc.lambda")


class LambdaClient:
    """A `workflowsvc.lambdas.runner.Call`."""

    def __init__(self, functions: FunctionMap, clock: Clock) -> None:
        self._functions = functions
        self._clock = clock
        self._tls = ssl.create_default_context()

    async def __call__(self, invocation: Invocation) -> Ending | None:
        target = self._functions.names.find(invocation.name)
        path = None if target is None else target.path_for(invocation.name)
        if target is None or path is None:
            return Failed("ResourceNotFoundException", f"Function not found: {invocation.name}")
        try:
            async with asyncio.timeout(invocation.deadline - self._clock.monotonic()):
                return await self._ending(target, path, invocation)
        except TimeoutError:
            return None  # the history says LambdaFunctionTimedOut

    async def _ending(self, target: Target, path: str, invocation: Invocation) -> Ending:
        try:
            return ending_of(await self._exchange(target, path, invocation.payload.encode()))
        except _TooLarge:
            return too_large()
        except AddressRefused as error:
            return _not_reached("AddressRefused", invocation, str(error))
        except aiohttp.ServerTimeoutError:
            return _not_reached("ConnectionFailed", invocation, "timed out")
        except aiohttp.ServerDisconnectedError as error:
            if not isinstance(error.message, str):  # the head of an answer had begun
                return _not_reached("InvalidResponse", invocation, "the answer ends within its head")
            return _not_reached("ConnectionFailed", invocation, "the connection ended without an answer")
        except OSError as error:
            return _not_reached("ConnectionFailed", invocation, reason_of(error))
        except aiohttp.ClientError as error:
            return _not_reached("InvalidResponse", invocation, f"{type(error).__name__}: {error}")

    async def _exchange(self, target: Target, path: str, body: bytes) -> Answer:
        """The answer of the first address that accepts a connection. All addresses are checked before any is called."""
        problem: aiohttp.ClientError | None = None
        for address in await resolve(target.host, target.port):
            # A session for each call: connections are not kept, and nothing is left that must be closed at the end.
            async with session_to(address, self._tls, connect_seconds=CONNECT_SECONDS) as work:
                try:
                    response = await work.post(
                        url_at(address, target.port, path, secure=target.secure),
                        data=body,
                        headers=_HEADERS | {"Host": target.authority},
                        allow_redirects=False,
                        server_hostname=target.host if target.secure else None,
                    )
                except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
                    problem = error  # nothing was sent yet, so the next address may be tried
                    continue
                async with response:
                    return await _read(response)
        assert problem is not None
        raise problem


async def _read(response: aiohttp.ClientResponse) -> Answer:
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > MAX_BYTES:
            raise _TooLarge
    return Answer(
        status=response.status,
        function_error=response.headers.get("X-Amz-Function-Error"),
        error_type=response.headers.get("X-Amzn-ErrorType"),
        body=bytes(body),
    )


class _TooLarge(Exception):
    """The answer fits into no event."""


class Answer(NamedTuple):
    """The parts of an HTTP answer that say how a function ended."""

    status: int
    function_error: str | None
    error_type: str | None
    body: bytes


def ending_of(answer: Answer) -> Ending:
    """The function's own error by X-Amz-Function-Error, an error of the invocation by its code (SWF §9.2)."""
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
    """The code as the AWS SDKs find it: in the header, else in the body; without one, the status."""
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
