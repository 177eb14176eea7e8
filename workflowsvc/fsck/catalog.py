"""Audits what is no run: the rows of domains, types and `meta`. Nothing implies them, so each must be usable by itself.

Owns what a row of these tables may hold, and whether the types that histories name are there. It must not know the
engine, which reads these rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import NamedTuple, TypeVar

import msgspec

from workflowsvc.core.domain_clock import LAST_MOMENT, decode_clock
from workflowsvc.core.key_layout import MAX_CLOCK
from workflowsvc.core.retention import decode_rules
from workflowsvc.fsck.net import finish, text_of
from workflowsvc.model.shapes import ActivityTypeConfiguration, WorkflowTypeConfiguration
from workflowsvc.store import meta
from workflowsvc.store.interface import AuditReader
from workflowsvc.store.row_types import MetaRow, misfit
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
    """What is wrong with a row. `delete_meta`: the key of the row of `meta` whose deletion repairs it. `is_of_check`: a
    check ended with an error."""

    where: str
    text: str
    delete_meta: str | None = None
    is_of_check: bool = False


def examine(
    reader: AuditReader, used: Iterable[TypeKey], missing: frozenset[str]
) -> Iterator[CatalogProblem]:
    """`used`: the types that histories name. `missing`: tables that there are not; what they held is not judged."""
    known: set[int] = set()
    registered: set[TypeKey] = set()
    all_known = "domains" not in missing
    if "domains" not in missing:
        all_known = yield from _domains(reader, known)
    if "types" not in missing:
        yield from _finish("types", _types(reader, known if all_known else None, registered))
    if "meta" not in missing:
        wanted: set[TypeKey] = set() if "types" in missing else {*used} - registered
        yield from _finish("meta", _meta_and_deleted_types(reader, wanted, in_use=bool(known)))


def _finish(where: str, found: Iterator[CatalogProblem]) -> Iterator[CatalogProblem]:
    return finish(
        found, lambda text: CatalogProblem(where, f"the check of {where} ended with {text}", is_of_check=True)
    )


def _domains(reader: AuditReader, known: set[int]) -> Generator[CatalogProblem, None, bool]:
    """Adds the ids of all that are there to `known`; whether there are no others."""
    all_known = True
    clocks: dict[int, str] = {}
    for row in _pages(lambda after: reader.every_domain(after, PAGE), BEFORE_ALL, lambda row: row.id):
        if isinstance(row, str):
            yield CatalogProblem("domains", row)
            all_known = False
            continue
        known.add(row.id)
        if why := misfit(row):
            yield CatalogProblem(f"domain {row.id}", f"cannot be read: {why}")
        else:
            yield from _finish(f"domain {row.id}", _domain(row))
            yield from _finish(f"domain {row.id}", _clock(row, clocks))
    return all_known


def _types(reader: AuditReader, known: set[int] | None, registered: set[TypeKey]) -> Iterator[CatalogProblem]:
    """Adds the types that are there to `registered`. `known`: all domains, when that can be said."""
    for row in _pages(lambda after: reader.every_type(after, PAGE), None, lambda row: row[:4]):
        if isinstance(row, str):
            yield CatalogProblem("types", row)
            continue
        registered.add(row[:4])
        if why := misfit(row):
            yield CatalogProblem(_name(row[:4]), f"cannot be read: {why}")
            continue
        yield from _finish(_name(row[:4]), _type(row))
        if known is not None and row.domain not in known:
            yield CatalogProblem(_name(row[:4]), f"belongs to domain {row.domain}, which there is not")


def _meta_and_deleted_types(
    reader: AuditReader, wanted: set[TypeKey], *, in_use: bool
) -> Iterator[CatalogProblem]:
    """`wanted`: types that histories name and that are not there."""
    try:
        found = [MetaRow(*row) for row in reader.every_meta()]
    except Exception as error:
        yield CatalogProblem("meta", f"cannot be read: {text_of(error)}")
        return
    rows: dict[str, bytes] = {}
    for row in found:
        if why := misfit(row):
            yield CatalogProblem("meta", f"{row.key!r} cannot be read: {why}")
        else:
            rows[row.key] = row.value
    yield from _meta(rows, in_use=in_use and meta.TOKEN_KEY not in {row.key for row in found} - {*rows})
    for key in sorted(wanted):
        if meta.deleted_type(*key)[0] not in rows:
            yield CatalogProblem(
                _name(key), "is named by histories, is not there, and no call has deleted it"
            )


def _pages(read: Callable[[Key], list[Row]], after: Key, key: Callable[[Row], Key]) -> Iterator[Row | str]:
    """All rows; a text, as the last one, when the table cannot be read further."""
    while True:
        try:
            page = read(after)
        except Exception as error:
            yield f"cannot be read behind {after}: {text_of(error)}"
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


def _clock(row: DomainRow, taken: dict[int, str]) -> Iterator[CatalogProblem]:
    """`taken`: by the number of a clock, the domain whose it is."""
    if row.clock is None:
        return
    where = f"domain {row.name}"
    try:
        clock = decode_clock(row.clock)
    except (msgspec.MsgspecError, ValueError) as error:
        yield CatalogProblem(where, f"its clock cannot be read: {error}")
        return
    assert clock is not None
    if not 1 <= clock.number <= MAX_CLOCK:
        yield CatalogProblem(where, f"its clock has number {clock.number}, which there is not")
    elif clock.number in taken:
        text = f"its clock has number {clock.number}, as that of domain {taken[clock.number]} has"
        yield CatalogProblem(where, text)
    taken.setdefault(clock.number, row.name)
    if not -LAST_MOMENT <= clock.ahead_ms <= LAST_MOMENT or not 0 <= clock.frozen_at <= LAST_MOMENT:
        yield CatalogProblem(where, "its clock shows a time that there is not")


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
        elif name in (meta.UNFINISHED_COPY, meta.BACKUP, meta.RESTORE_EPOCH) or meta.is_of_webhook(name):
            try:
                msgspec.json.decode(value)
            except (msgspec.MsgspecError, ValueError) as error:
                yield CatalogProblem("meta", f"{name} cannot be read: {error}")
        elif meta.RETENTION_FIRST <= name < meta.RETENTION_LAST:
            yield from _rules(name, value)
        elif name == meta.FEED_GENERATION and not value.isdigit():
            yield CatalogProblem("meta", f"{name} cannot be read: it is no number")
        elif name.startswith(meta.DELETED_TYPE) and not _is_deleted_type(name, value):
            yield CatalogProblem("meta", f"{name} cannot be read")


def _rules(name: str, value: bytes) -> Iterator[CatalogProblem]:
    """Those of a domain; until they can be read, no run of it is deleted."""
    try:
        if name != meta.retention_key(meta.domain_in(name)):
            yield CatalogProblem("meta", f"{name} is no key of rules of retention")
        decode_rules(value)
    except ValueError as error:
        yield CatalogProblem("meta", f"{name}: {error}")


def _is_deleted_type(name: str, value: bytes) -> bool:
    try:
        return meta.deleted_type(*msgspec.json.decode(value, type=tuple[int, TypeKind, str, str]))[0] == name
    except (msgspec.MsgspecError, ValueError):
        return False


def is_retention(text: str) -> bool:
    """Whether a domain can be registered with it (SWF §2.1): NONE, or days in at most eight digits."""
    return re.fullmatch(r"NONE|[0-9]{1,8}", text) is not None


def is_text(value: str | None) -> bool:
    """False for what was not UTF-8: stores give such bytes as surrogates."""
    return value is None or not any("\ud800" <= letter <= "\udfff" for letter in value)


def _name(key: TypeKey) -> str:
    domain, kind, name, version = key
    return f"{kind} type {name}/{version} of domain {domain}"
