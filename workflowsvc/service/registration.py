"""Domains and types: register, describe, list, deprecate, undeprecate, delete; resource tags (SWF §2.1
to §2.20, §11).

Owns the status machine of SWF §11.1 and the texts of its faults. Writes take a unit of work, reads a snapshot.
"""

from __future__ import annotations

from typing import Any

import msgspec

from workflowsvc.core.domain_clock import time_in
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.faults import (
    DomainAlreadyExistsFault,
    DomainDeprecatedFault,
    LimitExceededFault,
    TooManyTagsFault,
    TypeAlreadyExistsFault,
    TypeDeprecatedFault,
    TypeNotDeprecatedFault,
    UnknownResourceFault,
)
from workflowsvc.model import shapes
from workflowsvc.model.events import timestamp
from workflowsvc.service.call_context import CallContext
from workflowsvc.service.paging import Pages
from workflowsvc.store.interface import Reader
from workflowsvc.store.rows import DomainRow, TypeKind, TypeRow

_encode = msgspec.json.Encoder().encode
_decode_tags = msgspec.json.Decoder(dict[str, str | None]).decode


def require_domain(reader: Reader, context: CallContext, name: str) -> DomainRow:
    """The domain; UnknownResourceFault `Unknown domain: <name>` if there is none."""
    row = reader.domain(context.tenant.key, name)
    if row is None:
        raise UnknownResourceFault(f"Unknown domain: {name}")
    return row


def require_registered(work: UnitOfWork, context: CallContext, name: str) -> DomainRow:
    """The domain, if it may get new types and runs; DomainDeprecatedFault otherwise (SWF §11.2)."""
    row = work.catalog.require_domain(context.tenant, name)
    if row.status == "DEPRECATED":
        raise DomainDeprecatedFault(name)
    return row


# --- domains ---


def register_domain(work: UnitOfWork, context: CallContext, request: shapes.RegisterDomainInput) -> None:
    if work.catalog.domain(context.tenant, request.name) is not None:
        raise DomainAlreadyExistsFault(request.name)
    if work.tx.count_domains(context.tenant.key) >= work.quotas.max_domains:
        raise LimitExceededFault(domain_limit_text(work.quotas.max_domains))
    tags = {tag.key: tag.value for tag in request.tags or ()}
    _require_few_tags(work, tags)
    work.catalog.put_domain(
        context.tenant,
        DomainRow(
            id=work.state.ids.name(work.now),
            tenant=context.tenant.key,
            name=request.name,
            status="REGISTERED",
            description=request.description,
            retention=request.workflow_execution_retention_period_in_days,
            tags=_encode(tags),
        ),
    )


def domain_limit_text(most: int) -> str:
    """SWF has no way to make room; ours has two."""
    return (
        f"The limit of {most} domains is reached; DeleteDomain of the service's own API deletes one, and "
        "--max-domains allows more"
    )


def describe_domain(
    reader: Reader, context: CallContext, request: shapes.DescribeDomainInput
) -> shapes.DomainDetail:
    row = require_domain(reader, context, request.name)
    return shapes.DomainDetail(
        configuration=shapes.DomainConfiguration(workflow_execution_retention_period_in_days=row.retention),
        domain_info=_domain_info(context, row),
    )


def list_domains(
    reader: Reader, context: CallContext, request: shapes.ListDomainsInput
) -> shapes.DomainInfos:
    pages = Pages(context, request)
    after = pages.position(str)
    descending = bool(request.reverse_order)
    rows = reader.domains(context.tenant.key, request.registration_status, after, pages.size + 1, descending)
    more = len(rows) > pages.size
    rows = rows[: pages.size]
    return shapes.DomainInfos(
        domain_infos=[_domain_info(context, row) for row in rows],
        next_page_token=pages.token(rows[-1].name) if more else None,
    )


