"""`workflowsvc access`, with a server and on a database alone: the same words, the same answers."""

from __future__ import annotations

import io
import json
import os
import stat
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.command_line.conftest import Run
from tests.command_line.shell import Outcome
from tests.own_api.administration import LISTS, OF_DOMAIN, policy, statement
from workflowsvc import cli
from workflowsvc.access.secrets import read_master_keys
from workflowsvc.commands import statuses
from workflowsvc.service.access.stored_book import read_everything
from workflowsvc.stores import open_store


class Desk:
    """The command line on a database without a server."""

    def __init__(self, run: Run, folder: Path) -> None:
        self._run = run
        self.folder = folder
        self.store = f"sqlite:{folder / 'access.db'}"
        self.key_file = folder / "master.key"

    def __call__(self, *words: str) -> Outcome:
        return self._run("access", *words, "--store", self.store, "--master-key-file", str(self.key_file))

    def done(self, *words: str) -> Outcome:
        outcome = self(*words)
        assert outcome.status == statuses.DONE, outcome.err
        return outcome

    def file(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    def secrets(self) -> dict[str, bytes]:
        """All keys with their secrets, as a server with this key file knows them."""
        store = open_store(self.store)
        try:
            with store.reader() as reader:
                book = read_everything(reader, read_master_keys(self.key_file.read_text(), "FILE"))
        finally:
            store.close()
        return {key.id: key.secret for key in book.keys.values()}


@pytest.fixture
def desk(run_bare: Run, tmp_path: Path) -> Desk:
    made = Desk(run_bare, tmp_path)
    assert run_bare("access", "master-key", str(made.key_file)).status == 0
    return made


# --- users, groups, keys ---


def test_the_first_user_is_made_before_any_server_runs(desk: Desk) -> None:
    first = desk.done("user", "create", "ann", "--policy", "SwfFullAccess", "--tag", "team=a")
    assert "is new" in first.err
    assert "access key create ann" in first.out
    made = desk.done("key", "create", "ann")
    lines = dict(line.split("=", 1) for line in made.out.splitlines())
    assert lines.keys() == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    assert "cannot be read again" in made.err
    assert desk.secrets() == {lines["AWS_ACCESS_KEY_ID"]: lines["AWS_SECRET_ACCESS_KEY"].encode()}
    shown = desk.done("user", "show", "ann")
    for word in ("ann", "SwfFullAccess", "team=a", "arn:aws:iam::000000000000:user/ann", "ACTIVE"):
        assert word in shown.out
    (row,) = desk.done("user", "list", "--json").objects
    assert (row["name"], row["policies"]) == ("ann", ["SwfFullAccess"])


def test_a_user_is_not_made_when_its_policy_or_group_is_misspelt(desk: Desk) -> None:
    assert desk("user", "create", "ann", "--policy", "SwfWorkre").status == statuses.NOT_FOUND
    assert desk("user", "create", "ann", "--group", "no").status == statuses.NOT_FOUND
    assert desk.done("user", "list").out == "No users.\n"


def test_a_key_is_replaced_by_another_one(desk: Desk) -> None:
    desk.done("user", "create", "ann")
    old = desk.done("key", "create", "ann", "--json").objects[0]["accessKeyId"]
    rotated = desk.done("key", "rotate", "ann", "--days", "90")
    assert f"access key disable ann {old}" in rotated.err
    assert desk("key", "rotate", "ann").status == statuses.FAILED
    assert f"{old} of ann is inactive" in desk.done("key", "disable", "ann", old).out
    assert "is active" in desk.done("key", "enable", "ann", old).out
    desk.done("key", "delete", "ann", old, "--yes")
    (left,) = desk.done("key", "list", "ann", "--json").objects
    assert left["accessKeyId"] != old
    created, expires = (datetime.fromisoformat(left[f"{name}Timestamp"]) for name in ("create", "expire"))
    assert expires - created == timedelta(days=90)
    assert left["accessKeyId"] in desk.done("key", "list", "ann").out


def test_a_temporary_key_is_issued_with_a_policy_from_a_file(desk: Desk) -> None:
    desk.done("user", "create", "ann")
    words = ("key", "temporary", "ann", "--ttl", "15m")
    made = desk.done(*words, "--policy", desk.file("session.json", LISTS))
    assert [line.split("=")[0] for line in made.out.splitlines()] == [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
    ]
    assert desk("key", "temporary", "ann", "--ttl", "1m").status == statuses.FAILED
    assert desk("key", "temporary", "ann", "--policy", desk.file("bad.json", "{}")).status == statuses.FAILED


def test_groups_are_kept(desk: Desk) -> None:
    desk.done("user", "create", "ann")
    desk.done("group", "create", "workers")
    desk.done("policy", "attach", "SwfWorker", "--group", "workers")
    desk.done("group", "add", "workers", "ann")
    shown = desk.done("group", "show", "workers")
    assert "members: ann" in shown.out
    assert "SwfWorker" in desk.done("group", "list").out
    refused = desk("group", "delete", "workers", "--yes")
    assert (refused.status, "has members" in refused.err) == (statuses.FAILED, True)
    desk.done("group", "remove", "workers", "ann")
    desk.done("group", "delete", "workers", "--yes")
    assert desk.done("group", "list").out == "No groups.\n"


def test_a_user_is_deleted_when_the_answer_is_yes(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.done("user", "create", "ann")
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert desk("user", "delete", "ann").status == statuses.WRONG_ARGUMENTS
    desk.done("user", "delete", "ann", "--yes")
    assert desk("user", "delete", "ann", "--yes").status == statuses.NOT_FOUND


# --- policies ---


def test_a_policy_goes_in_and_out_as_the_same_text(desk: Desk) -> None:
    text = json.dumps(json.loads(LISTS), indent=2) + "\n"
    desk.done("policy", "put", "lists", desk.file("lists.json", text))
    assert desk.done("policy", "show", "lists").out == text
    assert "own" in desk.done("policy", "list").out
    desk.done("policy", "delete", "lists", "--yes")
    assert desk("policy", "show", "lists").status == statuses.NOT_FOUND


def test_a_policy_with_an_error_is_refused_with_its_place(desk: Desk) -> None:
    broken = policy(statement("swf:ListDomainz"))
    refused = desk("policy", "put", "p", desk.file("p.json", broken))
    assert refused.status == statuses.FAILED
    assert "Statement[0].Action" in refused.err
    missing = desk("policy", "put", "p", str(desk.folder / "none.json"))
    assert (missing.status, "cannot be read" in missing.err) == (statuses.WRONG_ARGUMENTS, True)


def test_a_policy_that_is_probably_not_meant_has_a_warning(desk: Desk) -> None:
    doubtful = policy(statement("swf:ListDomains", Condition={"StringEquals": {"swf:taskList.name": "fast"}}))
    put = desk.done("policy", "put", "p", desk.file("p.json", doubtful))
    assert "warning: Statement[0].Condition.StringEquals.swf:taskList.name" in put.err
    assert "warning" not in desk.done("policy", "put", "p", desk.file("p.json", LISTS)).err


def test_a_policy_of_a_domain_needs_the_domain(desk: Desk) -> None:
    refused = desk("domain-policy", "put", "orders", desk.file("orders.json", OF_DOMAIN))
    assert (refused.status, "Unknown domain: orders" in refused.err) == (statuses.NOT_FOUND, True)


def test_a_simulation_says_by_which_statement(desk: Desk) -> None:
    named = policy(
        statement("swf:Poll*", Sid="MayPoll", Condition={"StringEquals": {"swf:taskList.name": "fast"}})
    )
    desk.done("policy", "put", "polls", desk.file("polls.json", named))
    desk.done("user", "create", "ann", "--policy", "polls")
    asked = (
        *("simulate", "--as", "ann", "--action", "swf:PollForActivityTask"),
        *("--resource", "arn:aws:swf:us-east-1:000000000000:/domain/orders"),
    )
    allowed = desk.done(*asked, "--context", "swf:taskList.name=fast")
    assert allowed.out == "allowed: by MayPoll of polls\n"
    denied = desk(*asked, "--context", "swf:taskList.name=slow")
    assert (denied.status, denied.out) == (statuses.FOUND, "denied: no statement allows it\n")
    (answer,) = desk(*asked, "--json").objects
    assert answer == {"allowed": False, "reason": "NO_ALLOW"}


# --- documents ---


def test_what_is_exported_is_imported_into_another_database(desk: Desk, tmp_path: Path) -> None:
    desk.done("user", "create", "ann", "--policy", "SwfWorker")
    desk.done("key", "create", "ann")
    file = str(tmp_path / "access.json")
    desk.done("export", "--to", file)
    assert json.loads(Path(file).read_text()) == json.loads(desk.done("export").out)
    assert desk.done("import", file).out == "0 changes\n"
    desk.store = f"sqlite:{tmp_path / 'other.db'}"
    assert desk.done("import", file, "--dry-run").out == "created  user ann\n1 change would be made\n"
    assert desk.done("user", "list").out == "No users.\n"
    assert desk.done("import", file).out == "created  user ann\n1 change\n"
    refused = desk("import", desk.file("bad.json", '{"version": 1, "users": [{"name": "a b"}]}'))
    assert (refused.status, "is no name" in refused.err) == (statuses.FAILED, True)


# --- the master key ---


def test_a_master_key_is_for_its_owner_and_never_replaced(run_bare: Run, tmp_path: Path) -> None:
    file = tmp_path / "master.key"
    made = run_bare("access", "master-key", str(file))
    assert made.status == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    text = file.read_text()
    assert text.strip() not in made.out
    assert run_bare("access", "master-key", str(file)).status == statuses.FAILED
    assert file.read_text() == text


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        ("", 0o600, "is empty"),
        ("not base64", 0o600, "is no base64"),
        ("c2hvcnQ=", 0o600, "has 5 bytes"),
        ("\N{SNOWMAN}", 0o600, "no ASCII"),
        (None, 0o604, "every user of this machine may read"),
    ],
)
def test_a_file_that_holds_no_safe_master_key_is_refused(
    desk: Desk, text: str | None, mode: int, said: str
) -> None:
    if text is not None:
        desk.key_file.write_text(text, encoding="utf-8")
    os.chmod(desk.key_file, mode)
    refused = desk("user", "list")
    assert (refused.status, said in refused.err) == (statuses.WRONG_ARGUMENTS, True), refused.err


