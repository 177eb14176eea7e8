"""Where archived runs are: what a folder and a bucket have in common.

Owns the protocol, and how an address names a place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple, Protocol

from workflowsvc.options import SettingsError

S3 = "s3://"


class PlaceFailed(Exception):
    """The place did not do what was asked; the message says why, for the operator."""


class NoObject(PlaceFailed):
    """There is no object of this name."""


class Found(NamedTuple):
    """An object of a place."""

    name: str
    size: int  # bytes


class Place(Protocol):
    """Names are paths from its root, with slashes. All methods raise PlaceFailed; any thread may use it."""

    workers: int
    """Objects that are worth being written at the same time."""

    def put(self, name: str, write: Callable[[BinaryIO], None]) -> int:
        """Makes the object of what `write` writes, or replaces it; its size. It is durable when this returns. What
        `write` raises is passed on, and there is no object then that was not there before.
        """
        ...

    def sync(self, names: list[str]) -> None:
        """The objects that were put under these names survive a power cut from now on."""
        ...

    def open(self, name: str) -> BinaryIO:
        """To be read to its end and closed. NoObject."""
        ...

    def list(self, prefix: str) -> Iterator[Found]:
        """All whose names begin with the prefix, by name."""
        ...

    def folders(self, prefix: str) -> list[str]:
        """The parts of names that stand directly behind the prefix, which ends with a slash or is empty, and before
        another slash; sorted."""
        ...

    def describe(self) -> str: ...


def open_place(address: str, endpoint: str = "") -> Place:
    """The place that a setting or an option names. SettingsError when it names none, or what it needs is missing."""
    if address.startswith(S3):
        from workflowsvc.archive.bucket import Bucket

        return Bucket.of(address, endpoint)
    if "://" in address:
        raise SettingsError(f"{address} is neither a folder nor {S3}BUCKET/PREFIX")
    if endpoint:
        raise SettingsError(f"an endpoint is for {S3}BUCKET/PREFIX, and {address} is a folder")
    from workflowsvc.archive.folder import Folder

    return Folder(address)
