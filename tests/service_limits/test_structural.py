"""The structural quotas of SWF §12.1, each reached with a small number of its own."""

from __future__ import annotations

from typing import Any

import pytest

from tests.world_fixture import ACTIVITY, LIST, ROLE, WORKFLOW, WorldFixture, attributes, decision, only
from workflowsvc.faults import LimitExceededFault, TooManyTagsFault, UnknownResourceFault, ValidationException
from workflowsvc.options import SettingsError
from workflowsvc.settings import Limits, Settings
from workflowsvc.tenant import Tenant
from workflowsvc.testing import LATER, World


def stage(**quotas: int) -> WorldFixture:
    return WorldFixture(limited(**quotas))


def limited(**quotas: int) -> World:
    return World(settings=Settings(quotas=Limits(**quotas)), functions={"*": lambda event: LATER})


def causes(on: WorldFixture, run_id: str, event_type: str) -> list[str]:
    """Of the decisions that have failed."""
    return [attributes(event)["cause"] for event in on.history(run_id) if event["eventType"] == event_type]


def timer(id: str) -> dict[str, Any]:
    return decision("StartTimer", timerId=id, startToFireTimeout="60")


def activity(id: str) -> dict[str, Any]:
    return decision("ScheduleActivityTask", activityId=id, activityType=ACTIVITY)


def child(id: str) -> dict[str, Any]:
    return decision("StartChildWorkflowExecution", workflowId=id, workflowType=WORKFLOW)


def function(id: str) -> dict[str, Any]:
    return decision("ScheduleLambdaFunction", id=id, name="f")


# --- names ---


def register_domain(world: World, name: str, tenant: Tenant | None = None) -> None:
    world.call("RegisterDomain", tenant, name=name, workflowExecutionRetentionPeriodInDays="1")


def test_deprecated_domains_count_too() -> None:
    world = limited(max_domains=2)
    register_domain(world, "a")
    register_domain(world, "b")
    world.call("DeprecateDomain", name="a")
    with pytest.raises(LimitExceededFault, match="limit of 2 domains"):
        register_domain(world, "c")
    assert len(world.call("ListDomains", registrationStatus="REGISTERED")["domainInfos"]) == 1


@pytest.mark.parametrize("other", [Tenant("111111111111", "us-east-1"), Tenant("000000000000", "eu-west-1")])
def test_domains_of_other_accounts_and_regions_do_not_count(other: Tenant) -> None:
    world = limited(max_domains=1)
    register_domain(world, "a")
    register_domain(world, "a", other)
    with pytest.raises(LimitExceededFault):
        register_domain(world, "b", other)


@pytest.mark.parametrize("kind", ["Workflow", "Activity"])
def test_types_of_a_kind_are_limited_by_domain_and_deprecated_ones_count(kind: str) -> None:
    on = stage(**{f"max_{kind.lower()}_types": 3})
    other = WorldFixture(on.world, domain="other")
    register, deprecate, delete = (f"{verb}{kind}Type" for verb in ("Register", "Deprecate", "Delete"))
    on.ask(register, name="n", version="1")
    on.ask(register, name="n", version="2")
    first = {f"{kind.lower()}Type": {"name": "n", "version": "1"}}
    on.ask(deprecate, **first)
    with pytest.raises(LimitExceededFault, match=f"limit of 3 {kind.lower()} types in domain d"):
        on.ask(register, name="n", version="3")
    other.ask(register, name="n", version="3")
    on.ask(delete, **first)
    on.ask(register, name="n", version="3")


def test_a_domain_has_a_limited_number_of_tags() -> None:
    world = limited(max_resource_tags=3)

    def tags(*keys: str) -> list[dict[str, str]]:
        return [{"key": key, "value": "v"} for key in keys]

    with pytest.raises(TooManyTagsFault):
        world.call("RegisterDomain", name="d", workflowExecutionRetentionPeriodInDays="1", tags=tags(*"abcd"))
    world.call("RegisterDomain", name="d", workflowExecutionRetentionPeriodInDays="1", tags=tags(*"ab"))
    arn = world.call("DescribeDomain", name="d")["domainInfo"]["arn"]
    world.call("TagResource", resourceArn=arn, tags=tags(*"abc"))
    with pytest.raises(TooManyTagsFault):
        world.call("TagResource", resourceArn=arn, tags=tags("d"))
    listed = world.call("ListTagsForResource", resourceArn=arn)["tags"]
    assert [tag["key"] for tag in listed] == ["a", "b", "c"]
    world.call("UntagResource", resourceArn=arn, tagKeys=["a"])
    world.call("TagResource", resourceArn=arn, tags=tags("d"))


