"""A node: the parts of a server below HTTP, put together.

Owns which parts there are and in which order they are made and closed. How they work is theirs; HTTP is put in front
of them by `commands/serve.py`.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from workflowsvc.passwords import without_password
from workflowsvc.store.errors import StoreUnusable
from workflowsvc.store.meta import ARCHIVE, TOKEN_KEY
from workflowsvc.stores import open_store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workflowsvc.access.secrets import MasterKey
    from workflowsvc.archive.archiver import Archiver
    from workflowsvc.archive.place import Place
    from workflowsvc.clock import Clock
    from workflowsvc.engine.engine import Engine
    from workflowsvc.engine.ids import RandomBytes
    from workflowsvc.lambdas.function_map import FunctionMap
    from workflowsvc.service.access.book_holder import BookHolder
    from workflowsvc.service.api import Api
    from workflowsvc.service.audit_trail import AuditTrail
    from workflowsvc.service.authorization import Authorization
    from workflowsvc.service.webhook_sending import Webhooks
    from workflowsvc.settings import Settings
    from workflowsvc.store.interface import RepairStore, Store

log = logging.getLogger(__name__)

BEFORE_ALL_DOMAINS = -(1 << 63)
DOMAINS_PER_PAGE = 1_000


class Node:
    """The parts of a server below HTTP, put together when its store can be opened."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        functions: FunctionMap | None,
        random_bytes: RandomBytes,
        *,
        master_keys: Sequence[MasterKey] = (),
        place: Place | None = None,
    ) -> None:
        """`place`: of the archive, if the settings name one."""
        self._settings = settings
        self._clock = clock
        self._functions = functions
        self._random_bytes = random_bytes
        self._master_keys = master_keys
        self._place = place
        self._store: Store | None = None
        self._book: BookHolder | None = None
        self._trail: AuditTrail | None = None
        self._archiver: Archiver | None = None
        self._found = ""

    def open(self) -> Api:
        """The service on its store. StoreUnusable or StoreError when the store cannot be used, for ever or for now;
        may be called again then."""
        from workflowsvc.engine.engine import Engine
        from workflowsvc.service.api import Api

        if self._store is None:
            store = open_store(self._settings.store)
            self._found = _what_is_in(store)
            self._store = store
        engine = Engine(self._store, self._clock, self._settings, self._random_bytes, store_clock=True)
        engine.state.access.master_keys = self._master_keys
        authorization = None
        if self._settings.auth != "off":
            self._book = _book_of(engine, self._master_keys)
            authorization = self._authorization(engine)
        runner = None
        if self._functions is not None:
            # Imported only now: their HTTP client takes a third of a second to import.
            from workflowsvc.lambdas.client import LambdaClient
            from workflowsvc.lambdas.runner import FunctionRunner

            runner = FunctionRunner(
                LambdaClient(self._functions, self._clock), self._settings.lambda_concurrency
            )
            engine.invoke_with(runner.begin, runner.later)
            log.info(
                "%d Lambda functions are mapped in %s", self._functions.size, self._settings.lambda_functions
            )
        self._archive(engine)
        return Api(engine, runner, authorization, self._webhooks(engine))

    def _webhooks(self, engine: Engine) -> Webhooks | None:
        """What pushes feeds; None where that is switched off."""
        from workflowsvc.outgoing.targets import read_targets
        from workflowsvc.webhooks.pushing import Pushing

        settings = self._settings
        targets = read_targets(settings.webhook_targets, open_by_default=settings.auth != "enforce")
        return None if targets.scope == "off" else Pushing(engine, targets)

    def _archive(self, engine: Engine) -> None:
        """Runs are archived before they are deleted, if the settings or the store say so."""
        from workflowsvc.engine.archiving import set_archives
        from workflowsvc.engine.command_queue import Command

        where = self._settings.archive
        with engine.store.reader() as reader:
            archives = reader.meta(ARCHIVE) is not None
        if not where:
            if archives:
                log.warning(
                    "runs of this store are archived before they are deleted, and this node has no --archive: it "
                    "deletes none of them; give it --archive, or --archive off to delete them without that"
                )
            return
        if where == "off":
            if archives:
                engine.writer.submit(Command(partial(set_archives, yes=False), _ignore))
                log.warning("runs of this store are deleted from now on without being archived")
            return
        from workflowsvc.archive.archiver import Archiver

        assert self._place is not None, "a place for the archive"
        engine.state.archives_here = True
        self._archiver = Archiver(engine, self._place)
        self._archiver.start()
        log.info("runs are archived in %s before they are deleted", self._place.describe())

    def _authorization(self, engine: Engine) -> Authorization:
        from workflowsvc.service.audit_trail import AuditTrail
        from workflowsvc.service.authorization import Authorization

        self._trail = AuditTrail(self._clock.monotonic)
        enforces = self._settings.auth == "enforce"
        return Authorization(engine.state.access.book, self._trail, engine.now_ms, enforces=enforces)

    def where(self) -> str:
        """The store for people to read, without a password, and what was found in it when it was opened."""
        return (
            without_password(self._settings.store)
            if self._store is None
            else f"{self._store.describe()} ({self._found})"
        )

    def close(self) -> None:
        if self._archiver is not None:
            self._archiver.stop()
        if self._trail is not None:
            self._trail.close()
        if self._book is not None:
            self._book.close()
        if self._store is not None:
            self._store.close()


def _book_of(engine: Engine, master_keys: Sequence[MasterKey]) -> BookHolder:
    """The access data, read once, so that a master key that is missing or wrong ends the start with the reason."""
    from workflowsvc.access.secrets import MasterKeyError, require_cryptography
    from workflowsvc.service.access.book_holder import BookHolder

    holder = BookHolder(engine, master_keys)
    try:
        if master_keys:
            require_cryptography()
        holder.read_first()
    except MasterKeyError as error:
        raise StoreUnusable(f"{engine.store.describe()} cannot be used: {error}") from error
    holder.start()
    return holder


def _what_is_in(store: RepairStore) -> str:
    """ "new", or the numbers of domains and open runs. A store in which no server has made its key is new."""
    with store.transaction() as tx:
        if tx.meta(TOKEN_KEY) is None:
            return "new"
        domains = open_runs = 0
        after = BEFORE_ALL_DOMAINS
        while page := tx.every_domain(after, DOMAINS_PER_PAGE):
            after = page[-1].id
            domains += len(page)
            open_runs += sum(tx.count_open(domain.id) for domain in page)
        return f"{domains:,} domain{'' if domains == 1 else 's'}, {open_runs:,} open run{'' if open_runs == 1 else 's'}"


def _ignore(_: Any) -> None:
    """The writer loop logs what fails, and the next start says it again."""
