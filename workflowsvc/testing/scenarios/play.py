"""Plays a scenario: every command is carried out, and what the service answers becomes lines of text.

Owns the verbs. Must not know how the service is reached (`service.py`), nor what is expected.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from workflowsvc.tenant import Tenant
from workflowsvc.testing.scenarios import functions
from workflowsvc.testing.scenarios.decisions import decisions, members, type_of
from workflowsvc.testing.scenarios.judge import Auditor
from workflowsvc.testing.scenarios.language import Broken, Step, Words, head_and_decisions, span_ms, words
from workflowsvc.testing.scenarios.names import Names
from workflowsvc.testing.scenarios.render import Render, milliseconds
from workflowsvc.testing.scenarios.service import Refused, Service, Waiting
from workflowsvc.testing.suggestions import meant

_AT = re.compile(r"@([0-9.]+) +")
_AS = re.compile(r"as ([0-9]{12})(?:/(\S+))? +")
_REPEAT = re.compile(r"repeat ([0-9]+) +")
_NAMED = re.compile(r"([A-Za-z]\w*) = ")

_KINDS = {"domain": "Domain", "workflow": "WorkflowType", "activity": "ActivityType"}
_POLLS = {
    "decision": ("PollForDecisionTask", "deciders"),
    "activity": ("PollForActivityTask", "workers"),
}
_ENDINGS = {
    "complete": "RespondActivityTaskCompleted",
    "fail": "RespondActivityTaskFailed",
    "cancel": "RespondActivityTaskCanceled",
}


class Play:
    """One performance of a scenario."""

    def __init__(self, service: Service, auditor: Auditor, *, restless: bool = False) -> None:
        """`restless`: the process dies before every command."""
        self._service = service
        self._auditor = auditor
        self._restless = restless
        self._zero_ms = service.now_ms
        self.names = Names(self._find_runs)
        self._render = Render(self.names, self._zero_ms)
        self._waiting: dict[str, Waiting] = {}
        self._poll_kinds: dict[str, str] = {}
        self._domains: list[tuple[Tenant, str]] = []
        self._tenant = Tenant()
        self._name: str | None = None  # what the answer of the command at hand is to be called
        self._verbs: dict[str, Callable[[str], Iterator[str]]] = {
            name.removeprefix("_do_").replace("_", "-"): getattr(self, name)
            for name in dir(self)
            if name.startswith("_do_")
        }

    def perform(self, step: Step) -> list[str]:
        """The lines that the service answers to a command."""
        if self._restless and not self._waiting:
            self._service.sleep(0)
        text = step.text
        at = _AT.match(text)
        if at:
            text = text[at.end() :]
            self._service.advance(max(0, self._zero_ms + round(float(at[1]) * 1000) - self._service.now_ms))
        lines = self._news()
        repeat = _REPEAT.match(text)
        times = int(repeat[1]) if repeat else 1
        text = text[repeat.end() :] if repeat else text
        for _ in range(times):
            answer = self._carry_out(text)
            if not lines or answer != lines[-len(answer) :]:
                lines += answer
        self._service.audit()
        return lines

    def finish(self) -> None:
        """Every history of every domain is judged."""
        for tenant, domain in self._domains:
            self._auditor.judge_domain(tenant, domain)

    def _carry_out(self, text: str) -> list[str]:
        owner = _AS.match(text)
        self._tenant = Tenant(owner[1], owner[2] or Tenant().region) if owner else Tenant()
        text = text[owner.end() :] if owner else text
        named = _NAMED.match(text)
        self._name = named[1] if named else None
        text = text[named.end() :] if named else text
        verb, _, rest = text.partition(" ")
        if verb.endswith(":"):  # decide: …
            verb, rest = verb[:-1], ":" + rest
        if verb not in self._verbs:
            raise Broken(f"there is no command {verb!r}.{meant(verb, self._verbs)}")
        try:
            lines = list(self._verbs[verb](rest))
        except Refused as refusal:
            lines = [self.names.plain(str(refusal))]
        except Broken as broken:
            lines = [f"BROKEN: {broken}"]
        return lines + self._news()

    def _news(self) -> list[str]:
        """What polls that were waiting have been given meanwhile."""
        lines: list[str] = []
        for name, waiting in list(self._waiting.items()):
            if waiting.done:
                del self._waiting[name]
                try:
                    lines += [f"{name} gets {line}" for line in self._task(name, waiting.answer())]
                except Refused as refusal:
                    lines.append(f"{name} gets {refusal}")
        return lines

    # --- calls ---

    def _call(self, operation: str, **given: Any) -> Any:
        return self._service.call(operation, self._tenant, given)

    def _members(self, given: Words, **others: Any) -> dict[str, Any]:
        return others | members(given.members, self.names, self._zero_ms)

    def _in_domain(self, given: Words, **others: Any) -> dict[str, Any]:
        return self._members(given, domain="d", **others)

    def _find_runs(self, workflow_id: str) -> list[str]:
        """Closed ones in the order of their start; the open one is the newest."""
        found: list[str] = []
        for tenant, domain in self._domains:
            asked = {
                "domain": domain,
                "executionFilter": {"workflowId": workflow_id},
                "startTimeFilter": {"oldestDate": 0},
                "reverseOrder": True,
            }
            for state in ("Closed", "Open"):
                listed = self._service.call(f"List{state}WorkflowExecutions", tenant, asked)
                found += [info["execution"]["runId"] for info in listed["executionInfos"]]
        return found

    # --- domains and types ---

    def _do_register(self, rest: str) -> Iterator[str]:
        kind, name, *_ = words(rest).places
        given = words(rest)
        if kind == "domain":
            days = given.members.pop("retention", "7")
            self._call(
                "RegisterDomain",
                **self._members(given, name=name, workflowExecutionRetentionPeriodInDays=days),
            )
            self._domains.append((self._tenant, name))
        else:
            self._call(f"Register{_KINDS[kind]}", **self._in_domain(given, **type_of(name)))
        yield from ()

    def _change(self, verb: str, rest: str) -> Iterator[str]:
        given = words(rest)
        kind, name = given.places
        if kind == "domain":
            self._call(f"{verb}Domain", name=name)
        else:
            self._call(f"{verb}{_KINDS[kind]}", **self._in_domain(given, **{f"{kind}Type": type_of(name)}))
        yield from ()

    def _do_deprecate(self, rest: str) -> Iterator[str]:
        return self._change("Deprecate", rest)

    def _do_undeprecate(self, rest: str) -> Iterator[str]:
        return self._change("Undeprecate", rest)

    def _do_delete(self, rest: str) -> Iterator[str]:
        return self._change("Delete", rest)

    # --- executions ---

    def _do_start(self, rest: str) -> Iterator[str]:
        given = words(rest)
        asked = self._in_domain(
            given, workflowId=self.names.spelt(given.places[0]), workflowType=type_of("flow")
        )
        answer = self._call("StartWorkflowExecution", **asked)
        yield self.names.plain(self.names.alias(answer["runId"], asked["workflowId"]))

    def _do_signal(self, rest: str) -> Iterator[str]:
        given = words(rest)
        target, name = given.places
        self._call(
            "SignalWorkflowExecution",
            **self._in_domain(given, **self.names.target(target), signalName=self.names.spelt(name)),
        )
        yield from ()

    def _do_request_cancel(self, rest: str) -> Iterator[str]:
        return self._address("RequestCancelWorkflowExecution", rest)

    def _do_terminate(self, rest: str) -> Iterator[str]:
        return self._address("TerminateWorkflowExecution", rest)

    def _address(self, operation: str, rest: str) -> Iterator[str]:
        given = words(rest)
        self._call(operation, **self._in_domain(given, **self.names.target(given.places[0])))
        yield from ()

    def _do_describe(self, rest: str) -> Iterator[str]:
        given = words(rest)
        asked = self._in_domain(given, execution=self.names.execution(given.places[0]))
        answer = self._call("DescribeWorkflowExecution", **asked)
        if given.places[1:]:
            yield from self._render.fields(answer, given.places[1:])
        else:
            yield from self._render.anything(answer)

    def _do_history(self, rest: str) -> Iterator[str]:
        """`history w`, `history w full`, `history w from 5`."""
        given = words(rest)
        asked = self._in_domain(given, execution=self.names.execution(given.places[0]))
        events = self._auditor.history(self._tenant, asked["domain"], asked["execution"])
        first = int(given.places[-1]) if "from" in given.places else 1
        zero_ms = milliseconds(events[0]["eventTimestamp"])
        for event in events[first - 1 :]:
            yield self._render.event(
                event,
                workflow_id=asked["execution"]["workflowId"],
                zero_ms=zero_ms,
                full="full" in given.places,
            )

    # --- tasks ---

    def _do_poll(self, rest: str) -> Iterator[str]:
        kind, asked = self._poll(rest)
        yield from self._task(self._name, self._call(_POLLS[kind][0], **asked), kind)

    def _do_wait(self, rest: str) -> Iterator[str]:
        """A poll that is held until there is a task."""
        kind, asked = self._poll(rest)
        assert self._name, "call the poll something: p = wait decision"
        self._poll_kinds[self._name] = kind
        self._waiting[self._name] = self._service.wait(_POLLS[kind][0], self._tenant, asked)
        yield from ()

    def _poll(self, rest: str) -> tuple[str, dict[str, Any]]:
        given = words(rest)
        kind = given.places[0]
        return kind, self._in_domain(given, taskList={"name": _POLLS[kind][1]}) | self._in_domain(given)

    def _task(self, name: str | None, answer: Any, kind: str | None = None) -> Iterator[str]:
        kind = kind or self._poll_kinds[name or ""]
        if name:
            self.names.keep(name, answer)
        if kind == "decision":
            yield from self._render.decision_task(answer, name)
        else:
            yield from self._render.activity_task(answer)

    def _do_hang_up(self, rest: str) -> Iterator[str]:
        self._waiting.pop(rest.strip()).hang_up()
        yield from ()

    def _do_respond(self, rest: str) -> Iterator[str]:
        """`respond d executionContext=…: StartTimer t 2; RecordMarker m`."""
        head, list_ = head_and_decisions(rest)
        given = words(head)
        self._respond(self.names.task_token(given.places[0]), self._members(given), list_)
        yield from ()

    def _do_decide(self, rest: str) -> Iterator[str]:
        """Poll and respond in one breath: `decide: StartTimer t 2`, `decide taskList=fast`."""
        head, list_ = head_and_decisions(rest)
        given = words(head)
        task_list = given.members.pop("taskList", "deciders")
        task = self._call("PollForDecisionTask", domain="d", taskList={"name": task_list})
        if "taskToken" in task:
            self._respond(task["taskToken"], self._members(given), list_)
        else:
            yield "nothing"

    def _respond(self, task_token: str, asked: dict[str, Any], list_: str) -> None:
        if list_:
            asked["decisions"] = decisions(list_, self.names, self._zero_ms)
        self._call("RespondDecisionTaskCompleted", taskToken=task_token, **asked)

    def _end(self, verb: str, rest: str) -> Iterator[str]:
        given = words(rest)
        self._call(_ENDINGS[verb], **self._members(given, taskToken=self.names.task_token(given.places[0])))
        yield from ()

    def _do_complete(self, rest: str) -> Iterator[str]:
        return self._end("complete", rest)

    def _do_fail(self, rest: str) -> Iterator[str]:
        return self._end("fail", rest)

    def _do_cancel(self, rest: str) -> Iterator[str]:
        return self._end("cancel", rest)

    def _do_heartbeat(self, rest: str) -> Iterator[str]:
        given = words(rest)
        asked = self._members(given, taskToken=self.names.task_token(given.places[0]))
        yield from self._render.anything(self._call("RecordActivityTaskHeartbeat", **asked))

    def _do_tamper(self, rest: str) -> Iterator[str]:
        """`t = tamper d`: the tokens of d with one character changed."""
        assert self._name
        tokens = {
            name: token[:40] + ("A" if token[40] != "A" else "B") + token[41:]
            for name, token in self.names.answers[rest.strip()].items()
            if name in ("taskToken", "nextPageToken")
        }
        self.names.keep(self._name, tokens)
        yield from ()

    # --- Lambda functions ---

    def _do_function(self, rest: str) -> Iterator[str]:
        """`function w f returns 42`, `function w f fails Unhandled details=…`."""
        given = words(rest)
        workflow_id, id, ending, word = given.places
        details = given.members.get("details")
        self._service.do(functions.ends(workflow_id, id, ending, str(word), details))
        yield from ()

    # --- lists and counts ---

    def _filters(self, rest: str, start: int) -> tuple[Words, dict[str, Any]]:
        given = words(rest)
        asked = self._in_domain(given)
        if not asked.keys() & {"startTimeFilter", "closeTimeFilter"} and "without" not in given.places:
            asked["startTimeFilter"] = {"oldestDate": 0}
        return given, asked

    def _do_list(self, rest: str) -> Iterator[str]:
        """`list open`, `list closed`; `list open without times` for a call without a time filter."""
        given, asked = self._filters(rest, 1)
        answer = self._call(f"List{given.places[0].capitalize()}WorkflowExecutions", **asked)
        if self._name:
            self.names.keep(self._name, answer)
        yield from self._render.anything(answer) if answer["executionInfos"] else ["nothing"]

    def _do_count(self, rest: str) -> Iterator[str]:
        """`count open`, `count closed`, `count pending activity`."""
        given = words(rest)
        if given.places[0] == "pending":
            kind = given.places[1]
            asked = self._in_domain(given, taskList={"name": _POLLS[kind][1]}) | self._in_domain(given)
            answer = self._call(f"CountPending{kind.capitalize()}Tasks", **asked)
        else:
            given, asked = self._filters(rest, 1)
            answer = self._call(f"Count{given.places[0].capitalize()}WorkflowExecutions", **asked)
        yield self._render.members(answer)

    # --- the world ---

    def _do_advance(self, rest: str) -> Iterator[str]:
        self._service.advance(span_ms(rest))
        yield from ()

    def _do_restart(self, rest: str) -> Iterator[str]:
        """The process dies and comes back; polls that waited are cut off."""
        return self._do_sleep("0s")

    def _do_sleep(self, rest: str) -> Iterator[str]:
        """The process dies, and only after this time comes another one."""
        self._service.sleep(span_ms(rest))
        for name in self._waiting:
            yield f"{name} is cut off"
        self._waiting.clear()

    def _do_clock(self, rest: str) -> Iterator[str]:
        """`clock -1h`, `clock +5s`: the operator sets the clock."""
        sign = -1 if rest.startswith("-") else 1
        self._service.set_clock(sign * span_ms(rest.lstrip("+-")))
        self._auditor.one_clock = False
        yield from ()

    def _do_call(self, rest: str) -> Iterator[str]:
        """Any operation, with members as they are on the wire."""
        operation, _, rest = rest.partition(" ")
        given = words(rest)
        answer = self._call(operation, **self._members(given))
        if self._name:
            self.names.keep(self._name, answer)
        yield from self._render.anything(answer)
