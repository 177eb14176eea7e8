"""PutRetentionRule, DeleteRetentionRule, DescribeRetention: how long the closed runs of a domain are kept.

Owns what a rule may say, and of which domains. Which rule holds is in core/retention.py; how the rows of runs that are
closed already come to follow it is in engine/retention.py.
"""

from __future__ import annotations

import logging
from functools import partial

from workflowsvc.core.retention import MAX_RULES, RetentionRule, Rules, in_order, readable_rules
from workflowsvc.engine.retention import begin_walk, read_walk
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.faults import LimitExceededFault, OperationNotPermittedFault, UnknownResourceFault
from workflowsvc.model import own_shapes as shapes
from workflowsvc.model import validation_text
from workflowsvc.model.events import timestamp
from workflowsvc.service.call_context import CallContext
from workflowsvc.service.registration import require_domain
from workflowsvc.store.interface import Reader
from workflowsvc.store.meta import ARCHIVE, retention_key, retention_walk_key
from workflowsvc.store.rows import IMPORTED_TAGS, DomainRow

log = logging.getLogger("workflowsvc.retention")


def describe_retention(
    reader: Reader, context: CallContext, request: shapes.DescribeRetentionInput
) -> shapes.RetentionDetail:
    domain = require_domain(reader, context, request.domain)
    return _detail(reader, domain, readable_rules(reader.meta(retention_key(domain.id))))


def put_retention_rule(
    work: UnitOfWork, context: CallContext, request: shapes.PutRetentionRuleInput
) -> shapes.RetentionDetail:
    if (request.days is None) == (not request.forever):
        raise validation_text.one_refusal(
            request.days, "days", "Member must be given, or else forever: true, and not both"
        )
    domain = work.catalog.require_domain(context.tenant, request.domain)
    if domain.tags == IMPORTED_TAGS:
        raise OperationNotPermittedFault(
            f"Domain {domain.name} holds imported histories, which are kept until they are deleted"
        )
    named = request.workflow_type
    rule = RetentionRule(
        days=request.days,
        put_at=work.now,
        type_name=named and named.name,
        type_version=named and named.version,
        close_status=request.close_status,
    )
    others = [known for known in _rules(work, domain) if known.about != rule.about]
    if len(others) >= MAX_RULES:
        raise LimitExceededFault(f"The domain {domain.name} has {MAX_RULES} rules of retention already")
    kept = "for ever" if rule.days is None else f"{rule.days} days"
    return _change(work, context, domain, in_order([*others, rule]), f"{_about(rule)} are kept {kept}")


def delete_retention_rule(
    work: UnitOfWork, context: CallContext, request: shapes.DeleteRetentionRuleInput
) -> shapes.RetentionDetail:
    domain = work.catalog.require_domain(context.tenant, request.domain)
    named = request.workflow_type
    about = (named and named.name, named and named.version, request.close_status)
    found = [rule for rule in _rules(work, domain) if rule.about == about]
    if not found:
        raise UnknownResourceFault(f"The domain {domain.name} has no such rule of retention")
    left = tuple(rule for rule in _rules(work, domain) if rule.about != about)
    return _change(work, context, domain, left, f"there is no rule about {_about(found[0])} any more")


def _rules(work: UnitOfWork, domain: DomainRow) -> Rules:
    return work.catalog.rules().get(domain.id, ())


def _change(
    work: UnitOfWork, context: CallContext, domain: DomainRow, rules: Rules, what: str
) -> shapes.RetentionDetail:
    work.catalog.put_rules(domain.id, rules)
    begin_walk(work, domain.id)
    work.after_commit.append(
        partial(log.info, "retention of domain %s (%s): %s", domain.name, context.tenant.key, what)
    )
    return _detail(work.tx, domain, rules)


def _about(rule: RetentionRule) -> str:
    """The runs that it is about, in words; names as a program would write them."""
    status = f" that closed as {rule.close_status}" if rule.close_status else ""
    if rule.type_name is None:
        return f"runs{status}"
    version = f" version {rule.type_version!r}" if rule.type_version is not None else ""
    return f"runs of type {rule.type_name!r}{version}{status}"


def _detail(reader: Reader, domain: DomainRow, rules: Rules) -> shapes.RetentionDetail:
    walk = read_walk(reader.meta(retention_walk_key(domain.id)))
    reached = None if walk is None or walk.after is None else timestamp(walk.after[0])
    return shapes.RetentionDetail(
        domain=domain.name,
        registered_period_in_days=domain.retention,
        rules=[_rule(rule) for rule in rules],
        is_applied=walk is None,
        is_archived=reader.meta(ARCHIVE) is not None,
        applied_to_timestamp=reached,
    )


def _rule(rule: RetentionRule) -> shapes.RetentionRule:
    named = None
    if rule.type_name is not None:
        named = shapes.WorkflowTypeCondition(name=rule.type_name, version=rule.type_version)
    return shapes.RetentionRule(
        workflow_type=named,
        close_status=rule.close_status,
        days=rule.days,
        forever=rule.days is None,
        update_timestamp=timestamp(rule.put_at),
    )
