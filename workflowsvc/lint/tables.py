"""What each of the 54 events may hold, derived anew from the model and SWF §6: members, lengths, roles.

Owns the table and its parser, nothing else. It is a second derivation on purpose: the service has its own,
generated one, and a mistake in that one must not hide here. A test compares this table with botocore's model.

One line is one event: `EventType roles member…`, continued on indented lines. A member is written `name!kind`
when the model requires it, `name+kind` when the model calls it optional but SWF always writes it (SWF §6),
`name?kind` when it appears only if it has a value. Roles: `w` the decider must see it (SWF §4.2), `b` the
result of a decision and so part of the block behind DecisionTaskCompleted (SWF §4.4), `c` it closes the
execution, `.` none of these.

Kinds: a text kind of TEXT_LENGTHS; `seconds` (whole seconds or NONE), `whole` (no NONE), `priority`; the
structures `taskList`, `type`, `execution`, `tags`; `>Type` the id of an earlier event of that type or 0;
`foreign` an id in the history of another execution; `=A|B` one of these words.
"""

from typing import NamedTuple

__all__ = ["CLOSING", "EVENTS", "TEXT_LENGTHS", "UNDOCUMENTED", "EventSpec", "Member", "attributes_name"]

TEXT_LENGTHS = {  # SWF §3.3: shortest, longest, in characters
    "data": (0, 32_768),
    "limited": (0, 2_048),  # details of a heartbeat
    "message": (0, 1_728),
    "reason": (0, 256),
    "identity": (0, 256),
    "name": (1, 256),
    "function": (1, 64),
    "version": (1, 64),
    "runId": (1, 64),
    "runIdOptional": (0, 64),
    "arn": (1, 1_600),
}

# Members that AWS writes but its model does not have (SWF §1.2.11).
UNDOCUMENTED = frozenset({"startedOnPreviousTaskCompletion", "immediatelyStart"})

