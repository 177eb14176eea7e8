"""What a node knows of access control, for those who work with its state: the master key, the book, the uses of keys.

Owns the place only: `service/access/` fills it. Without access control the book refuses every question, and a change is
of no interest to this node.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from workflowsvc.faults import ServiceUnavailable

if TYPE_CHECKING:
    from workflowsvc.access.book import AccessKey, Book
    from workflowsvc.access.secrets import MasterKey


class NodeAccess:
    """Of one node. The writer's thread changes nothing here; the attributes are set before the node starts."""

    def __init__(self) -> None:
        self.master_keys: Sequence[MasterKey] = ()
        """The first one encrypts new secrets; the others open older ones, while nodes change to the first."""
        self.book: Callable[[], Book] = no_book
        """The latest snapshot. ServiceUnavailable when it is not known whether it is the latest."""
        self.changed: Callable[[], None] = nothing_to_do
        """Called after the commit of a change of access data, on the writer's thread."""
        self.used: Callable[[AccessKey, int], None] = not_counted
        """A call was signed with this key at this moment, in milliseconds. May be called from any thread."""


def no_book() -> Book:
    raise ServiceUnavailable(detail="this node does not read access data")


def nothing_to_do() -> None:
    """No book has to be read anew."""


def not_counted(key: AccessKey, at_ms: int) -> None:
    """Uses are not of interest without a book."""
