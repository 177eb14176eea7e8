"""A histogram counts each observation once and in the right bucket, while one thread adds and another one reads."""

from __future__ import annotations

import threading

from workflowsvc.histogram import MAX_PENDING, Histogram


def test_an_observation_on_a_bound_is_within_it() -> None:
    histogram = Histogram((0.005, 0.1, 1.0), unit=0.001)
    for milliseconds in (0, 5, 6, 100, 101, 5_000):
        histogram.add(milliseconds)
    counts, total = histogram.cumulative()
    assert counts == [2, 4, 5, 6]
    assert abs(total - 5.212) < 1e-9


def test_what_is_pending_does_not_grow_without_a_reader() -> None:
    histogram = Histogram((1.0,))
    for _ in range(10 * MAX_PENDING):
        histogram.add(2.0)
    assert len(histogram.pending) < MAX_PENDING
    assert histogram.observations == 10 * MAX_PENDING


def test_nothing_is_lost_or_doubled_while_it_is_read() -> None:
    histogram, over, read = Histogram((1.0,)), threading.Event(), []

    def reads() -> None:
        while not over.is_set():
            read.append(histogram.observations)

    reader = threading.Thread(target=reads)
    reader.start()
    for _ in range(50_000):
        histogram.add(1.0)
    over.set()
    reader.join()
    assert read == sorted(read)
    assert histogram.cumulative() == ([50_000, 50_000], 50_000.0)
