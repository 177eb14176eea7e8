"""A shadow domain: decision tasks of recordings are handed out and their answers judged; nothing is executed.

Owns the polls, the tasks that wait for one, and how long a decider may take. It stands where the service stands
behind HTTP (`http.calls.Service`), so that a decider meets the same framing, validation, faults and page tokens. All of
it is on one event loop.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from functools import partial
from typing import Any

from workflowsvc.access.book import AccessKey, Book
from workflowsvc.access.caller import Caller
from workflowsvc.clock import Clock
from workflowsvc.display.text import counted
from workflowsvc.faults import ServiceUnavailable, UnknownResourceFault, ValidationException
from workflowsvc.model import shapes
from workflowsvc.replay import reads
from workflowsvc.replay.harmless import HarmlessAnswers
from workflowsvc.replay.shadow_run import ShadowRun
from workflowsvc.replay.verdict import Verdict
from workflowsvc.service.action import Action
from workflowsvc.service.actions import SWF
from workflowsvc.service.audit_trail import Refusal
from workflowsvc.service.buckets import Buckets
from workflowsvc.service.call_context import CallContext
from workflowsvc.service.disconnect import Disconnect
from workflowsvc.service.executions import unknown_execution
from workflowsvc.service.tasks import no_activity_task, no_decision_task
from workflowsvc.service.tokens import TaskToken, Tokens
from workflowsvc.settings import Settings

Done = Callable[[Any], None]


class _Poll:
    """One that waits; `answer` is None once it has got something."""

    def __init__(self, context: CallContext, request: Any, answer: Done) -> None:
        self.context = context
        self.request = request
        self.answer: Done | None = answer
        self.timer: asyncio.TimerHandle | None = None

    def take(self) -> Done:
        """The reply, which must then be called."""
        answer, self.answer = self.answer, None
        assert answer is not None
        if self.timer is not None:
            self.timer.cancel()
        return answer

    def abandon(self) -> None:
        """The client has left."""
        if self.answer is not None:
            self.take()


class ShadowDomain:
    """The service of a replay. `finished` gets the verdict of each run."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
        *,
        domain: str | None,
        answer_seconds: float,
        finished: Callable[[ShadowRun, Verdict], None],
    ) -> None:
        """`domain`: the only one that deciders may name; None: any. `answer_seconds`: for each decision task."""
        self.open: dict[int, ShadowRun] = {}
        self.polled: Counter[str] = Counter()  # decision task lists -> polls so far
        self.strange_answers: Counter[str] = Counter()  # why an answer was refused -> how many
        self.last_taken = clock.monotonic()  # when a task was handed out, answered, given up or added
        self.harmless = HarmlessAnswers(random_bytes)
        self._settings = settings
        self._clock = clock
        self._domain = domain
        self._answer_seconds = answer_seconds
        self._finished = finished
        self._tokens = Tokens(random_bytes(32))
        self._buckets = Buckets(enforced=False)
        self._waiting: dict[str, deque[ShadowRun]] = {}  # task list -> runs whose task is there
        self._polls: dict[str, deque[_Poll]] = {}
        self._activity_polls: set[_Poll] = set()
        self._draining = False
        self._actions: dict[str, Callable[[CallContext, Any], Any]] = self.harmless.answers | {
            "RespondDecisionTaskCompleted": self._answered,
            "GetWorkflowExecutionHistory": self._history,
            "DescribeWorkflowExecution": self._describe,
            "CountPendingDecisionTasks": self._count,
        }
        assert self._actions.keys() | {"PollForDecisionTask", "PollForActivityTask"} == SWF.actions.keys()

    # --- runs ---

    def add(self, run: ShadowRun) -> None:
        """Its tasks can be handed out from now on."""
        self.open[run.number] = run
        self.last_taken = self._clock.monotonic()
        self._offer(run)

    def give_up(self, run: ShadowRun, message: str) -> None:
        """The run gets no answer any more."""
        self._finish(run, run.unanswered(message, self._clock.monotonic()))

    def unattended(self) -> list[ShadowRun]:
        """The runs whose task waits on a list that no poll waits on."""
        return [
            run
            for name, runs in self._waiting.items()
            if not any(poll.answer for poll in self._polls.get(name, ()))
            for run in runs
            if self._waits(run, name)
        ]

    @property
    def in_flight(self) -> int:
        """Tasks that were handed out and not answered."""
        return sum(run.is_started for run in self.open.values())

    @property
    def has_polls(self) -> bool:
        """Whether a decider waits for a task of some list."""
        return any(poll.answer for polls in self._polls.values() for poll in polls)

    def _waits(self, run: ShadowRun, name: str) -> bool:
        return self.open.get(run.number) is run and not run.is_started and run.task_list() == name

    def _offer(self, run: ShadowRun) -> None:
        name = run.task_list()
        polls = self._polls.get(name)
        while polls:
            poll = polls.popleft()
            if poll.answer is not None:
                self._hand_out(run, poll)
                return
        self._waiting.setdefault(name, deque()).append(run)
        if run.sticky == name and run.sticky_seconds is not None:
            asyncio.get_running_loop().call_later(
                run.sticky_seconds, self._leave_sticky_list, run, run.step.started_id
            )

    def _leave_sticky_list(self, run: ShadowRun, started_id: int) -> None:
        """The decider did not ask on the list that it had named: the task goes to the run's own list (SWF §4.8)."""
        if self.open.get(run.number) is run and not run.is_started and run.step.started_id == started_id:
            run.leave_sticky_list()
            self._offer(run)

    def _hand_out(self, run: ShadowRun, poll: _Poll) -> None:
        loop = asyncio.get_running_loop()
        run.start(loop.call_later(self._answer_seconds, self._expire, run, run.step.started_id))
        self.last_taken = self._clock.monotonic()
        request: shapes.PollForDecisionTaskInput = poll.request
        poll.take()(reads.first_page(poll.context, request, run))

    def _expire(self, run: ShadowRun, started_id: int) -> None:
        if self.open.get(run.number) is run and run.is_started and run.step.started_id == started_id:
            strange = "".join(
                f"; {counted(count, 'answer was', 'answers were')} refused: {why}"
                for why, count in self.strange_answers.items()
            )
            self.last_taken = self._clock.monotonic()  # as long again, until it polls for another run
            self.give_up(
                run,
                f"the decider did not answer the decision task of event {started_id} within "
                f"{self._answer_seconds:g} s{strange}",
            )

    def _finish(self, run: ShadowRun, verdict: Verdict) -> None:
        del self.open[run.number]
        self._finished(run, verdict)

    # --- calls: what `http.calls.Service` asks for ---

    def begin(
        self,
        action: Action,
        caller: Caller,
        request: Any,
        disconnect: Disconnect | None,
        done: Done,
        request_id: str = "",
    ) -> None:
        """Answers at once, but for polls that have to wait."""
        context = CallContext(
            action, caller, self._clock.now_ms(), self._tokens, self._settings, self._buckets, request_id
        )
        domain = getattr(request, "domain", None)
        if self._domain is not None and domain not in (None, self._domain):
            raise UnknownResourceFault(f"Unknown domain: {domain}")
        if action.name == "PollForDecisionTask":
            self._poll(context, request, disconnect, done)
        elif action.name == "PollForActivityTask":
            self._poll_activity(context, request, disconnect, done)
        else:
            done(self._actions[action.name](context, request))

    def _poll(
        self,
        context: CallContext,
        request: shapes.PollForDecisionTaskInput,
        disconnect: Disconnect | None,
        done: Done,
    ) -> None:
        if request.next_page_token:
            done(self._next_page(context, request))
            return
        name = request.task_list.name
        self.polled[name] += 1
        poll = _Poll(context, request, done)
        waiting = self._waiting.get(name)
        while waiting:
            run = waiting.popleft()
            if self._waits(run, name):
                self._hand_out(run, poll)
                return
        self._hold(poll, disconnect, no_decision_task(self._settings))
        self._polls.setdefault(name, deque()).append(poll)

    def _poll_activity(
        self,
        context: CallContext,
        request: shapes.PollForActivityTaskInput,
        disconnect: Disconnect | None,
        done: Done,
    ) -> None:
        """There is never an activity task; a worker in the same program waits as long as it would."""
        poll = _Poll(context, request, done)
        self._hold(poll, disconnect, no_activity_task(self._settings))
        self._activity_polls.add(poll)

    def _hold(self, poll: _Poll, disconnect: Disconnect | None, empty: bytes) -> None:
        seconds = 0.0 if self._draining else self._settings.long_poll_seconds
        poll.timer = asyncio.get_running_loop().call_later(seconds, self._let_go, poll, empty)
        if disconnect is not None:
            disconnect.then(partial(self._abandon, poll))

    def _let_go(self, poll: _Poll, empty: bytes) -> None:
        if poll.answer is not None:
            poll.take()(empty)
        self._forget(poll)

    def _abandon(self, poll: _Poll) -> None:
        poll.abandon()
        self._forget(poll)

    def _forget(self, poll: _Poll) -> None:
        self._activity_polls.discard(poll)
        for polls in self._polls.values():
            while polls and polls[0].answer is None:
                polls.popleft()

    def _next_page(
        self, context: CallContext, request: shapes.PollForDecisionTaskInput
    ) -> shapes.DecisionTask:
        page = reads.position(context, request)
        run = self.open.get(page.run)
        if run is None:
            raise UnknownResourceFault(f"Unknown decision task, scheduledEventId = {page.scheduled_id}")
        return reads.task_page(context, request, run, page)

    def _answered(self, context: CallContext, request: shapes.RespondDecisionTaskCompletedInput) -> None:
        try:
            token = self._tokens.read_task(context.tenant, request.task_token, "decision")
            run = self._started_run(token)
        except (UnknownResourceFault, ValidationException) as refusal:
            self.strange_answers[str(refusal)] += 1
            raise
        self.last_taken = self._clock.monotonic()
        verdict = run.answer(request, self.last_taken)
        if verdict is not None:
            self._finish(run, verdict)
            return
        self._offer(run)

    def _history(
        self, context: CallContext, request: shapes.GetWorkflowExecutionHistoryInput
    ) -> shapes.History:
        return reads.history(context, request, self._seen(request.execution))

    def _describe(
        self, context: CallContext, request: shapes.DescribeWorkflowExecutionInput
    ) -> shapes.WorkflowExecutionDetail:
        longest_ms = self._settings.quotas.max_execution_seconds * 1000
        return reads.description(self._seen(request.execution), longest_ms)

    def _started_run(self, token: TaskToken) -> ShadowRun:
        run = self.open.get(token.run)
        if run is None:
            raise unknown_execution(token.workflow_id, token.run_id)
        if not run.is_started or run.step.started_id != token.started_id:
            raise UnknownResourceFault(f"Unknown decision task, scheduledEventId = {token.scheduled_id}")
        return run

    def _seen(self, execution: shapes.WorkflowExecution) -> ShadowRun:
        """The open run of this name, of which the decider has had a task."""
        for run in self.open.values():
            recording = run.recording
            if (recording.run_id, recording.workflow_id) == (
                execution.run_id,
                execution.workflow_id,
            ) and run.seen_id:
                return run
        raise unknown_execution(execution.workflow_id, execution.run_id)

    def _count(
        self, context: CallContext, request: shapes.CountPendingDecisionTasksInput
    ) -> shapes.PendingTaskCount:
        name = request.task_list.name
        count = sum(self._waits(run, name) for run in self._waiting.get(name, ()))
        return shapes.PendingTaskCount(count=count, truncated=False)

    # --- the life of a service ---

    @property
    def store_fails(self) -> bool:
        return False

    @property
    def is_alive(self) -> bool:
        return True

    @property
    def has_begun(self) -> bool:
        return True

    @property
    def answer_times(self) -> None:
        """What an answer waits for here is of no interest."""

    def disk(self) -> None:
        """Nothing is kept on a disk."""

    def ask_for_write(self, done: Done) -> None:
        done(None)

    async def start(self) -> None:
        """Nothing has to be started."""

    async def drain(self) -> None:
        """Answers waiting polls empty, and new ones at once."""
        self._draining = True
        for polls in self._polls.values():
            for poll in polls:
                if poll.answer is not None:
                    poll.take()(no_decision_task(self._settings))
        for poll in list(self._activity_polls):
            if poll.answer is not None:
                poll.take()(no_activity_task(self._settings))

    def close(self) -> None:
        """Nothing has to be closed."""

    def book(self) -> Book:
        """No caller has to prove anything here, so nothing asks."""
        raise ServiceUnavailable

    def key_used(self, key: AccessKey, at_ms: int) -> None:
        """Not noted."""

    def refused(self, refusal: Refusal) -> None:
        """Not noted."""
