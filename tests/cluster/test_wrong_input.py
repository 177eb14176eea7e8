"""A database that cannot be used: a clear message, not ready, 503 for every call, until the cause is gone.

A database that can never be used ends the server instead, with the reason and what to do. Every test here also checks
that no password is shown.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import boto3
import psycopg
import pytest
from botocore.config import Config

from tests.cluster.nodes import Node
from tests.postgres.places import with_option
from tests.support.peer import Peer, Refused
from tests.support.postgres_programs import require_programs
from tests.support.waiting import PATIENCE_SECONDS, until
from tools import postgres
from tools.postgres import Server

PASSWORD = "canary-that-must-not-be-shown"
LIST = {"registrationStatus": "REGISTERED"}
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server for this file alone, as the tests stop it."""
    require_programs()
    with postgres.running() as server:
        yield server


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def start(loop: asyncio.Runner, tmp_path: Path) -> Iterator[Callable[[str], Node]]:
    """Starts a node; it listens whether its database works or not."""
    nodes: list[Node] = []

    def start(dsn: str) -> Node:
        nodes.append(Node(tmp_path, dsn))
        loop.run(nodes[-1].start())
        return nodes[-1]

    yield start
    for node in nodes:
        said = node.said()
        status = loop.run(node.stop())
        loop.run(node.end())
        assert status == 0
        assert PASSWORD not in said
        assert "Traceback" not in said, said


