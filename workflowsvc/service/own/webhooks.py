"""CreateWebhook, DeleteWebhook, ListWebhooks, TestWebhook: where the feed of a domain is pushed to.

Owns what may be set, and what is answered of a webhook. A secret is answered once, when it is made, and is stored
encrypted. What is sent, and when, is in `workflowsvc/webhooks/`.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from functools import partial

from workflowsvc.access.secrets import MasterKeyError
from workflowsvc.access.webhook_signature import new_webhook_secret
from workflowsvc.engine import webhook_book
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.engine.webhook_book import (
    MAX_WEBHOOKS,
    MAX_WEBHOOKS_OF_DOMAIN,
    NamedWebhook,
    Progress,
    WebhookRecord,
)
from workflowsvc.faults import (
    EntityAlreadyExistsFault,
    LimitExceededFault,
    OperationNotPermittedFault,
    UnknownResourceFault,
)
from workflowsvc.model import own_shapes as shapes
from workflowsvc.model import validation_text
from workflowsvc.model.events import timestamp
from workflowsvc.outgoing.addresses import AddressRefused
from workflowsvc.outgoing.targets import read_targets
from workflowsvc.outgoing.urls import BadUrl, read_url
from workflowsvc.service import feed_reads
from workflowsvc.service.access.master_key import open_sealed, seal
from workflowsvc.service.call_context import CallContext
from workflowsvc.service.registration import require_domain
from workflowsvc.service.steps import SendStep, Steps, WriteStep
from workflowsvc.service.webhook_sending import Message, Outcome, Tester
from workflowsvc.settings import Settings
from workflowsvc.store.interface import Reader
from workflowsvc.store.rows import DomainRow

log = logging.getLogger("workflowsvc.webhooks")

_is_name = re.compile(r"[A-Za-z0-9._-]+").fullmatch


def create_webhook(
    work: UnitOfWork, context: CallContext, request: shapes.CreateWebhookInput
) -> shapes.CreatedWebhook:
    _check(context.settings, request)
    webhook_book.begin_change(work)
    row = work.catalog.require_domain(context.tenant, request.domain)
    name = request.name
    if webhook_book.is_there(work.tx, row.id, name):
        raise EntityAlreadyExistsFault(f"The domain {row.name} has a webhook {name} already")
    if len(webhook_book.webhooks_of(work.tx, row.id)) >= MAX_WEBHOOKS_OF_DOMAIN:
        raise LimitExceededFault(f"The domain {row.name} has {MAX_WEBHOOKS_OF_DOMAIN} webhooks already")
    if len(webhook_book.all_webhooks(work.tx)) >= MAX_WEBHOOKS:
        raise LimitExceededFault(f"The limit of {MAX_WEBHOOKS} webhooks in one installation is reached")
    random_bytes = work.state.ids.random_bytes
    secret, webhook_id = new_webhook_secret(random_bytes), random_bytes(8).hex()
    bound = webhook_book.bound_to(row.id, name, webhook_id)
    record = WebhookRecord(
        id=webhook_id,
        url=request.url,
        sealed=seal(work, secret, *bound, what="webhook"),
        created_at=work.now,
        event_types=None if request.event_types is None else tuple(dict.fromkeys(request.event_types)),
    )
    where = feed_reads.beginning if request.begin == "OLDEST" else feed_reads.end
    progress = Progress(position=where(work.tx, row.id))
    webhook_book.put_webhook(work, row.id, name, record)
    webhook_book.put_progress(work.tx, row.id, name, progress)
    webhook_book.count_change(work)
    _log_change(work, context, row, name, f"was created: {read_url(request.url).host}")
    return shapes.CreatedWebhook(webhook=_detail(row, name, record, progress), secret=secret)


def _check(settings: Settings, request: shapes.CreateWebhookInput) -> None:
    """What may be said without a look at the store."""
    if not _is_name(request.name):
        raise validation_text.one_refusal(
            request.name, "name", "Member must have letters, digits, dots, hyphens and underscores alone"
        )
    try:
        url = read_url(request.url)
    except BadUrl as error:
        raise validation_text.one_refusal(request.url, "url", f"Member must be a URL: {error}") from None
    try:
        read_targets(settings.webhook_targets, open_by_default=settings.auth != "enforce").check_host(
            url.host
        )
    except AddressRefused as error:
        raise OperationNotPermittedFault(f"The URL may not be called: {error}") from None


def delete_webhook(work: UnitOfWork, context: CallContext, request: shapes.DeleteWebhookInput) -> None:
    row = require_webhook(work, context, request.domain, request.name)
    webhook_book.delete_webhook(work, row.id, request.name)
    webhook_book.count_change(work)
    _log_change(work, context, row, request.name, "was deleted")


def _log_change(work: UnitOfWork, context: CallContext, row: DomainRow, name: str, what: str) -> None:
    """Without the path of its URL, which may be a secret."""
    work.after_commit.append(
        partial(log.info, "webhook %s of domain %s (%s) %s", name, row.name, context.tenant.key, what)
    )


def require_webhook(work: UnitOfWork, context: CallContext, domain: str, name: str) -> DomainRow:
    """The domain that has a webhook of this name, damaged or not; from now on no other node changes it."""
    webhook_book.begin_change(work)
    row = work.catalog.require_domain(context.tenant, domain)
    if not webhook_book.is_there(work.tx, row.id, name):
        raise unknown(row.name, name)
    return row


def unknown(domain: str, name: str) -> UnknownResourceFault:
    return UnknownResourceFault(f"Unknown webhook: {name} of domain {domain}")


def list_webhooks(reader: Reader, context: CallContext, request: shapes.ListWebhooksInput) -> shapes.Webhooks:
    row = require_domain(reader, context, request.domain)
    return shapes.Webhooks(
        webhooks=[
            _detail(row, name, record, webhook_book.find_progress(reader, row.id, name))
            for _, name, record in map(_parts, webhook_book.webhooks_of(reader, row.id))
        ]
    )


def _parts(webhook: NamedWebhook) -> tuple[int, str, WebhookRecord]:
    return webhook.domain, webhook.name, webhook.record


def _detail(row: DomainRow, name: str, record: WebhookRecord, progress: Progress) -> shapes.WebhookDetail:
    failing = progress.failing_since is not None
    return shapes.WebhookDetail(
        domain=row.name,
        name=name,
        url=record.url,
        event_types=None if record.event_types is None else sorted(record.event_types),  # type: ignore[arg-type]
        create_timestamp=timestamp(record.created_at),
        status="FAILING" if failing else "WAITING" if progress.delivered_at is None else "DELIVERING",
        delivered_timestamp=None if progress.delivered_at is None else timestamp(progress.delivered_at),
        failing_since_timestamp=None if progress.failing_since is None else timestamp(progress.failing_since),
        error=progress.error if failing else None,
        dead_letters=progress.dead,
        dropped_dead_letters=progress.dropped,
        missed=progress.missed,
    )


def test_webhook(context: CallContext, request: shapes.TestWebhookInput, now: Callable[[], int]) -> Steps:
    send: SendStep = yield WriteStep(partial(_prepare_test, context=context, request=request))
    outcome: Outcome = yield send
    return shapes.WebhookTest(
        is_delivered=outcome.is_delivered,
        status_code=outcome.status,
        error=outcome.error or None,
        seconds=round(outcome.seconds, 3),
    )


def _prepare_test(work: UnitOfWork, context: CallContext, request: shapes.TestWebhookInput) -> SendStep:
    """A command, though nothing is written: the master keys belong to the writer."""
    row = work.catalog.require_domain(context.tenant, request.domain)
    record = webhook_book.find_webhook(work.tx, row.id, request.name)
    if record is None:
        raise unknown(row.name, request.name)
    try:
        bound = webhook_book.bound_to(row.id, request.name, record.id)
        secret = open_sealed(work.state.access.master_keys, record.sealed, *bound)
    except MasterKeyError as error:
        raise OperationNotPermittedFault(f"The webhook cannot be tested: {error}") from None
    message_id = f"test-{work.state.ids.random_bytes(12).hex()}"
    body = {
        "version": "0",
        "id": message_id,
        "detail-type": "Workflowsvc Webhook Test",
        "source": "workflowsvc",
        "account": context.tenant.account,
        "region": context.tenant.region,
        "resources": [context.tenant.domain_arn(row.name)],
        "detail": {"webhook": request.name},
    }
    message = Message(record.url, secret, message_id, json.dumps(body).encode())
    return SendStep(message, Tester(context.tenant, row.id))