def test_the_master_key_may_stand_in_the_environment(
    desk: Desk, run_bare: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKFLOWSVC_MASTER_KEY", desk.key_file.read_text())
    words = ("--store", desk.store)
    assert run_bare("access", "user", "create", "ann", *words).status == 0
    assert run_bare("access", "key", "create", "ann", *words).status == 0
    both = desk("user", "list")
    assert (both.status, "give one of them" in both.err) == (statuses.WRONG_ARGUMENTS, True)


def test_without_a_master_key_no_key_is_made(desk: Desk, run_bare: Run) -> None:
    words = ("--store", desk.store)
    assert run_bare("access", "user", "create", "ann", *words).status == 0
    refused = run_bare("access", "key", "create", "ann", *words)
    assert (refused.status, "access master-key FILE" in refused.err) == (statuses.FAILED, True)


def test_all_secrets_are_encrypted_anew_with_another_master_key(desk: Desk, run_bare: Run) -> None:
    for name in ("ann", "bob"):
        desk.done("user", "create", name)
        desk.done("key", "create", name)
    desk.done("key", "temporary", "ann")
    before = desk.secrets()
    old, new = desk.key_file, desk.folder / "new.key"
    assert run_bare("access", "master-key", str(new), "--before", str(old)).status == 0
    desk.key_file = new
    assert desk.done("rotate-master-key").out == "3 secrets were encrypted anew\n"
    assert desk.done("rotate-master-key").out == "0 secrets were encrypted anew\n"
    new.write_text(new.read_text().splitlines()[0])  # the old key is no longer needed
    assert desk.secrets() == before
    desk.done("key", "create", "bob")
    desk.key_file = old
    refused = desk("key", "create", "ann")
    assert (refused.status, "give the right one" in refused.err) == (statuses.FAILED, True)
    refused = desk("rotate-master-key")
    assert (refused.status, "give the right one" in refused.err) == (statuses.FAILED, True)


def test_a_rotation_that_was_interrupted_is_repeated(
    desk: Desk, run_bare: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        desk.done("user", "create", f"u{number}")
        desk.done("key", "create", f"u{number}")
    before = desk.secrets()
    new = desk.folder / "new.key"
    assert run_bare("access", "master-key", str(new), "--before", str(desk.key_file)).status == 0
    desk.key_file = new
    monkeypatch.setattr("workflowsvc.service.access.rotation.SECRETS_PER_TRANSACTION", 1)
    real, calls = os.urandom, [0]

    def interrupted(size: int) -> bytes:
        if size == 12:  # the nonce of a secret
            calls[0] += 1
            if calls[0] == 2:
                raise KeyboardInterrupt
        return real(size)

    monkeypatch.setattr(cli.os, "urandom", interrupted)
    assert desk("rotate-master-key").status == statuses.INTERRUPTED
    monkeypatch.setattr(cli.os, "urandom", real)
    assert desk.secrets() == before
    assert desk.done("rotate-master-key").out == "2 secrets were encrypted anew\n"
    assert desk.secrets() == before


def test_after_the_loss_of_the_master_key_users_go_on_with_new_keys(desk: Desk, run_bare: Run) -> None:
    desk.done("user", "create", "ann", "--policy", "SwfWorker")
    desk.done("key", "create", "ann")
    desk.done("key", "temporary", "ann")
    desk.key_file = desk.folder / "new.key"
    assert run_bare("access", "master-key", str(desk.key_file)).status == 0
    assert desk("rotate-master-key").status == statuses.FAILED
    lost = desk.done("rotate-master-key", "--discard-lost")
    assert lost.out == "0 secrets were encrypted anew\n2 access keys were deleted\n"
    assert desk.done("key", "list", "ann").out == "No keys.\n"
    made = desk.done("key", "create", "ann", "--json").objects[0]
    assert desk.secrets() == {made["accessKeyId"]: made["secretAccessKey"].encode()}


def test_access_data_is_copied_with_the_rest_and_is_sound(desk: Desk, run_bare: Run, tmp_path: Path) -> None:
    desk.done("user", "create", "ann", "--policy", "SwfWorker")
    desk.done("key", "create", "ann")
    before = desk.secrets()
    copy = f"sqlite:{tmp_path / 'copy.db'}"
    copied = run_bare("copy", "--from", desk.store, "--to", copy)
    assert copied.status == 0, copied.err
    desk.store = copy
    assert desk.secrets() == before
    checked = run_bare("fsck", "--store", copy)
    assert checked.status == 0, checked.out


# --- which database, which server ---


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--store", "memory"), "in memory"),
        (("--store", "sqlite:x.db", "--endpoint", "http://127.0.0.1:1"), "names a server"),
        (("--account", "111111111111"), "belongs to --store"),
        (("--master-key-file", "f"), "belongs to --store"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    run_bare: Run, words: tuple[str, ...], said: str
) -> None:
    refused = run_bare("access", "user", "list", *words)
    assert (refused.status, said in refused.err) == (statuses.WRONG_ARGUMENTS, True), refused.err


def test_rotating_the_master_key_of_nothing_makes_no_database(desk: Desk) -> None:
    refused = desk("rotate-master-key")
    assert (refused.status, "is not there" in refused.err) == (statuses.FAILED, True)
    assert not (desk.folder / "access.db").exists()


def test_accounts_are_kept_apart(desk: Desk) -> None:
    desk.done("user", "create", "ann", "--account", "111111111111")
    assert desk.done("user", "list").out == "No users.\n"
    (row,) = desk.done("user", "list", "--account", "111111111111", "--json").objects
    assert row["arn"] == "arn:aws:iam::111111111111:user/ann"


def test_a_server_is_asked_in_the_same_words(run: Run, domain: str, tmp_path: Path) -> None:
    user, group = f"ann-{domain}", f"g-{domain}"
    made = run("access", "user", "create", user, "--policy", "SwfWorker")
    assert made.status == 0, made.err
    assert run("access", "group", "create", group).status == 0
    assert run("access", "group", "add", group, user).status == 0
    assert user in run("access", "group", "show", group).out
    file = tmp_path / "domain.json"
    file.write_text(OF_DOMAIN)
    assert run("access", "domain-policy", "put", domain, str(file)).status == 0
    assert run("access", "domain-policy", "show", domain).out == OF_DOMAIN + "\n"
    document = json.loads(run("access", "export").out)
    assert user in {row["name"] for row in document["users"]}
    assert domain in {row["domain"] for row in document["domainPolicies"]}
    assert run("access", "domain-policy", "delete", domain, "--yes").status == 0
    assert run("access", "domain-policy", "show", domain).status == statuses.NOT_FOUND
    refused = run("access", "key", "create", user)
    assert (refused.status, "There is no master key" in refused.err or "no master key" in refused.err) == (
        statuses.FAILED,
        True,
    )
    assert run("access", "user", "delete", user, "--yes").status == 0
    assert run("access", "user", "show", user).status == statuses.NOT_FOUND