def execute(server: Server, *statements: str, database: str = "postgres") -> None:
    with psycopg.connect(server.dsn(database), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


class Own:
    """A role and a database for one test."""

    def __init__(self, server: Server) -> None:
        self.name = f"own{next(_numbers)}"
        self.dsn = f"postgresql://{self.name}:{PASSWORD}@127.0.0.1:{server.port}/{self.name}"
        self._server = server

    def create(self) -> Own:
        execute(
            self._server, f"create role {self.name} login", f"create database {self.name} owner {self.name}"
        )
        return self

    def execute(self, *statements: str) -> None:
        """As the superuser, in this database."""
        execute(self._server, *statements, database=self.name)

    def cut_off(self) -> None:
        """Ends the role's connections, so that nodes must connect again."""
        self.execute(f"select pg_terminate_backend(pid) from pg_stat_activity where usename = '{self.name}'")


@pytest.fixture
def own(server: Server) -> Own:
    return Own(server)


def is_ready(node: Node) -> bool:
    try:
        with urllib.request.urlopen(f"{node.url}/readyz", timeout=PATIENCE_SECONDS) as answer:
            return answer.status == 200
    except urllib.error.HTTPError as error:
        if error.code != 503:
            raise
        return False


def serves(node: Node) -> bool:
    """Whether reads and writes succeed; when they do not, the answer is ServiceUnavailable, which SDKs retry."""
    works = is_ready(node)
    with Peer(node.port) as peer:
        for action, members, fault in (
            ("ListDomains", LIST, ""),
            ("DeprecateDomain", {"name": "unregistered"}, "UnknownResourceFault"),
        ):
            try:
                peer.call(action, **members)
            except Refused as refused:
                if str(refused) not in (fault, "ServiceUnavailable"):
                    raise
                works = works and str(refused) == fault
    return works


def serves_again(node: Node) -> None:
    until(lambda: serves(node), "reads and writes succeed", pause_seconds=0.02)


def serves_no_more(node: Node) -> None:
    until(lambda: not serves(node), "reads and writes fail", pause_seconds=0.02)


# --- at the start ---


def test_a_database_that_is_down_at_the_start_is_waited_for(
    server: Server, own: Own, start: Callable[[str], Node]
) -> None:
    own.create()
    server.stop()
    try:
        node = start(own.dsn)
        assert not serves(node)
        assert "Connection refused" in node.said()
    finally:
        server.start()
    serves_again(node)


def test_a_database_that_is_not_there_yet_is_waited_for(own: Own, start: Callable[[str], Node]) -> None:
    node = start(own.dsn)
    assert not serves(node)
    assert f'role "{own.name}" does not exist' in node.said()
    own.create()
    serves_again(node)


def test_a_database_that_takes_no_writes_is_waited_for(
    server: Server, own: Own, start: Callable[[str], Node]
) -> None:
    """As a standby does until it is promoted."""
    own.create()
    execute(server, f"alter database {own.name} set default_transaction_read_only = on")
    node = start(own.dsn)
    assert not serves(node)
    assert "read-only" in node.said()
    execute(server, f"alter database {own.name} reset default_transaction_read_only")
    serves_again(node)


@pytest.fixture
def standby() -> Iterator[Server]:
    """It outlives the nodes of the test, which would wait for it at their end."""
    require_programs()
    with postgres.running() as standby:
        standby.stop()
        (standby.folder / "data" / "standby.signal").touch()
        standby.start()
        yield standby


def test_a_standby_is_waited_for_until_it_is_promoted(standby: Server, start: Callable[[str], Node]) -> None:
    node = start(standby.dsn())
    assert not serves(node)
    assert "read-only" in node.said()
    execute(standby, "select pg_promote()")
    serves_again(node)


def test_a_host_with_an_unknown_name_is_waited_for(start: Callable[[str], Node]) -> None:
    node = start(f"postgresql://user:{PASSWORD}@nowhere.invalid/somewhere")
    assert not serves(node)
    assert "nowhere.invalid" in node.said()


@pytest.mark.parametrize(
    "dsn",
    [f"postgresql://u:{PASSWORD}@h:port/d", f"postgresql://u:{PASSWORD}@h/d?nonsense=1", "postgresql://[::1"],
    ids=["a port in letters", "an unknown option", "half an address"],
)
def test_what_is_no_address_ends_the_server(loop: asyncio.Runner, tmp_path: Path, dsn: str) -> None:
    with pytest.raises(ChildProcessError, match="ended with 1 ") as ended:
        loop.run(Node(tmp_path, dsn).start())
    assert "not the address of a PostgreSQL database" in str(ended.value)
    assert PASSWORD not in str(ended.value)
    assert "Traceback" not in str(ended.value)


def test_a_server_without_free_connections_is_waited_for(
    server: Server, own: Own, start: Callable[[str], Node]
) -> None:
    own.create()
    execute(server, f"alter role {own.name} connection limit 0")
    node = start(own.dsn)
    assert not serves(node)
    assert "too many connections" in node.said()
    execute(server, f"alter role {own.name} connection limit -1")
    serves_again(node)


def test_a_node_works_with_fewer_connections_than_it_would_open(
    server: Server, own: Own, start: Callable[[str], Node]
) -> None:
    """Three are enough: one to write, one for hints, one to read."""
    own.create()
    execute(server, f"alter role {own.name} connection limit 3")
    node = start(own.dsn)
    serves_again(node)

    def read() -> None:
        with Peer(node.port) as peer:
            for _ in range(20):
                peer.call("ListDomains", **LIST)

    with ThreadPoolExecutor(8) as readers:
        for done in [readers.submit(read) for _ in range(8)]:
            done.result()


@pytest.mark.parametrize(
    ("statements", "told"),
    [
        (["create table strangers (id integer)"], "database of another program"),
        (
            [
                "create table schema_versions (number integer, name text, oldest integer)",
                "insert into schema_versions values (9999, 'from the future', 9999)",
            ],
            "newer release",
        ),
    ],
    ids=["another program", "a newer release"],
)
def test_a_database_that_can_never_be_used_ends_the_server(
    own: Own, loop: asyncio.Runner, tmp_path: Path, statements: list[str], told: str
) -> None:
    own.create().execute(*statements, f"grant select on all tables in schema public to {own.name}")
    node = Node(tmp_path, own.dsn)
    with pytest.raises(ChildProcessError, match="ended with 1 ") as ended:
        loop.run(node.start())
    assert told in str(ended.value)
    assert PASSWORD not in str(ended.value)
    assert "Traceback" not in str(ended.value)


def test_a_user_without_rights_ends_the_server_with_who_can_help(
    server: Server, own: Own, loop: asyncio.Runner, tmp_path: Path
) -> None:
    own.create()
    execute(server, f"alter database {own.name} owner to workflowsvc")
    own.execute("revoke create on schema public from public")
    node = Node(tmp_path, own.dsn)
    with pytest.raises(ChildProcessError, match="ended with 1 ") as ended:
        loop.run(node.start())
    assert f"the user {own.name} may not create tables" in str(ended.value)
    assert PASSWORD not in str(ended.value)


def test_what_is_found_when_a_database_is_reached_at_last_may_end_the_server(
    own: Own, loop: asyncio.Runner, tmp_path: Path
) -> None:
    node = Node(tmp_path, own.dsn)
    loop.run(node.start())
    assert not serves(node)
    own.create().execute("create table strangers (id integer)")
    assert loop.run(node.wait()) == 1
    assert "database of another program" in node.said()
    assert PASSWORD not in node.said()


# --- later ---


def test_a_database_that_goes_away_comes_back(server: Server, own: Own, start: Callable[[str], Node]) -> None:
    own.create()
    node = start(own.dsn)
    serves_again(node)
    server.stop("immediate")
    try:
        serves_no_more(node)
        with urllib.request.urlopen(f"{node.url}/livez", timeout=PATIENCE_SECONDS) as answer:
            assert answer.status == 200  # a supervisor must not restart it for that
    finally:
        server.start()
    serves_again(node)


def test_a_database_that_goes_away_is_some_lines_of_the_log_however_many_calls_fail(
    server: Server, own: Own, start: Callable[[str], Node]
) -> None:
    own.create()
    node = start(own.dsn)
    serves_again(node)
    before = len(node.said())
    server.stop("immediate")
    try:
        serves_no_more(node)
        for _ in range(100):
            assert not serves(node)
    finally:
        server.start()
    serves_again(node)
    until(lambda: node.said().count("the store works again") == 2, "writing and reading work again")
    said = node.said()[before:]
    assert "Calls that write are answered 503, and timers and other background work wait." in said
    assert said.count("the store fails") == 2
    assert said.count("not ready: ") <= 1  # looked at once a second
    assert said.count("answered 503 in ") <= 1 + said.count("more like it before")  # every ten seconds
    assert len(said) < 4_000
    assert PASSWORD not in said


def test_an_sdk_tries_again_by_itself_until_the_database_is_back(
    server: Server, own: Own, start: Callable[[str], Node]
) -> None:
    own.create()
    node = start(own.dsn)
    serves_again(node)
    tried = Event()
    client = boto3.client(
        "swf",
        endpoint_url=node.url,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"mode": "standard", "max_attempts": 15}),
    )
    client.meta.events.register("needs-retry.swf.*", lambda **_: tried.set())
    with ThreadPoolExecutor(1) as thread:
        server.stop("immediate")
        try:
            registered = thread.submit(
                client.register_domain, name="patient", workflowExecutionRetentionPeriodInDays="1"
            )
            assert tried.wait(PATIENCE_SECONDS)
            assert not registered.done()
        finally:
            server.start()
        assert registered.result(PATIENCE_SECONDS)["ResponseMetadata"]["RetryAttempts"] > 0
    assert [info["name"] for info in client.list_domains(registrationStatus="REGISTERED")["domainInfos"]]