_TABLE = """
WorkflowExecutionStarted w childPolicy!=TERMINATE|REQUEST_CANCEL|ABANDON continuedExecutionRunId?runIdOptional
    executionStartToCloseTimeout+seconds input?data lambdaRole?arn parentInitiatedEventId+foreign
    parentWorkflowExecution?execution tagList?tags taskList!taskList taskPriority?priority
    taskStartToCloseTimeout+seconds workflowType!type
WorkflowExecutionCancelRequested w cause?=CHILD_POLICY_APPLIED externalInitiatedEventId+foreign
    externalWorkflowExecution?execution
WorkflowExecutionSignaled w externalInitiatedEventId+foreign externalWorkflowExecution?execution input?data
    signalName!name
WorkflowExecutionCompleted bc decisionTaskCompletedEventId!>DecisionTaskCompleted result?data
CompleteWorkflowExecutionFailed bw cause!=UNHANDLED_DECISION|OPERATION_NOT_PERMITTED
    decisionTaskCompletedEventId!>DecisionTaskCompleted
WorkflowExecutionFailed bc decisionTaskCompletedEventId!>DecisionTaskCompleted details?data reason?reason
FailWorkflowExecutionFailed bw cause!=UNHANDLED_DECISION|OPERATION_NOT_PERMITTED
    decisionTaskCompletedEventId!>DecisionTaskCompleted
WorkflowExecutionCanceled bc decisionTaskCompletedEventId!>DecisionTaskCompleted details?data
CancelWorkflowExecutionFailed bw cause!=UNHANDLED_DECISION|OPERATION_NOT_PERMITTED
    decisionTaskCompletedEventId!>DecisionTaskCompleted
WorkflowExecutionContinuedAsNew bc childPolicy!=TERMINATE|REQUEST_CANCEL|ABANDON
    decisionTaskCompletedEventId!>DecisionTaskCompleted executionStartToCloseTimeout+seconds input?data
    lambdaRole?arn newExecutionRunId!runId tagList?tags taskList!taskList taskPriority?priority
    taskStartToCloseTimeout+seconds workflowType!type
ContinueAsNewWorkflowExecutionFailed bw
    cause!=UNHANDLED_DECISION|WORKFLOW_TYPE_DEPRECATED|WORKFLOW_TYPE_DOES_NOT_EXIST|
    DEFAULT_EXECUTION_START_TO_CLOSE_TIMEOUT_UNDEFINED|DEFAULT_TASK_START_TO_CLOSE_TIMEOUT_UNDEFINED|
    DEFAULT_TASK_LIST_UNDEFINED|DEFAULT_CHILD_POLICY_UNDEFINED|
    CONTINUE_AS_NEW_WORKFLOW_EXECUTION_RATE_EXCEEDED|OPERATION_NOT_PERMITTED
    decisionTaskCompletedEventId!>DecisionTaskCompleted
WorkflowExecutionTimedOut c childPolicy!=TERMINATE|REQUEST_CANCEL|ABANDON timeoutType!=START_TO_CLOSE
WorkflowExecutionTerminated c cause?=CHILD_POLICY_APPLIED|EVENT_LIMIT_EXCEEDED|OPERATOR_INITIATED
    childPolicy!=TERMINATE|REQUEST_CANCEL|ABANDON details?data reason?reason

DecisionTaskScheduled . scheduleToStartTimeout?seconds startToCloseTimeout+seconds taskList!taskList
    taskPriority?priority
DecisionTaskStarted . identity?identity scheduledEventId!>DecisionTaskScheduled
DecisionTaskCompleted . executionContext?data scheduledEventId!>DecisionTaskScheduled
    startedEventId!>DecisionTaskStarted taskList?taskList taskListScheduleToStartTimeout?seconds
DecisionTaskTimedOut w scheduledEventId!>DecisionTaskScheduled startedEventId!>DecisionTaskStarted
    timeoutType!=START_TO_CLOSE|SCHEDULE_TO_START

ActivityTaskScheduled b activityId!name activityType!type control?data
    decisionTaskCompletedEventId!>DecisionTaskCompleted heartbeatTimeout+seconds input?data
    scheduleToCloseTimeout+seconds scheduleToStartTimeout+seconds startToCloseTimeout+seconds
    taskList!taskList
    taskPriority?priority
ScheduleActivityTaskFailed bw activityId!name activityType!type
    cause!=ACTIVITY_TYPE_DEPRECATED|ACTIVITY_TYPE_DOES_NOT_EXIST|ACTIVITY_ID_ALREADY_IN_USE|
    OPEN_ACTIVITIES_LIMIT_EXCEEDED|ACTIVITY_CREATION_RATE_EXCEEDED|
    DEFAULT_SCHEDULE_TO_CLOSE_TIMEOUT_UNDEFINED|DEFAULT_TASK_LIST_UNDEFINED|
    DEFAULT_SCHEDULE_TO_START_TIMEOUT_UNDEFINED|DEFAULT_START_TO_CLOSE_TIMEOUT_UNDEFINED|
    DEFAULT_HEARTBEAT_TIMEOUT_UNDEFINED|OPERATION_NOT_PERMITTED
    decisionTaskCompletedEventId!>DecisionTaskCompleted
ActivityTaskStarted . identity?identity scheduledEventId!>ActivityTaskScheduled
ActivityTaskCompleted w result?data scheduledEventId!>ActivityTaskScheduled
    startedEventId!>ActivityTaskStarted
ActivityTaskFailed w details?data reason?reason scheduledEventId!>ActivityTaskScheduled
    startedEventId!>ActivityTaskStarted
ActivityTaskTimedOut w details?limited scheduledEventId!>ActivityTaskScheduled
    startedEventId!>ActivityTaskStarted
    timeoutType!=START_TO_CLOSE|SCHEDULE_TO_START|SCHEDULE_TO_CLOSE|HEARTBEAT
ActivityTaskCanceled w details?data latestCancelRequestedEventId?>ActivityTaskCancelRequested
    scheduledEventId!>ActivityTaskScheduled startedEventId!>ActivityTaskStarted
ActivityTaskCancelRequested b activityId!name decisionTaskCompletedEventId!>DecisionTaskCompleted
RequestCancelActivityTaskFailed bw activityId!name cause!=ACTIVITY_ID_UNKNOWN|OPERATION_NOT_PERMITTED
    decisionTaskCompletedEventId!>DecisionTaskCompleted

MarkerRecorded b decisionTaskCompletedEventId!>DecisionTaskCompleted details?data markerName!name
RecordMarkerFailed bw cause!=OPERATION_NOT_PERMITTED decisionTaskCompletedEventId!>DecisionTaskCompleted
    markerName!name

TimerStarted b control?data decisionTaskCompletedEventId!>DecisionTaskCompleted startToFireTimeout!whole
    timerId!name
StartTimerFailed bw
    cause!=TIMER_ID_ALREADY_IN_USE|OPEN_TIMERS_LIMIT_EXCEEDED|TIMER_CREATION_RATE_EXCEEDED|
    OPERATION_NOT_PERMITTED
    decisionTaskCompletedEventId!>DecisionTaskCompleted timerId!name
TimerFired w startedEventId!>TimerStarted timerId!name
TimerCanceled b decisionTaskCompletedEventId!>DecisionTaskCompleted startedEventId!>TimerStarted timerId!name
CancelTimerFailed bw cause!=TIMER_ID_UNKNOWN|OPERATION_NOT_PERMITTED
    decisionTaskCompletedEventId!>DecisionTaskCompleted timerId!name

StartChildWorkflowExecutionInitiated b childPolicy!=TERMINATE|REQUEST_CANCEL|ABANDON control?data
    decisionTaskCompletedEventId!>DecisionTaskCompleted executionStartToCloseTimeout+seconds input?data
    lambdaRole?arn tagList?tags taskList!taskList taskPriority?priority taskStartToCloseTimeout+seconds
    workflowId!name workflowType!type
StartChildWorkflowExecutionFailed bw
    cause!=WORKFLOW_TYPE_DOES_NOT_EXIST|WORKFLOW_TYPE_DEPRECATED|OPEN_CHILDREN_LIMIT_EXCEEDED|
    OPEN_WORKFLOWS_LIMIT_EXCEEDED|CHILD_CREATION_RATE_EXCEEDED|WORKFLOW_ALREADY_RUNNING|
    DEFAULT_EXECUTION_START_TO_CLOSE_TIMEOUT_UNDEFINED|DEFAULT_TASK_LIST_UNDEFINED|
    DEFAULT_TASK_START_TO_CLOSE_TIMEOUT_UNDEFINED|DEFAULT_CHILD_POLICY_UNDEFINED|OPERATION_NOT_PERMITTED
    control?data decisionTaskCompletedEventId!>DecisionTaskCompleted
    initiatedEventId!>StartChildWorkflowExecutionInitiated workflowId!name workflowType!type
ChildWorkflowExecutionStarted w initiatedEventId!>StartChildWorkflowExecutionInitiated
    workflowExecution!execution workflowType!type
ChildWorkflowExecutionCompleted w initiatedEventId!>StartChildWorkflowExecutionInitiated result?data
    startedEventId!>ChildWorkflowExecutionStarted workflowExecution!execution workflowType!type
ChildWorkflowExecutionFailed w details?data initiatedEventId!>StartChildWorkflowExecutionInitiated
    reason?reason
    startedEventId!>ChildWorkflowExecutionStarted workflowExecution!execution workflowType!type
ChildWorkflowExecutionTimedOut w initiatedEventId!>StartChildWorkflowExecutionInitiated
    startedEventId!>ChildWorkflowExecutionStarted timeoutType!=START_TO_CLOSE workflowExecution!execution
    workflowType!type
ChildWorkflowExecutionCanceled w details?data initiatedEventId!>StartChildWorkflowExecutionInitiated
    startedEventId!>ChildWorkflowExecutionStarted workflowExecution!execution workflowType!type
ChildWorkflowExecutionTerminated w initiatedEventId!>StartChildWorkflowExecutionInitiated
    startedEventId!>ChildWorkflowExecutionStarted workflowExecution!execution workflowType!type

SignalExternalWorkflowExecutionInitiated b control?data decisionTaskCompletedEventId!>DecisionTaskCompleted
    input?data runId?runIdOptional signalName!name workflowId!name
SignalExternalWorkflowExecutionFailed bw
    cause!=UNKNOWN_EXTERNAL_WORKFLOW_EXECUTION|SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_RATE_EXCEEDED|
    OPERATION_NOT_PERMITTED
    control?data decisionTaskCompletedEventId!>DecisionTaskCompleted
    initiatedEventId!>SignalExternalWorkflowExecutionInitiated runId?runIdOptional workflowId!name
ExternalWorkflowExecutionSignaled w initiatedEventId!>SignalExternalWorkflowExecutionInitiated
    workflowExecution!execution
RequestCancelExternalWorkflowExecutionInitiated b control?data
    decisionTaskCompletedEventId!>DecisionTaskCompleted runId?runIdOptional workflowId!name
RequestCancelExternalWorkflowExecutionFailed bw
    cause!=UNKNOWN_EXTERNAL_WORKFLOW_EXECUTION|REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_RATE_EXCEEDED|
    OPERATION_NOT_PERMITTED
    control?data decisionTaskCompletedEventId!>DecisionTaskCompleted
    initiatedEventId!>RequestCancelExternalWorkflowExecutionInitiated runId?runIdOptional workflowId!name
ExternalWorkflowExecutionCancelRequested w initiatedEventId!>RequestCancelExternalWorkflowExecutionInitiated
    workflowExecution!execution

LambdaFunctionScheduled b control?data decisionTaskCompletedEventId!>DecisionTaskCompleted id!name input?data
    name!function startToCloseTimeout?seconds
LambdaFunctionStarted . scheduledEventId!>LambdaFunctionScheduled
LambdaFunctionCompleted w result?data scheduledEventId!>LambdaFunctionScheduled
    startedEventId!>LambdaFunctionStarted
LambdaFunctionFailed w details?data reason?reason scheduledEventId!>LambdaFunctionScheduled
    startedEventId!>LambdaFunctionStarted
LambdaFunctionTimedOut w scheduledEventId!>LambdaFunctionScheduled startedEventId!>LambdaFunctionStarted
    timeoutType+=START_TO_CLOSE
ScheduleLambdaFunctionFailed bw
    cause!=ID_ALREADY_IN_USE|OPEN_LAMBDA_FUNCTIONS_LIMIT_EXCEEDED|LAMBDA_FUNCTION_CREATION_RATE_EXCEEDED|
    LAMBDA_SERVICE_NOT_AVAILABLE_IN_REGION
    decisionTaskCompletedEventId!>DecisionTaskCompleted id!name name!function
StartLambdaFunctionFailed w cause+=ASSUME_ROLE_FAILED message?message
    scheduledEventId+>LambdaFunctionScheduled
"""


