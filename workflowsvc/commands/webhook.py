"""`workflowsvc webhook`: where the feed of a domain is pushed to, how that goes, and what was given up on. Our own API
answers it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator

from workflowsvc.client.answers import Object, part, rows, text
from workflowsvc.commands import asking
from workflowsvc.commands.asking import Asking, filled, whole
from workflowsvc.commands.context import CommandContext, CommandFailed
from workflowsvc.display.text import moment
from workflowsvc.options import SettingsError

DESCRIPTION = """\
Have the event feed of a domain pushed to URLs: each entry as a signed POST, at least once, in order for a run. The feed
must be switched on for itself: workflowsvc feed on."""
EXAMPLES = (
    "webhook add orders billing https://billing.example.com/swf",
    "webhook add orders alerts http://127.0.0.1:9000/ --event-type WorkflowExecutionFailed --from-oldest",
    "webhook list orders",
    "webhook test orders billing",
    "webhook dead orders billing",
    "webhook resend orders billing 17 18",
    "webhook resend orders billing --all",
    "webhook forget orders billing --all",
    "webhook remove orders billing",
)
PAGE_SIZE = 100


def add_arguments(parser: argparse.ArgumentParser, context: CommandContext) -> None:
    asking.describe(parser, DESCRIPTION, EXAMPLES)
    parsers = parser.add_subparsers(title="what to do", metavar="ACTION", dest="action", required=True)

    def add(action: str, help: str, description: str, *, named: bool = True) -> argparse.ArgumentParser:
        subparser = parsers.add_parser(action, allow_abbrev=False, help=help)
        examples = tuple(example for example in EXAMPLES if example.startswith(f"webhook {action} "))
        asking.describe(subparser, description, examples)
        subparser.add_argument("domain", metavar="DOMAIN", type=filled, help="the domain")
        if named:
            subparser.add_argument("name", metavar="NAME", type=filled, help="the name of the webhook")
        asking.add_server(subparser, domain=False)
        return subparser

    adding = add(
        "add",
        "push the feed to a URL from now on",
        "Push the feed to a URL. The secret that signs what is sent is printed once and cannot be read again.",
    )
    adding.add_argument("url", metavar="URL", type=filled, help="http or https")
    adding.add_argument(
        "--event-type",
        metavar="TYPE",
        type=filled,
        action="append",
        help="only events of this type, and of others that are named so [all of the feed]",
    )
    adding.add_argument(
        "--from-oldest", action="store_true", help="begin with the oldest entry that is kept [from now on]"
    )
    add("list", "say how webhooks fare", "List the webhooks of a domain and how they fare.", named=False)
    add(
        "test",
        "send a test event",
        "Send a test event and say how it was answered. Exit status 1 when it was not delivered.",
    )
    add("dead", "list what was given up on", "List the events that were given up on, the oldest first.")
    _add_letters(
        add(
            "resend",
            "send dead letters once more",
            "Have dead letters sent once more, each once. Those that are delivered leave the list.",
        )
    )
    _add_letters(add("forget", "delete dead letters", "Delete dead letters."))
    add(
        "remove",
        "push to the URL no longer",
        "Delete a webhook, its secret, and its dead letters.",
    )


def _add_letters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("ids", metavar="ID", nargs="*", type=filled, help="the numbers of dead letters")
    parser.add_argument("--all", action="store_true", help="all that there are")


def run(context: CommandContext, arguments: argparse.Namespace) -> int:
    at_work = Asking(context, arguments)
    if arguments.action == "add":
        return _add(at_work)
    if arguments.action == "list":
        return _list(at_work)
    if arguments.action == "test":
        return _test(at_work)
    if arguments.action == "dead":
        return _dead(at_work)
    if arguments.action == "remove":
        at_work.own("DeleteWebhook", name=arguments.name)
        return 0
    return _change(at_work)


def _add(at_work: Asking) -> int:
    arguments = at_work.arguments
    found = at_work.own(
        "CreateWebhook",
        name=arguments.name,
        url=arguments.url,
        eventTypes=arguments.event_type,
        begin="OLDEST" if arguments.from_oldest else "LATEST",
    )
    if at_work.json:
        at_work.print_json(found)
        return 0
    at_work.say(f"Secret: {text(found, 'secret')}")
    at_work.say("It is shown here alone. The receiver checks with it who has sent an event.")
    if at_work.own("DescribeFeed").get("status") != "ON":
        at_work.say(f"The feed is off: workflowsvc feed on {arguments.domain}")
    return 0


def _list(at_work: Asking) -> int:
    found = at_work.own("ListWebhooks")
    if at_work.json:
        at_work.print_json(found)
        return 0
    from workflowsvc.display.screen import Column

    table = [
        [
            text(each, "name"),
            text(each, "url"),
            _how(each),
            moment(each["deliveredTimestamp"]) if "deliveredTimestamp" in each else "never",
            str(each.get("deadLetters")),
        ]
        for each in rows(found, "webhooks")
    ]
    columns = [
        Column("NAME"),
        Column("URL", wraps=True),
        Column("STATUS", wraps=True),
        Column("DELIVERED"),
        Column("DEAD"),
    ]
    at_work.screen.table(columns, table)
    return 0


def _how(webhook: Object) -> str:
    status = text(webhook, "status")
    if status == "FAILING":
        how = f"failing since {moment(webhook.get('failingSinceTimestamp'))}: {text(webhook, 'error')}"
    else:
        how = "delivering" if status == "DELIVERING" else "nothing delivered yet"
    missed = webhook.get("missed")
    if not missed:
        return how
    times = "once" if missed == 1 else f"{missed} times"
    return f"{how}; entries were too old before they could be sent: {times}"


def _test(at_work: Asking) -> int:
    found = at_work.own("TestWebhook", name=at_work.arguments.name)
    if at_work.json:
        at_work.print_json(found)
    elif found.get("isDelivered"):
        at_work.say(f"delivered: answered {found.get('statusCode')} after {found.get('seconds')} s")
    if not found.get("isDelivered"):
        raise CommandFailed(f"the test event was not delivered: {text(found, 'error')}")
    return 0


def _letters(at_work: Asking) -> Iterator[Object]:
    for page in at_work.own_pages("ListDeadLetters", name=at_work.arguments.name, maximumPageSize=PAGE_SIZE):
        yield from rows(page, "deadLetters")


def _dead(at_work: Asking) -> int:
    for letter in _letters(at_work):
        if at_work.json:
            at_work.print_json(letter)
            continue
        event: Object = json.loads(text(letter, "event"))
        detail = part(event, "detail")
        execution = part(part(part(detail, "workflowExecutionDetail"), "executionInfo"), "execution")
        due = "  (to be sent again)" if letter.get("isDue") else ""
        at_work.say(
            f"{letter.get('id')}  {text(event, 'time')}  {text(execution, 'workflowId')}  {detail.get('eventId')} "
            f"{text(detail, 'eventType')}  {letter.get('attempts')} attempts: {text(letter, 'error')}{due}"
        )
    return 0


def _change(at_work: Asking) -> int:
    arguments = at_work.arguments
    if bool(arguments.ids) == arguments.all:
        raise SettingsError("give the numbers of dead letters, or --all")
    if arguments.all:
        ids = [int(letter["id"]) for letter in _letters(at_work)]
    else:
        ids = [whole("ID", given, minimum=1) for given in arguments.ids]
    operation = "ResendDeadLetters" if arguments.action == "resend" else "DeleteDeadLetters"
    count = 0
    for first in range(0, len(ids), PAGE_SIZE):
        found = at_work.own(operation, name=arguments.name, ids=ids[first : first + PAGE_SIZE])
        count += int(found.get("count") or 0)
    if at_work.json:
        at_work.print_json({"count": count})
    else:
        done = "will be sent once more" if arguments.action == "resend" else "deleted"
        at_work.say(f"{count} dead letter{'' if count == 1 else 's'} {done}")
    return 0
