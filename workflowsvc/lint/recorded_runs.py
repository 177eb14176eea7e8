"""Several histories read at one moment, by execution, and what the rules between histories share.

Owns `Run`, `SETTINGS` and the relation of parent and child; must not know any rule.
"""

from dataclasses import dataclass, field

from workflowsvc.lint.history import Event, History

__all__ = ["SETTINGS", "RecordedRuns", "Run", "key_of"]

Run = tuple[str, str]
"""workflowId and runId."""

SETTINGS = (  # what an Initiated or ContinuedAsNew event decides for the execution that it makes
    "childPolicy",
    "executionStartToCloseTimeout",
    "input",
    "lambdaRole",
    "tagList",
    "taskList",
    "taskPriority",
    "taskStartToCloseTimeout",
    "workflowType",
)


def key_of(event: Event, member: str) -> Run:
    """The execution that this member of the event names; empty texts if it names none."""
    return event.inner(member, "workflowId"), event.inner(member, "runId")


@dataclass(slots=True)
class RecordedRuns:
    """The histories to be judged together, by execution. `settled`, `one_clock`: as in `check_related`."""

    runs: dict[Run, History]
    settled: bool
    one_clock: bool
    children: dict[tuple[Run, int], list[Run]] = field(default_factory=dict[tuple[Run, int], list[Run]])
    """(parent, Initiated id) -> executions that call it their parent: the child and those it continued as."""

    def __post_init__(self) -> None:
        """Finds the children of each parent."""
        for run, history in self.runs.items():
            parent = key_of(history.start, "parentWorkflowExecution")
            if parent != ("", ""):
                initiated = history.start.number("parentInitiatedEventId")
                self.children.setdefault((parent, initiated), []).append(run)

    def is_before(self, later: Event, earlier: Event) -> bool:
        """Whether an event that must follow another history's event carries an earlier time."""
        return self.one_clock and later.at_ms < earlier.at_ms
