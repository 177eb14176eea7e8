"""The dashboard and the alert rules in `deploy/`, and docs/metrics.md, speak of metrics that are there.

Every expression is asked of a real Prometheus that reads a real server, where the machine has Debian's `prometheus`.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.http.support import post
from tests.metrics.reading import Metrics
from tests.metrics.test_page import Measured, serving
from tests.support.waiting import PATIENCE_SECONDS, until
from tools.ports import free_port
from workflowsvc.metrics.stores import TEXTS
from workflowsvc.store.sqlite.store import SqliteStore

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy" / "prometheus" / "workflowsvc.rules.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "workflowsvc.json"
PAGE = ROOT / "docs" / "metrics.md"
NAME = re.compile(r"\b(?:swf|workflowsvc)_[a-z_]+\b")
OF_HISTOGRAM = re.compile(r"_(bucket|count|sum)$")

# A machine that runs tests may be slow, and its disk full.
OF_THE_MACHINE = {"WorkflowsvcDiskFull", "WorkflowsvcDiskFillsUp", "WorkflowsvcSlow"}

# There with --backup-to and --trace-to alone; the tests of those make them.
BY_OPTIONS = {
    "workflowsvc_backup_age_seconds",
    "workflowsvc_backup_interval_seconds",
    "workflowsvc_backups_total",
    "workflowsvc_backup_failures_total",
    "workflowsvc_trace_spans_total",
    "workflowsvc_trace_spans_sent_total",
    "workflowsvc_trace_spans_lost_total",
}

WORKFLOW = {"name": "t", "version": "1"}
STORY: list[tuple[str, dict[str, Any]]] = [
    ("RegisterDomain", {"name": "d", "workflowExecutionRetentionPeriodInDays": "1"}),
    (
        "RegisterWorkflowType",
        {
            "domain": "d",
            **WORKFLOW,
            "defaultTaskList": {"name": "l"},
            "defaultChildPolicy": "TERMINATE",
            "defaultTaskStartToCloseTimeout": "NONE",
            "defaultExecutionStartToCloseTimeout": "60",
        },
    ),
    ("RegisterActivityType", {"domain": "d", "name": "a", "version": "1"}),
    ("StartWorkflowExecution", {"domain": "d", "workflowId": "w", "workflowType": WORKFLOW}),
]
ACTIVITY = {
    "activityId": "a",
    "activityType": {"name": "a", "version": "1"},
    "taskList": {"name": "l"},
    "scheduleToStartTimeout": "NONE",
    "scheduleToCloseTimeout": "NONE",
    "startToCloseTimeout": "NONE",
    "heartbeatTimeout": "NONE",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Measured]:
    """One that has done something of each kind that is measured by type."""
    store = SqliteStore(str(tmp_path_factory.mktemp("deploy") / "workflowsvc.db"))
    with serving(store, limits="aws") as it:
        for action, body in STORY:
            assert it.call(post(action, body)).status == 200
        task = it.call(post("PollForDecisionTask", {"domain": "d", "taskList": {"name": "l"}})).json
        schedule = {
            "decisionType": "ScheduleActivityTask",
            "scheduleActivityTaskDecisionAttributes": ACTIVITY,
        }
        decided = {"taskToken": task["taskToken"], "decisions": [schedule]}
        assert it.call(post("RespondDecisionTaskCompleted", decided)).status == 200
        task = it.call(post("PollForActivityTask", {"domain": "d", "taskList": {"name": "l"}})).json
        assert it.call(post("RespondActivityTaskCompleted", {"taskToken": task["taskToken"]})).status == 200
        assert it.call(b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n").status == 400
        yield it
    store.close()


@pytest.fixture(scope="module")
def names(server: Measured) -> set[str]:
    """Of all series that a server may have."""
    until(lambda: server.scrape().values("workflowsvc_refused_requests_total"), "a page has all")
    of_stores = {f"workflowsvc_store_{name}" for name in TEXTS}
    of_access = {"workflowsvc_access_refusals_total"}  # with --auth alone
    there = {name for name in server.scrape().names() if NAME.fullmatch(name)}
    return there | of_stores | of_access | BY_OPTIONS


def alerts() -> dict[str, dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def queries() -> list[str]:
    """The expressions of the dashboard, with Grafana's variables set as it would set them."""
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    found = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    for variable, value in (
        ("$__rate_interval", "4s"),
        ("$job", "workflowsvc"),
        ("$instance", ".*"),
        ("$domain", ".*"),
    ):
        found = [expression.replace(variable, value) for expression in found]
    return found


