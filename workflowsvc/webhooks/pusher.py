"""Pushes the feed of a domain to one webhook: reads it, sends what the window gives, writes down how far it has got.

Owns the loop of a webhook on the event loop. It reads and writes by its means, so that no other call waits for it.
Which entries go when is the window's; how they are sent is the sender's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple, Protocol

import msgspec

from workflowsvc.clock import Clock
from workflowsvc.engine import webhook_book
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.engine.webhook_book import DeadLetter, NamedWebhook, Progress, Report
from workflowsvc.faults import CursorExpiredFault, Fault, LimitExceededFault
from workflowsvc.service import feed_reads
from workflowsvc.service.feed_reads import FeedPart
from workflowsvc.service.feed_waits import LoopWaits, Waiting, Woken
from workflowsvc.service.webhook_figures import WebhookFigures
from workflowsvc.service.webhook_sending import Message, Outcome
from workflowsvc.store.errors import StoreError
from workflowsvc.store.interface import Reader
from workflowsvc.store.rows import DELETED_TENANT, FeedPlace
from workflowsvc.webhooks.window import Item, Window

WRITE_SECONDS = (
    1.0  # between two notes of how far it has got; what comes behind the last one comes again after a crash
)
STOP_SECONDS = 2.0  # for the last note
RETRY_SECONDS = 1.0  # after the store has failed
LOOK_SECONDS = 60.0  # a look at the feed by itself where no commit of another node can be missed
GATHER_SECONDS = 0.02  # half of what readers wait, as a delivery takes its time besides
MAX_RESENT = 100  # dead letters that are read at once

log = logging.getLogger("workflowsvc.webhooks")


class Sends(Protocol):
    """What sends (`sender.py`)."""

    async def send(self, message: Message) -> Outcome: ...
    async def close(self) -> None: ...


class Means(NamedTuple):
    """With which a node pushes."""

    read: Callable[[Callable[[Reader], Any]], Awaitable[Any]]
    write: Callable[[Callable[[UnitOfWork], Any]], Awaitable[Any]]
    clock: Clock
    now_ms: Callable[[], int]
    waits: LoopWaits
    figures: WebhookFigures
    chance: Callable[[], float]
    owner: str
    """Of the lease; empty for a single node."""


class _Gone(Exception):
    """The webhook or its domain was deleted, or another node pushes now."""


class Pusher:
    """Of one webhook."""

    def __init__(self, webhook: NamedWebhook, secret: str, sender: Sends, means: Means) -> None:
        self.webhook = webhook
        self.dead_letters = 0
        self._secret = secret
        self._sender = sender
        self._means = means
        self._window: Window | None = None
        self._woken = asyncio.Event()
        self._has_grown = True
        self._letters_due = True
        self._sending: set[asyncio.Task[None]] = set()
        self._resending: asyncio.Task[None] | None = None
        self._mark = 0
        self._is_stopping = False
        self._is_over = False  # no reader of feeds waits any more: the service stops
        self._is_leaving = False
        self._written: tuple[FeedPlace, bool] | None = (
            None  # the last note, and whether it was one of a failure
        )
        self._write_at = 0.0
        self._delivered_at: int | None = None
        self._failing_since: int | None = None
        self._missed = 0
        self._types = None if webhook.record.event_types is None else frozenset(webhook.record.event_types)
        self._task = asyncio.get_running_loop().create_task(self._work())

    @property
    def is_failing(self) -> bool:
        return self._window is not None and self._window.failing is not None and not self.has_ended

    @property
    def oldest_at(self) -> int | None:
        """When the oldest entry was written that is not delivered, ms."""
        return None if self._window is None or self.has_ended else self._window.oldest_at

    @property
    def has_ended(self) -> bool:
        return self._task.done()

    def look_at_letters(self) -> None:
        """Some may be to be sent once more."""
        self._letters_due = True
        self._woken.set()

    async def stop(self) -> None:
        """What is under way is given up, and will be sent again; how far it has got is written down."""
        self._is_stopping = True
        self._woken.set()
        for task in self._sending:
            task.cancel()
        await asyncio.wait([self._task], timeout=STOP_SECONDS)
        self._task.cancel()
        await asyncio.wait([self._task, *self._sending])
        await self._sender.close()

    async def _work(self) -> None:
        while not self._is_stopping:
            try:
                await self._push()
            except _Gone:
                return
            except (StoreError, Fault) as error:
                log.debug("webhook %s: %s", self.webhook.name, error)  # the store's own log says it
                await self._rest(RETRY_SECONDS)
                # Another database may answer next, which has not got everything: what it says counts.
                self._window, self._has_grown, self._written = None, True, None
            except Exception:
                log.exception("pushing to webhook %s has met a bug", self.webhook.name)
                await self._rest(LOOK_SECONDS)

    async def _rest(self, seconds: float) -> None:
        self._woken.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self._is_stopping:
                    await self._woken.wait()
                    self._woken.clear()

    async def _push(self) -> None:
        window = self._window
        if window is None:
            progress: Progress = await self._means.read(self._find_progress)
            self.dead_letters = progress.dead
            self._failing_since = progress.failing_since
            window = self._window = Window(progress.position, self._means.chance)
        while not self._is_stopping:
            self._woken.clear()
            if self._letters_due and self._resending is None:
                self._resending = self._begin(self._resend())
            if self._has_grown and window.room:
                await self._fill(window)
            for item in window.take(self._means.clock.monotonic()):
                self._begin(self._send(window, item))
            if self._means.clock.monotonic() >= self._write_at:
                await self._write(window)
            await self._wait(window)
        await self._write(window)

    def _find_progress(self, reader: Reader) -> Progress:
        return webhook_book.find_progress(reader, self.webhook.domain, self.webhook.name)

    async def _wait(self, window: Window) -> None:
        """Until a message has ended, the feed has grown, or a pause is over."""
        now = self._means.clock.monotonic()
        moments = [now + LOOK_SECONDS]
        if (next_at := window.next_at()) is not None:
            moments.append(next_at)
        if self._has_news(window):
            moments.append(self._write_at)
        if window.room and self._has_grown:
            return
        waiting = self._wait_for_feed(moments, now) if window.room and not self._is_over else None
        try:
            async with asyncio.timeout(max(min(moments) - now, 0)):
                await self._woken.wait()
        except TimeoutError:
            pass
        finally:
            if waiting is not None:
                self._is_leaving = True
                waiting.cancel()
                self._is_leaving = False

    def _wait_for_feed(self, moments: list[float], now: float) -> Waiting | None:
        try:
            return self._means.waits.wait(
                self.webhook.domain, self._mark, LOOK_SECONDS, self._feed_woken, GATHER_SECONDS
            )
        except LimitExceededFault:  # too many readers wait
            self._has_grown = True
            moments.append(now + RETRY_SECONDS)
            return None

    def _feed_woken(self, woken: Woken) -> None:
        if self._is_leaving:
            return
        if woken == "end":
            self._is_over = True
        else:
            self._has_grown = True
        self._woken.set()

    # --- reading ---

    async def _fill(self, window: Window) -> None:
        self._mark = self._means.waits.mark()
        try:
            part: FeedPart = await self._means.read(partial(self._read, window.read_to, window.room))
        except CursorExpiredFault:
            self._missed += 1
            self._means.figures.missed.add()
            log.error(
                "webhook %s of domain %d has missed entries: they were deleted because of their age",
                self.webhook.name,
                self.webhook.domain,
            )
            window.begin_anew(
                await self._means.read(partial(feed_reads.beginning, domain=self.webhook.domain))
            )
            return
        window.add(part.rows, part.position)
        self._has_grown = not part.is_whole

    def _read(self, after: FeedPlace, limit: int, reader: Reader) -> FeedPart:
        domain = self.webhook.domain
        row = reader.domains_by_id([domain]).get(domain)
        if row is None or row.tenant == DELETED_TENANT:
            raise _Gone
        return feed_reads.read_part(reader, row, after, self._types, limit)

    # --- sending ---

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
        return task

    async def _send(self, window: Window, item: Item) -> None:
        message_id = _id_of(item.row.body)
        outcome = await self._deliver(message_id, item.row.body)
        now, at_ms = self._means.clock.monotonic(), self._means.now_ms()
        if outcome.is_delivered:
            window.delivered(item, now)
            self._delivered_at, self._failing_since = at_ms, None
        else:
            self._failing_since = self._failing_since or at_ms
            if window.failed(item, outcome.error, now, at_ms, message_id, outcome.retry_after):
                self._means.figures.given_up.add()
                log.warning(
                    "webhook %s of domain %d: event %s was given up on after %d attempts: %s",
                    self.webhook.name,
                    self.webhook.domain,
                    message_id,
                    item.attempts,
                    outcome.error,
                )
        self._woken.set()

    async def _deliver(self, message_id: str, body: bytes) -> Outcome:
        figures = self._means.figures
        message = Message(self.webhook.record.url, self._secret, message_id, body)
        outcome = await self._sender.send(message)
        figures.seconds.add(outcome.seconds)
        if outcome.is_delivered:
            figures.delivered.add()
        elif outcome.status is not None:
            figures.refused.add()
        else:
            figures.unanswered.add()
        return outcome

    # --- writing down ---

    def _has_news(self, window: Window) -> bool:
        return self._written != (window.position, self.is_failing) or window.has_given_up

    async def _write(self, window: Window) -> None:
        if not self._has_news(window):
            return
        self._write_at = self._means.clock.monotonic() + WRITE_SECONDS
        given_up, missed = window.take_given_up(), self._missed
        position, failing = window.position, window.failing
        report = Report(
            webhook=self.webhook,
            owner=self._means.owner,
            position=position,
            delivered_at=self._delivered_at,
            failing_since=None if failing is None else self._failing_since,
            error="" if failing is None else failing.error,
            given_up=tuple(given_up),
            missed=missed,
        )
        try:
            dead: int | None = await self._means.write(partial(webhook_book.write_down, report=report))
        except BaseException:
            window.give_back(given_up)
            raise
        if dead is None:
            raise _Gone
        self.dead_letters = dead
        self._missed -= missed
        self._written = (position, failing is not None)

    # --- dead letters ---

    async def _resend(self) -> None:
        """Each that is due once, one after the other, beside the entries of the feed."""
        try:
            while self._letters_due:
                self._letters_due = False
                await self._resend_each()
        except _Gone:
            self._task.cancel()
        except (StoreError, Fault) as error:
            log.debug("dead letters of webhook %s: %s", self.webhook.name, error)
            await asyncio.sleep(RETRY_SECONDS)
            self._letters_due = True
        except Exception:
            log.exception("dead letters of webhook %s have met a bug", self.webhook.name)
        finally:
            self._resending = None
            self._woken.set()

    async def _resend_each(self) -> None:
        after = 0
        while True:
            page: list[tuple[int, DeadLetter]] = await self._means.read(
                partial(
                    webhook_book.dead_letters,
                    domain=self.webhook.domain,
                    name=self.webhook.name,
                    after=after,
                    limit=MAX_RESENT,
                )
            )
            for number, letter in page:
                after = number
                if letter.is_due:
                    await self._resend_one(number, letter)
            if len(page) < MAX_RESENT:
                return

    async def _resend_one(self, number: int, letter: DeadLetter) -> None:
        outcome = await self._deliver(letter.event_id, letter.body)
        failed = msgspec.structs.replace(
            letter, is_due=False, attempts=letter.attempts + 1, error=outcome.error[: webhook_book.MAX_ERROR]
        )
        dead: int | None = await self._means.write(
            partial(
                webhook_book.was_resent,
                webhook=self.webhook,
                owner=self._means.owner,
                number=number,
                failed=None if outcome.is_delivered else failed,
            )
        )
        if dead is None:
            raise _Gone
        self.dead_letters = dead


class _Told(msgspec.Struct):
    id: str


_decode_told = msgspec.json.Decoder(_Told).decode


def _id_of(body: bytes) -> str:
    """The `id` of the event, which is the same for each attempt."""
    return _decode_told(body).id