def test_a_run_has_at_most_five_tags() -> None:
    on = stage()
    with pytest.raises(ValidationException, match="tagList"):
        on.start(tagList=["1", "2", "3", "4", "5", "6"])
    on.start(tagList=["1", "2", "3", "4", "5"])


# --- runs ---


def test_a_domain_has_a_limited_number_of_open_runs() -> None:
    on = stage(max_open_executions=2)
    other = WorldFixture(on.world, domain="other")
    on.start("a")
    on.start("b")
    with pytest.raises(LimitExceededFault, match="limit of 2 open executions in domain d"):
        on.start("c")
    other.start("c")
    on.ask("TerminateWorkflowExecution", workflowId="a")
    on.start("c")


def test_the_count_of_open_runs_survives_a_restart() -> None:
    on = stage(max_open_executions=2)
    on.start("a")
    on.world.restart()
    on.start("b")
    with pytest.raises(LimitExceededFault):
        on.start("c")


def test_children_fill_a_domain_too_and_their_parent_hears_of_it() -> None:
    on = stage(max_open_executions=3)
    run_id = on.start()
    on.decide(*(child(f"c{number}") for number in range(4)))
    events = on.history(run_id)
    assert [event["eventType"] for event in events].count("ChildWorkflowExecutionStarted") == 2
    assert causes(on, run_id, "StartChildWorkflowExecutionFailed") == ["OPEN_WORKFLOWS_LIMIT_EXCEEDED"] * 2


def test_a_run_that_continues_takes_no_second_place() -> None:
    on = stage(max_open_executions=1)
    first = on.start()
    on.decide(decision("ContinueAsNewWorkflowExecution"))
    assert on.types(first)[-1] == "WorkflowExecutionContinuedAsNew"
    count = on.ask("CountOpenWorkflowExecutions", startTimeFilter={"oldestDate": 0})
    assert count == {"count": 1, "truncated": False}


def test_a_run_may_not_be_asked_to_last_longer_than_allowed() -> None:
    on = stage(max_execution_seconds=86_400)
    with pytest.raises(ValidationException, match="'86401' at 'executionStartToCloseTimeout'"):
        on.start(executionStartToCloseTimeout="86401")
    on.start(executionStartToCloseTimeout="86400")


def test_a_year_is_the_longest_that_the_api_knows() -> None:
    on = stage()
    with pytest.raises(ValidationException, match="'31536001' at 'executionStartToCloseTimeout'"):
        on.start(executionStartToCloseTimeout="31536001")
    on.start(executionStartToCloseTimeout="31536000")


@pytest.mark.parametrize("timeout", ["NONE", "31536000"])
def test_a_run_that_continues_ends_when_the_longest_time_is_over(timeout: str) -> None:
    """Decisions have no cause for it, so the run is stopped there (SWF §15.11)."""
    on = stage(max_execution_seconds=86_400)
    on.start()
    on.decide(decision("ContinueAsNewWorkflowExecution", executionStartToCloseTimeout=timeout))
    info = on.ask("ListOpenWorkflowExecutions", startTimeFilter={"oldestDate": 0})["executionInfos"][0]
    run_id = info["execution"]["runId"]
    on.world.restart()
    on.world.advance(seconds=86_399)
    assert on.peek(run_id)[-1] == "DecisionTaskScheduled"
    on.world.advance(seconds=1)
    assert on.types(run_id)[-1] == "WorkflowExecutionTimedOut"


