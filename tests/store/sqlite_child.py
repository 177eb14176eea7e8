"""A process that works with a SQLite store until it is killed or told to stop.

Tests run it: `python -m tests.store.sqlite_child <what> <path>`. Every line it prints is an acknowledgement:
what it names was committed before.
"""

from __future__ import annotations

import resource
import sys

from tests.store.rows import change_of, event_rows, execution_row, run_of, task_row
from workflowsvc.store.errors import Unavailable
from workflowsvc.store.sqlite.store import SqliteStore

EVENTS = 3  # of each commit


def say(text: str) -> None:
    print(text, flush=True)


def commit(store: SqliteStore, number: int) -> None:
    """One transaction that writes to every table an execution has."""
    row = execution_row(number, tags=b'["t"]', next_event_id=1)
    with store.transaction() as tx:
        tx.insert_executions([row])
        tx.append_events(event_rows(row.run, 1, EVENTS))
        tx.update_executions([change_of(row, next_event_id=EVENTS + 1, wake_at=number)])
        tx.put_tasks([task_row(number)])


def is_whole(store: SqliteStore, number: int) -> bool:
    """All of commit `number` is there; False when nothing of it is. Anything between is a failure."""
    with store.transaction() as tx:
        row = tx.executions([run_of(number)]).get(run_of(number))
        events = len(tx.events(run_of(number), 1, 10**6, 10**6))
        assert (events, row is not None) in ((0, False), (EVENTS, True)), number
        assert row is None or row.next_event_id == EVENTS + 1
        return row is not None


def hold(path: str) -> None:
    store = SqliteStore(path)
    say("open")
    sys.stdin.read()
    store.close()


def commit_for_ever(path: str) -> None:
    store = SqliteStore(path)
    number = 0
    while is_whole(store, number):
        number += 1
    while True:
        commit(store, number)
        say(str(number))
        number += 1


def run_out_of_disk(path: str) -> None:
    """The file may not grow beyond a megabyte, then it may again."""
    store = SqliteStore(path)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    number = 0
    try:
        while True:
            commit(store, number)
            number += 1
    except Unavailable as error:
        say(f"{number} {error}")
    for again in range(3):
        try:
            commit(store, number + again)
        except Unavailable:
            continue
        raise AssertionError("a commit went through while the disk was full")
    assert all(is_whole(store, n) for n in range(number))
    assert not is_whole(store, number)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    commit(store, number)
    assert is_whole(store, number)
    say(str(number))
    store.close()


if __name__ == "__main__":
    {"hold": hold, "commit": commit_for_ever, "full": run_out_of_disk}[sys.argv[1]](sys.argv[2])
