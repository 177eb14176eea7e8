"""`workflowsvc access key`: what calls are signed with. A secret is printed once, when it is made."""

from __future__ import annotations

from workflowsvc.client.answers import Object, rows, text
from workflowsvc.commands import statuses
from workflowsvc.commands.access.actions import Parsers, add_action, add_name, add_subject, add_yes
from workflowsvc.commands.access.calling import AtWork, read_file
from workflowsvc.commands.access.users import print_keys
from workflowsvc.commands.asking import filled, span_of, whole
from workflowsvc.commands.context import CommandFailed
from workflowsvc.display.text import moment

_USER = "whose key it is"


def add_actions(parsers: Parsers) -> None:
    keys = add_subject(parsers, "key", "what calls are signed with")
    create = add_action(
        keys,
        "create",
        "create a key and print its secret, once",
        _create,
        "access key create ann > ann.env",
        more="What is printed can be read by a shell.",
    )
    rotate = add_action(
        keys,
        "rotate",
        "create the key that replaces the one in use",
        _rotate,
        "access key rotate ann",
        more="The old one stays active until it is disabled and deleted.",
    )
    for action in (create, rotate):
        add_name(action, "user", _USER)
        action.add_argument("--days", metavar="N", type=filled, help="it expires after N days [never]")
    listing = add_action(keys, "list", "list the keys of a user", _list, "access key list ann")
    add_name(listing, "user", _USER)
    for name, said, act in (
        ("disable", "refuse calls that are signed with a key", _disable),
        ("enable", "accept them again", _enable),
        ("delete", "delete a key", _delete),
    ):
        action = add_action(keys, name, said, act, f"access key {name} ann AKIAEXAMPLEEXAMPLE22")
        add_name(action, "user", _USER)
        action.add_argument("key_id", metavar="KEY_ID", type=filled, help="the key")
        if name == "delete":
            add_yes(action)
    temporary = add_action(
        keys,
        "temporary",
        "issue a key that expires, with a session token",
        _temporary,
        "access key temporary ann --ttl 1h --policy only-poll.json > job.env",
    )
    add_name(temporary, "user", "the user for whom it acts")
    temporary.add_argument("--ttl", metavar="T", type=filled, default="1h", help="15m to 36h [1h]")
    temporary.add_argument(
        "--policy", metavar="FILE", type=filled, help="it may do no more than this policy allows; - reads it"
    )


def _create(at_work: AtWork) -> int:
    days = at_work.arguments.days
    answer = at_work.ask(
        "CreateAccessKey",
        userName=at_work.arguments.user,
        expireAfterDays=whole("--days", days, minimum=1) if days else None,
    )
    return _print_new(at_work, answer)


def _print_new(at_work: AtWork, answer: Object) -> int:
    if at_work.json:
        at_work.print_json(answer)
    at_work.say(f"AWS_ACCESS_KEY_ID={text(answer, 'accessKeyId')}")
    at_work.say(f"AWS_SECRET_ACCESS_KEY={text(answer, 'secretAccessKey')}")
    if answer.get("sessionToken"):
        at_work.say(f"AWS_SESSION_TOKEN={text(answer, 'sessionToken')}")
    expires = moment(answer.get("expireTimestamp"))
    at_work.note(f"the secret cannot be read again{'; the key expires at ' + expires if expires else ''}")
    return statuses.DONE


def _rotate(at_work: AtWork) -> int:
    name = at_work.arguments.user
    before = _keys_of(at_work)
    if len(before) > 1:
        raise CommandFailed(
            f"{name} has {len(before)} keys: delete the one that is no longer used (`workflowsvc access key list "
            f"{name}` says when each was), then rotate"
        )
    _create(at_work)
    for key in before:
        old = text(key, "accessKeyId")
        at_work.note(
            f"{old} is still {text(key, 'status').lower()}: when its programs have the new one, run `workflowsvc "
            f"access key disable {name} {old}`, and later delete it"
        )
    return statuses.DONE


def _keys_of(at_work: AtWork) -> list[Object]:
    return rows(at_work.ask("ListAccessKeys", userName=at_work.arguments.user), "accessKeys")


def _list(at_work: AtWork) -> int:
    found = _keys_of(at_work)
    if at_work.json:
        for row in found:
            at_work.print_json(row)
    elif found:
        print_keys(at_work, found)
    else:
        at_work.say("No keys.")
    return statuses.DONE


def _disable(at_work: AtWork) -> int:
    return _set_status(at_work, "INACTIVE")


def _enable(at_work: AtWork) -> int:
    return _set_status(at_work, "ACTIVE")


def _set_status(at_work: AtWork, status: str) -> int:
    user, key_id = at_work.arguments.user, at_work.arguments.key_id
    at_work.ask("UpdateAccessKey", userName=user, accessKeyId=key_id, status=status)
    if at_work.json:
        at_work.print_json({"accessKeyId": key_id, "status": status})
    at_work.say(f"key {key_id} of {user} is {status.lower()}")
    return statuses.DONE


def _delete(at_work: AtWork) -> int:
    user, key_id = at_work.arguments.user, at_work.arguments.key_id
    at_work.confirm(f"Delete the key {key_id} of {user}? Programs that use it are refused at once.")
    at_work.ask("DeleteAccessKey", userName=user, accessKeyId=key_id)
    if at_work.json:
        at_work.print_json({"accessKeyId": key_id})
    at_work.say(f"key {key_id} of {user} is deleted")
    return statuses.DONE


def _temporary(at_work: AtWork) -> int:
    given = at_work.arguments.policy
    answer = at_work.ask(
        "IssueTemporaryKey",
        userName=at_work.arguments.user,
        durationSeconds=span_of("--ttl", at_work.arguments.ttl),
        sessionPolicy=None if given is None else read_file(at_work, given),
    )
    return _print_new(at_work, answer)
