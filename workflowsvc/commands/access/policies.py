"""`workflowsvc access policy` and `access domain-policy`: who may do what, in the JSON of IAM."""

from __future__ import annotations

import argparse

from workflowsvc.client.answers import Object, part, rows, text
from workflowsvc.commands import statuses
from workflowsvc.commands.access.actions import Parsers, add_action, add_name, add_subject, add_yes
from workflowsvc.commands.access.calling import AtWork, read_file
from workflowsvc.commands.access.users import joined
from workflowsvc.commands.asking import filled
from workflowsvc.display.text import moment
from workflowsvc.options import SettingsError

_FILE = "the policy; - reads standard input"


def add_actions(parsers: Parsers) -> None:
    policies = add_subject(parsers, "policy", "what users and groups may do")
    put = add_action(
        policies,
        "put",
        "create a policy, or replace it wherever it is attached",
        _put,
        "access policy put may-list may-list.json",
    )
    add_name(put, "name", "letters, digits and _+=,.@-")
    put.add_argument("file", metavar="FILE", type=filled, help=_FILE)
    add_action(
        policies,
        "list",
        "list the policies, those that come with the service first",
        _list,
        "access policy list",
    )
    for name, said, act in (
        ("show", "print a policy, and say what it is attached to", _show),
        ("delete", "delete a policy that is not attached", _delete),
    ):
        action = add_action(policies, name, said, act, f"access policy {name} may-list")
        add_name(action, "name", "the policy")
        if name == "delete":
            add_yes(action)
    for name, said, act in (
        ("attach", "attach a policy to a user or a group", _attach),
        ("detach", "detach a policy from a user or a group", _detach),
    ):
        action = add_action(policies, name, said, act, f"access policy {name} SwfWorker --user ann")
        add_name(action, "name", "the policy")
        _add_holder(action)
    _add_domain_actions(parsers)


def _add_holder(parser: argparse.ArgumentParser) -> None:
    holder = parser.add_mutually_exclusive_group(required=True)
    holder.add_argument("--user", metavar="U", type=filled, help="the user")
    holder.add_argument("--group", metavar="G", type=filled, help="the group")


def _add_domain_actions(parsers: Parsers) -> None:
    domains = add_subject(parsers, "domain-policy", "what a domain itself says of who may do what in it")
    put = add_action(
        domains,
        "put",
        "give a domain a policy, or replace it",
        _put_domain,
        "access domain-policy put orders orders.json",
        more="Each of its statements names a Principal.",
    )
    add_name(put, "name", "the domain")
    put.add_argument("file", metavar="FILE", type=filled, help=_FILE)
    for name, said, act in (
        ("show", "print the policy of a domain", _show_domain),
        ("delete", "remove the policy of a domain", _delete_domain),
    ):
        action = add_action(domains, name, said, act, f"access domain-policy {name} orders")
        add_name(action, "name", "the domain")
        if name == "delete":
            add_yes(action)


def _put(at_work: AtWork) -> int:
    name, given = at_work.arguments.name, read_file(at_work, at_work.arguments.file)
    answer = at_work.ask("PutPolicy", name=name, text=given)
    _warn(at_work, given)
    if at_work.json:
        at_work.print_json(answer)
    at_work.say(
        f"policy {name} is there; `workflowsvc access policy attach {name}` gives it to a user or group"
    )
    return statuses.DONE


def _warn(at_work: AtWork, given: str, *, resource_policy: bool = False) -> None:
    """Says what the policy may not mean, once the server has taken it. One of another release may know more."""
    from workflowsvc.access.policy_text import PolicyError, parse_policy
    from workflowsvc.access.policy_warnings import warnings

    try:
        found = warnings(parse_policy(given, resource_policy=resource_policy))
    except PolicyError:
        return
    for warning in found:
        at_work.note(f"warning: {warning}")


def _list(at_work: AtWork) -> int:
    found = [row for page in at_work.pages("ListPolicies") for row in rows(page, "policies")]
    if at_work.json:
        for row in found:
            at_work.print_json(row)
        return statuses.DONE
    from workflowsvc.display.screen import Column, Toned

    at_work.screen.table(
        [Column("POLICY", wraps=True), Column("KIND"), Column("CHANGED")],
        [
            [
                text(row, "name"),
                Toned(text(row, "kind").lower(), "dim" if row.get("kind") == "MANAGED" else ""),
                moment(row.get("updateTimestamp")),
            ]
            for row in found
        ],
    )
    return statuses.DONE


def _show(at_work: AtWork) -> int:
    answer = at_work.ask("DescribePolicy", name=at_work.arguments.name)
    if at_work.json:
        at_work.print_json(answer)
        return statuses.DONE
    _print_text(at_work, part(answer, "policy"))
    holders = [f"users: {joined(answer, 'users') or 'none'}", f"groups: {joined(answer, 'groups') or 'none'}"]
    at_work.note(f"attached to {'; '.join(holders)}")
    return statuses.DONE


def _print_text(at_work: AtWork, policy: Object) -> None:
    """As it was put, so that a file can be made of it."""
    for line in text(policy, "text").splitlines():
        at_work.say(line)


def _delete(at_work: AtWork) -> int:
    name = at_work.arguments.name
    at_work.confirm(f"Delete the policy {name}?")
    at_work.ask("DeletePolicy", name=name)
    if at_work.json:
        at_work.print_json({"name": name})
    at_work.say(f"policy {name} is deleted")
    return statuses.DONE


def _attach(at_work: AtWork) -> int:
    return _change(at_work, "AttachPolicy", "is attached to")


def _detach(at_work: AtWork) -> int:
    return _change(at_work, "DetachPolicy", "is not attached to")


def _change(at_work: AtWork, operation: str, said: str) -> int:
    given = at_work.arguments
    if not (given.user or given.group):
        raise SettingsError("give --user or --group")
    at_work.ask(operation, policyName=given.name, userName=given.user, groupName=given.group)
    kind, name = ("user", given.user) if given.user else ("group", given.group)
    if at_work.json:
        at_work.print_json({"policyName": given.name, f"{kind}Name": name})
    at_work.say(f"policy {given.name} {said} {kind} {name}")
    return statuses.DONE


def _put_domain(at_work: AtWork) -> int:
    name, given = at_work.arguments.name, read_file(at_work, at_work.arguments.file)
    at_work.ask("PutDomainPolicy", domain=name, text=given)
    _warn(at_work, given, resource_policy=True)
    if at_work.json:
        at_work.print_json(at_work.ask("DescribeDomainPolicy", domain=name))
    at_work.say(f"the domain {name} has this policy now")
    return statuses.DONE


def _show_domain(at_work: AtWork) -> int:
    answer = at_work.ask("DescribeDomainPolicy", domain=at_work.arguments.name)
    if at_work.json:
        at_work.print_json(answer)
    _print_text(at_work, answer)
    return statuses.DONE


def _delete_domain(at_work: AtWork) -> int:
    name = at_work.arguments.name
    at_work.confirm(f"Remove the policy of the domain {name}?")
    at_work.ask("DeleteDomainPolicy", domain=name)
    if at_work.json:
        at_work.print_json({"domain": name})
    at_work.say(f"the domain {name} has no policy any more")
    return statuses.DONE
