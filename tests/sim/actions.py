"""The actions of a step: everything that clients, operators, functions, clocks and faults of the store do.

Owns the actions and how often each is drawn. Each draws from the dice of its step alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.sim.calls import HeldTask
from tests.sim.decisions import FUNCTION, LISTS, WORKFLOWS, Dice
from tests.sim.faulty import Fault, Kind
from workflowsvc.engine.invoker import Failed
from workflowsvc.tenant import Tenant
from workflowsvc.testing import LATER

if TYPE_CHECKING:
    from tests.sim.simulation import Simulation

ONE, TWO = Tenant(), Tenant("111111111111", "eu-west-1")
PLACES = [(ONE, "d"), (ONE, "now"), (TWO, "d")]  # two domains of one name are two
RETENTION = {"d": "1", "now": "NONE"}

Action = Callable[["Simulation", Dice], None]


def place(dice: Dice) -> tuple[Tenant, str]:
    return dice.source.choices(PLACES, [6, 2, 2])[0]


# --- callers ---


def start(sim: Simulation, dice: Dice) -> None:
    tenant, domain = place(dice)
    held = dice.settings(child=False)
    members = {"domain": domain, "workflowId": dice.one(*WORKFLOWS), "workflowType": dice.workflow_type()}
    sim.send("StartWorkflowExecution", tenant, held | members, held["input"])


def _address(sim: Simulation, dice: Dice) -> tuple[Tenant, dict[str, Any]]:
    tenant, domain = place(dice)
    members = {"domain": domain, "workflowId": dice.one(*WORKFLOWS)}
    return tenant, members | dice.maybe(0.3, runId=dice.run_id())


def signal(sim: Simulation, dice: Dice) -> None:
    tenant, members = _address(sim, dice)
    marker = dice.marker()
    sim.send("SignalWorkflowExecution", tenant, members | {"signalName": "s", "input": marker}, marker)


def request_cancel(sim: Simulation, dice: Dice) -> None:
    tenant, members = _address(sim, dice)
    sim.send("RequestCancelWorkflowExecution", tenant, members)


def terminate(sim: Simulation, dice: Dice) -> None:
    tenant, members = _address(sim, dice)
    marker = dice.marker()
    members |= {"details": marker} | dice.maybe(0.3, childPolicy=dice.one("TERMINATE", "REQUEST_CANCEL"))
    sim.send("TerminateWorkflowExecution", tenant, members, marker)


# --- polls ---


def _list(sim: Simulation, dice: Dice, kind: str) -> tuple[Tenant, dict[str, Any]]:
    """Mostly one on which a task waits, if there is any."""
    waiting = [task for task in sim.checks.tasks if task.kind == kind and task.task_list in LISTS]
    if waiting and dice.chance(0.7):
        task = dice.source.choice(waiting)
        places = sim.auditor.domains.items()
        tenant, domain = next(place for place, found in places if found == task.domain)
        return tenant, {"domain": domain, "taskList": {"name": task.task_list}}
    tenant, domain = place(dice)
    return tenant, {"domain": domain, "taskList": {"name": dice.one(*LISTS)}}


def poll_decision(sim: Simulation, dice: Dice) -> None:
    marker = dice.marker()
    tenant, members = _list(sim, dice, "decision")
    members |= {"identity": marker}
    members |= dice.maybe(0.2, maximumPageSize=dice.one(1, 2, 7)) | dice.maybe(0.2, reverseOrder=True)
    members |= dice.maybe(0.2, startAtPreviousStartedEvent=True)
    sim.send("PollForDecisionTask", tenant, members, marker)


def poll_activity(sim: Simulation, dice: Dice) -> None:
    marker = dice.marker()
    tenant, members = _list(sim, dice, "activity")
    sim.send("PollForActivityTask", tenant, members | {"identity": marker}, marker)


def end_a_poll(sim: Simulation, dice: Dice) -> None:
    """Its time is over, or its client has gone."""
    polls = [call for call in sim.clients.waiting if call.is_poll and call.answer.poll is not None]
    for call in dice.source.sample(polls, min(len(polls), dice.one(1, 2))):
        poll = call.answer.poll
        assert poll is not None
        if dice.chance(0.3):
            call.hung_up = True
            poll.abandon()
        else:
            poll.withdraw()


# --- deciders and workers ---


def _held(dice: Dice, tasks: list[HeldTask]) -> HeldTask | None:
    """Mostly one that waits for an answer; now and then one that was answered, or long ago."""
    unanswered = [task for task in tasks if not task.answers]
    if unanswered and dice.chance(0.85):
        return dice.source.choice(unanswered[-6:])
    return dice.source.choice(tasks) if tasks else None


def decide(sim: Simulation, dice: Dice) -> None:
    task = _held(dice, sim.clients.decisions)
    if task is None:
        return poll_decision(sim, dice)
    marker = dice.marker()
    members: dict[str, Any] = {"taskToken": task.token, "executionContext": marker}
    members["decisions"] = dice.decisions(0.25)
    if dice.chance(0.1):
        members["taskList"] = {"name": dice.one(*LISTS)}
        members |= dice.maybe(0.6, taskListScheduleToStartTimeout=dice.one("0", "2", "30"))
    task.answers.append(sim.send("RespondDecisionTaskCompleted", task.call.tenant, members, marker))
    return None


def work(sim: Simulation, dice: Dice) -> None:
    task = _held(dice, sim.clients.work)
    if task is None:
        return poll_activity(sim, dice)
    marker = dice.marker()
    kind, member = dice.one(("Completed", "result"), ("Failed", "details"), ("Canceled", "details"))
    members = {"taskToken": task.token, member: marker}
    task.answers.append(sim.send(f"RespondActivityTask{kind}", task.call.tenant, members, marker))
    return None


def heartbeat(sim: Simulation, dice: Dice) -> None:
    task = _held(dice, sim.clients.work)
    if task is None:
        return poll_activity(sim, dice)
    members = {"taskToken": task.token} | dice.maybe(0.7, details=dice.marker())
    sim.send("RecordActivityTaskHeartbeat", task.call.tenant, members)
    return None


def wrong_token(sim: Simulation, dice: Dice) -> None:
    """Of another kind of task, of another tenant, or changed on the way."""
    tasks = [*sim.clients.decisions, *sim.clients.work]
    if not tasks:
        return
    task = dice.source.choice(tasks)
    tenant, token = task.call.tenant, task.token
    operation = dice.one("RespondActivityTaskCompleted", "RespondDecisionTaskCompleted")
    if dice.chance(0.5):
        tenant = TWO if tenant == ONE else ONE
    else:
        token = token[:50] + ("A" if token[50] != "A" else "B") + token[51:]
    call = sim.send(operation, tenant, {"taskToken": token})
    sim.never.append(call)


# --- functions ---


def function(sim: Simulation, dice: Dice) -> Any:
    """How a Lambda function ends that is called in this step."""
    if dice.chance(0.4):
        return LATER
    if dice.chance(0.2):
        return Failed("Handled", dice.marker())
    if dice.chance(0.1):
        raise ValueError("a function with a bug")
    return dice.marker()


def end_a_function(sim: Simulation, dice: Dice) -> None:
    if sim.world.unanswered:
        invocation = dice.source.choice(sim.world.unanswered)
        sim.world.unanswered.remove(invocation)
        result = dice.one(None, {"a": 1}, Failed("Unhandled", "x" * 40_000), "y" * 40_000)
        ending = result if isinstance(result, Failed) else _returned(result)
        sim.world._invoker.ended(invocation, ending)


def _returned(result: Any) -> Any:
    from workflowsvc.testing.world import _ending

    return _ending(result)


# --- operators ---


def operate(sim: Simulation, dice: Dice) -> None:
    tenant, domain = place(dice)
    workflow = dice.chance(0.5)
    kind = "Workflow" if workflow else "Activity"
    name, version = dice.one(("full", "1"), ("full", "2"), ("bare", "1"), ("brief", "1"))
    named = {f"{kind.lower()}Type": {"name": name, "version": version}}
    verb = dice.one("Deprecate", "Undeprecate", "Undeprecate", "Delete", "Register", "Describe")
    if verb == "Register":
        members = {"name": name, "version": version} | dice.maybe(
            0.7, defaultTaskList={"name": dice.one(*LISTS)}
        )
        sim.send(f"Register{kind}Type", tenant, {"domain": domain} | members)
    else:
        sim.send(f"{verb}{kind}Type", tenant, {"domain": domain} | named)


def operate_domain(sim: Simulation, dice: Dice) -> None:
    """A deprecated domain comes back soon, or little would happen any more."""
    tenant, domain = place(dice)
    arn = tenant.domain_arn(domain)
    choice = dice.source.randrange(6)
    if choice == 0:
        sim.send("DeprecateDomain", tenant, {"name": domain})
    elif choice <= 3:
        sim.send("UndeprecateDomain", tenant, {"name": domain})
    elif choice == 4:
        sim.send(
            "TagResource", tenant, {"resourceArn": arn, "tags": [{"key": dice.one("a", "b"), "value": "v"}]}
        )
    else:
        sim.send("UntagResource", tenant, {"resourceArn": arn, "tagKeys": ["a"]})


# --- time and faults ---


def pass_time(sim: Simulation, dice: Dice) -> None:
    ms = dice.source.choices(
        [dice.source.randrange(1_000), 1_000, 7_000, 61_000, 700_000, 86_400_000, 200_000_000],
        [80, 80, 60, 30, 8, 2, 1],
    )[0]
    sim.advance(ms)


def set_clock(sim: Simulation, dice: Dice) -> None:
    sim.one_clock = sim.auditor.one_clock = False
    sim.world.clock.step(dice.one(-1, 1) * dice.one(1, 1_000, 300_000, 86_400_000, 31_536_000_000))


def restart(sim: Simulation, dice: Dice) -> None:
    sim.restart()


KINDS: list[tuple[Kind, int]] = [
    ("conflict", 4),
    ("unavailable", 3),
    ("crash", 4),
    ("unknown", 2),
    ("unavailable at commit", 3),
    ("conflict at commit", 3),
    ("unknown, not kept", 3),
    ("unknown, kept", 5),
    ("crash before commit", 3),
    ("crash after commit", 5),
    ("no reading", 1),
]


def store_fault(sim: Simulation, dice: Dice) -> None:
    """The next calls, sent together, meet a failing store."""
    kinds, weights = zip(*KINDS, strict=True)
    kind = dice.source.choices(kinds, weights)[0]
    at_commit = "commit" in kind or "kept" in kind or kind == "no reading"
    at = dice.one(0, 0, 1) if at_commit else dice.source.randrange(25)
    sim.store.arm(Fault(kind, at, dice.one(1, 1, 1, 2, 6)))
    together(sim, dice)


def together(sim: Simulation, dice: Dice) -> None:
    """Several calls at once: one batch of the writer loop."""
    for _ in range(dice.one(1, 2, 3, 5, 8)):
        draw(dice, CALLS)(sim, dice)


CALLS: list[tuple[Action, int]] = [
    (start, 12),
    (signal, 4),
    (request_cancel, 2),
    (terminate, 1),
    (poll_decision, 16),
    (poll_activity, 10),
    (end_a_poll, 4),
    (decide, 18),
    (work, 10),
    (heartbeat, 4),
    (wrong_token, 1),
    (end_a_function, 2),
    (operate, 1),
]

ACTIONS: list[tuple[Action, int]] = [
    *CALLS,
    (together, 25),
    (pass_time, 22),
    (store_fault, 18),
    (set_clock, 1),
    (restart, 2),
    (operate_domain, 1),
]


def draw(dice: Dice, actions: list[tuple[Action, int]]) -> Action:
    choices, weights = zip(*actions, strict=True)
    return dice.source.choices(choices, weights)[0]


assert FUNCTION == "f"