def deprecate_domain(work: UnitOfWork, context: CallContext, request: shapes.DeprecateDomainInput) -> None:
    """Deprecates the types of the domain too (SWF §2.4); they stay deprecated when it is undeprecated (SWF §15.5)."""
    row = require_registered(work, context, request.name)
    work.catalog.put_domain(context.tenant, row._replace(status="DEPRECATED"))
    work.catalog.deprecate_types(row.id, work.now_in(row.id))


def undeprecate_domain(
    work: UnitOfWork, context: CallContext, request: shapes.UndeprecateDomainInput
) -> None:
    row = work.catalog.require_domain(context.tenant, request.name)
    if row.status == "REGISTERED":
        raise DomainAlreadyExistsFault(request.name)
    work.catalog.put_domain(context.tenant, row._replace(status="REGISTERED"))


def _domain_info(context: CallContext, row: DomainRow) -> shapes.DomainInfo:
    return shapes.DomainInfo(
        arn=context.tenant.domain_arn(row.name), description=row.description, name=row.name, status=row.status
    )


# --- resource tags ---


def _tagged_domain(work: UnitOfWork, context: CallContext, arn: str) -> DomainRow:
    row = work.catalog.domain(context.tenant, _domain_of(context, arn))
    if row is None:
        raise UnknownResourceFault(f"Unknown resource: {arn}")
    return row


def _domain_of(context: CallContext, arn: str) -> str:
    """The domain that a domain ARN of this tenant names; only domains have tags (SWF §2.6)."""
    prefix = context.tenant.domain_arn("")
    if not arn.startswith(prefix):
        raise UnknownResourceFault(f"Unknown resource: {arn}")
    return arn.removeprefix(prefix)


def _require_few_tags(work: UnitOfWork, tags: dict[str, str | None]) -> None:
    if len(tags) > work.quotas.max_resource_tags:
        raise TooManyTagsFault(f"A domain has at most {work.quotas.max_resource_tags} tags")


def tag_resource(work: UnitOfWork, context: CallContext, request: shapes.TagResourceInput) -> None:
    row = _tagged_domain(work, context, request.resource_arn)
    tags = _decode_tags(row.tags) | {tag.key: tag.value for tag in request.tags}
    _require_few_tags(work, tags)
    work.catalog.put_domain(context.tenant, row._replace(tags=_encode(tags)))


def untag_resource(work: UnitOfWork, context: CallContext, request: shapes.UntagResourceInput) -> None:
    row = _tagged_domain(work, context, request.resource_arn)
    tags = _decode_tags(row.tags)
    for key in request.tag_keys:
        tags.pop(key, None)
    work.catalog.put_domain(context.tenant, row._replace(tags=_encode(tags)))


def list_tags_for_resource(
    reader: Reader, context: CallContext, request: shapes.ListTagsForResourceInput
) -> shapes.ListTagsForResourceOutput:
    row = reader.domain(context.tenant.key, _domain_of(context, request.resource_arn))
    if row is None:
        raise UnknownResourceFault(f"Unknown resource: {request.resource_arn}")
    tags = _decode_tags(row.tags)
    return shapes.ListTagsForResourceOutput(
        tags=[shapes.ResourceTag(key=key, value=value) for key, value in tags.items()]
    )


# --- types ---


def type_text(kind: TypeKind, name: str, version: str) -> str:
    """`WorkflowType=[name=n, version=v]`, as AWS words it in four faults."""
    return f"{'WorkflowType' if kind == 'workflow' else 'ActivityType'}=[name={name}, version={version}]"


def require_type(work: UnitOfWork, domain: DomainRow, kind: TypeKind, name: str, version: str) -> TypeRow:
    """The type; UnknownResourceFault `Unknown type: …` if there is none."""
    return _known(work.catalog.type(domain.id, kind, name, version), kind, name, version)


def _known(row: TypeRow | None, kind: TypeKind, name: str, version: str) -> TypeRow:
    if row is None:
        raise UnknownResourceFault(f"Unknown type: {type_text(kind, name, version)}")
    return row


