"""Sends a message to a webhook over HTTP: one signed POST, one answer, one deadline for all of it.

Owns the exchange and the connections that are kept to a receiver. No redirect
is followed, and only an address that the operator allows is called (QUALITY §5.5): names are resolved here, and aiohttp
is given the address. What a receiver answers is not shown to callers, but for its status.

aiohttp is imported, and the system's certificates are read, with this module. It is imported when the first message is
sent, and not on the event loop.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from contextlib import suppress

import aiohttp
from yarl import URL

from workflowsvc import __version__
from workflowsvc.access.webhook_signature import signed_headers
from workflowsvc.clock import Clock
from workflowsvc.outgoing.addresses import AddressRefused
from workflowsvc.outgoing.connections import AnswerTooLong, kind_of, session_by
from workflowsvc.outgoing.targets import Targets
from workflowsvc.outgoing.urls import authority, read_url
from workflowsvc.service.webhook_sending import Message, Outcome
from workflowsvc.webhooks.places import Share

TIMEOUT_SECONDS = 15.0  # of an attempt, from looking up the name to the end of the answer
CONNECT_SECONDS = 5.0  # for each address
KEEP_SECONDS = 15.0  # a connection without a message
RESOLVE_AGAIN_SECONDS = 60  # after which the name of a receiver is looked up anew
MAX_ANSWER_BYTES = 16_384  # that are read of an answer, its head and all before it included
# Of all senders: to make one takes 34 ms and nearly 1 MiB, for the certificates that the system trusts.
TLS = ssl.create_default_context()
NO_ADDRESS = "the host has no address that may be called"
FIELDS = {"Content-Type": "application/json", "User-Agent": f"workflowsvc/{__version__}"}

log = logging.getLogger("workflowsvc.webhooks")


class Sender:
    """Of one receiver, or of one test."""

    def __init__(self, targets: Targets, clock: Clock, share: Share) -> None:
        self._targets = targets
        self._clock = clock
        self._share = share
        self._session = session_by(
            targets.check,
            TLS,
            connect_seconds=CONNECT_SECONDS,
            keep_seconds=KEEP_SECONDS,
            resolve_seconds=RESOLVE_AGAIN_SECONDS,
            max_answer_bytes=MAX_ANSWER_BYTES,
        )

    async def close(self) -> None:
        with suppress(Exception):
            await self._session.close()

    async def send(self, message: Message) -> Outcome:
        """Does not raise but for cancellation."""
        async with self._share.place():
            began = self._clock.monotonic()
            status: int | None = None
            retry_after: float | None = None
            try:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    status, retry_after = await self._exchange(message)
                error = "" if 200 <= status < 300 else f"the receiver answered {status}"
            except TimeoutError:
                error = f"there was no answer within {TIMEOUT_SECONDS:.0f} s"
            except (AddressRefused, aiohttp.ClientConnectorDNSError) as failed:
                # One text: what a name leads to in the operator's network is not for callers to find out.
                error = NO_ADDRESS
                log.debug("message %s: %s", message.id, failed)
            except (OSError, aiohttp.ClientError, ValueError) as failed:
                error = kind_of(failed)
            return Outcome(status, error, self._clock.monotonic() - began, retry_after)

    async def _exchange(self, message: Message) -> tuple[int, float | None]:
        url = read_url(message.url)
        self._targets.check_host(url.host)
        host = authority(url.secure, url.host, url.port)
        headers = signed_headers(message.secret, message.id, self._clock.now_ms() // 1000, message.body)
        async with self._session.post(
            URL(f"{'https' if url.secure else 'http'}://{host}{url.path}", encoded=True),
            data=message.body,
            headers=FIELDS | headers,
            allow_redirects=False,
        ) as response:
            with suppress(AnswerTooLong):  # the status is known; only the connection cannot be kept
                async for _ in response.content.iter_any():
                    pass
            return response.status, _seconds(response.headers.get("Retry-After"))


def _seconds(text: str | None) -> float | None:
    """A date in its place is not understood; the usual pause is kept then."""
    return float(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else None
