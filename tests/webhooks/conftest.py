"""Services that push to webhooks, on SQLite and on PostgreSQL, each behind a real server; and receivers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from tests.http.support import Running, post
from tests.postgres.places import new_place
from tests.support.fed_domain import LIST, TYPE, make_fed_domain
from tests.webhooks.receiver import Receiver, receiving
from workflowsvc.access.secrets import MASTER_KEY_BYTES, MasterKey
from workflowsvc.clock import Clock, SystemClock
from workflowsvc.engine.engine import Engine
from workflowsvc.outgoing.targets import read_targets
from workflowsvc.service.api import Api
from workflowsvc.settings import Settings
from workflowsvc.store.interface import Store
from workflowsvc.store.postgres.store import PostgresStore
from workflowsvc.store.sqlite.store import SqliteStore
from workflowsvc.webhooks import pusher, pushing, window
from workflowsvc.webhooks.pushing import Pushing

MASTER = MasterKey(bytes(range(MASTER_KEY_BYTES)))
DECISION = {"decisionType": "CompleteWorkflowExecution"}


class Node:
    """A server that pushes."""

    def __init__(self, server: Running, api: Api, pushes: Pushing) -> None:
        self.server = server
        self.api = api
        self.pushes = pushes

    def answer(self, action: str, **members: Any) -> Any:
        """The answer as it is. An action of our own API by its whole name."""
        target = "" if "." in action else "SimpleWorkflowService."
        return self.server.ask(post(action, {"domain": "d", **members}, target=target))

    def ask(self, action: str, **members: Any) -> Any:
        answer = self.answer(action, **members)
        assert answer.status == 200, answer
        return answer.json if answer.body else None

    def own(self, operation: str, **members: Any) -> Any:
        return self.ask(f"WorkflowSvc.{operation}", **members)

    def webhook(self, name: str = "hook") -> dict[str, Any]:
        found = {each["name"]: each for each in self.own("ListWebhooks")["webhooks"]}
        return found[name]

    def prepare(self) -> None:
        """A domain whose feed is on."""
        make_fed_domain(self.ask)

    def run(self, workflow_id: str) -> None:
        """Starts and completes a run."""
        self.start(workflow_id)
        task = self.ask("PollForDecisionTask", taskList=LIST)
        self.ask("RespondDecisionTaskCompleted", taskToken=task["taskToken"], decisions=[DECISION])

    def start(self, workflow_id: str) -> None:
        self.ask("StartWorkflowExecution", workflowId=workflow_id, workflowType=TYPE)


Serve = Callable[..., Any]


@contextmanager
def serving(
    store: Store, *, master: MasterKey | None = MASTER, clock: Clock | None = None, **settings: Any
) -> Iterator[Node]:
    options = Settings(**{"port": 0, "drain_seconds": 5.0, "store": "memory"} | settings)
    engine = Engine(store, clock or SystemClock(), options, os.urandom, store_clock=True)
    engine.state.access.master_keys = () if master is None else (master,)
    pushes = Pushing(engine, read_targets(options.webhook_targets, open_by_default=True))
    api = Api(engine, webhooks=pushes)
    server = Running(options, api)
    server.start()
    try:
        server.do(api.start())
        yield Node(server, api, pushes)
    finally:
        server.stop()
        api.close()


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window, "FIRST_PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(window, "MAX_PAUSE_SECONDS", 0.2)
    monkeypatch.setattr(pushing, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(pusher, "WRITE_SECONDS", 0.1)
    monkeypatch.setattr(pusher, "RETRY_SECONDS", 0.1)


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    with ExitStack() as stack:
        store: Any = SqliteStore(None) if request.param == "sqlite" else PostgresStore(new_place().dsn)
        stack.callback(store.close)
        yield store


@pytest.fixture
def node(store: Store) -> Iterator[Node]:
    with serving(store) as node:
        node.prepare()
        yield node


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver
