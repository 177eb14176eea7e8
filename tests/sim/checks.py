"""What must be true of a node and its store after every step: histories are the state, and all else follows from them.

Owns the comparisons of memory and store with a fresh replay, by `workflowsvc.fsck` for the rows. Checks again only what
has changed.
"""

from __future__ import annotations

from typing import Any

from tests.scenario.audit import _facts as facts_of
from tests.sim.archive import Archive
from tests.sim.faulty import FaultyStore
from tests.sim.retention import Retention
from workflowsvc import fsck
from workflowsvc.core.execution import Execution
from workflowsvc.engine.feed_book import find_deleted
from workflowsvc.fsck import outbox, stored
from workflowsvc.store.interface import Reader
from workflowsvc.store.rows import BEFORE_ALL_ENTRIES, ExecutionRow, ListKey, TaskRow
from workflowsvc.testing import World

ALL = 1 << 62
EVERYTHING = 1_000_000


class Checks:
    """Of one simulation, over all its nodes."""

    def __init__(self, store: FaultyStore, archive: Archive | None, retention: Retention) -> None:
        self._store = store
        self._archive = archive
        self._retention = retention
        self._before: dict[int, tuple[Any, ...]] = {}
        self._messages: set[int] = set()
        self._fresh: dict[int, tuple[int, Any, Execution]] = {}
        self.tasks: list[TaskRow] = []
        self.replays = 0
        self.fed: int | None = None
        """The domain whose feed tells of all events."""

    def check(self, world: World, *, everything: bool = False) -> None:
        now = world.clock.now_ms()
        options = fsck.Options(now, lint=everything, quotas=world.settings.quotas)
        with self._store.inner.reader() as reader:
            runs = reader.runs(-1, EVERYTHING)
            rows = reader.executions(runs)
            self.tasks = reader.tasks_of(runs)
            changed = runs if everything else self._changed(reader, rows)
            self._check_log(reader, rows, changed, now)
            self._retention.check(reader, rows, now)
            box = outbox.read(reader)
            found = (
                [*fsck.audit(reader, options)]
                if everything
                else [*fsck.examine(reader, changed, options, box)]
            )
            assert not found, "\n".join(map(str, found))
            assert not box.problems, box.problems
            if everything and self.fed is not None:
                self._check_feed(reader, self.fed)
            self._check_memory(reader, world, rows)
        self._check_alarms(world, rows, bool(box.rows))
        self._check_polls(world)

    def _changed(self, reader: Reader, rows: dict[int, ExecutionRow]) -> list[int]:
        """Runs of which any row is new; when messages have come or gone, all open runs, as they may wait for one."""
        held: dict[int, list[Any]] = {run: [row] for run, row in rows.items()}
        for row in (*self.tasks, *reader.heartbeats_of(list(rows)), *reader.tags_of(list(rows))):
            held[row.run].append(row)
        messages = {row.id for row in reader.waiting_messages(-1, EVERYTHING)}
        after = {run: tuple(found) for run, found in held.items()}
        changed = [run for run, found in after.items() if self._before.get(run) != found]
        if messages != self._messages:
            changed = [run for run, row in rows.items() if run in changed or row.closed_at is None]
        self._before, self._messages = after, messages
        assert not reader.orphans(10), reader.orphans(10)
        return changed

    def _check_log(self, reader: Reader, rows: dict[int, ExecutionRow], changed: list[int], now: int) -> None:
        """H8: what is stored is what was committed, event by event."""
        log = self._store.log
        for run in changed:
            row = rows[run]
            bodies = reader.events(run, 0, ALL, ALL)
            being_purged = row.purge_at is not None and row.purge_at <= now
            expected = log.events[run][: len(bodies)] if being_purged else log.events[run]
            assert bodies == expected, f"H8: the events of {run} are not those that were committed"
            if self._archive is not None and len(bodies) < len(log.events[run]):
                self._archive.require(run, row.run_id, log.events[run])
        for run in log.events.keys() - rows.keys():
            last = log.decoded[run][-1]["eventType"]
            assert last.startswith("WorkflowExecution"), f"run {run} is gone, but ended with {last}"
            if self._archive is not None:
                self._archive.require(run, log.runs[run].run_id, log.events[run])

    def _check_feed(self, reader: Reader, domain: int) -> None:
        """It tells of exactly what was committed, in the order of each run. Entries are deleted from its beginning."""
        told: dict[int, list[int]] = {}
        for entry in reader.feed(domain, ALL, BEFORE_ALL_ENTRIES, EVERYTHING):
            told.setdefault(entry.run, []).append(entry.event_id)
        is_whole = find_deleted(reader, domain) is None
        log = self._store.log
        for run in (run for run, row in log.runs.items() if row.domain == domain):
            ids, last = told.pop(run, []), len(log.events[run])
            assert ids == list(range(last - len(ids) + 1, last + 1)), f"the feed tells {ids} of run {run}"
            assert len(ids) == last or not is_whole, (
                f"the feed tells {len(ids)} of {last} events of run {run}"
            )
        assert not told, f"the feed tells of {sorted(told)}, which were not committed"

    def _check_memory(self, reader: Reader, world: World, rows: dict[int, ExecutionRow]) -> None:
        state = world.state
        assert not state.quarantine.runs, f"a rule has met a bug in {state.quarantine.runs}"
        assert not state.quarantine.isolate_failures, "something could not be written down"
        longest_ms = world.settings.quotas.max_execution_seconds * 1000
        for run, execution in state.cache.executions.items():
            assert not execution.new_events, f"events of {run} were never written down"
            if run not in rows:
                continue
            fresh = self._replayed(reader, run, longest_ms)
            if fresh is not None:
                assert facts_of(execution) == facts_of(fresh), f"memory is not what the history of {run} says"
                kept = state.cache.histories.events(run, 1, ALL, ALL, False)
                assert kept is None or kept == self._store.log.events[run], "the kept history is another one"
        for domain, count in state.catalog.open_counts.items():
            assert count == reader.count_open(domain), "open executions are counted wrongly"
        for key in state.coordination.empty_lists:
            assert not self._ready(key), f"{key} is held to be empty"
        for row in state.catalog.domains.values():
            assert reader.domains_by_id([row.id])[row.id] == row, "a domain in memory is another one"
        for kind in state.catalog.types.values():
            assert reader.type(kind.domain, kind.kind, kind.name, kind.version) == kind, (
                "a type is another one"
            )

    def _replayed(self, reader: Reader, run: int, longest_ms: int) -> Execution | None:
        """From the stored events; None when the run is being purged. Kept until there are more."""
        heartbeats = tuple(reader.heartbeats_of([run]))
        events = len(self._store.log.events[run])
        kept = self._fresh.get(run)
        if kept is None or kept[:2] != (events, heartbeats):
            (found,) = stored.read(reader, [run])
            if len(found.bodies) < events:
                return None
            self.replays += 1
            kept = (events, heartbeats, stored.replay(found, stored.events_of(found), longest_ms))
            self._fresh[run] = kept
        return kept[2]

    def _ready(self, key: ListKey) -> list[TaskRow]:
        return [task for task in self.tasks if task.ready and (task.domain, task.kind, task.task_list) == key]

    def _check_alarms(self, world: World, rows: dict[int, ExecutionRow], messages: bool) -> None:
        """Whatever must happen by itself, something will look for it in time."""
        state = world.state
        purges = [row.purge_at for row in rows.values() if row.purge_at is not None]
        if self._archive is not None:
            purges = []  # what is archived first is no business of the writer loop
        for alarm, moments in (
            (state.agenda.wake_at, [row.wake_at for row in rows.values() if row.wake_at is not None]),
            (state.agenda.purge_at, purges),
        ):
            assert not moments or (alarm is not None and alarm <= min(moments)), (
                f"{alarm} is after {min(moments)}"
            )
        assert not messages or state.agenda.messages_waiting, (
            "messages wait, but the node does not look for them"
        )

    def _check_polls(self, world: World) -> None:
        """No poll waits beside a task that it could get, unless the node is about to match them."""
        if world.state.agenda.poll_store_at is not None:
            return
        for key, queue in world.state.pollers._queues.items():
            if any(not pending.gone for pending in queue):
                assert not self._ready(key), f"a poll and a task both wait on {key}"
