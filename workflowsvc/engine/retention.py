"""Ends the retention of closed runs by the rules that hold now, and makes the rows of earlier ones follow a new rule.

Owns the deletion of a run that is due, and the walk over the closed runs of a domain whose rules have changed. A run is
deleted only if the rules of that moment agree, so a rule that keeps runs longer holds at once; the walk makes the rows
say so, and finds what is now due earlier. Which rule holds is in core/retention.py.
"""

from __future__ import annotations

import msgspec

from workflowsvc.core.key_layout import PURGE_NOW, clock_of, due_key, due_moment
from workflowsvc.engine.agenda import RETRY_LOCKED_MS, Agenda
from workflowsvc.engine.meta_lock import acquire_meta_lock
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.store.errors import LockedByPeer
from workflowsvc.store.meta import (
    RETENTION_WALK_FIRST,
    RETENTION_WALK_LAST,
    domain_in,
    retention_walk_key,
)
from workflowsvc.store.rows import ExecutionQuery, ExecutionRow, closed_with

ROWS_PER_STEP = 50  # of the walk, as of the sorting under a new clock
STEP_PAUSE_MS = (
    10  # until the next rows: at most 5,000 a second, so that callers have the writer for themselves
)
SETTLE_MS = 5_000  # after a change: a batch that another node began before it may close runs by the old rules
LOOK_AGAIN_MS = 60_000  # for walks that another node has begun and not ended


class Walk(msgspec.Struct, omit_defaults=True):
    """How far the rows of a domain follow its rules, in the order of starts."""

    not_before: int
    after: tuple[int, int] | None = None


encode_walk = msgspec.json.Encoder().encode
_decode_walk = msgspec.json.Decoder(Walk).decode


def read_walk(stored: bytes | None) -> Walk | None:
    """None without a walk; one that cannot be read begins anew."""
    if not stored:
        return None
    try:
        return _decode_walk(stored)
    except msgspec.MsgspecError:
        return Walk(0)


def begin_walk(work: UnitOfWork, domain: int) -> None:
    """The rules of the domain have changed."""
    has_peers = work.state.coordination.poll_store_ms is not None
    walk = Walk(work.now + SETTLE_MS if has_peers else work.now)
    work.tx.put_meta(retention_walk_key(domain), encode_walk(walk))
    work.state.agenda.walk_by(walk.not_before)


def purge_due(work: UnitOfWork, run: int, at_most_events: int) -> None:
    """Deletes a run that is due, or part of it; one that the rules keep longer gets a row that says so."""
    if work.catalog.rules():
        row = work.tx.executions([run]).get(run)
        if row is not None and not is_due(work, row) and is_whole(work, row):
            follow_rules(work, row)
            return
    work.purge(run, at_most_events)


def is_due(work: UnitOfWork, row: ExecutionRow) -> bool:
    """By the rules that hold now."""
    if row.purge_at == PURGE_NOW or row.domain not in work.catalog.rules():
        return True
    moment = _purge_moment(work, row)
    return moment is not None and moment <= now_in(work, row.domain)


def now_in(work: UnitOfWork, domain: int) -> int:
    """As this node knows it: another one may be turning the clock of the domain."""
    clock = work.clocks.known.get(domain)
    return work.now if clock is None else clock.now(work.now)


def _purge_moment(work: UnitOfWork, row: ExecutionRow) -> int | None:
    assert row.closed_at is not None, f"run {row.run} is open"
    return work.purge_moment(row.domain, row.closed_at, row.type_name, row.type_version, row.close_status)


def is_whole(work: UnitOfWork, row: ExecutionRow) -> bool:
    """False when a part of the run is deleted: the newest events go first."""
    last = row.next_event_id - 1
    return bool(work.tx.events(row.run, last, last, 1))


def follow_rules(work: UnitOfWork, row: ExecutionRow) -> None:
    """The row says what the rules say. Raises LockedByPeer; the batch may go on."""
    moment = _purge_moment(work, row)
    clock = work.clocks.known.get(row.domain)
    purge_at = moment if moment is None or clock is None else due_key(clock.number, moment)
    if purge_at == row.purge_at:
        return
    work.tx.lock([row.run])
    work.tx.update_executions([closed_with(row, purge_at)])
    if clock is None:
        work.state.agenda.purge_by(purge_at)
    else:
        work.state.agenda.look_at_clock(row.domain, work.now)


def leaves_to_archive(work: UnitOfWork) -> bool:
    """Runs are archived before they are deleted, so deleting them is not the business of a duty (archiving.py)."""
    return work.state.archives_here or work.catalog.archives


class RetentionWalk:
    """A `Duty`."""

    def __init__(self, agenda: Agenda) -> None:
        self._agenda = agenda

    def next_at(self) -> int | None:
        return self._agenda.retention_walk_at

    def run(self, work: UnitOfWork) -> None:
        # No more often than the store is polled for what other nodes have left there.
        poll_ms = work.state.coordination.poll_store_ms
        self._agenda.retention_walk_at = None if poll_ms is None else work.now + max(LOOK_AGAIN_MS, poll_ms)
        waiting = work.tx.metas(RETENTION_WALK_FIRST, RETENTION_WALK_LAST, 1)
        for key, stored in waiting:
            walk = read_walk(stored)
            if walk is None:
                work.tx.delete_meta(key)
            elif walk.not_before <= work.now:
                try:
                    self._agenda.walk_by(self._step(work, domain_in(key)))
                except LockedByPeer:
                    self._agenda.walk_by(work.now + RETRY_LOCKED_MS)
            else:
                self._agenda.walk_by(walk.not_before)

    def roll_back(self, *, ran: bool) -> None:
        if ran:
            self._agenda.retention_walk_at = 0

    def _step(self, work: UnitOfWork, domain: int) -> int:
        """When the next one is due."""
        key = retention_walk_key(domain)
        acquire_meta_lock(work.tx, "retention walk")
        walk = read_walk(work.tx.meta(key))
        if walk is None or walk.not_before > work.now:
            return work.now + STEP_PAUSE_MS
        if work.catalog.find_domain_by_id(domain) is None:
            work.tx.delete_meta(key)
            return work.now
        work.flush()  # what this batch has closed is found, too
        rows = work.tx.list_executions(
            ExecutionQuery(
                domain,
                "CLOSED",
                "started_at",
                0,
                None,
                ascending=True,
                after=walk.after,
                limit=ROWS_PER_STEP,
            )
        )
        for row in rows:
            if not _is_being_deleted(work, row):
                follow_rules(work, row)
        if len(rows) < ROWS_PER_STEP:
            work.tx.delete_meta(key)
            return work.now
        walk.after = (rows[-1].started_at, rows[-1].run)
        work.tx.put_meta(key, encode_walk(walk))
        return work.now + STEP_PAUSE_MS


def _is_being_deleted(work: UnitOfWork, row: ExecutionRow) -> bool:
    """A part of it may be gone; a run that is whole can be kept longer, although its time was over."""
    if row.purge_at is None:
        return False
    now = work.now if clock_of(row.purge_at) == 0 else now_in(work, row.domain)
    return due_moment(row.purge_at) <= now and (row.purge_at == PURGE_NOW or not is_whole(work, row))
