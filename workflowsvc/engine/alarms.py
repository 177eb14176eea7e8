"""What the server's log says by itself of deciders that do the same wrong thing again and again.

Owns from when on it is said, and that it is said once: not for each run, not for each repetition. The rules of findings
are in core/findings; what an operator can ask for says more.
"""

from __future__ import annotations

import logging
from typing import NamedTuple

from workflowsvc.core.execution import Execution

TIMEOUTS_IN_A_ROW = 3
EQUAL_FAILURES = 10
SILENT_MS = 3_600_000  # said again when it had not happened within this time
MAX_REMEMBERED = 1_000

log = logging.getLogger("workflowsvc.alarms")


class Alarm(NamedTuple):
    """Something to log, unless the same was logged already."""

    key: tuple[object, ...]  # what counts as the same
    text: str


def of_events(execution: Execution, first_id: int) -> list[Alarm]:
    """The alarms of the events that a run has recorded from `first_id` on."""
    found: list[Alarm] = []
    name = execution.started.workflow_type.name
    where = f"run {execution.run_id} of workflowId {execution.workflow_id}, type {name}"
    timeouts = execution.decision_timeouts
    if timeouts is not None and timeouts.times >= TIMEOUTS_IN_A_ROW and timeouts.last_id >= first_id:
        found.append(
            Alarm(
                ("timeouts", execution.domain, name),
                f"{timeouts.times} decision tasks in a row have timed out in {where}: its decider takes them and "
                "does not answer",
            )
        )
    for (event_type, cause), failures in execution.failures.items():
        if failures.times >= EQUAL_FAILURES and failures.last_id >= first_id:
            decision = event_type.removesuffix("Failed")
            about = f", last for {failures.subject}" if failures.subject else ""
            found.append(
                Alarm(
                    (event_type, cause, execution.domain, name),
                    f"the decision {decision} has failed {failures.times} times with {cause} in {where}{about}",
                )
            )
    return found


class Alarms:
    """Of one node. Only the writer's thread uses it."""

    def __init__(self) -> None:
        self._last_at: dict[tuple[object, ...], int] = {}

    def say(self, alarms: list[Alarm], now: int) -> None:
        """Logs those that are new: it is called once their cause is committed."""
        for key, text in alarms:
            last_at = self._last_at.pop(key, None)
            self._last_at[key] = now
            if len(self._last_at) > MAX_REMEMBERED:
                del self._last_at[next(iter(self._last_at))]  # what has not happened for longest
            if last_at is None or now - last_at > SILENT_MS:
                log.warning("%s", text)
