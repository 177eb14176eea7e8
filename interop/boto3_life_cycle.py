"""The life cycle of a workflow through boto3, with faults where SWF answers with faults.

Owns the program and what its histories must be. tests/clients runs the parts one by one,
`python -m interop boto3` in a row.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from interop.histories import attributes_of, history_events, types_of
from interop.outcome import Failed, require, require_equal

FLOW = {"name": "order", "version": "1"}
WORK = {"name": "charge", "version": "1"}


def furnish(client: Any, domain: str) -> None:
    """Register a domain with one workflow type and one activity type, all defaults set."""
    client.register_domain(name=domain, workflowExecutionRetentionPeriodInDays="1", description="interop")
    client.register_workflow_type(
        domain=domain,
        **FLOW,
        defaultTaskStartToCloseTimeout="60",
        defaultExecutionStartToCloseTimeout="600",
        defaultTaskList={"name": "decisions"},
        defaultChildPolicy="TERMINATE",
    )
    client.register_activity_type(
        domain=domain,
        **WORK,
        defaultTaskStartToCloseTimeout="60",
        defaultTaskHeartbeatTimeout="60",
        defaultTaskScheduleToStartTimeout="60",
        defaultTaskScheduleToCloseTimeout="120",
        defaultTaskList={"name": "work"},
    )


def completes(client: Any, domain: str) -> str:
    """A run with an activity and a timer completes, and its history is the one SWF writes."""
    execution = start(client, domain, "completes", input="42 boxes", tagList=["interop", "boto3"])
    first = decide(client, domain, schedule("charge-1"))
    require_equal(first["previousStartedEventId"], 0, "previousStartedEventId of a first decision task")
    require_equal(first["startedEventId"], 3, "startedEventId of a first decision task")
    work = client.poll_for_activity_task(domain=domain, taskList={"name": "work"}, identity="worker")
    require_equal(work["input"], "42 boxes", "input of the activity task")
    require_equal(work["activityType"], WORK, "type of the activity task")
    require_equal(work["workflowExecution"], execution, "run of the activity task")
    beat = client.record_activity_task_heartbeat(taskToken=work["taskToken"], details="half")
    require_equal(beat["cancelRequested"], False, "cancelRequested of a heartbeat")
    client.respond_activity_task_completed(taskToken=work["taskToken"], result="charged")
    timer = {"timerId": "pause", "startToFireTimeout": "0"}
    second = decide(client, domain, {"decisionType": "StartTimer", "startTimerDecisionAttributes": timer})
    require_equal(second["previousStartedEventId"], 3, "previousStartedEventId of a second decision task")
    decide(client, domain, complete("shipped"))
    events = history_events(client, domain, execution)
    require_equal(types_of(events), COMPLETED, "history of the completed run")
    require_equal(attributes_of(events[-1])["result"], "shipped", "result in the last event")
    described = client.describe_workflow_execution(domain=domain, execution=execution)
    require_equal(described["executionInfo"]["closeStatus"], "COMPLETED", "closeStatus")
    require_equal(described["executionInfo"]["tagList"], ["interop", "boto3"], "tagList")
    require_equal(set(described["openCounts"].values()), {0}, "openCounts of a closed run")
    return f"{len(events)} events"


COMPLETED = [
    "WorkflowExecutionStarted",
    "DecisionTaskScheduled",
    "DecisionTaskStarted",
    "DecisionTaskCompleted",
    "ActivityTaskScheduled",
    "ActivityTaskStarted",
    "ActivityTaskCompleted",
    "DecisionTaskScheduled",
    "DecisionTaskStarted",
    "DecisionTaskCompleted",
    "TimerStarted",
    "TimerFired",
    "DecisionTaskScheduled",
    "DecisionTaskStarted",
    "DecisionTaskCompleted",
    "WorkflowExecutionCompleted",
]


def fails(client: Any, domain: str) -> str:
    """An activity that fails is seen by the decider, who fails the run with the worker's reason."""
    execution = start(client, domain, "fails", input="no money")
    decide(client, domain, schedule("charge-1"))
    work = client.poll_for_activity_task(domain=domain, taskList={"name": "work"})
    client.respond_activity_task_failed(taskToken=work["taskToken"], reason="declined", details="card 4242")
    task = poll(client, domain)
    failure = attributes_of(
        next(event for event in task["events"] if event["eventType"] == "ActivityTaskFailed")
    )
    require_equal((failure["reason"], failure["details"]), ("declined", "card 4242"), "the worker's reason")
    attributes = {"reason": failure["reason"], "details": failure["details"]}
    respond(
        client,
        task,
        {
            "decisionType": "FailWorkflowExecution",
            "failWorkflowExecutionDecisionAttributes": attributes,
        },
    )
    return closed_as(client, domain, execution, "FAILED")