def test_a_history_that_is_full_ends_its_run() -> None:
    on = stage(max_events=20)
    run_id = on.start()

    def signal(times: int) -> None:
        for _ in range(times):
            on.ask("SignalWorkflowExecution", workflowId="w", signalName="s")

    with pytest.raises(UnknownResourceFault, match="Unknown execution"):
        signal(30)
    closing = only(on.history(run_id), "WorkflowExecutionTerminated")
    assert closing == {"cause": "EVENT_LIMIT_EXCEEDED", "childPolicy": "TERMINATE"}
    assert len(on.history(run_id)) == 20, "every place is used"


def test_a_full_history_ends_its_run_also_in_the_middle_of_decisions() -> None:
    on = stage(max_events=20)
    run_id = on.start()
    on.decide(*(timer(str(number)) for number in range(50)))
    types = on.types(run_id)
    assert types[-1] == "WorkflowExecutionTerminated"
    assert len(types) == 20


def test_a_run_whose_end_still_has_a_place_is_not_full() -> None:
    on = stage(max_events=20)
    run_id = on.start()
    on.decide(*(timer(str(number)) for number in range(10)))
    on.ask("SignalWorkflowExecution", workflowId="w", signalName="s")
    on.decide(decision("CompleteWorkflowExecution"))
    assert on.types(run_id)[14:] == [
        "WorkflowExecutionSignaled",
        "DecisionTaskScheduled",
        "DecisionTaskStarted",
        "DecisionTaskCompleted",
        "WorkflowExecutionCompleted",
    ]


# --- what one run has open ---


@pytest.mark.parametrize(
    ("quota", "decide", "failed", "cause"),
    [
        ("max_open_activities", activity, "ScheduleActivityTaskFailed", "OPEN_ACTIVITIES_LIMIT_EXCEEDED"),
        ("max_open_timers", timer, "StartTimerFailed", "OPEN_TIMERS_LIMIT_EXCEEDED"),
        ("max_open_children", child, "StartChildWorkflowExecutionFailed", "OPEN_CHILDREN_LIMIT_EXCEEDED"),
        (
            "max_open_lambdas",
            function,
            "ScheduleLambdaFunctionFailed",
            "OPEN_LAMBDA_FUNCTIONS_LIMIT_EXCEEDED",
        ),
    ],
)
def test_a_run_has_a_limited_number_of_things_open(quota: str, decide: Any, failed: str, cause: str) -> None:
    on = stage(**{quota: 3})
    run_id = on.start(lambdaRole=ROLE)
    on.decide(decide("1"), decide("2"))
    assert causes(on, run_id, failed) == []
    on.ask("SignalWorkflowExecution", workflowId="w", signalName="s")
    own = on.next_task()
    while own["workflowExecution"]["workflowId"] != "w":  # children have decision tasks too
        own = on.next_task()
    on.call(
        "RespondDecisionTaskCompleted",
        taskToken=own["taskToken"],
        decisions=[decide("3"), decide("4"), decide("5")],
    )
    assert causes(on, run_id, failed) == [cause, cause]


def test_what_has_ended_makes_room() -> None:
    on = stage(max_open_timers=1)
    run_id = on.start()
    on.decide(timer("1"))
    on.world.advance(seconds=60)
    on.decide(timer("2"), decision("CancelTimer", timerId="2"), timer("3"))
    assert causes(on, run_id, "StartTimerFailed") == []


# --- polls ---


@pytest.mark.parametrize("kind", ["Decision", "Activity"])
def test_a_list_has_a_limited_number_of_waiting_polls(kind: str) -> None:
    """SWF §1.4.10; lists of one name, and other kinds of one list, have their own."""
    on = stage(max_pollers_per_list=2)
    poll = f"PollFor{kind}Task"
    waiting = [on.world.poll(poll, domain="d", taskList=LIST) for _ in range(2)]
    with pytest.raises(
        LimitExceededFault, match="Limit on maximum concurrent poll requests per task list reached"
    ):
        on.ask(poll, taskList=LIST)
    other = "PollForActivityTask" if kind == "Decision" else "PollForDecisionTask"
    on.ask(other, taskList=LIST)
    on.ask(poll, taskList={"name": "another"})
    assert waiting[0].poll is not None
    waiting[0].poll.withdraw()
    on.world.run()
    assert on.world.poll(poll, domain="d", taskList=LIST).done is False
    assert len(on.world.state.pollers) == 2


