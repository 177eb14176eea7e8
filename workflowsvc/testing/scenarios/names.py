"""Names that read the same on every run, for what the service names by chance: runs `w#1`, task tokens `d`, page
tokens.

Owns both directions: text in a command -> what is sent, and what is answered -> text. Which runs exist is asked of the
service itself, so that `w#2` is always the second run of `w`, whichever command showed it first.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, cast

from workflowsvc.testing.scenarios.language import Broken

RUN_ID = re.compile(r"22[A-Za-z0-9+/]{43}=")
_LONG = re.compile(r"(.)\1{49,}")
_ALIAS = re.compile(r"(?P<workflow_id>.+)#(?P<number>[0-9]+)")

FindRuns = Callable[[str], list[str]]
"""workflowId -> the runIds that the service knows, oldest first."""


class Names:
    """Of one scenario."""

    def __init__(self, find_runs: FindRuns) -> None:
        self._find_runs = find_runs
        self._runs: dict[str, list[str]] = {}  # by workflowId, oldest first; also those that are gone
        self._aliases: dict[str, str] = {}  # runId -> w#1
        self.answers: dict[str, Any] = {}  # by the name that a command gave them: `d = poll decision`
        self._tokens: dict[str, str] = {}  # task token -> the name it was given first

    # --- runs ---

    def _learn(self, workflow_id: str) -> list[str]:
        known = self._runs.setdefault(workflow_id, [])
        for run_id in self._find_runs(workflow_id):
            if run_id not in self._aliases:
                known.append(run_id)
                self._aliases[run_id] = f"{workflow_id}#{len(known)}"
        return known

    def execution(self, text: str) -> dict[str, str]:
        """`w#1` names that run, `w` the newest run of w; `w#fake` a run that is none."""
        alias = _ALIAS.fullmatch(text)
        if alias:
            return {"workflowId": alias["workflow_id"], "runId": self.run_id(text)}
        runs = self._learn(text)
        if not runs:
            raise Broken(f"no run of {text} was ever seen")
        return {"workflowId": text, "runId": runs[-1]}

    def run_id(self, text: str) -> str:
        """`w#1` -> its runId; anything else stands for itself."""
        alias = _ALIAS.fullmatch(text)
        if not alias:
            return text
        runs = self._learn(alias["workflow_id"])
        number = int(alias["number"])
        if not 0 < number <= len(runs):
            raise Broken(f"{alias['workflow_id']} has had {len(runs)} runs")
        return runs[number - 1]

    def target(self, text: str) -> dict[str, str]:
        """`w` is a workflowId alone, `w#1` also names the run."""
        return self.execution(text) if _ALIAS.fullmatch(text) else {"workflowId": text}

    def alias(self, run_id: str, workflow_id: str) -> str:
        """How a run that was answered is called; `workflow_id` may be any that helps to find it."""
        if run_id not in self._aliases:
            self._learn(workflow_id)
        return self._aliases.get(run_id, run_id)

    def plain(self, text: str) -> str:
        """A text that was answered, with the runs in it called by their names and long stretches cut short."""
        text = RUN_ID.sub(lambda found: self._aliases.get(found[0], found[0]), text)
        return _LONG.sub(lambda found: f"{{{len(found[0])}*{found[1]}}}", text)

    def spelt(self, text: str) -> str:
        """A text to be sent: `{w#1}` in it becomes the runId, `{2048*x}` 2,048 times `x`."""
        text = re.sub(r"\{([^{}]+#[0-9]+)\}", lambda found: self.run_id(found[1]), text)
        return re.sub(r"\{([0-9]+)\*(.)\}", lambda found: int(found[1]) * found[2], text)

    # --- answers ---

    def keep(self, name: str, answer: Any) -> None:
        self.answers[name] = answer
        token = cast("dict[str, Any]", answer).get("taskToken") if isinstance(answer, dict) else None
        if token and token not in self._tokens:
            self._tokens[token] = name

    def token_name(self, token: str) -> str | None:
        return self._tokens.get(token)

    def task_token(self, name: str) -> str:
        """The token of the task that was answered under this name; a text of its own stands for itself."""
        answer = self.answers.get(name)
        if answer is None:
            return self.spelt(name)
        if "taskToken" not in answer:
            raise Broken(f"{name} is no task: the poll found nothing")
        return answer["taskToken"]

    def page_token(self, name: str) -> str:
        answer = self.answers.get(name)
        if answer is None:
            return self.spelt(name)
        if "nextPageToken" not in answer:
            raise Broken(f"{name} has no further page")
        return answer["nextPageToken"]