def _register(
    work: UnitOfWork, context: CallContext, kind: TypeKind, request: Any, configuration: type[Any]
) -> None:
    domain = require_registered(work, context, request.domain)
    if work.catalog.type(domain.id, kind, request.name, request.version) is not None:
        raise TypeAlreadyExistsFault(type_text(kind, request.name, request.version))
    limits = work.quotas
    most = limits.max_workflow_types if kind == "workflow" else limits.max_activity_types
    if work.tx.count_types(domain.id, kind) >= most:
        raise LimitExceededFault(f"The limit of {most} {kind} types in domain {domain.name} is reached")
    defaults = configuration(**{name: getattr(request, name) for name in configuration.__struct_fields__})
    work.catalog.put_type(
        TypeRow(
            domain=domain.id,
            kind=kind,
            name=request.name,
            version=request.version,
            status="REGISTERED",
            description=request.description,
            created_at=work.now_in(domain.id),
            deprecated_at=None,
            defaults=_encode(defaults),
        )
    )


def register_workflow_type(
    work: UnitOfWork, context: CallContext, request: shapes.RegisterWorkflowTypeInput
) -> None:
    _register(work, context, "workflow", request, shapes.WorkflowTypeConfiguration)


def register_activity_type(
    work: UnitOfWork, context: CallContext, request: shapes.RegisterActivityTypeInput
) -> None:
    _register(work, context, "activity", request, shapes.ActivityTypeConfiguration)


def _deprecate(
    work: UnitOfWork, context: CallContext, domain: str, kind: TypeKind, name: str, version: str
) -> None:
    row = require_type(work, work.catalog.require_domain(context.tenant, domain), kind, name, version)
    if row.status == "DEPRECATED":
        raise TypeDeprecatedFault(type_text(kind, name, version))
    work.catalog.put_type(row._replace(status="DEPRECATED", deprecated_at=work.now_in(row.domain)))


def _undeprecate(
    work: UnitOfWork, context: CallContext, domain: str, kind: TypeKind, name: str, version: str
) -> None:
    row = require_type(work, work.catalog.require_domain(context.tenant, domain), kind, name, version)
    if row.status == "REGISTERED":
        raise TypeAlreadyExistsFault(type_text(kind, name, version))
    work.catalog.put_type(row._replace(status="REGISTERED", deprecated_at=None))


def _delete(
    work: UnitOfWork, context: CallContext, domain: str, kind: TypeKind, name: str, version: str
) -> None:
    row = require_type(work, work.catalog.require_domain(context.tenant, domain), kind, name, version)
    if row.status == "REGISTERED":
        raise TypeNotDeprecatedFault(
            "The type is currently registered and cannot be deleted in its current state"
        )
    work.catalog.delete_type(row)


def deprecate_workflow_type(
    work: UnitOfWork, context: CallContext, request: shapes.DeprecateWorkflowTypeInput
) -> None:
    _deprecate(
        work, context, request.domain, "workflow", request.workflow_type.name, request.workflow_type.version
    )


def undeprecate_workflow_type(
    work: UnitOfWork, context: CallContext, request: shapes.UndeprecateWorkflowTypeInput
) -> None:
    _undeprecate(
        work, context, request.domain, "workflow", request.workflow_type.name, request.workflow_type.version
    )


def delete_workflow_type(
    work: UnitOfWork, context: CallContext, request: shapes.DeleteWorkflowTypeInput
) -> None:
    _delete(
        work, context, request.domain, "workflow", request.workflow_type.name, request.workflow_type.version
    )


def deprecate_activity_type(
    work: UnitOfWork, context: CallContext, request: shapes.DeprecateActivityTypeInput
) -> None:
    _deprecate(
        work, context, request.domain, "activity", request.activity_type.name, request.activity_type.version
    )