def test_a_list_that_is_full_of_polls_still_gives_out_tasks() -> None:
    on = stage(max_pollers_per_list=1)
    waiting = on.world.poll("PollForDecisionTask", domain="d", taskList=LIST)
    on.start()
    assert waiting.result()["startedEventId"] == 3
    on.world.poll("PollForDecisionTask", domain="d", taskList=LIST)
    with pytest.raises(LimitExceededFault):
        on.ask("PollForDecisionTask", taskList=LIST)


# --- off ---


def test_off_means_none_of_them() -> None:
    quotas = Settings.from_environment(
        {"WORKFLOWSVC_MAX_OPEN_TIMERS": "1"}, {"limits": "off", "max_domains": 1}
    ).quotas
    assert min(getattr(quotas, name) for name in quotas.__dataclass_fields__) == 2**31 - 1
    on = WorldFixture(
        World(settings=Settings(limits="off", quotas=quotas), functions={"*": lambda event: LATER})
    )
    run_id = on.start(lambdaRole=ROLE)
    many = [
        *(timer(f"t{number}") for number in range(1_001)),
        *(activity(f"a{number}") for number in range(1_001)),
        *(function(f"f{number}") for number in range(1_001)),
    ]
    on.decide(*many)
    opened = on.ask("DescribeWorkflowExecution", execution={"workflowId": "w", "runId": run_id})
    counts = opened["openCounts"]
    assert (counts["openTimers"], counts["openActivityTasks"], counts["openLambdaFunctions"]) == (1_001,) * 3
    for number in range(100):
        register_domain(on.world, f"d{number}")
    for _ in range(1_001):
        on.world.poll("PollForDecisionTask", domain="d", taskList={"name": "idle"})


# --- data ---


def test_data_may_be_allowed_to_be_shorter_than_the_api_does() -> None:
    on = stage(max_data_characters=1_000)
    run_id = on.start(input="\u00e9" * 1_000)
    with pytest.raises(ValidationException) as refused:
        on.ask("StartWorkflowExecution", workflowId="v", workflowType=WORKFLOW, input="x" * 1_001)
    assert refused.value.message == (
        f"1 validation error detected: Value '{'x' * 1_001}' at 'input' failed to satisfy constraint: "
        "Member must have length less than or equal to 1000"
    )
    task = on.next_task()
    long = decision("RecordMarker", markerName="m", details="y" * 1_001)
    with pytest.raises(
        ValidationException, match=r"at 'decisions\.2\.member\.recordMarkerDecisionAttributes\."
    ):
        on.call("RespondDecisionTaskCompleted", taskToken=task["taskToken"], decisions=[timer("1"), long])
    assert on.types(run_id)[-1] == "DecisionTaskStarted"
    on.call("RespondDecisionTaskCompleted", taskToken=task["taskToken"], executionContext="z" * 1_000)


def test_the_result_of_a_function_is_data_too() -> None:
    quotas = Limits(max_data_characters=10)
    on = WorldFixture(World(settings=Settings(quotas=quotas), functions={"*": lambda event: "r" * 11}))
    run_id = on.start(lambdaRole=ROLE)
    on.decide(function("1"))
    failed = only(on.history(run_id), "LambdaFunctionFailed")
    assert failed["reason"] == "ResponseTooLarge"


def test_no_more_data_can_be_allowed_than_the_api_admits() -> None:
    with pytest.raises(SettingsError, match="32768"):
        Settings.from_environment({"WORKFLOWSVC_MAX_DATA_CHARACTERS": "32769"}, {})


def test_the_defaults_are_those_of_swf() -> None:
    assert Limits() == Limits(
        max_events=25_000,
        max_open_activities=1_000,
        max_open_timers=1_000,
        max_open_children=1_000,
        max_open_lambdas=1_000,
        max_open_executions=100_000,
        max_workflow_types=10_000,
        max_activity_types=10_000,
        max_domains=100,
        max_pollers_per_list=1_000,
        max_execution_seconds=31_536_000,
        max_resource_tags=50,
        max_data_characters=32_768,
    )
    assert Settings().limits == "structural"
