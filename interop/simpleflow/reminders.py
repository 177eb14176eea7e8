"""A flow for simpleflow that waits for 30 days; runs in simpleflow's own decider and worker processes, as flows.py."""

from __future__ import annotations

from simpleflow import Workflow, activity, futures

PATIENCE_SECONDS = 30 * 86_400


@activity.with_attributes(task_list="work", version="1", start_to_close_timeout=60)
def remind(customer: str) -> str:
    """What is done then."""
    return f"{customer} reminded"


class Reminder(Workflow):
    """A timer, then an activity."""

    name = "reminders.Reminder"
    version = "1"
    task_list = "decisions"
    execution_timeout = 31_536_000

    def run(self, customer: str) -> str:
        futures.wait(self.submit(self.start_timer("patience", PATIENCE_SECONDS)))
        reminded = self.submit(remind, customer)
        futures.wait(reminded)
        return reminded.result
