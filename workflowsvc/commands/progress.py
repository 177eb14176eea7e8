"""How far long work has come: a bar on a terminal, a line from time to time in a log; both on standard error."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

from workflowsvc.commands.context import CommandContext


@contextmanager
def progress(context: CommandContext, what: str, of: int | None = None) -> Generator[Callable[[int], None]]:
    """While it is open, takes how many are done; `of` is how many there are, if that is known."""
    from workflowsvc.display.screen import Screen

    with Screen(context).progress(what, of) as bar:
        yield lambda done: bar.advance_to(done)
