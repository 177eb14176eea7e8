"""Pushes the feeds of an installation: finds its webhooks, and has one `Pusher` for each on the one node that pushes.

Owns which webhooks there are, the lease of several nodes, the thread that reads, and tests of webhooks. What is pushed
and when is the pusher's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import Any

from workflowsvc.access.secrets import MasterKeyError
from workflowsvc.engine import leases, webhook_book
from workflowsvc.engine.command_queue import Command
from workflowsvc.engine.engine import Engine
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.engine.webhook_book import NamedWebhook
from workflowsvc.faults import Fault, LimitExceededFault
from workflowsvc.outgoing.targets import Targets
from workflowsvc.service.access.master_key import open_sealed
from workflowsvc.service.feed_waits import LoopWaits
from workflowsvc.service.futures import resolve
from workflowsvc.service.reader_threads import ReaderThreads
from workflowsvc.service.webhook_figures import WebhookFigures
from workflowsvc.service.webhook_sending import Message, Outcome, Tester
from workflowsvc.store.errors import StoreError
from workflowsvc.store.interface import Reader
from workflowsvc.store.meta import WEBHOOKS_LEASE
from workflowsvc.tenant import Tenant
from workflowsvc.webhooks.places import Places, Share
from workflowsvc.webhooks.pusher import Means, Pusher, Sends

LOOK_SECONDS = 1.0  # between two looks for changes, and at the lease, where there are other nodes
RETRY_SECONDS = 5.0  # after a failure
LEASE_MS = 15_000  # after which another node takes over from one that has died
RENEW_MS = 10_000  # before the end of a lease
MAX_TESTS = 16  # at once, of one node; each takes 15 s at most
MAX_TESTS_OF_ACCOUNT = 4
OF_TESTS = 0  # in place of a domain: each test has a sender, and so a place, of its own
STOP_SECONDS = 3.0  # for giving back the lease

log = logging.getLogger("workflowsvc.webhooks")

NewSender = Callable[[Share], Sends]


class Pushing:
    """Of one node; `Webhooks` of the service."""

    def __init__(self, engine: Engine, targets: Targets, new_sender: NewSender | None = None) -> None:
        """`new_sender`: in place of the one that calls the targets."""
        self.figures = WebhookFigures()
        self._engine = engine
        self._targets = targets
        self._new_sender = new_sender or self._http_sender
        self._pushers: dict[tuple[int, str], Pusher] = {}
        self._unreadable: set[str] = set()  # ids of webhooks whose secret cannot be read, as the log says
        self._version: bytes | None = None  # of the webhooks that are pushed to
        self._are_any = False
        self._lease_until = 0
        self._may_have_lease = False  # also while it is being taken
        self._owner = f"{engine.state.name} {engine.state.ids.random_bytes(8).hex()}"
        self._is_alone = engine.state.coordination.poll_store_ms is None
        self._changed = asyncio.Event()
        self._testers: set[Tester] = set()
        self._testing: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._places = Places()
        self._reader: ReaderThreads | None = None
        self._waits: LoopWaits | None = None
        self._task: asyncio.Task[None] | None = None
        engine.state.webhooks_changed = self._notice

    # --- of the service ---

    def start(self, waits: LoopWaits) -> None:
        self._loop = asyncio.get_running_loop()
        self._reader = ReaderThreads(1)
        self._waits = waits
        self._task = self._loop.create_task(self._work())

    async def stop(self) -> None:
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.wait([self._task])
        for task in self._testing:
            task.cancel()
        await self._stop_all()
        if self._may_have_lease:
            with suppress(TimeoutError, StoreError, Fault):
                async with asyncio.timeout(STOP_SECONDS):
                    await self._write(partial(leases.give_back, key=WEBHOOKS_LEASE, owner=self._owner))
        if self._reader is not None:
            self._reader.close()

    def test(self, message: Message, tester: Tester, reply: Callable[[Outcome | Exception], None]) -> None:
        """One at a time for a domain, and few for an account: no caller takes the places of all."""
        assert self._loop is not None, "start() comes first"
        if tester in self._testers:
            reply(
                LimitExceededFault("A webhook of this domain is being tested: try again when that has ended")
            )
        elif sum(each.tenant == tester.tenant for each in self._testers) >= MAX_TESTS_OF_ACCOUNT:
            reply(_too_many_tests(MAX_TESTS_OF_ACCOUNT, "in an account"))
        elif len(self._testers) >= MAX_TESTS:
            reply(_too_many_tests(MAX_TESTS, "on a node"))
        else:
            self._testers.add(tester)
            task = self._loop.create_task(self._test(message, tester, reply))
            self._testing.add(task)
            task.add_done_callback(self._testing.discard)

    async def _test(
        self, message: Message, tester: Tester, reply: Callable[[Outcome | Exception], None]
    ) -> None:
        outcome: Outcome | Exception = Outcome(None, "the node stops", 0.0)
        try:
            sender = await self._sender(OF_TESTS)
            try:
                outcome = await sender.send(message)
            finally:
                await sender.close()
        except Exception as error:
            outcome = error
        finally:
            self._testers.discard(tester)
            reply(outcome)

    # --- which webhooks there are, and who pushes ---

    def _notice(self) -> None:
        """From any thread: webhooks were changed on this node."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._changed.set)

    async def _work(self) -> None:
        while True:
            self._changed.clear()
            try:
                pause = await self._round()
            except (StoreError, Fault) as error:
                log.debug("webhooks cannot be looked at: %s", error)  # the store's own log says it
                await self._stop_without_lease()
                pause = LOOK_SECONDS
            except Exception:
                log.exception("a look at webhooks has met a bug")
                pause = RETRY_SECONDS
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._changed.wait()

    async def _round(self) -> float | None:
        """How long to wait for a change then; None: for ever."""
        version, webhooks = await self._read(partial(_look, known=self._version))
        if webhooks is not None:
            self._are_any = bool(webhooks)
        if not self._are_any:
            self._version = version
            await self._stop_all()
            await self._give_back()
        elif not await self._has_lease():
            self._version = None
            await self._stop_all()
        elif webhooks is not None:
            await self._push_to(webhooks)
            self._version = version
        return None if self._is_alone else LOOK_SECONDS

    async def _has_lease(self) -> bool:
        """A single node needs none."""
        if self._is_alone:
            self.figures.is_at_work = True
            return True
        now = self._engine.now_ms()
        if now >= self._lease_until - RENEW_MS:
            lease = await self._read(partial(leases.find_lease, key=WEBHOOKS_LEASE))
            if leases.is_of_another(lease, self._owner, now, LEASE_MS):
                self._lease_until = 0
            else:
                take = partial(leases.take_lease, key=WEBHOOKS_LEASE, owner=self._owner, lease_ms=LEASE_MS)
                self._may_have_lease = True
                self._lease_until = await self._write(take) or 0
        self.figures.is_at_work = self._lease_until > 0
        return self.figures.is_at_work

    async def _stop_without_lease(self) -> None:
        """While the store does not answer, another node may have been given the lease."""
        if not self._is_alone and self._pushers and self._engine.now_ms() >= self._lease_until:
            self._version, self._lease_until = None, 0
            self.figures.is_at_work = False
            await self._stop_all()

    async def _give_back(self) -> None:
        self.figures.is_at_work = False
        if self._lease_until:
            self._lease_until = 0
            await self._write(partial(leases.give_back, key=WEBHOOKS_LEASE, owner=self._owner))

    async def _push_to(self, webhooks: list[NamedWebhook]) -> None:
        wanted = {(each.domain, each.name): each for each in webhooks}
        for key, pusher in list(self._pushers.items()):
            found = wanted.get(key)
            if pusher.has_ended or found is None or found.record != pusher.webhook.record:
                del self._pushers[key]
                await pusher.stop()
        for key, webhook in wanted.items():
            pusher = self._pushers.get(key)
            if pusher is not None:
                pusher.look_at_letters()
            elif (secret := self._secret_of(webhook)) is not None:
                self._pushers[key] = Pusher(
                    webhook, secret, await self._sender(webhook.domain), self._means()
                )

    def _secret_of(self, webhook: NamedWebhook) -> str | None:
        domain, name, record = webhook.domain, webhook.name, webhook.record
        try:
            bound = webhook_book.bound_to(domain, name, record.id)
            return open_sealed(self._engine.state.access.master_keys, record.sealed, *bound)
        except MasterKeyError as error:
            if record.id not in self._unreadable:
                self._unreadable.add(record.id)
                log.error("nothing is pushed to webhook %s of domain %d: %s", name, domain, error)
            return None

    async def _stop_all(self) -> None:
        pushers, self._pushers = list(self._pushers.values()), {}
        if pushers:
            await asyncio.gather(*(pusher.stop() for pusher in pushers))

    def oldest_at(self) -> int | None:
        """When the oldest entry was written that is not delivered everywhere, ms. From any thread."""
        return min(
            (at for pusher in list(self._pushers.values()) if (at := pusher.oldest_at) is not None),
            default=None,
        )

    def failing(self) -> int:
        """Of how many webhooks the last message has failed. From any thread."""
        return sum(pusher.is_failing for pusher in list(self._pushers.values())) + len(self._unreadable)

    def dead_letters(self) -> int:
        """How many there are. From any thread."""
        return sum(pusher.dead_letters for pusher in list(self._pushers.values()))

    # --- means ---

    def _means(self) -> Means:
        assert self._waits is not None
        engine = self._engine
        return Means(
            read=self._read,
            write=self._write,
            clock=engine.clock,
            now_ms=engine.now_ms,
            waits=self._waits,
            figures=self.figures,
            chance=self._chance,
            owner="" if self._is_alone else self._owner,
        )

    def _chance(self) -> float:
        return int.from_bytes(self._engine.state.ids.random_bytes(4)) / (1 << 32)

    async def _sender(self, domain: int) -> Sends:
        if self._new_sender == self._http_sender:
            # Not on the event loop: the import takes a third of a second.
            await self._read(lambda _: import_module("workflowsvc.webhooks.sender"))
        return self._new_sender(self._places.share(domain))

    def _http_sender(self, share: Share) -> Sends:
        from workflowsvc.webhooks.sender import Sender

        return Sender(self._targets, self._engine.clock, share)

    async def _read(self, function: Callable[[Reader], Any]) -> Any:
        """On the thread that reads, on a snapshot of its own."""
        assert self._reader is not None
        assert self._loop is not None
        loop = self._loop
        future: asyncio.Future[Any] = loop.create_future()

        def read() -> None:
            try:
                with self._engine.store.reader() as reader:
                    answer = function(reader)
            except Exception as error:
                answer = error
            with suppress(RuntimeError):  # the loop was closed
                loop.call_soon_threadsafe(resolve, future, answer)

        self._reader.read(Tenant(), read)
        return await future

    async def _write(self, run: Callable[[UnitOfWork], Any]) -> Any:
        """By a command of the writer loop."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._engine.writer.submit(Command(run, partial(resolve, future)))
        return await future


def _look(reader: Reader, known: bytes | None) -> tuple[bytes, list[NamedWebhook] | None]:
    """The version and the webhooks; None in their place when the version is known."""
    version = webhook_book.version_of(reader)
    return version, None if version == known else webhook_book.all_webhooks(reader)


def _too_many_tests(number: int, where: str) -> LimitExceededFault:
    return LimitExceededFault(f"The limit of {number} tests of webhooks at once {where} is reached")