def undeprecate_activity_type(
    work: UnitOfWork, context: CallContext, request: shapes.UndeprecateActivityTypeInput
) -> None:
    _undeprecate(
        work, context, request.domain, "activity", request.activity_type.name, request.activity_type.version
    )


def delete_activity_type(
    work: UnitOfWork, context: CallContext, request: shapes.DeleteActivityTypeInput
) -> None:
    _delete(
        work, context, request.domain, "activity", request.activity_type.name, request.activity_type.version
    )


def describe_workflow_type(
    reader: Reader, context: CallContext, request: shapes.DescribeWorkflowTypeInput
) -> shapes.WorkflowTypeDetail:
    name, version = request.workflow_type.name, request.workflow_type.version
    domain = require_domain(reader, context, request.domain)
    row = _known(reader.type(domain.id, "workflow", name, version), "workflow", name, version)
    return shapes.WorkflowTypeDetail(
        configuration=msgspec.json.decode(row.defaults, type=shapes.WorkflowTypeConfiguration),
        type_info=_workflow_type_info(row),
    )


def describe_activity_type(
    reader: Reader, context: CallContext, request: shapes.DescribeActivityTypeInput
) -> shapes.ActivityTypeDetail:
    name, version = request.activity_type.name, request.activity_type.version
    domain = require_domain(reader, context, request.domain)
    row = _known(reader.type(domain.id, "activity", name, version), "activity", name, version)
    return shapes.ActivityTypeDetail(
        configuration=msgspec.json.decode(row.defaults, type=shapes.ActivityTypeConfiguration),
        type_info=_activity_type_info(row),
    )


def list_workflow_types(
    reader: Reader, context: CallContext, request: shapes.ListWorkflowTypesInput
) -> shapes.WorkflowTypeInfos:
    rows, token = _list_types(reader, context, "workflow", request)
    return shapes.WorkflowTypeInfos(
        next_page_token=token, type_infos=[_workflow_type_info(row) for row in rows]
    )


def list_activity_types(
    reader: Reader, context: CallContext, request: shapes.ListActivityTypesInput
) -> shapes.ActivityTypeInfos:
    rows, token = _list_types(reader, context, "activity", request)
    return shapes.ActivityTypeInfos(
        next_page_token=token, type_infos=[_activity_type_info(row) for row in rows]
    )


def _list_types(
    reader: Reader, context: CallContext, kind: TypeKind, request: Any
) -> tuple[list[TypeRow], str | None]:
    domain = require_domain(reader, context, request.domain)
    pages = Pages(context, request, domain.id, now=time_in(domain.clock, context.now))
    after: tuple[str, str] | None = pages.position(tuple[str, str])
    descending = bool(request.reverse_order)
    if request.name is not None and after is not None and after[0] != request.name:
        # The page before had another filter: all types of this name stand behind its end, or none does.
        if (request.name < after[0]) != descending:
            return [], None
        after = None
    rows = reader.types(
        domain.id, kind, request.registration_status, request.name, after, pages.size + 1, descending
    )
    more = len(rows) > pages.size
    rows = rows[: pages.size]
    return rows, pages.token((rows[-1].name, rows[-1].version)) if more else None


def _workflow_type_info(row: TypeRow) -> shapes.WorkflowTypeInfo:
    return shapes.WorkflowTypeInfo(
        creation_date=timestamp(row.created_at),
        deprecation_date=None if row.deprecated_at is None else timestamp(row.deprecated_at),
        description=row.description,
        status=row.status,
        workflow_type=shapes.WorkflowType(name=row.name, version=row.version),
    )


def _activity_type_info(row: TypeRow) -> shapes.ActivityTypeInfo:
    return shapes.ActivityTypeInfo(
        activity_type=shapes.ActivityType(name=row.name, version=row.version),
        creation_date=timestamp(row.created_at),
        deprecation_date=None if row.deprecated_at is None else timestamp(row.deprecated_at),
        description=row.description,
        status=row.status,
    )
