"""Audits what is no run: the rows of domains, types and `meta`. Nothing implies them, so each must be usable by itself.

Owns what a row of these tables may hold, and whether the types that histories name are there. It must not know the
engine, which reads these rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeVar

import msgspec

from workflowsvc.core.durations import retention_days
from workflowsvc.model.shapes import ActivityTypeConfiguration, WorkflowTypeConfiguration
from workflowsvc.store import meta
from workflowsvc.store.errors import Damaged
from workflowsvc.store.interface import AuditReader
from workflowsvc.store.rows import DELETED_TENANT, DomainRow, TaskKey, TypeKind, TypeRow

PAGE = 1_000
BEFORE_ALL = -(1 << 63)
STATUSES = ("REGISTERED", "DEPRECATED")

_decode_tags = msgspec.json.Decoder(dict[str, str | None]).decode
_decode_keys = msgspec.json.Decoder(list[TaskKey]).decode
_DEFAULTS: dict[str, Callable[[bytes], object]] = {
    "workflow": msgspec.json.Decoder(WorkflowTypeConfiguration).decode,
    "activity": msgspec.json.Decoder(ActivityTypeConfiguration).decode,
}

Row = TypeVar("Row")
Key = TypeVar("Key")

TypeKey = tuple[int, TypeKind, str, str]
"""Domain, kind, name and version."""


class CatalogProblem(NamedTuple):
    """What is wrong with a row. `delete_meta`: the key of the row of `meta` whose deletion repairs it."""

    where: str
    text: str
    delete_meta: str | None = None


def examine(
    reader: AuditReader, used: Iterable[TypeKey], missing: frozenset[str]
) -> Iterator[CatalogProblem]:
    """`used`: the types that histories name. `missing`: tables that there are not; what they held is not judged."""
    known: set[int] = set()
    all_known = "domains" not in missing
    registered: set[TypeKey] = set()
    if "domains" not in missing:
        for domain in _pages(lambda after: reader.every_domain(after, PAGE), BEFORE_ALL, lambda row: row.id):
            if isinstance(domain, str):
                yield CatalogProblem("domains", domain)
                all_known = False
                continue
            known.add(domain.id)
            yield from _domain(domain)
    if "types" not in missing:
        for row in _pages(lambda after: reader.every_type(after, PAGE), None, lambda row: row[:4]):
            if isinstance(row, str):
                yield CatalogProblem("types", row)
                continue
            registered.add(row[:4])
            yield from _type(row)
            if all_known and row.domain not in known:
                yield CatalogProblem(_name(row[:4]), f"belongs to domain {row.domain}, which there is not")
    if "meta" in missing:
        return
    try:
        rows = dict(reader.every_meta())
    except (Damaged, UnicodeError) as error:
        yield CatalogProblem("meta", f"cannot be read: {error}")
        return
    yield from _meta(rows, in_use=bool(known))
    if "types" not in missing:
        for key in sorted({*used} - registered):
            if meta.deleted_type(*key)[0] not in rows:
                yield CatalogProblem(
                    _name(key), "is named by histories, is not there, and no call has deleted it"
                )


def _pages(read: Callable[[Key], list[Row]], after: Key, key: Callable[[Row], Key]) -> Iterator[Row | str]:
    """All rows; a text, as the last one, when the table cannot be read further."""
    while True:
        try:
            page = read(after)
        except (Damaged, UnicodeError) as error:
            yield f"cannot be read behind {after}: {error}"
            return
        if not page:
            return
        yield from page
        after = key(page[-1])


def _domain(row: DomainRow) -> Iterator[CatalogProblem]:
    def problem(text: str) -> CatalogProblem:
        return CatalogProblem(f"domain {row.name}", text)

    for member, value in (("tenant", row.tenant), ("name", row.name), ("description", row.description)):
        if not is_text(value):
            yield problem(f"its {member} is not UTF-8")
    if (
        row.tenant != DELETED_TENANT
        and is_text(row.tenant)
        and not re.fullmatch(r"[0-9]{12}/[a-z0-9-]+", row.tenant)
    ):
        yield problem(f"its tenant {row.tenant!r} is no account and region")
    if row.status not in STATUSES:
        yield problem(f"its status is {row.status!r}")
    if not is_retention(row.retention):
        yield problem(f"its retention {row.retention!r} is neither a number of days nor NONE")
    try:
        _decode_tags(row.tags)
    except (msgspec.MsgspecError, ValueError) as error:
        yield problem(f"its resource tags cannot be read: {error}")


def _type(row: TypeRow) -> Iterator[CatalogProblem]:
    def problem(text: str) -> CatalogProblem:
        return CatalogProblem(_name(row[:4]), text)

    for member, value in (("name", row.name), ("version", row.version), ("description", row.description)):
        if not is_text(value):
            yield problem(f"its {member} is not UTF-8")
    if row.status not in STATUSES:
        yield problem(f"its status is {row.status!r}")
    elif (row.status == "DEPRECATED") != (row.deprecated_at is not None):
        yield problem(f"it is {row.status}, and the time of its deprecation is {row.deprecated_at}")
    decode = _DEFAULTS.get(row.kind)
    if decode is None:
        yield problem(f"its kind is {row.kind!r}")
        return
    try:
        decode(row.defaults)
    except (msgspec.MsgspecError, ValueError) as error:
        yield problem(f"its defaults cannot be read: {error}")


def _meta(rows: dict[str, bytes], *, in_use: bool) -> Iterator[CatalogProblem]:
    """Other rows than these may be of another API or a newer release, and are not judged."""
    key = rows.get(meta.TOKEN_KEY)
    if key is None:
        if in_use:
            yield CatalogProblem(
                "meta",
                "the key of all tokens is not there; a server makes another one, and refuses tokens made before",
            )
    elif len(key) != meta.TOKEN_KEY_BYTES:
        yield CatalogProblem(
            "meta", f"the key of all tokens has {len(key)} bytes, not {meta.TOKEN_KEY_BYTES}"
        )
    for name, value in rows.items():
        if name == meta.TASKS_SET_ASIDE:
            try:
                _decode_keys(value or b"[]")
            except (msgspec.MsgspecError, ValueError) as error:
                yield CatalogProblem("meta", f"{name} cannot be read: {error}", delete_meta=name)
        elif name == meta.UNFINISHED_COPY:
            try:
                msgspec.json.decode(value)
            except (msgspec.MsgspecError, ValueError) as error:
                yield CatalogProblem("meta", f"{name} cannot be read: {error}")
        elif name.startswith(meta.DELETED_TYPE) and not _is_deleted_type(name, value):
            yield CatalogProblem("meta", f"{name} cannot be read")


def _is_deleted_type(name: str, value: bytes) -> bool:
    try:
        return meta.deleted_type(*msgspec.json.decode(value, type=tuple[int, TypeKind, str, str]))[0] == name
    except (msgspec.MsgspecError, ValueError):
        return False


def is_retention(text: str) -> bool:
    """Whether the service can read it (SWF §2.1)."""
    try:
        return retention_days(text) >= 0
    except ValueError:
        return False


def is_text(value: str | None) -> bool:
    """False for what was not UTF-8: stores give such bytes as surrogates."""
    return value is None or not any("\ud800" <= letter <= "\udfff" for letter in value)


def _name(key: TypeKey) -> str:
    domain, kind, name, version = key
    return f"{kind} type {name}/{version} of domain {domain}"
