"""Backups that a server has made at intervals: how old the newest is, and how many failed.

Owns the names of these metrics, which are there with `--backup-to` alone.
"""

from __future__ import annotations

from math import inf

from workflowsvc.backups.schedule import ScheduledBackups
from workflowsvc.metrics.families import Families, counter, gauge


def backup_families(backups: ScheduledBackups) -> Families:
    age = backups.newest_age_ms()
    yield gauge(
        "workflowsvc_backup_age_seconds",
        "Since the newest backup in the folder was begun; +Inf: it holds none, or cannot be read.",
        inf if age is None else age / 1000,
    )
    yield gauge(
        "workflowsvc_backup_interval_seconds",
        "How long after a backup the next one is due.",
        backups.interval_ms / 1000,
    )
    yield counter("workflowsvc_backups", "Backups that were made and found sound.", backups.made.value)
    yield counter(
        "workflowsvc_backup_failures",
        "Backups that were not made, or in which the audit found problems.",
        backups.failed.value,
    )
