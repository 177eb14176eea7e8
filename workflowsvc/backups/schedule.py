"""Backups that a server has made at intervals, by a process of its own with the lowest priority.

Owns when the next one is due, the process, and what is logged. When the last one was made is read from the folder, so a
server that is restarted often makes no more backups than another. A backup that fails is tried again; the server goes
on.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable

from workflowsvc.backups.folder import newest_at
from workflowsvc.histogram import Count
from workflowsvc.options import ENVIRONMENT_PREFIX
from workflowsvc.settings import LIMIT_NAMES, Settings
from workflowsvc.store.errors import StoreUnusable

log = logging.getLogger(__name__)

MINUTE_MS = 60_000
RETRY_MINUTES = 10.0  # after a failure, at most; its reason is rarely gone at once
LAST_WORDS = 500  # characters of the process's standard error that are logged


class ScheduledBackups:
    """Between `start` and `stop`, a thread that starts one process after the other."""

    def __init__(self, settings: Settings, now_ms: Callable[[], int]) -> None:
        self._settings = settings
        self._now_ms = now_ms
        self.made = Count()  # and found sound; changed by the thread alone, as the next one
        self.failed = Count()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._run, name="backups", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends a backup that is being made: what is half written is removed by the next one."""
        self._stopping.set()
        with self._lock:
            if self._process is not None:
                self._process.terminate()
        if self._thread.is_alive():
            self._thread.join()

    def due_in_ms(self) -> int:
        """How long until the next backup is due; 0 when it is, or the folder cannot be read, which the backup will
        report."""
        age = self.newest_age_ms()
        return 0 if age is None else max(self.interval_ms - age, 0)

    @property
    def interval_ms(self) -> int:
        return round(self._settings.backup_every_minutes * MINUTE_MS)

    def newest_age_ms(self) -> int | None:
        """How long ago the newest backup of the folder was begun; None when there is none, or the folder cannot be
        read."""
        try:
            last = newest_at(self._settings.backup_to)
        except StoreUnusable:
            return None
        return None if last is None else max(self._now_ms() - last, 0)  # a clock may have been set back

    def _run(self) -> None:
        while not self._stopping.wait(self.due_in_ms() / 1000):
            if self._make():
                self.made.add()
            elif not self._stopping.is_set():
                self.failed.add()
                self._stopping.wait(min(self._settings.backup_every_minutes, RETRY_MINUTES) * 60)

    def _make(self) -> bool:
        """Whether it was made and found sound; not when the server stops meanwhile."""
        with self._lock:
            if self._stopping.is_set():
                return False
            try:
                self._process = process = subprocess.Popen(
                    self.command(),
                    env=os.environ | self.variables(),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    errors="replace",
                )
            except OSError as error:
                log.error("no backup was made: %s", error)
                return False
        try:
            out, err = process.communicate()
        finally:
            self._process = None
        if self._stopping.is_set():
            return False
        if process.returncode:
            log.error("no sound backup was made: %s", (err.strip() or out.strip())[-LAST_WORDS:])
            return False
        log.info("backup: %s", " ".join(out.split()))
        return True

    def command(self) -> list[str]:
        """What is run."""
        settings = self._settings
        return [
            *(sys.executable, "-m", "workflowsvc", "backup"),
            *("--store", settings.store, "--to", settings.backup_to),
            *("--keep", str(settings.backup_keep)),
            *("--mib-per-second", str(settings.backup_mib_per_second)),
            *("--audit", settings.backup_audit, "--background"),
        ]

    def variables(self) -> dict[str, str]:
        """By which its audit knows the server's limits, also those that the server got as options."""
        values = {"limits": str(self._settings.limits)}
        if self._settings.limits != "off":
            values |= {name: str(getattr(self._settings.quotas, name)) for name in LIMIT_NAMES}
        return {f"{ENVIRONMENT_PREFIX}{name.upper()}": value for name, value in values.items()}
