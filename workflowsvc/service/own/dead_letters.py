"""ListDeadLetters, ResendDeadLetters, DeleteDeadLetters: what a webhook has given up on.

Owns what is answered of it. How an entry comes to be given up on is in `webhooks/window.py`; it is sent once more by
the node that pushes.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from workflowsvc.engine import webhook_book
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.engine.webhook_book import DeadLetter
from workflowsvc.model import own_shapes as shapes
from workflowsvc.model.events import timestamp
from workflowsvc.service.call_context import CallContext
from workflowsvc.service.own.webhooks import require_webhook, unknown
from workflowsvc.service.paging import Pages
from workflowsvc.service.registration import require_domain
from workflowsvc.store.interface import Reader

DEFAULT_PAGE = 100


def list_dead_letters(
    reader: Reader, context: CallContext, request: shapes.ListDeadLettersInput
) -> shapes.DeadLetterPage:
    row = require_domain(reader, context, request.domain)
    name = request.name
    if not webhook_book.is_there(reader, row.id, name):
        raise unknown(row.name, name)
    pages = Pages(context, request, row.id, name)
    size = min(request.maximum_page_size or DEFAULT_PAGE, pages.size)
    found = webhook_book.dead_letters(reader, row.id, name, pages.position(int) or 0, size + 1)
    shown = found[:size]
    return shapes.DeadLetterPage(
        dead_letters=[_letter(number, letter) for number, letter in shown],
        next_page_token=pages.token(shown[-1][0]) if len(found) > size else None,
    )


def _letter(number: int, letter: DeadLetter) -> shapes.DeadLetter:
    return shapes.DeadLetter(
        id=number,
        event=letter.body.decode(),
        attempts=letter.attempts,
        error=letter.error,
        give_up_timestamp=timestamp(letter.given_up_at),
        is_due=letter.is_due,
    )


def resend_dead_letters(
    work: UnitOfWork, context: CallContext, request: shapes.ResendDeadLettersInput
) -> shapes.ChosenDeadLetters:
    def resend(domain: int, number: int) -> bool:
        letter = webhook_book.find_letter(work.tx, domain, request.name, number)
        if letter is None:
            return False
        due = msgspec.structs.replace(letter, is_due=True)
        webhook_book.put_letter(work.tx, domain, request.name, number, due)
        return True

    return _for_each(work, context, request, resend)


def delete_dead_letters(
    work: UnitOfWork, context: CallContext, request: shapes.DeleteDeadLettersInput
) -> shapes.ChosenDeadLetters:
    def delete(domain: int, number: int) -> bool:
        return webhook_book.delete_letter(work, domain, request.name, number)

    return _for_each(work, context, request, delete)


def _for_each(
    work: UnitOfWork,
    context: CallContext,
    request: shapes.ResendDeadLettersInput | shapes.DeleteDeadLettersInput,
    change: Callable[[int, int], bool],
) -> shapes.ChosenDeadLetters:
    row = require_webhook(work, context, request.domain, request.name)
    count = sum(change(row.id, number) for number in dict.fromkeys(request.ids))
    if count:
        webhook_book.count_change(work)
    return shapes.ChosenDeadLetters(count=count)
