"""`workflowsvc access group`: users who share policies."""

from __future__ import annotations

from typing import cast

from workflowsvc.client.answers import Object, part, rows, text
from workflowsvc.commands import statuses
from workflowsvc.commands.access.actions import Parsers, add_action, add_name, add_subject, add_yes
from workflowsvc.commands.access.calling import AtWork
from workflowsvc.commands.access.users import joined
from workflowsvc.display.text import moment


def add_actions(parsers: Parsers) -> None:
    groups = add_subject(parsers, "group", "users who share policies")
    for name, said, act in (
        ("create", "create a group", _create),
        ("show", "show one group and its members", _show),
        ("delete", "delete a group without members", _delete),
    ):
        action = add_action(groups, name, said, act, f"access group {name} workers")
        add_name(action, "name", "the group")
        if name == "delete":
            add_yes(action)
    add_action(groups, "list", "list the groups", _list, "access group list")
    for name, said, act in (
        ("add", "make a user a member of a group", _add),
        ("remove", "end the membership of a user", _remove),
    ):
        action = add_action(groups, name, said, act, f"access group {name} workers ann")
        add_name(action, "name", "the group")
        add_name(action, "user", "the user")


def _create(at_work: AtWork) -> int:
    answer = at_work.ask("CreateGroup", name=at_work.arguments.name)
    if at_work.json:
        at_work.print_json(answer)
    at_work.say(f"group {at_work.arguments.name} is there")
    return statuses.DONE


def _list(at_work: AtWork) -> int:
    found = [row for page in at_work.pages("ListGroups") for row in rows(page, "groups")]
    at_work.print_list(found, _print)
    return statuses.DONE


def _show(at_work: AtWork) -> int:
    group: Object = {}
    members: list[str] = []
    for page in at_work.pages("DescribeGroup", name=at_work.arguments.name):
        group = part(page, "group")
        members += cast("list[str]", page.get("members") or [])
    if at_work.json:
        at_work.print_json({**group, "members": members})
        return statuses.DONE
    _print(at_work, [group])
    at_work.say(f"members: {', '.join(members) or 'none'}")
    return statuses.DONE


def _delete(at_work: AtWork) -> int:
    name = at_work.arguments.name
    at_work.confirm(f"Delete the group {name}?")
    at_work.ask("DeleteGroup", name=name)
    if at_work.json:
        at_work.print_json({"name": name})
    at_work.say(f"group {name} is deleted")
    return statuses.DONE


def _add(at_work: AtWork) -> int:
    return _change(at_work, "AddUserToGroup", "is in")


def _remove(at_work: AtWork) -> int:
    return _change(at_work, "RemoveUserFromGroup", "is not in")


def _change(at_work: AtWork, operation: str, said: str) -> int:
    group, user = at_work.arguments.name, at_work.arguments.user
    at_work.ask(operation, groupName=group, userName=user)
    if at_work.json:
        at_work.print_json(at_work.ask("DescribeUser", name=user))
    at_work.say(f"{user} {said} the group {group}")
    return statuses.DONE


def _print(at_work: AtWork, found: list[Object]) -> None:
    from workflowsvc.display.screen import Column, Toned

    if not found:
        at_work.screen.line(Toned("No groups.", "dim"))
        return
    at_work.screen.table(
        [Column("GROUP", wraps=True), Column("CREATED"), Column("POLICIES", wraps=True)],
        [[text(row, "name"), moment(row.get("createTimestamp")), joined(row, "policies")] for row in found],
    )
