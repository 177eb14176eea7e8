"""What a command gets from the process that runs it: time, random bytes, environment, standard streams, stores.

Owns the type. The command line makes the real one (`cli.py`); a test can make another. It must not know any command,
nor a concrete store.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from workflowsvc.clock import Clock
    from workflowsvc.store.interface import AuditReader, RepairStore


class CommandFailed(Exception):
    """The command did not do its work; the message, in one line, is for the operator. Exit status 1."""


class ReadOnlyStore(Protocol):
    """A store that is read and never written."""

    def reader(self) -> AbstractContextManager[AuditReader]: ...
    def describe(self) -> str: ...
    def require_alone(self) -> None: ...
    def was_overtaken(self) -> bool:
        """Whether what was read is no snapshot, because another program has begun to write: to be read again."""
        ...

    def close(self) -> None: ...


class OpenReadOnly(Protocol):
    """Opens the store that `--store` names without writing to it; `exclusive` refuses one that a server uses."""

    def __call__(self, where: str, *, exclusive: bool = False) -> ReadOnlyStore: ...


@dataclass(frozen=True, kw_only=True)
class CommandContext:
    """The process as a command sees it."""

    clock: Clock
    random_bytes: Callable[[int], bytes]  # cryptographically strong
    environment: Mapping[str, str]
    stdin: TextIO
    stdout: TextIO
    stderr: TextIO
    open_store: Callable[[str], RepairStore]
    open_read_only: OpenReadOnly

    def write(self, text: str) -> None:
        """Text to standard output. A letter that its encoding lacks is replaced: no report is lost to a terminal."""
        encoding = self.stdout.encoding or "utf-8"
        self.stdout.write(text.encode(encoding, "replace").decode(encoding))