@pytest.mark.parametrize(
    ("harm", "cure"),
    [
        ("alter role {} nologin", "alter role {} login"),
        ("alter role {} connection limit 0", "alter role {} connection limit -1"),
        (
            "alter database {} set default_transaction_read_only = on",
            "alter database {} reset default_transaction_read_only",
        ),
    ],
    ids=["the user is locked out", "no connection is left", "the server becomes a standby"],
)
def test_a_node_recovers_when_a_database_that_broke_later_is_repaired(
    server: Server, own: Own, start: Callable[[str], Node], harm: str, cure: str
) -> None:
    own.create()
    node = start(own.dsn)
    serves_again(node)
    execute(server, harm.format(own.name))
    own.cut_off()
    serves_no_more(node)
    execute(server, cure.format(own.name))
    serves_again(node)


def test_rights_that_are_taken_away_and_given_back(own: Own, start: Callable[[str], Node]) -> None:
    own.create()
    node = start(own.dsn)
    serves_again(node)
    own.execute(
        f"reassign owned by {own.name} to workflowsvc",
        f"revoke all on all tables in schema public from {own.name}",
    )
    serves_no_more(node)
    assert "permission denied" in node.said()
    own.execute(f"grant all on all tables in schema public to {own.name}")
    serves_again(node)


@pytest.mark.parametrize(
    ("change", "cure", "reported"),
    [
        (
            "alter table domains rename column status to state",
            "alter table domains rename column state to status",
            'column "?[a-z.]*status"? .*does not exist',
        ),
        (
            "alter table meta drop constraint meta_pkey",
            "alter table meta add primary key (key)",
            "no unique or exclusion constraint matching the ON CONFLICT specification",
        ),
    ],
)
def test_a_table_that_another_program_has_changed_is_503_until_it_is_as_before(
    own: Own, start: Callable[[str], Node], change: str, cure: str, reported: str
) -> None:
    """And no traceback in the log, as of every node here."""
    own.create()
    node = start(own.dsn)
    serves_again(node)
    own.execute(change)
    serves_no_more(node)
    until(lambda: re.search(reported, node.said()) is not None, "the reason is logged")
    own.execute(cure)
    serves_again(node)


def test_a_node_with_an_address_that_names_a_schema_uses_that_alone(
    own: Own, start: Callable[[str], Node]
) -> None:
    own.create().execute(f"create schema mine authorization {own.name}")
    node = start(with_option(own.dsn, "options", "-c search_path=mine"))
    serves_again(node)
    own.execute("select 1 from mine.executions")
    with pytest.raises(psycopg.errors.UndefinedTable):
        own.execute("select 1 from public.executions")
