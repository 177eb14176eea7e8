"""The operations on users, groups, access keys and policies: what they answer, refuse and write into the log."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

import pytest

from tests.own_api.administration import LISTS, OF_DOMAIN, Office, policy, statement
from workflowsvc.access.book import AccessKey, Principal
from workflowsvc.access.caller import Caller
from workflowsvc.access.managed_policies import MANAGED
from workflowsvc.faults import (
    EntityAlreadyExistsFault,
    Fault,
    LimitExceededFault,
    MalformedPolicyDocumentFault,
    OperationNotPermittedFault,
    UnknownResourceFault,
    ValidationException,
)
from workflowsvc.service.access import records
from workflowsvc.service.own import access_checks
from workflowsvc.store.interface import Store
from workflowsvc.tenant import Tenant
from workflowsvc.testing import PendingAnswer


@pytest.fixture
def office(store: Store) -> Office:
    return Office(store)


def refused(kind: type[Fault], text: str = "") -> Any:
    return pytest.raises(kind, match=text or None)


# --- users ---


def test_a_user_is_described_as_it_was_created(office: Office) -> None:
    created = office.ask("CreateUser", name="ann", tags=[{"key": "team", "value": "billing"}])
    assert created["arn"] == "arn:aws:iam::000000000000:user/ann"
    assert re.fullmatch("AIDA[A-Z2-7]{16}", created["id"])
    assert office.ask("DescribeUser", name="ann") == created
    assert (created["groups"], created["policies"]) == ([], [])


def test_names_are_those_of_iam(office: Office) -> None:
    office.user("a.b_c+d=e,f@g-h")
    for name in ("with space", "slash/ed", "ü", "x" * 65, "line\n", "a\0b"):
        with refused(ValidationException):
            office.ask("CreateUser", name=name)
        with refused(UnknownResourceFault) if len(name) <= 64 else refused(ValidationException):
            office.ask("DescribeUser", name=name)


def test_a_name_is_taken_once_in_an_account(office: Office) -> None:
    office.user("ann")
    with refused(EntityAlreadyExistsFault, "User with name ann already exists"):
        office.ask("CreateUser", name="ann")
    other = Tenant("111111111111")
    assert office.ask("CreateUser", other, name="ann")["arn"] == "arn:aws:iam::111111111111:user/ann"
    assert office.names("ListUsers", "users") == ["ann"]


def test_lists_have_pages_in_the_order_of_names(office: Office) -> None:
    names = [f"u{number:02}" for number in range(7)]
    for name in reversed(names):
        office.user(name)
    assert office.names("ListUsers", "users", maximumPageSize=3) == names
    first = office.ask("ListUsers", maximumPageSize=3)
    with refused(ValidationException):
        office.ask("ListGroups", nextPageToken=first["nextPageToken"])


def test_tags_are_added_replaced_and_removed(office: Office) -> None:
    office.user("ann", tags=[{"key": "team", "value": "a"}])
    office.ask("TagUser", name="ann", tags=[{"key": "team", "value": "b"}, {"key": "site", "value": ""}])
    office.ask("UntagUser", name="ann", tagKeys=["site", "unknown"])
    assert office.ask("DescribeUser", name="ann")["tags"] == [{"key": "team", "value": "b"}]
    with refused(ValidationException, "Duplicate"):
        office.ask("TagUser", name="ann", tags=[{"key": "x", "value": "1"}, {"key": "X", "value": "2"}])


def test_a_tag_whose_key_is_in_another_case_is_the_same_tag(office: Office) -> None:
    """As in IAM. Policies do not tell them apart, and an export with both could not be imported."""
    office.user("ann", tags=[{"key": "team", "value": "a"}])
    office.ask("TagUser", name="ann", tags=[{"key": "Team", "value": "b"}])
    assert office.ask("DescribeUser", name="ann")["tags"] == [{"key": "Team", "value": "b"}]
    assert office.ask("ImportAccess", document=office.ask("ExportAccess")["document"])["count"] == 0
    office.ask("UntagUser", name="ann", tagKeys=["TEAM"])
    assert office.ask("DescribeUser", name="ann")["tags"] == []


def test_a_deleted_user_leaves_nothing_and_its_name_is_free(office: Office, store: Store) -> None:
    before = office.user("ann", "SwfWorker")
    office.ask("CreateGroup", name="workers")
    office.ask("AddUserToGroup", groupName="workers", userName="ann")
    office.ask("CreateAccessKey", userName="ann")
    office.ask("DeleteUser", name="ann")
    with refused(UnknownResourceFault, "Unknown user: ann"):
        office.ask("DescribeUser", name="ann")
    with store.reader() as reader:
        rows = [key for key, _ in reader.metas("access ", "access!", 1_000)]
    left = {key for key in rows if not key.startswith("access change ")}
    assert left == {
        "access counts 000000000000",
        "access group 000000000000 workers",
        "access master-key",
        "access version",
    }
    assert office.user("ann")["id"] != before["id"]


# --- groups ---


def test_a_group_lists_its_members_and_is_deleted_when_it_has_none(office: Office) -> None:
    office.ask("CreateGroup", name="workers")
    office.ask("CreateGroup", name="workers-2")
    for name in ("ann", "bob", "cyd"):
        office.user(name)
        office.ask("AddUserToGroup", groupName="workers", userName=name)
    office.ask("AddUserToGroup", groupName="workers", userName="ann")
    assert office.names("DescribeGroup", "members", name="workers", maximumPageSize=2) == [
        "ann",
        "bob",
        "cyd",
    ]
    assert office.names("DescribeGroup", "members", name="workers-2") == []
    assert office.ask("DescribeUser", name="ann")["groups"] == ["workers"]
    with refused(OperationNotPermittedFault, "has members"):
        office.ask("DeleteGroup", name="workers")
    for name in ("ann", "bob", "cyd", "cyd"):
        office.ask("RemoveUserFromGroup", groupName="workers", userName=name)
    office.ask("DeleteGroup", name="workers")
    assert office.names("ListGroups", "groups") == ["workers-2"]


def test_a_user_is_in_ten_groups_at_most(office: Office) -> None:
    office.user("ann")
    for number in range(access_checks.MAX_GROUPS_OF_USER + 1):
        office.ask("CreateGroup", name=f"g{number}")
    for number in range(access_checks.MAX_GROUPS_OF_USER):
        office.ask("AddUserToGroup", groupName=f"g{number}", userName="ann")
    with refused(LimitExceededFault, "10 groups"):
        office.ask("AddUserToGroup", groupName="g10", userName="ann")


def test_an_account_has_a_bounded_number_of_each(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in ("MAX_USERS", "MAX_GROUPS", "MAX_POLICIES"):
        monkeypatch.setattr(access_checks, limit, 1)
    for _ in range(2):
        office.ask("CreateUser", name="ann")
        office.ask("CreateGroup", name="g")
        office.ask("PutPolicy", name="p", text=LISTS)
        office.ask("PutPolicy", name="p", text=LISTS)
        with refused(LimitExceededFault):
            office.ask("CreateUser", name="bob")
        with refused(LimitExceededFault):
            office.ask("CreateGroup", name="h")
        with refused(LimitExceededFault):
            office.ask("PutPolicy", name="q", text=LISTS)
        office.ask("DeleteUser", name="ann")
        office.ask("DeleteGroup", name="g")
        office.ask("DeletePolicy", name="p")


# --- policies ---


def test_managed_policies_and_own_ones_are_one_list(office: Office) -> None:
    managed = sorted(MANAGED)
    office.ask("PutPolicy", name="AAA", text=LISTS)
    office.ask("PutPolicy", name="ZZZ", text=LISTS)
    for size in (1, 2, len(managed), 100):
        assert office.names("ListPolicies", "policies", maximumPageSize=size) == [*managed, "AAA", "ZZZ"]
    assert {"SwfFullAccess", "SwfReadOnly", "SwfWorker", "SwfDecider", "SwfStarter"} == {*managed}


def test_a_policy_is_answered_as_it_was_put(office: Office) -> None:
    spaced = LISTS.replace(" ", "   ")
    office.ask("PutPolicy", name="lists", text=spaced)
    office.user("ann", "lists")
    found = office.ask("DescribePolicy", name="lists")
    assert found["policy"]["text"] == spaced
    assert (found["users"], found["groups"]) == (["ann"], [])
    managed = office.ask("DescribePolicy", name="SwfWorker")
    assert json.loads(managed["policy"]["text"])["Version"] == "2012-10-17"
    assert managed["policy"]["kind"] == "MANAGED"


def test_a_policy_with_an_error_is_refused_with_its_place(office: Office) -> None:
    broken = policy(statement("swf:ListDomains", Condition={"StringEqualz": {"aws:username": "x"}}))
    with refused(MalformedPolicyDocumentFault, r"Statement\[0\].*StringEquals"):
        office.ask("PutPolicy", name="p", text=broken)
    with refused(MalformedPolicyDocumentFault, "line 1"):
        office.ask("PutPolicy", name="p", text="{")
    with refused(MalformedPolicyDocumentFault):
        office.ask("PutPolicy", name="p", text=OF_DOMAIN)
    with refused(UnknownResourceFault):
        office.ask("DescribePolicy", name="p")


def test_a_managed_policy_is_neither_replaced_nor_deleted(office: Office) -> None:
    with refused(OperationNotPermittedFault, "managed"):
        office.ask("PutPolicy", name="SwfWorker", text=LISTS)
    with refused(OperationNotPermittedFault, "managed"):
        office.ask("DeletePolicy", name="SwfWorker")


def test_an_attached_policy_stays_until_it_is_detached(office: Office) -> None:
    office.ask("PutPolicy", name="lists", text=LISTS)
    office.ask("CreateGroup", name="g")
    office.user("ann", "lists")
    office.ask("AttachPolicy", groupName="g", policyName="lists")
    office.ask("AttachPolicy", groupName="g", policyName="lists")
    for members in ({"userName": "ann"}, {"groupName": "g"}):
        with refused(OperationNotPermittedFault, "attached"):
            office.ask("DeletePolicy", name="lists")
        office.ask("DetachPolicy", policyName="lists", **members)
    office.ask("DetachPolicy", policyName="lists", userName="ann")
    office.ask("DeletePolicy", name="lists")
    with refused(UnknownResourceFault, "Unknown policy: lists"):
        office.ask("AttachPolicy", userName="ann", policyName="lists")


@pytest.mark.parametrize("members", [{}, {"userName": "ann", "groupName": "g"}])
def test_a_policy_is_attached_to_a_user_or_a_group(office: Office, members: dict[str, str]) -> None:
    with refused(ValidationException, "groupName"):
        office.ask("AttachPolicy", policyName="SwfWorker", **members)


# --- policies of domains ---


def register(office: Office, name: str = "orders") -> None:
    office.world.call("RegisterDomain", name=name, workflowExecutionRetentionPeriodInDays="1")


def test_a_domain_has_a_policy_of_its_own(office: Office) -> None:
    register(office)
    with refused(UnknownResourceFault, "has no policy"):
        office.ask("DescribeDomainPolicy", domain="orders")
    office.ask("PutDomainPolicy", domain="orders", text=OF_DOMAIN)
    assert office.ask("DescribeDomainPolicy", domain="orders")["text"] == OF_DOMAIN
    with refused(MalformedPolicyDocumentFault):
        office.ask("PutDomainPolicy", domain="orders", text=LISTS)
    office.ask("DeleteDomainPolicy", domain="orders")
    with refused(UnknownResourceFault):
        office.ask("DeleteDomainPolicy", domain="orders")


def test_a_domain_that_is_registered_again_has_no_policy(office: Office) -> None:
    register(office)
    office.ask("PutDomainPolicy", domain="orders", text=OF_DOMAIN)
    office.ask("DeleteDomain", domain="orders", force=True)
    register(office)
    with refused(UnknownResourceFault, "has no policy"):
        office.ask("DescribeDomainPolicy", domain="orders")


# --- keys ---


def test_a_secret_is_answered_once_and_stored_encrypted(office: Office, store: Store) -> None:
    office.user("ann")
    key = office.ask("CreateAccessKey", userName="ann")
    assert re.fullmatch("AKIA[A-Z2-7]{16}", key["accessKeyId"])
    assert len(key["secretAccessKey"]) == 40
    (listed,) = office.ask("ListAccessKeys", userName="ann")["accessKeys"]
    assert listed.keys() == {"accessKeyId", "createTimestamp", "status", "userName"}
    with store.reader() as reader:
        assert not any(
            key["secretAccessKey"].encode() in value for _, value in reader.metas("access ", "access!", 1_000)
        )


def test_a_user_has_two_keys_at_most_so_that_one_replaces_the_other(office: Office) -> None:
    office.user("ann")
    first, second = (office.ask("CreateAccessKey", userName="ann")["accessKeyId"] for _ in range(2))
    with refused(LimitExceededFault, "2 access keys"):
        office.ask("CreateAccessKey", userName="ann")
    office.ask("UpdateAccessKey", userName="ann", accessKeyId=first, status="INACTIVE")
    listed = office.ask("ListAccessKeys", userName="ann")["accessKeys"]
    assert [(row["accessKeyId"], row["status"]) for row in listed] == [
        (first, "INACTIVE"),
        (second, "ACTIVE"),
    ]
    office.ask("DeleteAccessKey", userName="ann", accessKeyId=first)
    assert [row["accessKeyId"] for row in office.ask("ListAccessKeys", userName="ann")["accessKeys"]] == [
        second
    ]


def test_a_key_is_reached_by_the_name_of_its_user_alone(office: Office) -> None:
    office.user("ann")
    office.user("bob")
    key_id = office.ask("CreateAccessKey", userName="ann")["accessKeyId"]
    for operation, members in (("UpdateAccessKey", {"status": "INACTIVE"}), ("DeleteAccessKey", {})):
        with refused(UnknownResourceFault, "Unknown access key"):
            office.ask(operation, userName="bob", accessKeyId=key_id, **members)


def test_a_key_may_expire(office: Office) -> None:
    office.user("ann")
    key = office.ask("CreateAccessKey", userName="ann", expireAfterDays=30)
    assert key["expireTimestamp"] - key["createTimestamp"] == 30 * 86_400


def test_without_a_master_key_no_key_is_made_and_the_fault_says_what_to_do(store: Store) -> None:
    office = Office(store, master_keys=())
    office.user("ann")
    for operation in ("CreateAccessKey", "IssueTemporaryKey"):
        with refused(OperationNotPermittedFault, "access master-key FILE.*--master-key-file"):
            office.ask(operation, userName="ann")
    assert office.ask("ListAccessKeys", userName="ann") == {"accessKeys": []}


def test_a_temporary_key_has_a_token_and_an_end(office: Office) -> None:
    office.user("ann")
    key = office.ask("IssueTemporaryKey", userName="ann", durationSeconds=900, sessionPolicy=LISTS)
    assert re.fullmatch("ASIA[A-Z2-7]{16}", key["accessKeyId"])
    assert key["expireTimestamp"] * 1000 == office.world.clock.now_ms() + 900_000
    assert len(key["sessionToken"]) == 128
    for seconds in (899, 129_601):
        with refused(ValidationException):
            office.ask("IssueTemporaryKey", userName="ann", durationSeconds=seconds)
    with refused(MalformedPolicyDocumentFault):
        office.ask("IssueTemporaryKey", userName="ann", sessionPolicy="{}")


@pytest.mark.parametrize("operation", ["IssueTemporaryKey", "CreateAccessKey"])
def test_a_temporary_key_makes_no_key_for_its_own_user(office: Office, operation: str) -> None:
    """It would shed its session policy, and its end."""
    office.user("ann")
    temporary = AccessKey(
        "ASIA", Principal("000000000000", "ann", "AIDA"), b"s", active=True, session_token=b"t"
    )
    action = office.world.models.by_target(f"WorkflowSvc.{operation}")
    context = office.world.dispatcher.context(action, Caller(Tenant(), temporary))
    answer = PendingAnswer()
    office.world.dispatcher.dispatch(context, action.decode(b'{"userName": "ann"}', 32_768), answer)
    office.world.run()
    with refused(OperationNotPermittedFault, "A temporary key cannot"):
        answer.result()
    assert office.ask("ListAccessKeys", userName="ann") == {"accessKeys": []}


def test_expired_temporary_keys_of_a_user_go_when_it_gets_another(office: Office, store: Store) -> None:
    office.user("ann")
    office.ask("IssueTemporaryKey", userName="ann", durationSeconds=900)
    office.world.advance(seconds=901)
    office.ask("IssueTemporaryKey", userName="ann", durationSeconds=900)
    with store.reader() as reader:
        assert len(reader.metas(*records.below(records.TEMPORARY), 10)) == 1


# --- simulation ---

ORDERS = "arn:aws:swf:us-east-1:000000000000:/domain/orders"


def test_a_simulation_names_the_statement_that_decides(office: Office) -> None:
    register(office)
    office.ask("PutPolicy", name="one", text=policy(statement("swf:List*", ORDERS, Sid="MayList")))
    office.ask("CreateGroup", name="g")
    office.ask("AttachPolicy", groupName="g", policyName="one")
    office.user("ann")
    asked = {"userName": "ann", "action": "swf:ListActivityTypes", "resource": ORDERS}
    assert office.ask("SimulateAccess", **asked) == {"allowed": False, "reason": "NO_ALLOW"}
    office.ask("AddUserToGroup", groupName="g", userName="ann")
    assert office.ask("SimulateAccess", **asked) == {
        "allowed": True,
        "policy": "one",
        "reason": "ALLOWED",
        "statement": "MayList",
    }
    session = policy(statement("swf:PollForActivityTask"))
    assert office.ask("SimulateAccess", **asked, sessionPolicy=session)["reason"] == "SESSION_POLICY"
    office.ask("PutDomainPolicy", domain="orders", text=OF_DOMAIN)
    denied = office.ask("SimulateAccess", **asked)
    assert (denied["allowed"], denied["reason"], denied["policy"]) == (
        False,
        "EXPLICIT_DENY",
        "policy of domain orders",
    )


def test_a_simulation_knows_the_user_and_takes_other_conditions(office: Office) -> None:
    conditions = {
        "StringEquals": {"aws:username": "ann", "aws:PrincipalTag/team": "a", "swf:taskList.name": "fast"}
    }
    office.ask("PutPolicy", name="one", text=policy(statement("swf:Poll*", Condition=conditions)))
    office.user("ann", "one", tags=[{"key": "team", "value": "a"}])
    asked = {"userName": "ann", "action": "swf:PollForActivityTask", "resource": ORDERS}
    assert not office.ask("SimulateAccess", **asked)["allowed"]
    context = [{"key": "swf:taskList.name", "values": ["fast"]}]
    assert office.ask("SimulateAccess", **asked, context=context)["allowed"]
    with refused(ValidationException, 'did you mean "swf:taskList.name"'):
        office.ask("SimulateAccess", **asked, context=[{"key": "swf:taskLst.name", "values": ["fast"]}])
    with refused(ValidationException, "is no action"):
        office.ask("SimulateAccess", **asked | {"action": "swf:PollForAll"})


# --- export and import ---


def furnish(office: Office) -> None:
    register(office)
    office.ask("PutPolicy", name="lists", text=LISTS)
    office.ask("CreateGroup", name="g")
    office.ask("AttachPolicy", groupName="g", policyName="lists")
    office.user("ann", "SwfWorker", tags=[{"key": "team", "value": "a"}])
    office.ask("AddUserToGroup", groupName="g", userName="ann")
    office.ask("CreateAccessKey", userName="ann")
    office.ask("PutDomainPolicy", domain="orders", text=OF_DOMAIN)


def test_what_was_exported_is_imported_elsewhere_and_then_changes_nothing(office: Office) -> None:
    furnish(office)
    document = office.ask("ExportAccess")["document"]
    assert json.loads(document) == {
        "version": 1,
        "policies": [{"name": "lists", "document": json.loads(LISTS)}],
        "groups": [{"name": "g", "policies": ["lists"]}],
        "users": [{"name": "ann", "tags": {"team": "a"}, "groups": ["g"], "policies": ["SwfWorker"]}],
        "domainPolicies": [{"domain": "orders", "document": json.loads(OF_DOMAIN)}],
    }
    assert office.ask("ImportAccess", document=document) == {"applied": True, "changes": [], "count": 0}
    other = Tenant("111111111111")
    office.world.call("RegisterDomain", other, name="orders", workflowExecutionRetentionPeriodInDays="1")
    said = office.ask("ImportAccess", other, document=document, dryRun=True)
    assert [(row["kind"], row["subject"]) for row in said["changes"]] == [
        ("CREATED", "policy lists"),
        ("CREATED", "group g"),
        ("CREATED", "user ann"),
        ("CREATED", "policy of domain orders"),
    ]
    assert office.ask("ListUsers", other)["users"] == []
    assert office.ask("ImportAccess", other, document=document)["count"] == 4
    assert office.ask("ImportAccess", other, document=document)["count"] == 0
    assert office.ask("ExportAccess", other)["document"] == document


def test_an_import_changes_what_differs_and_deletes_nothing(office: Office) -> None:
    furnish(office)
    user = {"name": "ann", "policies": ["SwfDecider"]}
    document = json.dumps({"version": 1, "users": [user, {"name": "bob", "groups": ["g"]}]})
    said = office.ask("ImportAccess", document=document)
    assert [(row["kind"], row["subject"]) for row in said["changes"]] == [
        ("UPDATED", "user ann"),
        ("CREATED", "user bob"),
    ]
    ann = office.ask("DescribeUser", name="ann")
    assert (ann["policies"], ann["groups"], ann["tags"]) == (["SwfDecider"], [], [])
    assert office.names("DescribeGroup", "members", name="g") == ["bob"]
    assert len(office.ask("ListAccessKeys", userName="ann")["accessKeys"]) == 1
    assert office.names("ListPolicies", "policies")[-1] == "lists"


@pytest.mark.parametrize(
    ("broken", "text"),
    [
        ("{", "the document: "),
        ("[]", "the document: "),
        ('{"version": 2}', "version: must be 1"),
        ('{"version": 1, "user": []}', "unknown field"),
        ('{"version": 1, "users": [{"name": "a b"}]}', "is no name"),
        ('{"version": 1, "users": [{"name": "a"}, {"name": "a"}]}', "two of one name"),
        ('{"version": 1, "users": [{"name": "a", "policies": ["no"]}]}', "there is no policy no"),
        ('{"version": 1, "users": [{"name": "a", "groups": ["no"]}]}', "there is no group no"),
        ('{"version": 1, "groups": [{"name": "a", "policies": ["no"]}]}', "there is no policy no"),
        ('{"version": 1, "policies": [{"name": "a", "document": {}}]}', "policy a: "),
        ('{"version": 1, "policies": [{"name": "SwfWorker", "document": {}}]}', "managed"),
        ("[" * 100_000, "the document: "),
    ],
)
def test_a_document_with_an_error_changes_nothing(office: Office, broken: str, text: str) -> None:
    if broken.startswith('{"version": 1, "'):  # a part that is right comes first
        broken = broken.replace('{"version": 1, ', '{"version": 1, "domainPolicies": [], ', 1)
    with refused(MalformedPolicyDocumentFault, text):
        office.ask("ImportAccess", document=broken)
    assert office.ask("ListUsers")["users"] == []


def test_an_import_for_an_unknown_domain_changes_nothing(office: Office) -> None:
    part = {"domain": "nowhere", "document": json.loads(OF_DOMAIN)}
    document = json.dumps({"version": 1, "users": [{"name": "ann"}], "domainPolicies": [part]})
    with refused(UnknownResourceFault, "nowhere"):
        office.ask("ImportAccess", document=document)
    assert office.ask("ListUsers")["users"] == []


def test_a_large_import_is_written_in_pieces(office: Office) -> None:
    users = [{"name": f"u{number:03}", "policies": ["SwfWorker"]} for number in range(101)]
    said = office.ask("ImportAccess", document=json.dumps({"version": 1, "users": users}))
    assert said["count"] == 101
    assert office.names("ListUsers", "users") == [user["name"] for user in users]


# --- the log ---


def test_every_change_is_in_the_log_and_no_secret_is(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    furnish(office)
    secrets = [office.ask("CreateAccessKey", userName="ann")["secretAccessKey"]]
    temporary = office.ask("IssueTemporaryKey", userName="ann", sessionPolicy=LISTS)
    secrets += [temporary["secretAccessKey"], temporary["sessionToken"]]
    office.ask("DeleteUser", name="ann")
    entries = [json.loads(record.message) for record in caplog.records if record.name == "workflowsvc.access"]
    assert [entry["action"] for entry in entries] == [
        "PutPolicy",
        "CreateGroup",
        "AttachPolicy",
        "CreateUser",
        "AttachPolicy",
        "AddUserToGroup",
        "CreateAccessKey",
        "PutDomainPolicy",
        "CreateAccessKey",
        "IssueTemporaryKey",
        "DeleteUser",
    ]
    assert entries[-1]["resource"] == "arn:aws:iam::000000000000:user/ann"
    for secret in (*secrets, "swf:List"):
        assert secret not in caplog.text