def is_canceled(client: Any, domain: str) -> str:
    """A request to cancel reaches decider and worker: the activity ends canceled, then the run."""
    execution = start(client, domain, "is_canceled", input="")
    decide(client, domain, schedule("charge-1"))
    work = client.poll_for_activity_task(domain=domain, taskList={"name": "work"})
    client.request_cancel_workflow_execution(domain=domain, workflowId="is_canceled")
    cancel = {"activityId": "charge-1"}
    decide(
        client,
        domain,
        {
            "decisionType": "RequestCancelActivityTask",
            "requestCancelActivityTaskDecisionAttributes": cancel,
        },
    )
    beat = client.record_activity_task_heartbeat(taskToken=work["taskToken"])
    require_equal(beat["cancelRequested"], True, "cancelRequested of a heartbeat after the decision")
    client.respond_activity_task_canceled(taskToken=work["taskToken"], details="undone")
    decide(client, domain, {"decisionType": "CancelWorkflowExecution"})
    return closed_as(client, domain, execution, "CANCELED")


def is_signaled_and_terminated(client: Any, domain: str) -> str:
    """A signal reaches the history with its input; a terminated run takes no more signals."""
    name = "is_signaled_and_terminated"
    execution = start(client, domain, name)
    client.signal_workflow_execution(domain=domain, workflowId=name, signalName="address", input="Oslo")
    pending = client.count_pending_decision_tasks(domain=domain, taskList={"name": "decisions"})
    require_equal((pending["count"], pending["truncated"]), (1, False), "pending decision tasks")
    client.terminate_workflow_execution(domain=domain, workflowId=name, reason="tired", details="very")
    require_fault(
        lambda: client.signal_workflow_execution(domain=domain, workflowId=name, signalName="late"),
        client.exceptions.UnknownResourceFault,
        f"Unknown execution, workflowId = {name}",
    )
    return closed_as(client, domain, execution, "TERMINATED")


def continues_as_new(client: Any, domain: str) -> str:
    """A run that continues as new is followed by another of the same workflowId and type."""
    execution = start(client, domain, "continues_as_new", input="1")
    decide(
        client,
        domain,
        {
            "decisionType": "ContinueAsNewWorkflowExecution",
            "continueAsNewWorkflowExecutionDecisionAttributes": {"input": "2"},
        },
    )
    task = poll(client, domain)
    started = attributes_of(task["events"][0])
    require_equal(started["continuedExecutionRunId"], execution["runId"], "continuedExecutionRunId")
    require_equal(started["input"], "2", "input of the new run")
    respond(client, task, complete("done"))
    return closed_as(client, domain, execution, "CONTINUED_AS_NEW")


def long_poll_is_answered_when_work_arrives(client: Any, domain: str) -> str:
    """A poll that finds nothing waits, and is answered with the task that arrives meanwhile."""
    answers: list[dict[str, Any]] = []
    polling = threading.Thread(target=lambda: answers.append(poll(client, domain, "late")), daemon=True)
    polling.start()
    start(client, domain, "late", taskList={"name": "late"})
    polling.join(50)
    require(answers and answers[0].get("taskToken"), f"the waiting poll was not answered: {answers}")
    respond(client, answers[0], complete("woken"))
    return "answered"


def faults_have_their_codes(client: Any, domain: str) -> str:
    """Wrong requests are answered with the modelled faults, and boto3 knows their classes."""
    known = client.exceptions
    start(client, domain, "twice", taskList={"name": "no-poller"})
    attempts: list[tuple[Callable[[], Any], type[ClientError], str | None]] = [
        (lambda: start(client, domain, "twice"), known.WorkflowExecutionAlreadyStartedFault, None),
        (lambda: start(client, "nowhere", "x"), known.UnknownResourceFault, "Unknown domain: nowhere"),
        (lambda: furnish(client, domain), known.DomainAlreadyExistsFault, domain),
        (
            lambda: client.register_activity_type(domain=domain, **WORK),
            known.TypeAlreadyExistsFault,
            "ActivityType=[name=charge, version=1]",
        ),
        (
            lambda: client.describe_workflow_type(
                domain=domain, workflowType={"name": "ghost", "version": "0"}
            ),
            known.UnknownResourceFault,
            "Unknown type: WorkflowType=[name=ghost, version=0]",
        ),
        (
            lambda: client.delete_activity_type(domain=domain, activityType=WORK),
            known.TypeNotDeprecatedFault,
            "The type is currently registered and cannot be deleted in its current state",
        ),
    ]
    for attempt, fault, message in attempts:
        require_fault(attempt, fault, message)
    try:
        client.respond_activity_task_completed(taskToken="not a token")
    except ClientError as error:
        require_equal(error.response["Error"]["Code"], "ValidationException", "code for a broken token")
    else:
        raise Failed("a broken token was accepted")
    client.terminate_workflow_execution(domain=domain, workflowId="twice")
    return f"{len(attempts) + 1} faults"


