"""A customer's order: verify the card, then complete the order, or refuse it.

    python examples/simple.py                  the whole story: a decider, a worker, two orders
    python examples/simple.py --role decider   one role alone, until Ctrl-C (or: worker, starter)

The decider and the worker never talk to each other. Each asks the service for its next task. All that happened is in
the history of the order: any decider that reads it can continue, after any crash and on any machine.
"""

from __future__ import annotations

import json
import uuid

from support import (
    DOMAIN,
    Json,
    activity_tasks,
    attributes,
    connect,
    decision_tasks,
    expect_history,
    history_of,
    play,
    print_history,
    register_domain,
    register_if_missing,
    wait_until_closed,
)

CUSTOMER_ORDER = {"name": "CustomerOrder", "version": "1.0"}
VERIFY_CARD = {"name": "VerifyCard", "version": "1.0"}
TASK_LIST = "orders"  # of decision tasks and of activity tasks: SWF keeps the two apart

swf = connect()


def decide(events: list[Json]) -> list[Json]:
    """The next decisions, from the history alone, newest event first."""
    for event in reversed(events):
        said = attributes(event)
        match event["eventType"]:
            case "ActivityTaskCompleted":
                return [
                    {
                        "decisionType": "CompleteWorkflowExecution",
                        "completeWorkflowExecutionDecisionAttributes": {
                            "result": f"paid with {said['result']}"
                        },
                    }
                ]
            case "ActivityTaskFailed":
                return [
                    {
                        "decisionType": "FailWorkflowExecution",
                        "failWorkflowExecutionDecisionAttributes": {"reason": said["reason"]},
                    }
                ]
            case "WorkflowExecutionStarted":
                return [
                    {
                        "decisionType": "ScheduleActivityTask",
                        "scheduleActivityTaskDecisionAttributes": {
                            "activityId": "verify-card",
                            "activityType": VERIFY_CARD,
                            "input": json.loads(said["input"])["card"],
                        },
                    }
                ]
            case _:
                pass  # scheduled, started: no decision depends on these
    raise AssertionError("a history begins with WorkflowExecutionStarted")


def decider() -> None:
    """Takes decision tasks and answers each with decisions."""
    for task in decision_tasks(swf, TASK_LIST):
        swf.respond_decision_task_completed(taskToken=task["taskToken"], decisions=decide(task["events"]))


def worker() -> None:
    """Takes activity tasks, does the work, reports the result."""
    for task in activity_tasks(swf, TASK_LIST):
        card = task["input"]
        if is_card_number(card):
            swf.respond_activity_task_completed(taskToken=task["taskToken"], result=f"card ...{card[-4:]}")
        else:
            swf.respond_activity_task_failed(taskToken=task["taskToken"], reason="no such card")


def is_card_number(card: str) -> bool:
    """True when the check digit fits: with every second digit doubled, the digits' sum is a multiple of ten."""
    digits = [int(sign) for sign in reversed(card) if sign.isdigit()]
    return sum(digits[::2]) % 10 == -sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2]) % 10


def register() -> None:
    """Registers the domain and the two types, with defaults that need not be repeated later."""
    register_domain(swf)
    register_if_missing(
        swf.register_workflow_type,
        domain=DOMAIN,
        **CUSTOMER_ORDER,
        defaultTaskList={"name": TASK_LIST},
        defaultExecutionStartToCloseTimeout="60",
        defaultTaskStartToCloseTimeout="10",
        defaultChildPolicy="TERMINATE",
    )
    register_if_missing(
        swf.register_activity_type,
        domain=DOMAIN,
        **VERIFY_CARD,
        defaultTaskList={"name": TASK_LIST},
        defaultTaskScheduleToStartTimeout="NONE",
        defaultTaskScheduleToCloseTimeout="30",
        defaultTaskStartToCloseTimeout="NONE",
        defaultTaskHeartbeatTimeout="NONE",
    )


def starter() -> None:
    """Starts two orders and checks their histories."""
    place_order("4111 1111 1111 1111", outcome=PAID)
    place_order("4111 1111 1111 1112", outcome=REFUSED)


def place_order(card: str, outcome: str) -> None:
    workflow_id = f"order-{uuid.uuid4().hex[:8]}"
    order = json.dumps({"item": "a book about workflows", "card": card})
    run = swf.start_workflow_execution(
        domain=DOMAIN, workflowId=workflow_id, workflowType=CUSTOMER_ORDER, input=order
    )
    execution = {"workflowId": workflow_id, "runId": run["runId"]}
    wait_until_closed(swf, execution)
    events = history_of(swf, execution)
    print_history(f"{workflow_id}, to be paid with {card}", events)
    expect_history(events, outcome)


PAID = """
 1 WorkflowExecutionStarted    workflowType=CustomerOrder/1.0 taskList=orders childPolicy=TERMINATE
 2 DecisionTaskScheduled       taskList=orders startToCloseTimeout=10
 3 DecisionTaskStarted         scheduledEventId=2
 4 DecisionTaskCompleted       scheduledEventId=2 startedEventId=3
 5 ActivityTaskScheduled       activityId=verify-card activityType=VerifyCard/1.0 input='4111 1111 1111 1111'
 6 ActivityTaskStarted         scheduledEventId=5
 7 ActivityTaskCompleted       scheduledEventId=5 startedEventId=6 result='card ...1111'
 8 DecisionTaskScheduled       taskList=orders
 9 DecisionTaskStarted         scheduledEventId=8
10 DecisionTaskCompleted       scheduledEventId=8 startedEventId=9
11 WorkflowExecutionCompleted  decisionTaskCompletedEventId=10 result='paid with card ...1111'
"""

REFUSED = """
 1 WorkflowExecutionStarted    workflowType=CustomerOrder/1.0
 2 DecisionTaskScheduled
 3 DecisionTaskStarted         scheduledEventId=2
 4 DecisionTaskCompleted       scheduledEventId=2 startedEventId=3
 5 ActivityTaskScheduled       activityId=verify-card decisionTaskCompletedEventId=4
 6 ActivityTaskStarted         scheduledEventId=5
 7 ActivityTaskFailed          scheduledEventId=5 startedEventId=6 reason='no such card' details=absent
 8 DecisionTaskScheduled
 9 DecisionTaskStarted         scheduledEventId=8
10 DecisionTaskCompleted       scheduledEventId=8 startedEventId=9
11 WorkflowExecutionFailed     decisionTaskCompletedEventId=10 reason='no such card'
"""


if __name__ == "__main__":
    play(register=register, starter=starter, decider=decider, worker=worker)
