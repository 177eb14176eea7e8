"""DescribeClock, AdvanceClock, FreezeClock, RunClock, SkipClock: what time it is in a domain.

Owns who may turn a clock, and how far. What happens when time passes is in engine/domain_clocks.py. A clock is made the
first time that it is turned; a domain that has runs then, which their owner may want to live in real time, must be
meant.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from math import isfinite

from workflowsvc.core.domain_clock import LAST_MOMENT, DomainClock, decode_clock
from workflowsvc.engine.domain_clocks import Progress, travel
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.faults import OperationNotPermittedFault
from workflowsvc.model import own_shapes as shapes
from workflowsvc.model import validation_text
from workflowsvc.model.events import timestamp
from workflowsvc.service.call_context import CallContext
from workflowsvc.service.registration import require_domain
from workflowsvc.service.steps import Steps, WriteStep
from workflowsvc.store.interface import Reader
from workflowsvc.store.rows import IMPORTED_TAGS, DomainRow, ExecutionQuery

MAX_WAITS = 200  # batches in which a message may arrive, before the clock goes on without it


def describe_clock(
    reader: Reader, context: CallContext, request: shapes.DescribeClockInput
) -> shapes.ClockDetail:
    row = require_domain(reader, context, request.domain)
    return _detail(row.name, decode_clock(row.clock), context.now)


def advance_clock(context: CallContext, request: shapes.AdvanceClockInput, now: Callable[[], int]) -> Steps:
    """In steps: everything that is due on the way happens at its own moment."""
    _check_target(request)
    row, to = yield WriteStep(partial(_begin_advance, context=context, request=request))
    waits = 0
    while True:
        progress, detail = yield WriteStep(
            partial(_go_on, context=context, row=row, to=to, wait=waits < MAX_WAITS)
        )
        if progress == "arrived":
            return detail
        waits = waits + 1 if progress == "waits" else 0


def _check_target(request: shapes.AdvanceClockInput) -> None:
    if (request.seconds is None) == (request.to is None):
        raise validation_text.one_refusal(
            request.seconds, "seconds", "Member must be given, or else to, and not both"
        )
    if request.seconds is not None and not (isfinite(request.seconds) and request.seconds > 0):
        raise validation_text.one_refusal(request.seconds, "seconds", "Member must be greater than 0")
    if request.to is not None and not isfinite(request.to):
        raise validation_text.one_refusal(request.to, "to", "Member must be a moment")


def _begin_advance(
    work: UnitOfWork, context: CallContext, request: shapes.AdvanceClockInput
) -> tuple[DomainRow, int]:
    row = _require_turnable(work, context, request.domain)
    clock = work.turn_clock(row.id)
    now = work.now if clock is None else clock.now(work.now)
    if request.to is not None:
        to = _milliseconds(request.to)
        if to < now:
            raise OperationNotPermittedFault(
                f"A clock never runs backwards: in domain {row.name} it is {_spoken(now)} already"
            )
    else:
        assert request.seconds is not None
        to = now + max(_milliseconds(request.seconds), 1)
    if to > LAST_MOMENT:
        raise OperationNotPermittedFault(
            f"A clock cannot be turned beyond {_spoken(LAST_MOMENT)}; "
            f"in domain {row.name} it is {_spoken(now)}"
        )
    _require_clock(work, row, yes=bool(request.yes))
    return row, to


def _go_on(
    work: UnitOfWork, context: CallContext, row: DomainRow, to: int, wait: bool
) -> tuple[Progress, shapes.ClockDetail]:
    if work.catalog.require_domain(context.tenant, row.name).id != row.id or row.id not in work.clocks.known:
        raise OperationNotPermittedFault(f"Domain {row.name} was deleted meanwhile")
    progress = travel(work, row.id, to, wait=wait)
    return progress, _detail(row.name, work.clocks.find(row.id), work.now)


def freeze_clock(
    work: UnitOfWork, context: CallContext, request: shapes.FreezeClockInput
) -> shapes.ClockDetail:
    row = _require_turnable(work, context, request.domain)
    clock = _require_clock(work, row, yes=bool(request.yes))
    return _turn(work, row, clock.frozen(work.now))


def run_clock(work: UnitOfWork, context: CallContext, request: shapes.RunClockInput) -> shapes.ClockDetail:
    """Also where clocks must not be turned: it ends what was done before."""
    row = work.catalog.require_domain(context.tenant, request.domain)
    clock = work.turn_clock(row.id)
    if clock is None:
        return _detail(row.name, None, work.now)
    return _turn(work, row, clock.running(work.now))


def skip_clock(work: UnitOfWork, context: CallContext, request: shapes.SkipClockInput) -> shapes.ClockDetail:
    longest = work.settings.skip_at_most
    at_most = longest if request.at_most_seconds is None else request.at_most_seconds
    if not 0 < at_most <= longest:
        raise validation_text.one_refusal(
            request.at_most_seconds,
            "atMostSeconds",
            f"Member must be greater than 0 and at most {longest:.15g}, the setting skip_at_most",
        )
    row = _require_turnable(work, context, request.domain)
    clock = _require_clock(work, row, yes=bool(request.yes))
    return _turn(work, row, clock.skipping(work.now, max(_milliseconds(at_most), 1)))


def _turn(work: UnitOfWork, row: DomainRow, clock: DomainClock) -> shapes.ClockDetail:
    work.clocks.put(row.id, clock)
    work.state.agenda.look_at_clock(row.id, work.now)
    return _detail(row.name, clock, work.now)


def _require_turnable(work: UnitOfWork, context: CallContext, name: str) -> DomainRow:
    if work.settings.domain_clocks == "off":
        raise OperationNotPermittedFault(
            "Every domain of this service lives in real time: it was started with --domain-clocks off"
        )
    return work.catalog.require_domain(context.tenant, name)


def _require_clock(work: UnitOfWork, row: DomainRow, *, yes: bool) -> DomainClock:
    """The clock of the domain, which is made if it has none."""
    clock = work.turn_clock(row.id)
    if clock is not None:
        return clock
    if row.tags == IMPORTED_TAGS:
        raise OperationNotPermittedFault(
            f"Domain {row.name} holds imported histories, in which no time passes"
        )
    work.flush()  # what this batch has started and closed is counted, too
    open_runs = work.tx.count_open(row.id)
    if open_runs and not yes:
        raise OperationNotPermittedFault(
            f"Domain {row.name} lives in real time and has {open_runs} open {'runs' if open_runs > 1 else 'run'}, "
            "whose timers and time-outs would be due by its clock from now on. Use another domain, or say yes: true"
        )
    closed = work.tx.list_executions(ExecutionQuery(row.id, "CLOSED", "started_at", 0, None, limit=1))
    return work.clocks.give(row.id, "RUNNING", unsorted=bool(open_runs or closed))


def _milliseconds(seconds: float) -> int:
    return round(min(seconds, LAST_MOMENT) * 1000)


def _detail(domain: str, clock: DomainClock | None, real: int) -> shapes.ClockDetail:
    if clock is None:
        return shapes.ClockDetail(domain=domain, mode="REAL", now=timestamp(real), offset_seconds=0.0)
    now = clock.now(real)
    skips = clock.mode == "SKIPPING"
    return shapes.ClockDetail(
        domain=domain,
        mode=clock.mode,
        now=timestamp(now),
        offset_seconds=(now - real) / 1000,
        skipped_seconds=clock.skipped_ms / 1000 if skips else None,
        skip_at_most_seconds=clock.skip_at_most_ms / 1000 if skips else None,
    )


def _spoken(at_ms: int) -> str:
    """As people read it, in UTC: `2027-01-01T00:00:00Z`."""
    seconds = min(max(at_ms, 0), LAST_MOMENT) / 1000
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
