"""`workflowsvc access user`: people and programs that sign calls."""

from __future__ import annotations

from typing import cast

from workflowsvc.client.answers import Object, rows, text
from workflowsvc.commands import statuses
from workflowsvc.commands.access.actions import Parsers, add_action, add_name, add_subject, add_yes, pair
from workflowsvc.commands.access.calling import AtWork
from workflowsvc.commands.asking import filled
from workflowsvc.display.text import moment


def add_actions(parsers: Parsers) -> None:
    users = add_subject(parsers, "user", "people and programs that sign calls")
    create = add_action(
        users,
        "create",
        "create a user",
        _create,
        "access user create ann --policy SwfWorker --tag team=billing",
        more="It may do nothing until a policy allows it.",
    )
    add_name(create, "name", "letters, digits and _+=,.@-")
    create.add_argument(
        "--policy",
        action="append",
        default=[],
        metavar="P",
        type=filled,
        help="attach this policy; repeatable",
    )
    create.add_argument(
        "--group",
        action="append",
        default=[],
        metavar="G",
        type=filled,
        help="add it to this group; repeatable",
    )
    create.add_argument(
        "--tag", action="append", default=[], metavar="K=V", type=pair, help="policies see it; repeatable"
    )
    add_action(users, "list", "list the users", _list, "access user list --json")
    show = add_action(users, "show", "show one user and its keys", _show, "access user show ann")
    add_name(show, "name", "the user")
    tag = add_action(users, "tag", "add tags to a user", _tag, "access user tag ann team=billing")
    add_name(tag, "name", "the user")
    tag.add_argument("tags", nargs="+", metavar="K=V", type=pair, help="the tags")
    untag = add_action(users, "untag", "remove tags from a user", _untag, "access user untag ann team")
    add_name(untag, "name", "the user")
    untag.add_argument("keys", nargs="+", metavar="K", type=filled, help="their keys")
    delete = add_action(users, "delete", "delete a user with its keys", _delete, "access user delete ann")
    add_name(delete, "name", "the user")
    add_yes(delete)


def _create(at_work: AtWork) -> int:
    name = at_work.arguments.name
    policies, groups = at_work.arguments.policy, at_work.arguments.group
    for policy in policies:  # a name that is misspelt ends the command before the user is there
        at_work.ask("DescribePolicy", name=policy)
    for group in groups:
        at_work.ask("DescribeGroup", name=group, maximumPageSize=1)
    at_work.ask("CreateUser", name=name, tags=_tags_of(at_work.arguments.tag) or None)
    for policy in policies:
        at_work.ask("AttachPolicy", userName=name, policyName=policy)
    for group in groups:
        at_work.ask("AddUserToGroup", groupName=group, userName=name)
    if at_work.json:
        at_work.print_json(at_work.ask("DescribeUser", name=name))
    at_work.say(f"user {name} is there; `workflowsvc access key create {name}` makes a key")
    return statuses.DONE


def _tags_of(given: list[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in given]


def _list(at_work: AtWork) -> int:
    found = [row for page in at_work.pages("ListUsers") for row in rows(page, "users")]
    at_work.print_list(found, _print)
    return statuses.DONE


def _show(at_work: AtWork) -> int:
    name = at_work.arguments.name
    user = at_work.ask("DescribeUser", name=name)
    keys = rows(at_work.ask("ListAccessKeys", userName=name), "accessKeys")
    if at_work.json:
        at_work.print_json({**user, "accessKeys": keys})
        return statuses.DONE
    _print(at_work, [user])
    at_work.say(text(user, "arn"))
    if keys:
        at_work.say("")
        print_keys(at_work, keys)
    return statuses.DONE


def _tag(at_work: AtWork) -> int:
    at_work.ask("TagUser", name=at_work.arguments.name, tags=_tags_of(at_work.arguments.tags))
    return _changed(at_work)


def _untag(at_work: AtWork) -> int:
    at_work.ask("UntagUser", name=at_work.arguments.name, tagKeys=at_work.arguments.keys)
    return _changed(at_work)


def _changed(at_work: AtWork) -> int:
    user = at_work.ask("DescribeUser", name=at_work.arguments.name)
    if at_work.json:
        at_work.print_json(user)
    at_work.say(f"user {at_work.arguments.name} has the tags {_tags(user) or 'none'}")
    return statuses.DONE


def _delete(at_work: AtWork) -> int:
    name = at_work.arguments.name
    at_work.ask("DescribeUser", name=name)
    at_work.confirm(f"Delete the user {name} with its keys?")
    at_work.ask("DeleteUser", name=name)
    if at_work.json:
        at_work.print_json({"name": name})
    at_work.say(f"user {name} is deleted, and its keys are no longer accepted")
    return statuses.DONE


def _tags(user: Object) -> str:
    return ", ".join(f"{text(tag, 'key')}={text(tag, 'value')}" for tag in rows(user, "tags"))


def joined(row: Object, name: str) -> str:
    """The names in this list, with commas."""
    return ", ".join(map(str, cast("list[object]", row.get(name) or [])))


def _print(at_work: AtWork, found: list[Object]) -> None:
    from workflowsvc.display.screen import Column, Toned

    if not found:
        at_work.screen.line(Toned("No users.", "dim"))
        return
    at_work.screen.table(
        [
            Column("USER", wraps=True),
            Column("CREATED"),
            Column("GROUPS", wraps=True),
            Column("POLICIES", wraps=True),
            Column("TAGS", wraps=True),
        ],
        [
            [
                text(row, "name"),
                moment(row.get("createTimestamp")),
                joined(row, "groups"),
                joined(row, "policies"),
                _tags(row),
            ]
            for row in found
        ],
    )


def print_keys(at_work: AtWork, found: list[Object]) -> None:
    """A table of access keys."""
    from workflowsvc.display.screen import Column, Toned

    at_work.screen.table(
        [
            Column("KEY"),
            Column("STATUS"),
            Column("CREATED"),
            Column("EXPIRES"),
            Column("LAST USED IN THE HOUR OF"),
        ],
        [
            [
                text(row, "accessKeyId"),
                Toned(text(row, "status"), "good" if row.get("status") == "ACTIVE" else "neutral"),
                moment(row.get("createTimestamp")),
                moment(row.get("expireTimestamp")) or "never",
                moment(row.get("lastUseTimestamp")),
            ]
            for row in found
        ],
    )
