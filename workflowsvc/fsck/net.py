"""The last net below every check: an error that no check foresees is one line of the report, and the audit goes on.

Owns which errors are such lines. It must not know any check. Checks name by themselves what they can foresee: this is
for the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from workflowsvc.store.errors import Damaged, StoreError

Found = TypeVar("Found")


def finish(found: Iterator[Found], as_problem: Callable[[str], Found]) -> Iterator[Found]:
    """What a check finds. When it ends with an error, the last of it is `as_problem` of the error's text; that the
    database cannot be asked any more is raised."""
    try:
        yield from found
    except Exception as error:
        yield as_problem(text_of(error))


def require_connection(error: Exception) -> None:
    """Raises the error again when it means that the database cannot be asked any more."""
    if isinstance(error, StoreError) and not isinstance(error, Damaged):
        raise error


def text_of(error: Exception) -> str:
    """The error in one line, after `require_connection`."""
    require_connection(error)
    said = " ".join(str(error).split())
    return said if isinstance(error, Damaged | UnicodeError) else f"{type(error).__name__}: {said}"
