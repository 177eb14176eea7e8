"""What a store has measured of itself: sizes, its log, its disk, its sessions.

Owns the names and texts of these metrics, and how long a measurement is kept: at least twenty times as long as it took.
Belongs to the thread that collects.
"""

from __future__ import annotations

from workflowsvc.clock import Clock
from workflowsvc.metrics.families import Families, gauge, gauges
from workflowsvc.metrics.task_lists import KEPT_TIMES
from workflowsvc.store.errors import StoreError
from workflowsvc.store.interface import MeasuredStore, Store
from workflowsvc.store.rows import DiskSpace, Measurement

# What each measurement is, and the name of its label, if it has one. The store's part of the name is in front.
TEXTS: dict[str, tuple[str, str]] = {
    "database_bytes": ("Size of the database.", ""),
    "database_free_bytes": ("Part of the file that is free to be used again.", ""),
    "wal_bytes": ("Size of SQLite's log.", ""),
    "wal_unsaved_bytes": ("Part of SQLite's log that no checkpoint has copied into the file yet.", ""),
    "connections": ("Sessions of clients on the PostgreSQL server.", ""),
    "max_connections": ("Sessions that clients may have there.", ""),
    "oldest_snapshot_seconds": (
        "Age of the oldest transaction, which keeps dead rows from being removed.",
        "",
    ),
    "prepared_transactions": ("Transactions that are prepared, and neither committed nor rolled back.", ""),
    "transaction_id_age": ("Age of the oldest transaction id; at 2,100 million the server stops.", ""),
    "waiting_for_standby": ("Sessions that have committed and wait for a synchronous standby.", ""),
    "idle_replication_slots": ("Replication slots that no client reads: they keep the log for ever.", ""),
    "standby_lag_bytes": ("Log that a standby has not replayed.", "standby"),
    "dead_rows": ("Rows of a table that wait for vacuum.", "table"),
    "live_rows": ("Rows of a table, as the server estimates them.", "table"),
}


class StoreMetrics:
    """Of the store of one node."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._measured: list[Measurement] = []
        self._disk: DiskSpace | None = None
        self._keep_until = 0.0  # by the monotonic clock

    def families(self, store: Store) -> Families:
        began = self._clock.monotonic()
        if began >= self._keep_until and isinstance(store, MeasuredStore):
            self._disk = store.disk()
            try:
                self._measured = store.measure()
            except StoreError:
                self._measured = []
            ended = self._clock.monotonic()
            self._keep_until = ended + KEPT_TIMES * (ended - began)
        return self._families()

    def _families(self) -> Families:
        by_name: dict[str, list[Measurement]] = {}
        for measurement in self._measured:
            by_name.setdefault(measurement.name, []).append(measurement)
        for name, found in by_name.items():
            text, label = TEXTS[name]
            labels = (label,) if label else ()
            yield gauges(
                f"workflowsvc_store_{name}",
                text,
                labels,
                [((one.label,) if label else (), one.value) for one in found],
            )
        if self._disk is not None:
            yield gauge(
                "workflowsvc_disk_free_bytes", "Free, on the disk that holds the data.", self._disk.free
            )
            yield gauge("workflowsvc_disk_bytes", "Size of the disk that holds the data.", self._disk.total)
