"""AWS's request rates, copied a second time from SWF §12.2 to §12.4, so that a wrong number in the table is found.

What happens beyond a rate is shown in `tests/service_limits`; here is also the one cause that takes hundreds of calls.
"""

from __future__ import annotations

from tests.wire import swf_model
from tests.world_fixture import Stage, decision, only
from workflowsvc.service import buckets
from workflowsvc.service.action import Rate
from workflowsvc.service.actions import SWF
from workflowsvc.settings import Settings
from workflowsvc.testing import World

CALLS = """
CountClosedWorkflowExecutions 2000/6    CountOpenWorkflowExecutions 2000/6
CountPendingActivityTasks 200/6         CountPendingDecisionTasks 200/6
DeleteActivityType 200/6                DeleteWorkflowType 200/6
DeprecateActivityType 200/6             DeprecateDomain 100/6
DeprecateWorkflowType 200/6             DescribeActivityType 2000/6
DescribeDomain 200/6                    DescribeWorkflowExecution 2000/6
DescribeWorkflowType 2000/6             GetWorkflowExecutionHistory 2000/60
ListActivityTypes 200/6                 ListClosedWorkflowExecutions 200/6
ListDomains 100/6                       ListOpenWorkflowExecutions 200/48
ListTagsForResource 50/30               ListWorkflowTypes 200/6
PollForActivityTask 2000/200            PollForDecisionTask 2000/200
RecordActivityTaskHeartbeat 2000/160    RegisterActivityType 200/60
RegisterDomain 100/6                    RegisterWorkflowType 200/60
RequestCancelWorkflowExecution 2000/30  RespondActivityTaskCanceled 2000/200
RespondActivityTaskCompleted 2000/200   RespondActivityTaskFailed 2000/200
RespondDecisionTaskCompleted 2000/200   SignalWorkflowExecution 2000/30
StartWorkflowExecution 2000/200         TagResource 50/30
TerminateWorkflowExecution 2000/60      UndeprecateActivityType 200/6
UndeprecateDomain 100/6                 UndeprecateWorkflowType 200/6
UntagResource 50/30
"""
DECISIONS = """
RequestCancelExternalWorkflowExecution 1200/120  ScheduleActivityTask 1000/200
SignalExternalWorkflowExecution 1200/120         StartChildWorkflowExecution 500/12
StartTimer 2000/200
"""
RUNS = """
GetWorkflowExecutionHistory 400/200   SignalWorkflowExecution 1000/1000
RecordActivityTaskHeartbeat 1000/1000 RequestCancelWorkflowExecution 200/200
"""
WITHOUT_FIGURES = {"ContinueAsNewWorkflowExecution", "ScheduleLambdaFunction"}  # AWS publishes none


def rates(text: str) -> dict[str, Rate]:
    """`ListDomains 100/6 …`."""
    words = text.split()
    return {
        name: Rate(*map(int, rate.split("/"))) for name, rate in zip(words[::2], words[1::2], strict=True)
    }


def test_the_rates_of_actions_are_those_of_amazon() -> None:
    assert rates(CALLS) == {name: action.rate for name, action in SWF.actions.items()}
    assert rates(CALLS).keys() == set(swf_model.OPERATIONS)


def test_the_rates_of_decisions_are_those_of_amazon() -> None:
    published = {name: rate for name, rate in buckets.DECISIONS.items() if name not in WITHOUT_FIGURES}
    assert rates(DECISIONS) == published


def test_the_rates_of_single_runs_are_those_of_amazon() -> None:
    assert rates(RUNS) == {name: action.run_rate for name, action in SWF.actions.items() if action.run_rate}


def test_a_run_that_continues_as_new_too_often_stays_open() -> None:
    """Each continuation takes a poll and a response, which have rates too: theirs must not be the smaller ones."""
    stage = Stage(World(settings=Settings(limits="aws")))
    stage.start()
    for _ in range(500):
        stage.decide(decision("ContinueAsNewWorkflowExecution"))
    task = stage.decide(decision("ContinueAsNewWorkflowExecution"))
    run = task["workflowExecution"]["runId"]
    failure = only(stage.history(run), "ContinueAsNewWorkflowExecutionFailed")
    assert failure["cause"] == "CONTINUE_AS_NEW_WORKFLOW_EXECUTION_RATE_EXCEEDED"
    stage.world.advance(ms=1000 // 12 + 1)
    stage.decide(decision("ContinueAsNewWorkflowExecution"))
    assert stage.types(run)[-1] == "WorkflowExecutionContinuedAsNew"
