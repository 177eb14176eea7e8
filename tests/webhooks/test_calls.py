"""What may be asked of webhooks, and what is refused without a trace."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest

from tests.own_api.asking import own
from tests.world_archive import call_in
from tests.world_fixture import WorldFixture
from workflowsvc import fsck
from workflowsvc.access.secrets import MASTER_KEY_BYTES, MasterKey
from workflowsvc.engine import webhook_book
from workflowsvc.engine.single_node import SingleNode
from workflowsvc.engine.webhook_book import MAX_DEAD_LETTERS, DeadLetter, Report
from workflowsvc.faults import (
    EntityAlreadyExistsFault,
    LimitExceededFault,
    OperationNotPermittedFault,
    UnknownResourceFault,
    ValidationException,
)
from workflowsvc.service.access.master_key import open_sealed
from workflowsvc.service.access.offline import OfflineService
from workflowsvc.store.rows import BEFORE_ALL_ENTRIES
from workflowsvc.tenant import Tenant
from workflowsvc.testing import World

URL = "http://127.0.0.1:9/"
OLD, NEW = (MasterKey(bytes([number]) * MASTER_KEY_BYTES) for number in (1, 2))


@pytest.fixture
def on() -> WorldFixture:
    on = WorldFixture(World())
    on.world.state.access.master_keys = (OLD,)
    return on


def create(on: WorldFixture, name: str = "hook", **members: Any) -> Any:
    return own(on, "CreateWebhook", name=name, url=URL, **members)


def only(on: WorldFixture) -> webhook_book.NamedWebhook:
    with on.world.store.reader() as reader:
        (found,) = webhook_book.all_webhooks(reader)
    return found


def test_the_secret_is_told_once_and_stored_sealed(on: WorldFixture) -> None:
    secret = create(on)["secret"]
    assert secret.startswith("whsec_")
    assert len(secret) == 50
    assert "secret" not in json.dumps(own(on, "ListWebhooks"))
    with on.world.store.reader() as reader:
        stored = reader.metas("", "~", 1_000)
    assert not [key for key, value in stored if secret.encode() in value or secret[6:].encode() in value]
    assert secret not in repr(only(on))


@pytest.mark.parametrize("name", ["a b", "ä", "a/b", "a\n"])
def test_a_name_fits_into_a_key(on: WorldFixture, name: str) -> None:
    with pytest.raises(ValidationException, match="letters, digits"):
        create(on, name)


def test_names_are_unique_and_few(on: WorldFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    create(on)
    with pytest.raises(EntityAlreadyExistsFault):
        create(on)
    for number in range(webhook_book.MAX_WEBHOOKS_OF_DOMAIN - 1):
        create(on, f"h{number}")
    with pytest.raises(LimitExceededFault, match="has 10 webhooks already"):
        create(on, "more")
    other = WorldFixture(on.world, domain="other")
    monkeypatch.setattr("workflowsvc.service.own.webhooks.MAX_WEBHOOKS", 10)
    with pytest.raises(LimitExceededFault, match="in one installation"):
        create(other)


@pytest.mark.parametrize(
    "call",
    [
        {"operation": "DeleteWebhook"},
        {"operation": "TestWebhook"},
        {"operation": "ListDeadLetters"},
        {"operation": "ResendDeadLetters", "ids": [1]},
        {"operation": "DeleteDeadLetters", "ids": [1]},
    ],
)
def test_a_webhook_that_is_not_there_is_named(on: WorldFixture, call: dict[str, Any]) -> None:
    members = dict(call)
    with pytest.raises(UnknownResourceFault, match="Unknown webhook: none of domain d"):
        own(on, members.pop("operation"), name="none", **members)


def test_one_account_cannot_see_the_webhooks_of_another(on: WorldFixture) -> None:
    create(on)
    other = WorldFixture(on.world, tenant=Tenant("111111111111", "us-east-1"))
    assert own(other, "ListWebhooks")["webhooks"] == []
    with pytest.raises(UnknownResourceFault):
        own(other, "DeleteWebhook", name="hook")


def test_a_service_without_a_network_sends_no_test(on: WorldFixture) -> None:
    create(on)
    with pytest.raises(OperationNotPermittedFault, match="pushes nothing"):
        own(on, "TestWebhook", name="hook")


def write_down(on: WorldFixture, letters: int) -> int | None:
    given_up = tuple(DeadLetter(f"id{number}", b"{}", number, 8, "no") for number in range(letters))
    report = Report(only(on), "", BEFORE_ALL_ENTRIES, None, 5, "no", given_up)
    return call_in(on.world)(partial(webhook_book.write_down, report=report))


def test_dead_letters_are_bounded_and_come_in_pages(on: WorldFixture) -> None:
    create(on)
    assert write_down(on, MAX_DEAD_LETTERS) == MAX_DEAD_LETTERS
    assert write_down(on, 3) == MAX_DEAD_LETTERS
    (webhook,) = own(on, "ListWebhooks")["webhooks"]
    assert (webhook["deadLetters"], webhook["droppedDeadLetters"]) == (MAX_DEAD_LETTERS, 3)
    assert (webhook["status"], webhook["error"]) == ("FAILING", "no")
    seen: list[int] = []
    page: Any = {"nextPageToken": None}
    while "nextPageToken" in page:
        page = own(
            on, "ListDeadLetters", name="hook", maximumPageSize=100, nextPageToken=page["nextPageToken"]
        )
        seen += [letter["id"] for letter in page["deadLetters"]]
    assert seen == list(range(4, MAX_DEAD_LETTERS + 4))
    assert own(on, "DeleteDeadLetters", name="hook", ids=seen[:100])["count"] == 100
    own(on, "DeleteWebhook", name="hook")
    with on.world.store.reader() as reader:
        assert not reader.metas("webhook ", "webhook-z", 9)


def offline(on: WorldFixture, *keys: MasterKey) -> OfflineService:
    world = on.world
    coordination = SingleNode(world.clock, 0)
    return OfflineService(world.store, coordination, world.settings, on.tenant, keys, lambda n: bytes(n))


def test_a_new_master_key_encrypts_the_secrets_of_webhooks_too(on: WorldFixture) -> None:
    secret = create(on)["secret"]
    before = only(on)
    assert offline(on, NEW, OLD).rotate_master_key(discard_lost=False).anew == 1
    found = only(on)
    assert found.record.sealed.master == NEW.id != before.record.sealed.master
    bound = webhook_book.bound_to(found.domain, found.name, found.record.id)
    assert open_sealed((NEW,), found.record.sealed, *bound) == secret
    third = MasterKey(bytes([3]) * MASTER_KEY_BYTES)
    offline(on, third).rotate_master_key(discard_lost=True)
    assert own(on, "ListWebhooks")["webhooks"] == []


def test_a_damaged_webhook_is_left_alone_and_can_be_deleted(on: WorldFixture) -> None:
    create(on)
    create(on, "other")
    domain = only_domain(on)
    with on.world.store.transaction() as tx:
        tx.put_meta(f"webhook {domain:020} hook", b"{")
        tx.put_meta(f"webhook-at {domain:020} other", b"[")
    assert [each["name"] for each in own(on, "ListWebhooks")["webhooks"]] == ["other"]
    with on.world.store.reader() as reader:
        texts = [problem.text for problem in fsck.audit(reader, fsck.Options(now=0))]  # type: ignore[arg-type]
    assert len([text for text in texts if "webhook" in text]) == 2
    own(on, "DeleteWebhook", name="hook")
    own(on, "DeleteWebhook", name="other")


def only_domain(on: WorldFixture) -> int:
    with on.world.store.reader() as reader:
        return webhook_book.all_webhooks(reader)[0].domain
