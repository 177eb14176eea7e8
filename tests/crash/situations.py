"""For each action, a database in which it has something to do, and the request that does it.

Owns the preparation, by calls to a real server, and the list of all situations. Situations without an action are the
background work of a start: deadlines, messages, retention, the creation of the database.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from tests.crash.fork_server import ForkServer
from tests.crash.pointed import Order
from tests.support.names import ARN, DECIDERS, DOMAIN, WORKERS, WORKFLOW, Request
from tests.support.peer import NoAnswer, Peer

BACKGROUND: Request = ("*", {})
WITHOUT_TIME_OUTS = {
    "defaultTaskStartToCloseTimeout": "NONE",
    "defaultTaskScheduleToStartTimeout": "NONE",
    "defaultTaskScheduleToCloseTimeout": "NONE",
    "defaultTaskHeartbeatTimeout": "NONE",
    "defaultTaskList": {"name": WORKERS},
}
TYPE = {"name": "other", "version": "1"}
DUE_SECONDS = 3  # all that precedes the end of the server is done before, also on a busy machine


class Scene:
    """A database that is being prepared."""

    def __init__(self, fork_server: ForkServer, file: Path) -> None:
        self._fork_server, self.file = fork_server, file
        self._process = fork_server.start(Order(str(file)))
        self.peer = Peer(self._process.port)

    def call(self, action: str, /, **members: Any) -> Any:
        return self.peer.call(action, **members)

    def ask(self, action: str, /, **members: Any) -> Any:
        return self.call(action, domain=DOMAIN, **members)

    def end(self) -> None:
        self.peer.__exit__()
        self._process.kill()

    def die_in(self, action: str, members: dict[str, Any], die_at: str) -> None:
        """Makes the call to a server that dies at this point of the work on it."""
        self.end()
        self._process = self._fork_server.start(Order(str(self.file), action, die_at))
        with Peer(self._process.port) as peer, suppress(NoAnswer):
            peer.call(action, **members)
            raise AssertionError(f"{action} never came to {die_at}")

    def furnish(self, retention: str = "7") -> None:
        self.call("RegisterDomain", name=DOMAIN, workflowExecutionRetentionPeriodInDays=retention)
        self.ask(
            "RegisterWorkflowType",
            **WORKFLOW,
            defaultTaskList={"name": DECIDERS},
            defaultTaskStartToCloseTimeout="NONE",
            defaultExecutionStartToCloseTimeout="86400",
            defaultChildPolicy="TERMINATE",
        )
        self.ask("RegisterActivityType", name="activity", version="1", **WITHOUT_TIME_OUTS)

    def start(self, workflow_id: str = "w") -> str:
        return self.ask(
            "StartWorkflowExecution", workflowId=workflow_id, workflowType=WORKFLOW, tagList=["a", "b"]
        )["runId"]

    def decision_token(self) -> str:
        return self.ask("PollForDecisionTask", taskList={"name": DECIDERS})["taskToken"]

    def activity_token(self) -> str:
        return self.ask("PollForActivityTask", taskList={"name": WORKERS})["taskToken"]

    def decide(self, *decisions: dict[str, Any]) -> None:
        self.call("RespondDecisionTaskCompleted", **completion(self.decision_token(), *decisions))

    def working(self) -> str:
        """The token of an activity that was started in workflow `w`."""
        self.start()
        self.decide(ACTIVITY)
        return self.activity_token()


def decision(decision_type: str, **attributes: Any) -> dict[str, Any]:
    member = f"{decision_type[0].lower()}{decision_type[1:]}DecisionAttributes"
    return {"decisionType": decision_type, member: attributes}


def completion(token: str, *decisions: dict[str, Any]) -> dict[str, Any]:
    return {"taskToken": token, "decisions": list(decisions), "executionContext": "context"}


ACTIVITY = decision(
    "ScheduleActivityTask", activityId="a", activityType={"name": "activity", "version": "1"}, input="in"
)
CHILD = decision("StartChildWorkflowExecution", workflowId="child", workflowType=WORKFLOW)
EVERYTHING = (
    ACTIVITY,
    decision("StartTimer", timerId="t", startToFireTimeout="3600"),
    decision("RecordMarker", markerName="m", details="d" * 9_000),
    CHILD,
    decision("SignalExternalWorkflowExecution", workflowId="other", signalName="s", input="in"),
    decision("RequestCancelExternalWorkflowExecution", workflowId="other"),
    decision("ScheduleLambdaFunction", id="l", name="unmapped"),
)


class Situation(NamedTuple):
    """`prepare` gives the request. `again`: the same request once more changes nothing further."""

    name: str
    prepare: Callable[[Scene], Request]
    again: bool = True


def _furnished(*requests: Request) -> Callable[[Scene], Request]:
    """All calls but the last prepare the situation."""

    def prepare(scene: Scene) -> Request:
        scene.furnish()
        for action, members in requests[:-1]:
            scene.call(action, **members)
        return requests[-1]

    return prepare


def _life_of_type(kind: str) -> list[Situation]:
    named = {"domain": DOMAIN, f"{kind[0].lower()}{kind[1:]}": TYPE}
    life: list[Request] = [
        (f"Register{kind}", {"domain": DOMAIN, **TYPE, "description": "d"}),
        (f"Deprecate{kind}", named),
        (f"Undeprecate{kind}", named),
    ]
    delete: list[Request] = [*life[:2], (f"Delete{kind}", named)]
    return [Situation(life[n][0], _furnished(*life[: n + 1])) for n in range(3)] + [
        Situation(delete[-1][0], _furnished(*delete))
    ]


_DOMAIN_LIFE: list[Request] = [
    ("RegisterDomain", {"name": "other", "workflowExecutionRetentionPeriodInDays": "1"}),
    ("DeprecateDomain", {"name": "other"}),
    ("UndeprecateDomain", {"name": "other"}),
]
_TAGS: Request = ("TagResource", {"resourceArn": ARN, "tags": [{"key": "k", "value": "v"}]})
_UNTAGS: Request = ("UntagResource", {"resourceArn": ARN, "tagKeys": ["k"]})


def _started(action: str, **members: Any) -> Callable[[Scene], Request]:
    """Workflow `w` is open, its decision task waits."""

    def prepare(scene: Scene) -> Request:
        scene.furnish()
        run_id = scene.start()
        named = json.loads(json.dumps(members).replace("THE RUN", run_id))
        return action, {"domain": DOMAIN, **named}

    return prepare


def _decided(*decisions: dict[str, Any]) -> Callable[[Scene], Request]:
    """The decision task of workflow `w` is started; workflow `other` is open too."""

    def prepare(scene: Scene) -> Request:
        scene.furnish()
        scene.start()
        token = scene.decision_token()
        scene.start("other")
        return "RespondDecisionTaskCompleted", completion(token, *decisions)

    return prepare


def _with_child(action: str, **members: Any) -> Callable[[Scene], Request]:
    """Workflow `w` has a child and an activity."""

    def prepare(scene: Scene) -> Request:
        scene.furnish()
        scene.start()
        scene.decide(CHILD, ACTIVITY)
        scene.ask("PollForDecisionTask", taskList={"name": DECIDERS})  # the child has started
        return action, {"domain": DOMAIN, **members}

    return prepare


def _worked(action: str, **said: Any) -> Callable[[Scene], Request]:
    def prepare(scene: Scene) -> Request:
        scene.furnish()
        return action, {"taskToken": scene.working(), **said}

    return prepare


def _poll_for_activity(scene: Scene) -> Request:
    scene.furnish()
    scene.start()
    scene.decide(ACTIVITY)
    return "PollForActivityTask", {"domain": DOMAIN, "taskList": {"name": WORKERS}, "identity": "worker"}


def _cancelled_activity(scene: Scene) -> Request:
    scene.furnish()
    token = scene.working()
    scene.ask("SignalWorkflowExecution", workflowId="w", signalName="s")
    scene.decide(decision("RequestCancelActivityTask", activityId="a"))
    return "RespondActivityTaskCanceled", {"taskToken": token, "details": "d"}


# --- background work ---


def _first_start(scene: Scene) -> Request:
    """The database does not exist yet."""
    scene.end()
    for file in scene.file.parent.glob(f"{scene.file.name}*"):
        file.unlink()
    return BACKGROUND


def _due(scene: Scene) -> Request:
    """A timer and the time-out of an activity became due while no server ran."""
    scene.furnish()
    scene.start()
    timed = decision(
        "ScheduleActivityTask",
        activityId="timed",
        activityType={"name": "activity", "version": "1"},
        scheduleToStartTimeout=str(DUE_SECONDS),
    )
    scene.decide(decision("StartTimer", timerId="t", startToFireTimeout=str(DUE_SECONDS)), timed)
    scene.end()
    due_at = time.monotonic() + DUE_SECONDS + 0.05
    while time.monotonic() < due_at:
        time.sleep(0.01)
    return BACKGROUND


def _messages_wait(scene: Scene) -> Request:
    """The decisions are committed; their messages are not delivered."""
    action, members = _decided(*EVERYTHING)(scene)
    scene.die_in(action, members, "answers before #1")
    return BACKGROUND


def _purge(scene: Scene) -> Request:
    """The retention of a closed run is over."""
    scene.furnish(retention="NONE")
    scene.start()
    members = completion(scene.decision_token(), decision("CompleteWorkflowExecution", result="r"))
    scene.die_in("RespondDecisionTaskCompleted", members, "answers before #1")
    return BACKGROUND


_NAMED = {"execution": {"workflowId": "w", "runId": "THE RUN"}}
_SINCE = {"startTimeFilter": {"oldestDate": 0}}
_LIST = {"taskList": {"name": DECIDERS}}

WRITING = [
    *(Situation(_DOMAIN_LIFE[n][0], _furnished(*_DOMAIN_LIFE[: n + 1])) for n in range(len(_DOMAIN_LIFE))),
    *_life_of_type("WorkflowType"),
    *_life_of_type("ActivityType"),
    Situation("TagResource", _furnished(_TAGS)),
    Situation("UntagResource", _furnished(_TAGS, _UNTAGS)),
    Situation(
        "StartWorkflowExecution",
        _started("StartWorkflowExecution", workflowId="new", workflowType=WORKFLOW, tagList=["x"]),
    ),
    Situation(
        "SignalWorkflowExecution",
        _started("SignalWorkflowExecution", workflowId="w", signalName="s", input="in"),
        again=False,
    ),
    Situation(
        "RequestCancelWorkflowExecution",
        _started("RequestCancelWorkflowExecution", workflowId="w"),
        again=False,
    ),
    Situation(
        "TerminateWorkflowExecution", _with_child("TerminateWorkflowExecution", workflowId="w", details="d")
    ),
    Situation("RespondDecisionTaskCompleted, everything", _decided(*EVERYTHING)),
    Situation("RespondDecisionTaskCompleted, complete", _decided(decision("CompleteWorkflowExecution"))),
    Situation("RespondDecisionTaskCompleted, continue", _decided(decision("ContinueAsNewWorkflowExecution"))),
    Situation("RespondActivityTaskCompleted", _worked("RespondActivityTaskCompleted", result="r")),
    Situation("RespondActivityTaskFailed", _worked("RespondActivityTaskFailed", reason="r", details="d")),
    Situation("RespondActivityTaskCanceled", _cancelled_activity),
    Situation("RecordActivityTaskHeartbeat", _worked("RecordActivityTaskHeartbeat", details="d")),
    Situation("PollForDecisionTask", _started("PollForDecisionTask", **_LIST, identity="i"), again=False),
    Situation("PollForActivityTask", _poll_for_activity, again=False),
]

READING = [
    Situation("DescribeDomain", _furnished(("DescribeDomain", {"name": DOMAIN}))),
    Situation("DescribeWorkflowType", _started("DescribeWorkflowType", workflowType=WORKFLOW)),
    Situation(
        "DescribeActivityType",
        _started("DescribeActivityType", activityType={"name": "activity", "version": "1"}),
    ),
    Situation("ListDomains", _furnished(("ListDomains", {"registrationStatus": "REGISTERED"}))),
    Situation("ListWorkflowTypes", _started("ListWorkflowTypes", registrationStatus="REGISTERED")),
    Situation("ListActivityTypes", _started("ListActivityTypes", registrationStatus="REGISTERED")),
    Situation("ListTagsForResource", _furnished(("ListTagsForResource", {"resourceArn": ARN}))),
    Situation("DescribeWorkflowExecution", _started("DescribeWorkflowExecution", **_NAMED)),
    Situation("GetWorkflowExecutionHistory", _started("GetWorkflowExecutionHistory", **_NAMED)),
    *(
        Situation(action, _started(action, **_SINCE))
        for action in (
            "ListOpenWorkflowExecutions",
            "ListClosedWorkflowExecutions",
            "CountOpenWorkflowExecutions",
            "CountClosedWorkflowExecutions",
        )
    ),
    Situation("CountPendingDecisionTasks", _started("CountPendingDecisionTasks", **_LIST)),
    Situation("CountPendingActivityTasks", _started("CountPendingActivityTasks", **_LIST)),
]

BY_ITSELF = [
    Situation("a first start", _first_start),
    Situation("deadlines that passed", _due),
    Situation("messages that wait", _messages_wait),
    Situation("a run to be purged", _purge),
]

SITUATIONS = [*WRITING, *READING, *BY_ITSELF]
