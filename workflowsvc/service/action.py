"""The form of a row in a table of actions: everything that the service knows of one action.

Owns no action; the rows of SWF are in `actions.py`. Must not know who calls, nor how a call is carried out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from workflowsvc.core.outcome import TaskKind
from workflowsvc.engine.unit_of_work import ExecutionReference
from workflowsvc.model.shapes import Operation
from workflowsvc.model.wire import Decoder, decoder
from workflowsvc.settings import Settings
from workflowsvc.tenant import Tenant

Kind = Literal["read", "write", "poll", "steps"]
"""How an action is carried out, and with which arguments its function is called.

read   (reader, context, request): on a reader thread, on a snapshot of what is committed
write  (work, context, request), and `token` when its subject is a task: on the writer thread, answered after the commit
poll   (work, context, request, reply): on the writer thread, answered when there is a task or the poll is given up
steps  (context, request, now): a generator of short reads and writes, so that a long search holds nothing up (steps.py)
"""


class Rate(NamedTuple):
    """A bucket holds `size` calls and gets `refill` of them back each second."""

    size: int
    refill: int


@dataclass(frozen=True, slots=True, eq=False)  # equal only to itself, so that hashing a row costs nothing
class Action:
    """A row. `operation` is the generated part: name, structures of input and output."""

    operation: Operation
    kind: Kind
    run: Callable[..., Any]
    rate: Rate | None = None
    """The bucket of an account in a region, with `--limits aws`; None: calls are not counted."""
    run_rate: Rate | None = None
    """The bucket of one run, taken by the function itself once it knows the run."""
    execution_ref: Callable[[Tenant, Any], ExecutionReference | None] | None = None
    """The execution that a write is about, as far as its request says. Only a hint for prefetching: a call whose
    execution is unknown, or does not exist, is carried out all the same."""
    task_token: TaskKind | None = None
    """The kind of task whose token a write's request holds; the token then names the execution."""
    empty_answer: Callable[[Settings], bytes] | None = None
    """The answer of a poll that found nothing; every poll has one."""
    next_page: Callable[..., Any] | None = None
    """The read that answers a poll whose request has a `nextPageToken`."""
    waits: bool = False
    """Whether a call in steps has a step that waits."""
    model: str = ""
    """The target prefix of the model whose row this is; filled in by it."""
    name: str = field(init=False)
    decode: Decoder = field(init=False)

    @property
    def may_wait(self) -> bool:
        """Whether a call may wait long, so that it is to learn when its client leaves."""
        return self.waits or self.kind == "poll"

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.operation.name)
        object.__setattr__(self, "decode", decoder(self.operation.input))
