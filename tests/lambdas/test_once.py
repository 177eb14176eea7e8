"""A function is called once, after its start is committed, or never, whatever dies or fails meanwhile."""

from __future__ import annotations

from typing import Any

from tests.failing_store import FailingStore
from tests.world_fixture import ROLE, Stage, decision, only
from workflowsvc.engine.agenda import RETRY_MS
from workflowsvc.engine.command_queue import Command
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.store.sqlite.store import SqliteStore
from workflowsvc.testing import LATER, PendingAnswer, World

INVOKE = decision("ScheduleLambdaFunction", id="f", name="f", startToCloseTimeout="60")


class Calls:
    """A function that notes its calls."""

    def __init__(self, answer: Any = 1) -> None:
        self.events: list[Any] = []
        self.answer = answer

    def __call__(self, event: Any) -> Any:
        self.events.append(event)
        return self.answer


def started(on: Stage) -> str:
    run_id = on.start(lambdaRole=ROLE)
    on.decide(INVOKE)
    return run_id


def test_a_function_sees_its_own_start_in_the_history() -> None:
    seen: list[str] = []
    world = World(functions={"f": lambda event: seen.extend(on.types(run_id))})
    on = Stage(world)
    run_id = on.start(lambdaRole=ROLE)
    on.decide(INVOKE)
    assert seen[-1] == "LambdaFunctionStarted"


def test_a_function_may_call_the_service_that_called_it() -> None:
    world = World(
        functions={"f": lambda event: on.ask("SignalWorkflowExecution", workflowId="w", signalName="s")}
    )
    on = Stage(world)
    types = on.types(started(on))
    assert types.index("WorkflowExecutionSignaled") < types.index("LambdaFunctionCompleted")


def scheduled(on: Stage) -> str:
    """A run whose task is scheduled and committed; nothing has come of it yet."""
    run_id = on.start(lambdaRole=ROLE)
    answer = on.world.submit(
        "RespondDecisionTaskCompleted", taskToken=on.next_task()["taskToken"], decisions=[INVOKE]
    )
    on.world.writer.step()
    assert answer.done
    assert on.peek(run_id)[-1] == "LambdaFunctionScheduled"
    return run_id


def test_nothing_is_called_when_the_start_is_not_committed() -> None:
    store, calls = FailingStore(), Calls()
    on = Stage(World(store=store, functions={"f": calls}))
    run_id = scheduled(on)
    for refused in range(3):
        store.refusals = 1
        on.world.run()
        assert store.refusals == 0, refused
        assert on.peek(run_id)[-1] == "LambdaFunctionScheduled"
        assert calls.events == []
        on.world.clock.advance(RETRY_MS)
    on.world.run()
    assert calls.events == [{}]
    assert on.types(run_id)[-3:] == [
        "LambdaFunctionStarted",
        "LambdaFunctionCompleted",
        "DecisionTaskScheduled",
    ]


def test_a_death_before_the_start_is_committed_loses_nothing() -> None:
    calls = Calls()
    on = Stage(World(functions={"f": calls}))
    run_id = scheduled(on)
    on.world.restart()
    on.world.run()
    assert calls.events == [{}]
    assert only(on.history(run_id), "LambdaFunctionCompleted")["result"] == "1"


def test_a_death_between_start_and_answer_lets_the_task_time_out_and_calls_nothing_again() -> None:
    calls = Calls(LATER)
    on = Stage(World(functions={"f": calls}))
    run_id = started(on)
    on.world.advance(seconds=10)
    on.world.restart()
    on.world.advance(ms=49_999)
    assert on.types(run_id)[-1] == "LambdaFunctionStarted"
    on.world.advance(ms=1)
    assert on.types(run_id)[-2:] == ["LambdaFunctionTimedOut", "DecisionTaskScheduled"]
    assert calls.events == [{}]


def test_a_death_between_the_commit_and_the_call_lets_the_task_time_out() -> None:
    calls = Calls()
    on = Stage(World(functions={"f": calls}))
    run_id = scheduled(on)
    on.world.writer.step()
    assert on.peek(run_id)[-1] == "LambdaFunctionStarted"
    on.world.restart()
    on.world.advance(seconds=60)
    assert on.types(run_id)[-2] == "LambdaFunctionTimedOut"
    assert calls.events == []


def test_a_restart_without_the_map_still_lets_started_tasks_end() -> None:
    store = SqliteStore(None)
    on = Stage(World(store=store, functions={"f": lambda event: LATER}))
    run_id = started(on)
    on.world = World(store=store, clock=on.world.clock, seed=1)
    on.world.advance(seconds=60)
    assert on.types(run_id)[-2] == "LambdaFunctionTimedOut"


def test_an_answer_is_told_again_until_the_store_takes_it() -> None:
    store = FailingStore()
    on = Stage(World(store=store, functions={"f": Calls(LATER)}))
    run_id = started(on)
    store.refusals = 3
    on.world.answer(on.world.unanswered[0], "kept")
    assert only(on.history(run_id), "LambdaFunctionCompleted")["result"] == '"kept"'


def test_a_function_that_is_not_called_before_its_time_is_over_is_never_called() -> None:
    calls = Calls()
    on = Stage(World(functions={"f": calls}))
    run_id = scheduled(on)
    on.world.writer.step()
    on.world.clock.advance(60_000)
    on.world.run()
    assert on.types(run_id)[-2] == "LambdaFunctionTimedOut"
    assert calls.events == []


def test_a_service_that_stops_leaves_the_start_to_the_next_one() -> None:
    calls = Calls()
    on = Stage(World(functions={"f": calls}))
    run_id = on.start(lambdaRole=ROLE)
    task = on.next_task()

    def stop(work: UnitOfWork) -> None:
        work.state.pollers.draining = True

    on.world.writer.submit(Command(stop, PendingAnswer()))
    on.call("RespondDecisionTaskCompleted", taskToken=task["taskToken"], decisions=[INVOKE] * 150)
    assert on.types(run_id)[-1] == "LambdaFunctionScheduled"
    assert calls.events == []
    on.world.restart()
    on.world.run()
    assert calls.events == [{}] * 150
    assert on.types(run_id).count("LambdaFunctionCompleted") == 150
