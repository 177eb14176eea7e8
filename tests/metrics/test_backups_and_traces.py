"""What is measured with `--backup-to` and `--trace-to`: a server without them has no series of these."""

from __future__ import annotations

import urllib.request
from math import inf
from pathlib import Path

import pytest

from interop.server import running_server
from tests.metrics.reading import Metrics
from tests.support.otlp import Reply, collector
from tests.support.waiting import until
from tools.ports import free_port
from workflowsvc.backups.folder import backups_in
from workflowsvc.traces.span_figures import SpanFigures

NO_CONSOLE = ("--console-port", "off")


def scraped(port: int) -> Metrics:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        return Metrics(answer.read().decode())


def test_the_age_of_the_newest_backup_and_those_that_failed_are_measured(tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    in_the_way = folder / ".workflowsvc-backup.lock"
    in_the_way.mkdir()
    port = free_port()
    options = ("--metrics-port", str(port), "--backup-to", str(folder), "--backup-every-minutes", "30")
    with running_server(tmp_path, *NO_CONSOLE, *options):
        until(lambda: scraped(port).value("workflowsvc_backup_failures_total") == 1, "a backup that failed")
        found = scraped(port)
        assert found.value("workflowsvc_backup_age_seconds") == inf
        assert found.value("workflowsvc_backup_interval_seconds") == 1_800
        assert found.value("workflowsvc_backups_total") == 0
    in_the_way.rmdir()
    with running_server(tmp_path, *NO_CONSOLE, *options):
        until(lambda: scraped(port).value("workflowsvc_backups_total") == 1, "a backup")
        assert len(backups_in(str(folder))) == 1
        assert 0 <= scraped(port).value("workflowsvc_backup_age_seconds") < 1_800


def test_spans_that_a_collector_refuses_are_counted_as_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")  # ms; the SDK sends what it has at once
    port = free_port()
    options = ("--metrics-port", str(port), "--trace-to")
    with (
        collector(Reply(400, b"no"), Reply()) as there,
        running_server(tmp_path, *NO_CONSOLE, *options, there.url) as server,
    ):
        client = server.client()
        client.list_domains(registrationStatus="REGISTERED")
        until(lambda: scraped(port).value("workflowsvc_trace_spans_lost_total") > 0, "lost spans")
        client.list_domains(registrationStatus="REGISTERED")
        until(lambda: scraped(port).value("workflowsvc_trace_spans_sent_total") > 0, "sent spans")
        found = scraped(port)
        assert found.value("workflowsvc_trace_spans_total") >= 2
        assert not found.values("workflowsvc_backup_age_seconds")


def test_spans_for_which_there_was_no_room_are_lost_once_more_are_missing_than_may_wait() -> None:
    figures = SpanFigures(may_wait=10)
    figures.made.add(10)
    assert figures.lost() == 0
    figures.made.add(5)
    assert figures.lost() == 5
    figures.sent.add(10)  # the collector is back, and the queue empty
    assert figures.lost() == 5
    figures.made.add(3)
    figures.refused.add(3)
    assert figures.lost() == 8
