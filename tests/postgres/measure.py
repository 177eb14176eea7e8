"""What transitions and tasks cost in the PostgreSQL store: `python -m tests.postgres.measure [batches] [polls] …`.

`batches`: 32 transitions to a commit, as the writer loop writes them, in lists; what a transition is says
tests/store/measure.py. Prints commits per second, CPU of this process and of the server's. `polls`: a task taken, its
execution locked, read and written. `pops`: tasks taken one at a time from a list that is filled as fast, with and
without a snapshot held open beside it, with and without low watermarks. `lists`: pages of visibility over many runs.
The server is made for this run, with fsync; figures are in docs/performance.md.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import psycopg

from tests.store.measure import NOW, fill, fresh_row, lists, run_through
from tests.store.rows import DOMAIN, run_of, task_row
from tools import postgres
from workflowsvc.store.interface import Store
from workflowsvc.store.postgres import low_watermarks
from workflowsvc.store.postgres.store import PostgresStore
from workflowsvc.store.rows import EventRow, ExecutionChange, TaskRow

# As engine/writes.py hands them over: a run that closes makes room for the next.
ORDER = ("update_executions", "insert_executions", "append_events", "put_tasks", "delete_tasks")
TICKS = 100.0  # of /proc


def server_cpu(server: postgres.Server) -> float:
    """Seconds of CPU of all processes of the server that are there, or were its children."""
    total = 0.0
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(entry.name) == server.pid or int(fields[1]) == server.pid:
            total += (int(fields[11]) + int(fields[12]) + int(fields[13]) + int(fields[14])) / TICKS
    return total


def batches(server: postgres.Server, store: Store, active: int, batch: int, commits: int) -> None:
    chance, numbers, clock = random.Random(1), count(10_000_000), count(NOW + 10_000_000)
    window: list[Iterator[Any]] = [iter(()) for _ in range(active)]
    prepared: list[dict[str, list[Any]]] = []
    for _ in range(commits):
        gathered: dict[str, list[Any]] = defaultdict(list)
        for place in chance.sample(range(active), batch):
            move = next(window[place], None)
            if move is None:
                window[place] = run_through(fresh_row(next(numbers), chance), clock)
                move = next(window[place])
            for method, rows in move:
                gathered[method] += rows
        prepared.append(gathered)
    cpu, theirs, start = time.process_time(), server_cpu(server), time.perf_counter()
    for gathered in prepared:
        with store.transaction() as tx:
            for method in ORDER:
                if method in gathered:
                    getattr(tx, method)(gathered[method])
    wall = time.perf_counter() - start
    cpu, theirs = time.process_time() - cpu, server_cpu(server) - theirs
    print(
        f"{active} active, {batch} to a commit: {commits / wall:.0f} commits/s,"
        f" {commits * batch / wall:.0f} transitions/s;"
        f" CPU of the node {cpu / commits / batch * 1e6:.1f} us a transition,"
        f" of the server {theirs / commits / batch * 1e6:.1f}"
    )


def pops(server: postgres.Server, store: Store, seconds: float) -> None:
    def run(label: str) -> None:
        numbers = count(1)
        with store.transaction() as tx:
            tx.put_tasks([task_row(n, position=n) for n in (next(numbers) for _ in range(1000))])
        cpu, theirs = time.process_time(), server_cpu(server)
        done, start, last = 0, time.perf_counter(), 0.0
        second_half = 0
        while (last := time.perf_counter() - start) < seconds:
            with store.transaction() as tx:
                for _ in range(10):
                    number = next(numbers)
                    tx.put_tasks([task_row(number, position=number)])
                    assert tx.take_tasks(DOMAIN, "decision", "main", 1)
            done += 10
            second_half += 10 * (last > seconds / 2)
        cpu, theirs = time.process_time() - cpu, server_cpu(server) - theirs
        print(
            f"pops, {label}: {done / last:.0f}/s, in the second half {second_half / last * 2:.0f}/s;"
            f" CPU of the node {cpu / done * 1e6:.0f} us, of the server {theirs / done * 1e6:.0f} us each"
        )
        with store.transaction() as tx:
            tx.delete_tasks_of([run_of(n) for n in range(1, next(numbers))])

    run("nothing beside")
    with psycopg.connect(server.dsn()) as holder:
        holder.execute("set transaction isolation level repeatable read")
        holder.execute("select count(*) from tasks")
        run("a snapshot held open")
        kept = low_watermarks.FULL_LOOK_MS
        low_watermarks.FULL_LOOK_MS = 0
        run("a snapshot held open, without marks")
        low_watermarks.FULL_LOOK_MS = kept


def polls(server: postgres.Server, store: Store, transactions: int, per_transaction: int) -> None:
    """As in the writer loop: a task is taken, its execution read, the start written down and the next task put."""
    chance, numbers = random.Random(per_transaction), count(per_transaction * 20_000_000)
    clock = count(NOW * 1_000_000)
    rows = [fresh_row(next(numbers), chance) for _ in range(200)]
    with store.transaction() as tx:
        tx.insert_executions(rows)
        tx.append_events([EventRow(row.run, 1, b"x" * 450) for row in rows])
        tx.put_tasks([TaskRow(row.run, 2, "activity", DOMAIN, "main", 0, next(clock), True) for row in rows])
    cpu, theirs, start = time.process_time(), server_cpu(server), time.perf_counter()
    for _ in range(transactions):
        with store.transaction() as tx:
            for _ in range(per_transaction):
                (task,) = tx.take_tasks(DOMAIN, "activity", "main", 1)
                key = tx.lock([task.run])[task.run].next_event_id + 1
                tx.heartbeats(task.run)
                tx.append_events([EventRow(task.run, key, b"x" * 200)])
                tx.update_executions([ExecutionChange(task.run, key, None, False, None, None, None)])
                tx.put_tasks([TaskRow(task.run, key, "activity", DOMAIN, "main", 0, next(clock), True)])
    done = transactions * per_transaction
    wall = time.perf_counter() - start
    cpu, theirs = time.process_time() - cpu, server_cpu(server) - theirs
    print(
        f"polls, {per_transaction} to a commit: {done / wall:.0f}/s;"
        f" CPU of the node {cpu / done * 1e6:.0f} us, of the server {theirs / done * 1e6:.0f} us each"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", nargs="*", default=["batches", "polls", "pops", "lists"])
    parser.add_argument("--active", type=int, default=100)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--commits", type=int, default=1000)
    parser.add_argument("--closed", type=int, default=0, help="closed runs that are there before")
    parser.add_argument("--seconds", type=float, default=20.0)
    given = parser.parse_args()
    with postgres.running(durable=True, settings={"shared_buffers": "256MB"}) as server:
        store = PostgresStore(server.dsn(tcp=False))
        if given.closed:
            fill(store, given.closed, random.Random(2))
        if "batches" in given.what:
            batches(server, store, given.active, given.batch, given.commits)
        if "polls" in given.what:
            polls(server, store, given.commits, 1)
            polls(server, store, given.commits, 10)
        if "pops" in given.what:
            pops(server, store, given.seconds)
        if "lists" in given.what and given.closed:
            lists(store)
        store.close()


if __name__ == "__main__":
    main()
