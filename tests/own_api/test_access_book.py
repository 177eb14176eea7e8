"""What a node knows of access data: the same as is stored, soon after each change, and nothing when it cannot know."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from tests.failing_store import FailingStore
from tests.own_api.administration import LISTS, MASTER_KEY, OF_DOMAIN, Office, policy, statement
from tests.support.waiting import until
from workflowsvc.access.book import AccessKey
from workflowsvc.access.secrets import MasterKey, hash_of_token
from workflowsvc.faults import ServiceUnavailable
from workflowsvc.service.access import book_holder, changes, records
from workflowsvc.service.access.book_holder import BookHolder
from workflowsvc.service.access.stored_book import StoredBook, deny_all, read_everything
from workflowsvc.store.errors import Unavailable
from workflowsvc.store.interface import Store
from workflowsvc.store.sqlite.store import SqliteStore
from workflowsvc.tenant import Tenant

ACCOUNT = "000000000000"


class Node(Office):
    """An office whose node keeps a book, read when the test says so."""

    def __init__(self, store: Store, **given: Any) -> None:
        super().__init__(store, **given)
        keys = tuple(given.get("master_keys", (MASTER_KEY,)))
        self.holder = BookHolder(self.engine, keys)

    @property
    def engine(self) -> Any:
        """What a holder needs of an engine, of the world."""
        return self.world.dispatcher._engine  # pyright: ignore[reportPrivateUsage]

    def tick(self) -> None:
        self.holder.tick()
        self.world.run()

    @property
    def book(self) -> StoredBook:
        return self.holder.book()

    def key(self, key_id: str) -> AccessKey | None:
        return self.book.key(key_id)


@pytest.fixture
def node(store: Store) -> Node:
    made = Node(store)
    made.tick()
    return made


def policies_of(node: Node, key_id: str) -> list[str]:
    key = node.key(key_id)
    assert key is not None
    return [named.name for named in node.book.policies_of(key.principal)]


def same(one: StoredBook, other: StoredBook) -> bool:
    """Whether two books say the same."""

    def shown(book: StoredBook) -> Any:
        keys = {
            key.id: (
                key.principal,
                key.secret,
                key.active,
                key.expires_at,
                key.session_token,
                key.session_policy and key.session_policy.text,
            )
            for key in book.keys.values()
        }
        policies = {name: named.policy.text for name, named in book.policies.items()}
        domains = {key: (tenant, named.policy.text) for key, (tenant, named) in book.domain_policies.items()}
        return book.version, book.users, keys, book.groups, policies, domains

    return shown(one) == shown(other)


# --- what is in it ---


def test_a_key_is_known_with_its_secret_and_the_policies_of_its_user(node: Node) -> None:
    node.ask("PutPolicy", name="lists", text=LISTS)
    node.ask("CreateGroup", name="g")
    node.ask("AttachPolicy", groupName="g", policyName="lists")
    node.user("ann", "SwfWorker", tags=[{"key": "team", "value": "a"}])
    node.ask("AddUserToGroup", groupName="g", userName="ann")
    made = node.ask("CreateAccessKey", userName="ann", expireAfterDays=1)
    key = node.key(made["accessKeyId"])
    assert key is not None
    assert (key.secret, key.active) == (made["secretAccessKey"].encode(), True)
    assert key.expires_at == node.world.clock.now_ms() + 86_400_000
    assert (key.principal.arn, key.principal.tags) == (f"arn:aws:iam::{ACCOUNT}:user/ann", {"team": "a"})
    assert policies_of(node, key.id) == ["SwfWorker", "lists"]


def test_a_temporary_key_is_known_with_its_token_and_policy(node: Node) -> None:
    node.user("ann")
    made = node.ask("IssueTemporaryKey", userName="ann", sessionPolicy=LISTS)
    key = node.key(made["accessKeyId"])
    assert key is not None
    assert key.session_token == hash_of_token(made["sessionToken"])
    assert key.session_policy is not None
    assert key.session_policy.text == LISTS
    assert key.expires_at == node.world.clock.now_ms() + 3_600_000


def test_the_policy_of_a_domain_is_that_of_its_account_and_region(node: Node) -> None:
    node.world.call("RegisterDomain", name="d", workflowExecutionRetentionPeriodInDays="1")
    node.ask("PutDomainPolicy", domain="d", text=OF_DOMAIN)
    found = node.book.domain_policy(Tenant(), "d")
    assert found is not None
    assert found.policy.text == OF_DOMAIN
    assert node.book.domain_policy(Tenant(region="eu-west-1"), "d") is None
    node.ask("DeleteDomain", domain="d", force=True)
    assert node.book.domain_policy(Tenant(), "d") is None


def test_a_change_of_this_node_is_known_before_its_answer(node: Node) -> None:
    node.user("ann")
    key_id = node.ask("CreateAccessKey", userName="ann")["accessKeyId"]
    first = node.key(key_id)
    assert first is not None
    node.ask("UpdateAccessKey", userName="ann", accessKeyId=key_id, status="INACTIVE")
    changed = node.key(key_id)
    assert changed is not None
    assert (first.active, changed.active) == (True, False)
    node.ask("DeleteUser", name="ann")
    assert node.key(key_id) is None


def test_keys_of_a_deleted_user_are_unknown_also_when_its_name_is_used_again(node: Node) -> None:
    node.user("ann")
    temporary = node.ask("IssueTemporaryKey", userName="ann")["accessKeyId"]
    old = node.key(temporary)
    assert old is not None
    node.ask("DeleteUser", name="ann")
    node.user("ann", "SwfFullAccess")
    assert node.key(temporary) is None
    assert node.book.policies_of(old.principal) == ()
    with node.world.store.reader() as reader:
        assert same(read_everything(reader, [MASTER_KEY]), node.book)


def test_other_keys_stay_the_same_objects(node: Node) -> None:
    for name in ("ann", "bob"):
        node.user(name)
    mine, other = (node.ask("CreateAccessKey", userName=name)["accessKeyId"] for name in ("ann", "bob"))
    before = node.key(mine), node.key(other)
    node.ask("TagUser", name="bob", tags=[{"key": "team", "value": "b"}])
    node.ask("CreateGroup", name="g")
    node.ask("AddUserToGroup", groupName="g", userName="ann")
    assert node.key(mine) is before[0]
    after = node.key(other)
    assert after is not None
    assert after is not before[1]
    assert after.principal.tags == {"team": "b"}


# --- several nodes ---


def another_holder(node: Node) -> BookHolder:
    """Of a node that is not told of the changes of this one."""
    other = BookHolder(node.engine, [MASTER_KEY])
    node.engine.state.access.changed = node.holder.changed
    return other


def everything(node: Node) -> Iterator[None]:
    """One change of each kind after the other."""
    node.world.call("RegisterDomain", name="d", workflowExecutionRetentionPeriodInDays="1")
    for name in ("ann", "bob"):
        node.user(name)
        yield
    keys = [node.ask("CreateAccessKey", userName="ann")["accessKeyId"] for _ in range(2)]
    node.ask("IssueTemporaryKey", userName="ann", sessionPolicy=LISTS)
    yield
    node.ask("PutPolicy", name="p", text=LISTS)
    node.ask("CreateGroup", name="g")
    node.ask("AttachPolicy", groupName="g", policyName="p")
    yield
    node.ask("AddUserToGroup", groupName="g", userName="bob")
    node.ask("PutPolicy", name="p", text=policy(statement("swf:Describe*")))
    yield
    node.ask("PutDomainPolicy", domain="d", text=OF_DOMAIN)
    node.ask("UpdateAccessKey", userName="ann", accessKeyId=keys[0], status="INACTIVE")
    yield
    node.ask("TagUser", name="ann", tags=[{"key": "team", "value": "a"}])
    node.ask("DeleteAccessKey", userName="ann", accessKeyId=keys[1])
    yield
    node.ask(
        "ImportAccess", document=json.dumps({"version": 1, "users": [{"name": f"u{n}"} for n in range(50)]})
    )
    node.ask("DeleteDomainPolicy", domain="d")
    yield
    node.ask("RemoveUserFromGroup", groupName="g", userName="bob")
    node.ask("DeleteGroup", name="g")
    node.ask("DeletePolicy", name="p")
    node.ask("DeleteUser", name="ann")
    node.user("ann")
    yield


def test_a_node_that_reads_what_has_changed_knows_what_one_knows_that_reads_everything(
    node: Node, store: Store
) -> None:
    other = another_holder(node)
    for _ in everything(node):
        other.tick()
        with store.reader() as reader:
            fresh = read_everything(reader, [MASTER_KEY])
        assert same(other.book(), fresh)
        assert same(node.book, fresh)


def test_a_node_that_has_missed_too_much_reads_everything(
    node: Node, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "CHANGES_KEPT", 3)
    other = another_holder(node)
    other.tick()
    for _ in everything(node):
        pass
    with store.reader() as reader:
        assert len(reader.metas(*records.below(records.CHANGE), 100)) == 3
    other.tick()
    assert same(other.book(), node.book)


def test_a_large_change_is_left_to_the_thread(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book_holder, "SMALL_CHANGE_ROWS", 0)
    node.user("ann")
    assert not node.book.users
    node.tick()
    assert (ACCOUNT, "ann") in node.book.users


def test_the_thread_reads_without_being_asked(store: Store) -> None:
    node = Node(store)
    other = Node(store, seed=1)
    other.holder.start()
    try:
        until(lambda: _version(other.holder) == 0, "the first book")
        node.tick()
        node.user("ann")
        until(lambda: _version(other.holder) == 1, "the changed book")
    finally:
        other.holder.close()


def _version(holder: BookHolder) -> int | None:
    try:
        return holder.book().version
    except ServiceUnavailable:
        return None


# --- what cannot be known ---


class Cut(SqliteStore):
    """A store that can be cut off from its readers."""

    cut = False

    def reader(self) -> AbstractContextManager[Any]:
        if self.cut:
            raise Unavailable("cut off")
        return super().reader()


def test_nothing_is_known_before_the_first_reading_nor_long_after_the_last() -> None:
    store = Cut(None)
    node = Node(store)
    with pytest.raises(ServiceUnavailable):
        node.holder.book()
    node.tick()
    assert node.book.version == 0
    store.cut = True
    node.world.clock.advance(int(book_holder.STALE_SECONDS * 1000))
    node.tick()
    assert node.book.version == 0
    node.world.clock.advance(1)
    with pytest.raises(ServiceUnavailable):
        node.holder.book()
    store.cut = False
    node.tick()
    assert node.book.version == 0
    store.close()


def test_a_foreign_master_key_gives_no_book_and_the_log_says_why(
    node: Node, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    node.user("ann")
    node.ask("CreateAccessKey", userName="ann")
    foreign = MasterKey(b"f" * 32)
    for keys, text in (([foreign], foreign.id), ([], "was not given")):
        caplog.clear()
        holder = BookHolder(node.engine, keys)
        holder.tick()
        with pytest.raises(ServiceUnavailable):
            holder.book()
        assert MASTER_KEY.id in caplog.text
        assert text in caplog.text


def test_a_node_without_the_master_key_of_the_first_secret_gives_no_book_from_then_on(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    holder = BookHolder(node.engine, [])
    holder.tick()
    assert holder.book().is_empty
    node.user("ann")
    node.ask("CreateAccessKey", userName="ann")
    node.world.clock.advance(int(book_holder.STALE_SECONDS * 1000) + 1)
    holder.tick()
    with pytest.raises(ServiceUnavailable):
        holder.book()
    assert "was not given" in caplog.text


def test_a_policy_that_cannot_be_read_denies_everything(
    node: Node, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    node.ask("PutPolicy", name="p", text=LISTS)
    node.user("ann", "p", "SwfWorker")
    node.ask("CreateGroup", name="g")
    node.user("bob")
    node.ask("AddUserToGroup", groupName="g", userName="bob")
    later = records.PolicyRecord('{"Version": "2040-01-01", "Statement": []}', 0, 0)
    with store.transaction() as tx:
        tx.put_meta(records.policy_key(ACCOUNT, "p"), records.encode(later))
        tx.put_meta(records.group_key(ACCOUNT, "g"), b"damaged")
    with store.reader() as reader:
        book = read_everything(reader, [MASTER_KEY])
    ann, bob = (book.users[ACCOUNT, name].principal for name in ("ann", "bob"))
    assert deny_all() in [named.policy for named in book.policies_of(ann)]
    assert [named.policy for named in book.policies_of(bob)] == [deny_all()]
    assert "denies everything" in caplog.text
    assert "2040" not in caplog.text.replace('"2040-01-01" is no version', "")


def test_a_damaged_key_is_unknown_and_the_others_are_not(
    node: Node, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    node.user("ann")
    one, other = (node.ask("CreateAccessKey", userName="ann")["accessKeyId"] for _ in range(2))
    with store.transaction() as tx:
        record = records.find_key(tx, other)
        assert record is not None
        tx.put_meta(records.key_key(one), records.encode(record))  # the secret of another key
    with store.reader() as reader:
        book = read_everything(reader, [MASTER_KEY])
    assert book.keys.keys() == {other}
    assert f"access key {one} cannot be used" in caplog.text


# --- the uses of keys, and keys that have expired ---


def last_use(node: Node, key_id: str) -> float | None:
    (row,) = [
        row
        for row in node.ask("ListAccessKeys", userName="ann")["accessKeys"]
        if row["accessKeyId"] == key_id
    ]
    return row.get("lastUseTimestamp")


def test_the_last_use_of_a_key_is_written_once_an_hour(node: Node) -> None:
    node.user("ann")
    key_id = node.ask("CreateAccessKey", userName="ann")["accessKeyId"]
    key = node.key(key_id)
    assert key is not None
    used, clock = node.engine.state.access.used, node.world.clock
    node.tick()
    assert last_use(node, key_id) is None
    hour = clock.now_ms() // 3_600_000 * 3_600
    used(key, clock.now_ms())
    node.tick()
    assert last_use(node, key_id) == hour
    version = node.book.version
    commands = node.world.writer.queue
    used(key, clock.now_ms() + 1)
    node.holder.tick()
    assert not commands, "nothing is written a second time in the hour"
    used(key, clock.now_ms() + 3_600_000)
    node.tick()
    assert last_use(node, key_id) == hour + 3_600
    assert node.book.version == version


def test_a_use_that_could_not_be_written_is_written_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL)
    store = FailingStore()
    node = Node(store)
    node.tick()
    node.user("ann")
    key_id = node.ask("CreateAccessKey", userName="ann")["accessKeyId"]
    key = node.key(key_id)
    assert key is not None
    node.engine.state.access.used(key, node.world.clock.now_ms())
    store.refusals = 1
    node.tick()
    assert last_use(node, key_id) is None
    node.world.advance(seconds=2)
    node.tick()
    assert last_use(node, key_id) is not None


def test_the_use_of_a_deleted_key_leaves_no_row(node: Node, store: Store) -> None:
    node.user("ann")
    key = node.key(node.ask("CreateAccessKey", userName="ann")["accessKeyId"])
    assert key is not None
    node.engine.state.access.used(key, node.world.clock.now_ms())
    node.ask("DeleteUser", name="ann")
    node.tick()
    with store.reader() as reader:
        assert reader.meta(records.last_use_key(key.id)) is None


def test_temporary_keys_that_have_expired_are_deleted(
    node: Node, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book_holder, "EXPIRED_PER_BATCH", 2)
    for name in ("ann", "bob", "cyd"):
        node.user(name)
        node.ask("IssueTemporaryKey", userName=name, durationSeconds=900)
    living = node.ask("IssueTemporaryKey", userName="ann", durationSeconds=129_600)["accessKeyId"]
    node.world.advance(seconds=1_000)
    node.tick()
    node.tick()
    with store.reader() as reader:
        rows = reader.metas(*records.below(records.TEMPORARY), 10)
    assert [key.split(" ")[-1] for key, _ in rows] == [living]
    node.tick()
    assert node.book.keys.keys() == {living}


def test_callers_read_the_book_while_it_is_replaced(node: Node) -> None:
    node.user("ann")
    made = node.ask("CreateAccessKey", userName="ann")
    failures: list[BaseException] = []
    done = threading.Event()

    def call() -> None:
        try:
            while not done.is_set():
                key = node.key(made["accessKeyId"])
                assert key is not None
                node.book.policies_of(key.principal)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=call) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(30):
        node.ask("TagUser", name="ann", tags=[{"key": "n", "value": str(number)}])
    done.set()
    for thread in threads:
        thread.join()
    assert not failures
