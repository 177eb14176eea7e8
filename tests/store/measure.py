"""What a transition costs in the SQLite store: `python -m tests.store.measure [--path FILE] [--closed N] …`.

A transition is one call that moves an execution: on average 1.6 events appended, its row changed, a task
put or deleted. Runs of one activity (seven transitions, 11 events, SWF §14) pass through a window of
`--active` ones, `--batch` transitions to a commit. Prints CPU, because wall time on a shared machine says
little; "best quarter" is the mean of the quarter of the commits that were least disturbed.

`--closed N` first fills the file with N closed runs and a tenth as many open ones, of two events each; a file
that is there already is used as it is. The figures in docs/decisions/0007-sqlite-schema.md come from here.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

from tests.store.rows import DOMAIN, change_of, closing_of, execution_row, task_row
from workflowsvc.store.interface import Store
from workflowsvc.store.rows import EventRow, ExecutionQuery, ExecutionRow, TaskKey, TaskRow
from workflowsvc.store.sqlite.store import SqliteStore

NOW = 1_800_000_000_000
BODIES = {
    number: b"x" * size
    for number, size in enumerate((450, 180, 170, 180, 480, 170, 220, 180, 170, 180, 160), start=1)
}
STEPS = [(1, 2), (3,), (4, 5), (6,), (7, 8), (9,), (10, 11)]
DAY = 86_400_000

Move = list[tuple[str, list[Any]]]  # methods of a transaction, each with its rows


def fresh_row(number: int, chance: random.Random) -> ExecutionRow:
    """A row as long as real ones are, at a random place of the index of workflowIds."""
    return execution_row(
        number,
        run=((NOW + number) << 20) | chance.getrandbits(20),
        run_id="22" + "a" * 43 + "=",
        workflow_id=f"order-{chance.getrandbits(64):x}",
        type_name=chance.choice(["OrderWorkflow", "PaymentWorkflow", "ShippingWorkflow"]),
        started_at=NOW + number,
        wake_at=NOW + number + DAY,
    )


def events_of(row: ExecutionRow, numbers: tuple[int, ...]) -> list[EventRow]:
    return [EventRow(row.run, number, BODIES[number]) for number in numbers]


def run_through(row: ExecutionRow, clock: Iterator[int]) -> Iterator[Move]:
    """The seven transitions of a run."""

    def task(event_id: int) -> TaskRow:
        position = next(clock)
        return task_row(run=row.run, scheduled_event_id=event_id, task_list="main", position=position)

    yield [
        ("insert_executions", [row]),
        ("append_events", events_of(row, STEPS[0])),
        ("put_tasks", [task(2)]),
    ]
    for step in range(1, 6):
        last = STEPS[step][-1]
        begun = step % 2 == 1
        wake_at = next(clock) + (30_000 if begun else DAY)
        yield [
            ("update_executions", [change_of(row, next_event_id=last + 1, wake_at=wake_at)]),
            ("append_events", events_of(row, STEPS[step])),
            ("delete_tasks", [TaskKey(row.run, last - 1)]) if begun else ("put_tasks", [task(last)]),
        ]
    yield [
        ("update_executions", [closing_of(row, at=next(clock), next_event_id=12)]),
        ("append_events", events_of(row, STEPS[6])),
    ]


def fill(store: Store, closed: int, chance: random.Random) -> None:
    for first in range(-closed, closed // 10, 5000):
        with store.transaction() as tx:
            rows = [fresh_row(number, chance) for number in range(first, first + 5000)]
            if first < 0:
                rows = [row._replace(**closing_of(row, at=row.started_at + 60_000)._asdict()) for row in rows]
            tx.insert_executions(rows)
            tx.append_events([event for row in rows for event in events_of(row, STEPS[0])])


def transitions(store: Store, active: int, batch: int, commits: int, chance: random.Random) -> None:
    numbers, clock = count(10_000_000), count(NOW + 10_000_000)
    window: list[Iterator[Move]] = [iter(()) for _ in range(active)]
    in_methods: list[float] = []
    whole: list[float] = []
    walls: list[float] = []
    for _ in range(commits):
        moves: list[Move] = []
        for place in chance.sample(range(active), batch):
            move = next(window[place], None)
            if move is None:
                window[place] = run_through(fresh_row(next(numbers), chance), clock)
                move = next(window[place])
            moves.append(move)
        cpu = time.thread_time()
        with store.transaction() as tx:
            for move in moves:
                for method, rows in move:
                    getattr(tx, method)(rows)
            in_methods.append(time.thread_time() - cpu)
            wall = time.perf_counter()
        walls.append(time.perf_counter() - wall)
        whole.append(time.thread_time() - cpu)

    def us(times: list[float]) -> float:
        return sum(times) / len(times) / batch * 1e6

    best = sorted(whole)[: max(1, commits // 4)]
    walls.sort()
    print(
        f"{active} active, {batch} to a commit: {us(whole):.1f} us CPU a transition"
        f" ({us(in_methods):.1f} in methods, the rest in commit; best quarter {us(best):.1f});"
        f" commit p50 {walls[commits // 2] * 1e3:.2f} ms,"
        f" p99 {walls[commits * 99 // 100] * 1e3:.1f}, longest {walls[-1] * 1e3:.1f}"
    )


def lists(store: Store) -> None:
    base = ExecutionQuery(DOMAIN, "CLOSED", "closed_at", 0, None)
    for label, query in (
        ("all closed", base),
        ("a third of them by type", base._replace(type_name="OrderWorkflow")),
        ("a type without runs", base._replace(type_name="Nobody")),
        ("one workflowId", base._replace(workflow_id="order-1")),
        ("all open", base._replace(status="OPEN", order_by="started_at")),
    ):
        with store.reader() as reader:
            start = time.perf_counter()
            found = len(reader.list_executions(query))
            listed = time.perf_counter()
            matching = reader.count_executions(query)
            print(
                f"{label}: a page of {found} in {(listed - start) * 1e3:.1f} ms,"
                f" all {matching} counted in {(time.perf_counter() - listed) * 1e3:.1f} ms"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--path", type=Path, help="keep the file here; without it one is made and thrown away"
    )
    parser.add_argument("--closed", type=int, default=0)
    parser.add_argument("--active", type=int, default=100)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--commits", type=int, default=1500)
    given = parser.parse_args()
    chance = random.Random()
    with tempfile.TemporaryDirectory() as folder:
        path: Path = given.path or Path(folder) / "measure.db"
        new = not path.exists()
        opening = time.perf_counter()
        with closing(SqliteStore(str(path))) as store:
            print(f"{path} opened in {(time.perf_counter() - opening) * 1e3:.0f} ms")
            if new and given.closed:
                fill(store, given.closed, chance)
                print(f"filled: {path.stat().st_size / 1e6:.0f} MB")
            transitions(store, given.active, given.batch, given.commits, chance)
            if given.closed:
                lists(store)


if __name__ == "__main__":
    main()