def test_alerts_and_dashboard_name_metrics_that_exist(names: set[str]) -> None:
    expressions = [rule["expr"] for rule in alerts().values()] + queries()
    assert len(expressions) > 60
    unknown = {name for expression in expressions for name in NAME.findall(expression)} - names
    # Of its labels, which begin like a metric.
    assert unknown - {"workflow_type_name"} == set()


def test_the_page_has_every_metric_and_no_other(names: set[str]) -> None:
    said = set(NAME.findall(PAGE.read_text(encoding="utf-8")))
    histograms = {OF_HISTOGRAM.sub("", name) for name in names if name.endswith("_bucket")}
    there = {
        OF_HISTOGRAM.sub("", name) if OF_HISTOGRAM.sub("", name) in histograms else name for name in names
    }
    assert said == there


def test_the_page_has_every_alert() -> None:
    said = set(re.findall(r"`(Workflowsvc[A-Za-z]+)`", PAGE.read_text(encoding="utf-8")))
    assert said == alerts().keys()


def test_every_panel_says_what_it_shows_and_has_a_place_of_its_own() -> None:
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24
    assert all(panel["title"] for panel in panels)


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"there is no {name} here (Debian has it in the package `prometheus`)")
    return found


def test_promtool_accepts_rules_configuration_and_metrics(server: Measured, tmp_path: Path) -> None:
    promtool = program("promtool")
    subprocess.run([promtool, "check", "rules", str(RULES)], check=True, capture_output=True)
    configuration = RULES.with_name("prometheus.yml")
    subprocess.run(
        [promtool, "check", "config", "--syntax-only", str(configuration)], check=True, capture_output=True
    )
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=server.get().body, capture_output=True, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, b"")


def test_alerts_are_raised_when_they_should_be_and_not_otherwise() -> None:
    told = subprocess.run(
        [program("promtool"), "test", "rules", str(Path(__file__).with_name("alerts.yml"))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr


class Prometheus:
    """A real one, that reads the server every second."""

    def __init__(self, folder: Path, server: Measured) -> None:
        target = server.metrics.url.removeprefix("http://").removesuffix("/metrics")
        configuration = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(RULES)],
            "scrape_configs": [{"job_name": "workflowsvc", "static_configs": [{"targets": [target]}]}],
        }
        (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
        self.url = f"http://127.0.0.1:{free_port()}"
        self.process = subprocess.Popen(
            [
                program("prometheus"),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={self.url.removeprefix('http://')}",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def ask(self, expression: str) -> list[Any]:
        """The series of the answer; the expression is wrong when Prometheus says so."""
        url = f"{self.url}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as answer:
                return json.load(answer)["data"]["result"]
        except urllib.error.HTTPError as refusal:
            if refusal.status == 503:
                return []  # it has not read its own files yet
            raise AssertionError(f"{expression}: {refusal.read().decode()}") from refusal
        except OSError:
            return []  # it has not begun to listen


@pytest.fixture(scope="module")
def prometheus(server: Measured, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    it = Prometheus(tmp_path_factory.mktemp("prometheus"), server)
    try:
        until(
            lambda: it.ask("count_over_time(workflowsvc_store_open[1m]) >= 3"),
            "Prometheus has read three times",
        )
        yield it
    finally:
        it.process.kill()
        it.process.wait()


def test_prometheus_answers_every_expression_of_the_dashboard(prometheus: Prometheus) -> None:
    for expression in queries():
        # What only PostgreSQL has, and what has not happened, has no series.
        may_be_empty = re.search(
            "access_refusals|backup|trace_spans|store_(connections|max_conn|oldest|dead|standby|waiting)|timer_lag|refused_requests|result!=",
            expression,
        )
        found = prometheus.ask(expression)
        assert found or may_be_empty, f"no series: {expression}"


def test_prometheus_knows_the_rules_and_finds_a_server_that_works_in_order(prometheus: Prometheus) -> None:
    for name, rule in alerts().items():
        found = prometheus.ask(rule["expr"])
        assert not found or name in OF_THE_MACHINE, f"{name} would be raised for a server that works"


def test_a_scrape_is_what_prometheus_has_read(prometheus: Prometheus, server: Measured) -> None:
    found = prometheus.ask("swf_activity_tasks_completed_total")
    assert [series["value"][1] for series in found] == ["1"]
    mine = Metrics(server.get().body.decode())
    assert mine.value("swf_activity_tasks_completed_total") == 1
