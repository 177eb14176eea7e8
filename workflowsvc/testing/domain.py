"""A domain of one test: its clients, its clock, its runs, and waiting for what happens in them.

Owns what a test asks of a domain. Whether a server (`service.py`) or a World (`world_service.py`) is behind it makes no
difference here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from workflowsvc.clock import SystemClock
from workflowsvc.faults import Fault
from workflowsvc.testing import expectation
from workflowsvc.testing.clock import DomainClock
from workflowsvc.testing.history import History
from workflowsvc.testing.loops import LoopFailed, Loops
from workflowsvc.testing.report import findings_text, report_of

if TYPE_CHECKING:
    from types import TracebackType

Run = str | Mapping[str, Any]
"""A workflowId, whose newest run is meant; or an execution, a task or an answer of StartWorkflowExecution."""

Found = TypeVar("Found")

PATIENCE_SECONDS = 60.0  # of a wait; only a test that fails reaches it
RETENTION_DAYS = "90"  # the longest
PAGE = 1_000  # events or runs in an answer
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")
_TYPE_DEFAULTS = {
    "WorkflowType": {
        "defaultTaskList": {"name": "deciders"},
        "defaultChildPolicy": "TERMINATE",
        "defaultTaskStartToCloseTimeout": "300",
        "defaultExecutionStartToCloseTimeout": "31536000",
    },
    "ActivityType": {
        "defaultTaskList": {"name": "workers"},
        "defaultTaskScheduleToStartTimeout": "NONE",
        "defaultTaskScheduleToCloseTimeout": "NONE",
        "defaultTaskStartToCloseTimeout": "NONE",
        "defaultTaskHeartbeatTimeout": "NONE",
    },
}


class Service(Protocol):
    """What is behind a domain."""

    def call(self, operation: str, /, **members: Any) -> Any: ...
    def client(self, loops: Loops | None = None, **options: Any) -> Any: ...
    def release(self, domain: str) -> None: ...


class WaitedInVain(AssertionError):
    """What a test waited for has not happened; the message has the reason that the service knows."""


class TestDomain:
    """A fresh domain, until `close`."""

    __test__ = False  # no class of tests, whatever its name

    def __init__(self, service: Service, name: str, loops: Loops) -> None:
        self.service = service
        self.name = name
        self._loops = loops
        self._closed = False
        self._clients: list[Any] = []
        self.clock = DomainClock(self.call)
        service.call("RegisterDomain", name=name, workflowExecutionRetentionPeriodInDays=RETENTION_DAYS)

    # --- calls ---

    @cached_property
    def swf(self) -> Any:
        """A boto3 client of SWF. Calls name the domain, as always: `domain=domain.name`."""
        return self.client()

    def client(self, **options: Any) -> Any:
        """Another boto3 client; `options` are those of `botocore.config.Config`."""
        client = self.service.client(self._loops, **options)
        self._clients.append(client)
        return client

    def call(self, operation: str, /, **members: Any) -> Any:
        """The decoded answer of one call about this domain, of SWF or of the service's own API, without boto3."""
        return self.service.call(operation, domain=self.name, **members)

    def register(self, *, workflows: Iterable[str] = (), activities: Iterable[str] = ()) -> None:
        """Registers types, as `order@1`, with a default for everything: deciders poll the list `deciders`, workers the
        list `workers`, a run may take a year, an activity for ever."""
        for kind, names in (("WorkflowType", workflows), ("ActivityType", activities)):
            for text in [names] if isinstance(names, str) else names:
                name, _, version = text.partition("@")
                self.call(f"Register{kind}", name=name, version=version or "1", **_TYPE_DEFAULTS[kind])

    def run(self, loop: Callable[..., Any], *args: Any) -> None:
        """Runs a decider or worker, `loop(*args)`, beside the test, until it returns or the test is over. When it
        fails, the test fails in its next wait or at its end."""
        self._loops.start(loop, args)

    # --- runs ---

    def runs(self) -> list[dict[str, Any]]:
        """Every run of the domain, the newest first, as ListOpenWorkflowExecutions and its sister describe them."""
        found = [info for state in ("Open", "Closed") for info in self._list(state)]
        return sorted(found, key=lambda info: info["startTimestamp"], reverse=True)

    def _list(self, state: str, **filters: Any) -> Iterable[dict[str, Any]]:
        page: dict[str, Any] = {"nextPageToken": None}
        while "nextPageToken" in page:
            page = self.call(
                f"List{state}WorkflowExecutions",
                startTimeFilter={"oldestDate": 0},
                maximumPageSize=PAGE,
                nextPageToken=page["nextPageToken"],
                **filters,
            )
            yield from page["executionInfos"]

    def execution(self, run: Run) -> dict[str, str]:
        """The workflowId and runId of a run; LookupError when there is none."""
        found = self._find(run)
        if found is None:
            known = list(dict.fromkeys(info["execution"]["workflowId"] for info in self.runs()))[:20]
            there = f"there are runs of {', '.join(known)}" if known else "it has no run"
            raise LookupError(f"domain {self.name} has no run {_spelt(run)!r}: {there}")
        return found

    def _find(self, run: Run) -> dict[str, str] | None:
        if isinstance(run, str):
            for state in ("Open", "Closed"):
                for info in self._list(state, executionFilter={"workflowId": run}):
                    return info["execution"]
            return None
        named = run.get("workflowExecution", run)
        run_id = named.get("runId")
        if named.get("workflowId") and run_id:
            return {"workflowId": named["workflowId"], "runId": run_id}
        if run_id is None:
            raise TypeError(f"{run!r} is no run: give a workflowId, an execution or the answer of its start")
        return next((info["execution"] for info in self.runs() if info["execution"]["runId"] == run_id), None)

    def history(self, run: Run) -> History:
        """The events of a run; `str` of it has one line for each."""
        return self._history_of(self.execution(run))

    def _history_of(self, execution: dict[str, str]) -> History:
        events: list[dict[str, Any]] = []
        page: dict[str, Any] = {"nextPageToken": None}
        while "nextPageToken" in page:
            page = self.call(
                "GetWorkflowExecutionHistory",
                execution=execution,
                maximumPageSize=PAGE,
                nextPageToken=page["nextPageToken"],
            )
            events += page["events"]
        return History(execution, events)

    def explain(self, run: Run) -> str:
        """Why a run does not go on, or how it ended, as `workflowsvc why` says it."""
        return findings_text(self.call("ExplainExecution", execution=self.execution(run)))

    def report(self) -> str:
        """The runs of the domain with their histories and explanations, for a test that has failed."""
        return report_of(self)

    # --- assertions ---

    def assert_history(self, run: Run, expected: str) -> None:
        """AssertionError, with the difference, when the history of a run is not as the text says.

        One line for an event: `5 TimerFired +30d timerId=remind`. What a line leaves out is not compared: the id, the
        time from the start of the run, any member. A line `...` stands for any number of events. A time is compared as
        precisely as it is written: `+30d` is any time of that day, `+1.5` any in that tenth of a second.
        `expectation.WrongExpectation` when the text cannot be read.
        """
        wanted = expectation.read(expected)
        history = self.history(run)
        different = expectation.difference(history, wanted)
        if different:
            raise AssertionError(
                f"the history of {history.execution['workflowId']} is otherwise:\n{different}"
            )

    # --- waiting ---

    def wait_until(
        self,
        condition: Callable[[], Found],
        what: str = "the condition holds",
        seconds: float = PATIENCE_SECONDS,
    ) -> Found:
        """The first truthy answer of `condition`, which is asked again after each change of the service. WaitedInVain,
        with the reason that the service knows, after this many seconds of real time, or as soon as nothing more can
        happen."""
        clock = SystemClock()
        end = clock.monotonic() + seconds
        while True:
            seen = self._loops.now()
            self._loops.raise_failure()
            found = condition()
            if found:
                return found
            left = end - clock.monotonic()
            if left <= 0 or not self._loops.wait(seen, left):
                late = clock.monotonic() >= end
                reason = f"not within {seconds:g} s" if late else "nothing more happens, and it is not so"
                report = self.report()
                why = (self._clock_hint(), report) if report else ("the domain has no run",)
                raise WaitedInVain("\n".join(filter(None, (f"{reason}: {what}", *why))))

    def _close_status_of_newest(self, workflow_id: str) -> str | None:
        """None while a run of this workflowId is open, and when there has been none. One call while it is open: it is
        asked after each change."""
        named = {"workflowId": workflow_id}
        if any(True for _ in self._list("Open", executionFilter=named)):
            return None
        newest = next(iter(self._list("Closed", executionFilter=named)), None)
        return None if newest is None else newest["closeStatus"]

    def _clock_hint(self) -> str:
        mode = self.clock.mode
        if mode == "SKIPPING":
            return ""
        return f"the clock of the domain is {mode}: `clock.skip()` lets time jump to what is due next"

    def wait_for_close(self, run: Run, seconds: float = PATIENCE_SECONDS) -> str:
        """How a run closed, once it has: `COMPLETED`, `FAILED`, …. A workflowId alone also means a run that is not
        started yet, and those that it continues as."""

        known: list[dict[str, str]] = []  # a run that is named by more than its workflowId is looked up once

        def close_status() -> str | None:
            if isinstance(run, str):
                status = self._close_status_of_newest(run)
                return None if status == "CONTINUED_AS_NEW" else status
            if not known and (execution := self._find(run)) is not None:
                known.append(execution)
            if not known:
                return None
            info = self.call("DescribeWorkflowExecution", execution=known[0])["executionInfo"]
            return info.get("closeStatus")

        status = self.wait_until(close_status, f"{_spelt(run)} is closed", seconds)
        assert status is not None
        return status

    def wait_for_event(self, run: Run, expected: str, seconds: float = PATIENCE_SECONDS) -> dict[str, Any]:
        """The first event of a run that is as a line says, `TimerStarted timerId=remind`, once there is one."""
        (wanted, *others) = expectation.read(expected)
        if wanted is None or others:
            raise expectation.WrongExpectation("wait_for_event takes one line, with one event")

        def event() -> dict[str, Any] | None:
            execution = self._find(run)
            if execution is None:
                return None
            history = self._history_of(execution)
            pairs = zip(history.lines(), history.events, strict=True)
            return next((event for line, event in pairs if wanted.is_met_by(line)), None)

        found = self.wait_until(event, f"{_spelt(run)} has an event {expected.strip()}", seconds)
        assert found is not None
        return found

    # --- the end ---

    def close(self) -> None:
        """Ends its deciders and workers and deletes it; it may be repeated. LoopFailed when one had failed and no wait
        has said so."""
        if self._closed:
            return
        self._closed = True
        left = self._loops.end(lambda: self.service.release(self.name))
        for client in self._clients:
            client.close()  # its connections
        try:
            self._loops.raise_failure()
        except LoopFailed as failure:
            add_report(failure, self)
            raise
        finally:
            self._delete()
        if left:
            raise AssertionError(
                f"{', '.join(left)} did not end with the test: a loop must poll, or return, within a few seconds"
            )

    def _delete(self) -> None:
        try:
            self.call("DeleteDomain", force=True)
        except Fault as fault:
            if fault.code != "UnknownResourceFault":  # the test has deleted it
                raise

    def __enter__(self) -> TestDomain:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
            return
        add_report(error, self)
        try:
            self.close()
        except Exception as another:  # the first failure is what the test is told
            error.add_note(f"and at the end of the test: {another}")


def add_report(error: BaseException, domain: TestDomain) -> None:
    """Adds the runs of the domain to what is printed of an error, unless it shows them already."""
    if isinstance(error, Exception) and not isinstance(error, WaitedInVain):
        report = domain.report()
        if report:
            error.add_note(report)


def domain_name(text: str, number: int) -> str:
    """The name of a domain that no other test has; the text is what it begins with."""
    return f"{_NOT_IN_NAMES.sub('_', text)[:100]}-{number}"


def _spelt(run: Run) -> str:
    return run if isinstance(run, str) else str(run.get("workflowId") or run.get("runId") or run)
