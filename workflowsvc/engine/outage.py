"""The log of a store that fails: once with the consequence, then once a minute, then that it is over.

Owns when the next line is logged; a new reason is logged sooner. Every call meets the failure of a store, and a full
disk must not be filled with lines about it.
"""

from __future__ import annotations

from logging import Logger
from threading import Lock

from workflowsvc.clock import Clock
from workflowsvc.passwords import without_password

REPEAT_MS = 60_000  # pause between two lines about the same outage
PAUSE_MS = (
    10_000  # before a line about another outage, or another reason: a database may come and go every second
)
LOOK_MS = 1_000  # pause between two looks whether it is over
MAX_REASON = 300  # characters; drivers name every address that they have tried


class Outage:
    """One way of using a store that may fail, such as writing. May be used from any thread."""

    def __init__(self, log: Logger, clock: Clock, consequence: str, subject: str = "the store") -> None:
        """`consequence`: a sentence for the operator. `subject`: what fails, in the lines of the log."""
        self._subject = subject
        self._log = log
        self._clock = clock
        self._consequence = consequence
        self._lock = Lock()
        self._since: int | None = None
        self._failures = 0
        self._announced = False
        self._reason = ""
        self._logged_at: int | None = None  # the last line about this
        self.look_at: int | None = None
        """When to look whether it is over, in milliseconds since the epoch; None without an outage."""

    @property
    def goes_on(self) -> bool:
        return self._since is not None

    def failed(self, error: Exception, what: object) -> None:
        """`what` has failed with this error."""
        with self._lock:
            now = self._clock.now_ms()
            if self._since is None:
                self._since, self._failures = now, 0
            self._failures += 1
            self.look_at = now + LOOK_MS
            reason = " ".join(without_password(str(error)).split())[:MAX_REASON].rstrip(".")
            if self._is_silent(now, new=not self._announced or _alike(reason) != _alike(self._reason)):
                return
            self._reason, self._logged_at = reason, now
            if self._announced:
                assert self._since is not None
                self._log.error(
                    "%s still fails, since %d s, %d times: %s",
                    self._subject,
                    (now - self._since) // 1000,
                    self._failures,
                    reason,
                )
            else:
                self._announced = True
                self._log.error("%s fails: %s. %s First: %s", self._subject, reason, self._consequence, what)

    def look_again(self) -> None:
        """It may not be over yet, though something of this kind has not failed."""
        self.look_at = self._clock.now_ms() + LOOK_MS

    def worked(self) -> None:
        """Something of this kind has not failed."""
        if self.goes_on:
            with self._lock:
                self._end()

    def _end(self) -> None:
        since, self._since, self.look_at = self._since, None, None
        if since is None or not self._announced:
            return
        self._announced = False
        now = self._clock.now_ms()
        self._logged_at = now
        self._log.warning(
            "%s works again, after %d s and %d failures",
            self._subject,
            (now - since) // 1000,
            self._failures,
        )

    def _is_silent(self, now: int, *, new: bool) -> bool:
        """A clock that is set back makes no silence longer."""
        pause_ms = PAUSE_MS if new else REPEAT_MS
        return self._logged_at is not None and self._logged_at <= now < self._logged_at + pause_ms


def _alike(reason: str) -> str:
    """Without numbers: ports, processes and times differ from one failure to the next."""
    return "".join(character for character in reason if not character.isdigit())