class Member(NamedTuple):
    """One member of an event's attributes: its name, whether it must be there, and what it may hold."""

    name: str
    mark: str  # "!" required by the model, "+" always written, "?" only with a value
    kind: str


class EventSpec(NamedTuple):
    """What one event type may hold and which part it plays."""

    members: dict[str, Member]
    wakes: bool
    in_block: bool
    closes: bool


def attributes_name(event_type: str) -> str:
    """The envelope member that holds the attributes of this event type (SWF §6.1)."""
    return event_type[0].lower() + event_type[1:] + "EventAttributes"


def _member(text: str) -> Member:
    at = next(index for index, letter in enumerate(text) if letter in "!+?")
    return Member(text[:at], text[at], text[at + 1 :])


def _parse(table: str) -> dict[str, EventSpec]:
    # A list of words that ends in "|" goes on in the next line.
    joined = table.replace("|\n    ", "|").replace("\n    ", " ")
    shapes: dict[str, EventSpec] = {}
    for line in joined.splitlines():
        if line:
            event_type, roles, *members = line.split()
            parsed = [_member(text) for text in members]
            shapes[event_type] = EventSpec(
                {m.name: m for m in parsed}, "w" in roles, "b" in roles, "c" in roles
            )
    return shapes


EVENTS = _parse(_TABLE)

CLOSING = {  # closeStatus of each closing event (SWF §8.8)
    "WorkflowExecutionCompleted": "COMPLETED",
    "WorkflowExecutionFailed": "FAILED",
    "WorkflowExecutionCanceled": "CANCELED",
    "WorkflowExecutionTerminated": "TERMINATED",
    "WorkflowExecutionContinuedAsNew": "CONTINUED_AS_NEW",
    "WorkflowExecutionTimedOut": "TIMED_OUT",
}
