"""`workflowsvc access simulate`: whether a user may do something, and which statement says so."""

from __future__ import annotations

from workflowsvc.client.answers import text
from workflowsvc.commands import statuses
from workflowsvc.commands.access.actions import Parsers, add_action, pair
from workflowsvc.commands.access.calling import AtWork, read_file
from workflowsvc.commands.asking import filled

_REASONS = {
    "NO_ALLOW": "no statement allows it",
    "SESSION_POLICY": "the session policy does not allow it",
}


def add_actions(parsers: Parsers) -> None:
    simulate = add_action(
        parsers,
        "simulate",
        "say whether a user may do something, and which statement decides",
        _simulate,
        "access simulate --as ann --action swf:PollForActivityTask "
        "--resource arn:aws:swf:us-east-1:000000000000:/domain/orders --context swf:taskList.name=fast",
        more="Nothing is done.\n\nExit status: 0 when it is allowed, 10 when it is denied.",
    )
    simulate.add_argument("--as", dest="user", required=True, metavar="U", type=filled, help="the user")
    simulate.add_argument(
        "--action",
        dest="about",
        required=True,
        metavar="A",
        type=filled,
        help="such as swf:CountOpenWorkflowExecutions",
    )
    simulate.add_argument(
        "--resource", required=True, metavar="ARN", type=filled, help="such as that of a domain"
    )
    simulate.add_argument(
        "--context",
        action="append",
        default=[],
        metavar="K=V",
        type=pair,
        help="a condition key with a value; repeatable. Those about the user are known",
    )
    simulate.add_argument(
        "--policy",
        metavar="FILE",
        type=filled,
        help="as if the key were a temporary one with this session policy",
    )


def _simulate(at_work: AtWork) -> int:
    given = at_work.arguments
    context: dict[str, list[str]] = {}
    for key, value in given.context:
        context.setdefault(key, []).append(value)
    answer = at_work.ask(
        "SimulateAccess",
        userName=given.user,
        action=given.about,
        resource=given.resource,
        context=[{"key": key, "values": values} for key, values in context.items()] or None,
        sessionPolicy=None if given.policy is None else read_file(at_work, given.policy),
    )
    if at_work.json:
        at_work.print_json(answer)
    allowed = bool(answer.get("allowed"))
    reason = _REASONS.get(text(answer, "reason"), "")
    if answer.get("statement"):
        reason = f"by {text(answer, 'statement')} of {text(answer, 'policy')}"
    at_work.say(f"{'allowed' if allowed else 'denied'}: {reason}")
    return statuses.DONE if allowed else statuses.FOUND
