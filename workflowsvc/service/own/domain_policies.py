"""PutDomainPolicy, DescribeDomainPolicy, DeleteDomainPolicy: what a domain itself says of who may do what in it.

Owns that the policy belongs to the domain and not to its name: a domain that is registered again has none.
"""

from __future__ import annotations

from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.faults import UnknownResourceFault
from workflowsvc.model import own_shapes as shapes
from workflowsvc.model.events import timestamp
from workflowsvc.service.access import records
from workflowsvc.service.access.changes import Change
from workflowsvc.service.access.records import DomainPolicyRecord
from workflowsvc.service.call_context import CallContext
from workflowsvc.service.own import access_checks as checks
from workflowsvc.service.registration import require_domain
from workflowsvc.store.interface import Reader


def put_domain_policy(work: UnitOfWork, context: CallContext, request: shapes.PutDomainPolicyInput) -> None:
    domain = work.catalog.require_domain(context.tenant, request.domain)
    checks.read_policy(request.text, resource_policy=True)
    change = Change(work)
    known = records.find_domain_policy(work.tx, domain.id)
    record = DomainPolicyRecord(
        account=context.tenant.account,
        region=context.tenant.region,
        domain=domain.name,
        text=request.text,
        created_at=work.now if known is None else known.created_at,
        updated_at=work.now,
    )
    change.put_domain_policy(domain.id, record)
    change.finish(context, context.tenant.domain_arn(domain.name), isNew=known is None)


def describe_domain_policy(
    reader: Reader, context: CallContext, request: shapes.DescribeDomainPolicyInput
) -> shapes.DomainPolicyDetail:
    domain = require_domain(reader, context, request.domain)
    record = records.find_domain_policy(reader, domain.id)
    if record is None:
        raise _unknown(domain.name)
    return shapes.DomainPolicyDetail(
        create_timestamp=timestamp(record.created_at),
        domain=domain.name,
        text=record.text,
        update_timestamp=timestamp(record.updated_at),
    )


def delete_domain_policy(
    work: UnitOfWork, context: CallContext, request: shapes.DeleteDomainPolicyInput
) -> None:
    domain = work.catalog.require_domain(context.tenant, request.domain)
    change = Change(work)
    if records.find_domain_policy(work.tx, domain.id) is None:
        raise _unknown(domain.name)
    change.delete_domain_policy(domain.id)
    change.finish(context, context.tenant.domain_arn(domain.name))


def forget_domain_policy(work: UnitOfWork, context: CallContext, domain: int, name: str) -> None:
    """The domain is being deleted: another one may soon have its name, and must not get its policy."""
    change = Change(work)
    if records.find_domain_policy(work.tx, domain) is not None:
        change.delete_domain_policy(domain)
        change.finish(context, context.tenant.domain_arn(name))


def _unknown(name: str) -> UnknownResourceFault:
    return UnknownResourceFault(f"The domain {name} has no policy")