def types_and_tags(client: Any, domain: str) -> str:
    """Types are deprecated, undeprecated and deleted; a domain's tags are set, listed and removed."""
    spare = {"name": "spare", "version": "1"}
    client.register_workflow_type(domain=domain, **spare)
    client.deprecate_workflow_type(domain=domain, workflowType=spare)
    require_equal(status_of(client, domain, spare), "DEPRECATED", "status after DeprecateWorkflowType")
    client.undeprecate_workflow_type(domain=domain, workflowType=spare)
    require_equal(status_of(client, domain, spare), "REGISTERED", "status after UndeprecateWorkflowType")
    client.deprecate_workflow_type(domain=domain, workflowType=spare)
    client.delete_workflow_type(domain=domain, workflowType=spare)
    require_fault(lambda: status_of(client, domain, spare), client.exceptions.UnknownResourceFault, None)
    arn = client.describe_domain(name=domain)["domainInfo"]["arn"]
    client.tag_resource(resourceArn=arn, tags=[{"key": "team", "value": "a"}, {"key": "cost", "value": "1"}])
    client.untag_resource(resourceArn=arn, tagKeys=["cost"])
    tags = client.list_tags_for_resource(resourceArn=arn)["tags"]
    require_equal(tags, [{"key": "team", "value": "a"}], "tags of the domain")
    return "one type, two tags"


def start(client: Any, domain: str, workflow_id: str, **more: Any) -> dict[str, str]:
    """Start a run with the type's defaults and return its workflowId and runId."""
    run = client.start_workflow_execution(domain=domain, workflowId=workflow_id, workflowType=FLOW, **more)
    return {"workflowId": workflow_id, "runId": run["runId"]}


def poll(client: Any, domain: str, task_list: str = "decisions") -> dict[str, Any]:
    """The next decision task of a list; a failure if none comes within the long poll."""
    task = client.poll_for_decision_task(domain=domain, taskList={"name": task_list}, identity="decider")
    require("taskToken" in task, f"no decision task on {task_list}: {task}")
    return task


def respond(client: Any, task: dict[str, Any], *decisions: dict[str, Any]) -> None:
    """Complete a decision task with some decisions."""
    client.respond_decision_task_completed(taskToken=task["taskToken"], decisions=list(decisions))


def decide(client: Any, domain: str, *decisions: dict[str, Any]) -> dict[str, Any]:
    """Take the next decision task and answer it with some decisions; returns the task."""
    task = poll(client, domain)
    respond(client, task, *decisions)
    return task


def schedule(activity_id: str) -> dict[str, Any]:
    """The decision to schedule the one activity type."""
    attributes = {"activityId": activity_id, "activityType": WORK, "input": "42 boxes"}
    return {"decisionType": "ScheduleActivityTask", "scheduleActivityTaskDecisionAttributes": attributes}


def complete(result: str) -> dict[str, Any]:
    """The decision to complete the run."""
    attributes = {"result": result}
    return {
        "decisionType": "CompleteWorkflowExecution",
        "completeWorkflowExecutionDecisionAttributes": attributes,
    }


def closed_as(client: Any, domain: str, execution: dict[str, str], status: str) -> str:
    """Go on only if a run is closed with this status, in its description and in the count of closed runs."""
    info = client.describe_workflow_execution(domain=domain, execution=execution)["executionInfo"]
    require_equal(info.get("closeStatus"), status, f"closeStatus of {execution['workflowId']}")
    counted = client.count_closed_workflow_executions(
        domain=domain,
        closeTimeFilter={"oldestDate": info["startTimestamp"]},
        closeStatusFilter={"status": status},
    )
    require(counted["count"] >= 1, f"no closed run with status {status} is counted")
    return status


def status_of(client: Any, domain: str, workflow_type: dict[str, str]) -> str:
    """The registration status of a workflow type."""
    return client.describe_workflow_type(domain=domain, workflowType=workflow_type)["typeInfo"]["status"]


def require_fault(attempt: Callable[[], Any], fault: type[ClientError], message: str | None) -> None:
    """Go on only if a call is answered with this fault and, unless None, this message."""
    try:
        answer = attempt()
    except fault as error:
        if message is not None:
            require_equal(error.response["Error"]["Message"], message, f"message of {fault.__name__}")
        return
    except ClientError as error:
        raise Failed(f"expected {fault.__name__}, got {error}") from error
    raise Failed(f"expected {fault.__name__}, got an answer: {answer}")


LIFE_CYCLES: tuple[Callable[[Any, str], str], ...] = (
    completes,
    fails,
    is_canceled,
    is_signaled_and_terminated,
    continues_as_new,
    long_poll_is_answered_when_work_arrives,
    faults_have_their_codes,
    types_and_tags,
)
