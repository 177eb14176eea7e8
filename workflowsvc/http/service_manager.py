"""What systemd is told: that the server is ready, that it lives, that it stops.

Owns the protocol of sd_notify, one datagram for each message, and how often the watchdog is answered. A manager names
its socket in the environment; without one, nothing is sent. Must not know what the server serves.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Mapping

log = logging.getLogger(__name__)

SOCKET, WATCHDOG_USEC, WATCHDOG_PID = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"
ANSWERS_IN_TIME = 3  # within the time after which the watchdog ends the process: one may be late


class ServiceManager:
    """As the environment describes it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._address = _address(environment.get(SOCKET, ""))
        self.watch_seconds = _watch_seconds(environment) if self._address else None
        """The time after which the manager ends a process that does not say that it lives; None: never."""

    def ready(self, status: str) -> None:
        """The server accepts connections."""
        self._send(f"READY=1\nSTATUS={status}")

    def stopping(self) -> None:
        """The server has begun to stop."""
        self._send("STOPPING=1\nSTATUS=finishing what was begun")

    async def watch(self, is_alive: Callable[[], bool]) -> None:
        """Says that the process lives while it does, as the event loop runs this and `is_alive` is true; for ever."""
        if self.watch_seconds is None:
            return
        while True:
            if is_alive():
                self._send("WATCHDOG=1")
            await asyncio.sleep(self.watch_seconds / ANSWERS_IN_TIME)

    def _send(self, message: str) -> None:
        """Never waits: a manager that does not read must not hold the server."""
        if self._address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
                sock.setblocking(False)
                sock.sendto(message.encode(), self._address)
        except OSError as error:
            log.warning("%s was not reached: %s", SOCKET, error)


def _address(given: str) -> str | None:
    """A path, or with `@` a name in the abstract name space of Linux; None for any other kind of socket."""
    if given.startswith("@"):
        return "\0" + given[1:]
    return given if given.startswith("/") else None


def _watch_seconds(environment: Mapping[str, str]) -> float | None:
    """None when no watchdog waits for this process."""
    if environment.get(WATCHDOG_PID, str(os.getpid())) != str(os.getpid()):
        return None
    given = environment.get(WATCHDOG_USEC, "")
    return int(given) / 1_000_000 if given.isascii() and given.isdigit() and int(given) else None
