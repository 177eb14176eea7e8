"""What access control asks of the store: tags of domains, defaults of registered types.

Owns the three places that it is asked in: nowhere yet, a unit of work, a snapshot. Must not know policies.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

import msgspec

from workflowsvc.access.vocabulary import Facts
from workflowsvc.core.execution import Execution
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.service.types import activity_defaults, workflow_defaults
from workflowsvc.store.interface import Reader
from workflowsvc.store.rows import DomainRow, TypeRow
from workflowsvc.tenant import Tenant

_decode_tags = lru_cache(maxsize=1024)(msgspec.json.Decoder(dict[str, str | None]).decode)

Kind = Literal["workflow", "activity"]


class NotInRequest(Exception):
    """The answer depends on what is stored, and no store is at hand."""


class NoFacts:
    """Before the store is asked."""

    def tags(self, domain: str) -> Mapping[str, str | None]:
        raise NotInRequest

    def default_task_list(self, domain: str, kind: Kind, name: str, version: str) -> str | None:
        raise NotInRequest

    def run_type(self) -> tuple[str, str]:
        raise NotInRequest


NO_FACTS: Facts = NoFacts()


class WorkFacts:
    """In a batch of the writer loop; `execution` is the one whose decisions are carried out."""

    def __init__(self, work: UnitOfWork, tenant: Tenant, execution: Execution | None = None) -> None:
        self._catalog = work.catalog
        self._tenant = tenant
        self._execution = execution

    def tags(self, domain: str) -> Mapping[str, str | None]:
        return _tags(self._catalog.domain(self._tenant, domain))

    def default_task_list(self, domain: str, kind: Kind, name: str, version: str) -> str | None:
        row = self._catalog.domain(self._tenant, domain)
        return None if row is None else _task_list(kind, self._catalog.type(row.id, kind, name, version))

    def run_type(self) -> tuple[str, str]:
        assert self._execution is not None, "only decisions ask for it"
        run_type = self._execution.started.workflow_type
        return run_type.name, run_type.version


class ReaderFacts:
    """On a snapshot of what is committed."""

    def __init__(self, reader: Reader, tenant: Tenant) -> None:
        self._reader = reader
        self._tenant = tenant

    def tags(self, domain: str) -> Mapping[str, str | None]:
        return _tags(self._reader.domain(self._tenant.key, domain))

    def default_task_list(self, domain: str, kind: Kind, name: str, version: str) -> str | None:
        row = self._reader.domain(self._tenant.key, domain)
        return None if row is None else _task_list(kind, self._reader.type(row.id, kind, name, version))

    def run_type(self) -> tuple[str, str]:
        raise AssertionError("only decisions ask for it, and they are carried out by the writer loop")


def _tags(row: DomainRow | None) -> Mapping[str, str | None]:
    return {} if row is None else _decode_tags(row.tags)


def _task_list(kind: Kind, row: TypeRow | None) -> str | None:
    if row is None:
        return None
    defaults = workflow_defaults(row.defaults) if kind == "workflow" else activity_defaults(row.defaults)
    return None if defaults.default_task_list is None else defaults.default_task_list.name
