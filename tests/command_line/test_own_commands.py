"""Commands that the service's own API answers: why, problems and lists; and what is said of operations to come."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.command_line.conftest import Run
from tests.command_line.shell import Shop, charge
from workflowsvc.lint.checker import lint_history
from workflowsvc.lint.source import parse_answer


@pytest.fixture
def shop(client: Any, domain: str) -> Shop:
    return Shop(client, domain)


def test_why_prints_the_findings_and_tells_by_its_status_that_something_is_wrong(
    run: Run, shop: Shop
) -> None:
    shop.start("waits")
    why = run("why", "waits")
    assert why.status == 10
    assert "CRITICAL  NO_DECISION_POLLER" in why.out
    assert 'do: Start a decider that polls "deciders"' in why.out
    (finding,) = run("why", "waits", "--json").objects
    assert (finding["code"], finding["taskList"]) == ("NO_DECISION_POLLER", {"name": "deciders"})


def test_why_ends_with_0_when_nothing_is_wrong(run: Run, shop: Shop) -> None:
    shop.start("works")
    shop.decide(charge("a"))
    shop.poll_activity()
    why = run("why", "works")
    assert (why.status, "ACTIVITY_RUNNING" in why.out) == (0, True)


def test_problems_groups_what_runs_share(run: Run, shop: Shop) -> None:
    for number in range(3):
        shop.start(f"waits-{number}")
    problems = run("problems")
    assert problems.status == 10
    assert "NO_DECISION_POLLER  3 runs" in problems.out
    assert "3 open runs" in problems.out
    (group,) = run("problems", "--json", "--examples", "1").objects
    assert (group["executions"], len(group["examples"])) == (3, 1)


def test_problems_ends_with_0_when_there_are_none(run: Run) -> None:
    assert run("problems").status == 0


def test_lists_shows_backlog_and_pollers(run: Run, shop: Shop) -> None:
    shop.start("one")
    shop.decide(charge("a"))
    shop.start("two")
    rows = {row["taskList"]["name"]: row for row in run("lists", "--json").objects}
    assert {name: row["backlog"] for name, row in rows.items()} == {"deciders": 1, "workers": 1}
    assert "never" in run("lists", "--kind", "activity").out
    detail = run("lists", "deciders")
    assert "decider-1" in detail.out
    assert "No client polls it." in run("lists", "workers").out


def test_a_run_that_does_not_exist_has_a_status_of_its_own(run: Run) -> None:
    for words in (["why", "none"], ["show", "none"], ["terminate", "none"], ["export", "none"]):
        ended = run(*words)
        assert ended.status == 3, words
        assert len(ended.err.splitlines()) == 1


@pytest.fixture
def runs(shop: Shop) -> Shop:
    """Two completed runs and three open ones, two of them tagged."""
    shop.complete("done-1")
    shop.complete("done-2")
    shop.start("open-1", tagList=["urgent", "eu"])
    shop.start("open-2", tagList=["urgent"])
    shop.start("other")
    return shop


def ids(run: Run, *words: str) -> list[str]:
    """The workflowIds that `list` prints, in their order."""
    listed = run("list", "--json", *words)
    assert listed.status == 0, listed.err
    return [row["execution"]["workflowId"] for row in listed.objects]


def test_list_finds_runs_by_conditions_in_any_order(run: Run, runs: Shop) -> None:
    assert ids(run) == ["other", "open-2", "open-1", "done-2", "done-1"]
    assert ids(run, "--ascending", "--limit", "2") == ["done-1", "done-2"]
    assert ids(run, "--status", "COMPLETED", "--sort", "id", "--ascending") == ["done-1", "done-2"]
    assert ids(run, "--open", "--tag", "urgent", "--no-tag", "eu") == ["open-2"]
    assert ids(run, "--id-begins", "open-", "--started-after", "1h") == ["open-2", "open-1"]
    assert ids(run, "--type", "order:1", "--task-list", "deciders", "--closed", "--min-events", "5") == [
        "done-2",
        "done-1",
    ]
    assert ids(run, "--started-before", "1d") == []


def test_list_says_that_more_runs_match_than_it_prints(run: Run, runs: Shop) -> None:
    listed = run("list", "--limit", "2")
    assert [line.split()[1] for line in listed.out.splitlines()[1:]] == ["other", "open-2"]
    assert listed.err == "workflowsvc list: more runs match than these 2: --limit 0 lists all\n"
    assert run("list", "--limit", "5").err == ""
    assert run("list", "--id", "none").out == "No run matches.\n"
    run_id = run("list", "--json", "--id", "other").objects[0]["execution"]["runId"]
    assert run_id in run("list", "--run-ids").out


def test_count_counts_by_group(run: Run, runs: Shop) -> None:
    assert run("count").out == "5\n"
    assert run("count", "--open", "--json").objects == [{"count": 3}]
    rows = {row["key"]: row["count"] for row in run("count", "--by", "status", "--json").objects}
    assert rows == {"OPEN": 3, "COMPLETED": 2}
    last = run("count", "--by", "type").out.splitlines()[-1]
    assert last.split() == ["all", "5"]


def test_what_the_server_refuses_is_said_in_one_line(run: Run) -> None:
    refused = run("list", "--open", "--status", "FAILED")
    assert refused.status == 1
    assert len(refused.err.splitlines()) == 1
    assert "SearchExecutions: ValidationException" in refused.err


def test_rerun_starts_a_closed_run_again_with_changes(run: Run, shop: Shop) -> None:
    shop.start("again", input="first")
    run("terminate", "again")
    rerun = run("rerun", "again", "--input", "second", "--json")
    assert rerun.status == 0, rerun.err
    (started,) = rerun.objects
    events = run("show", "again", "--full", "--json").objects
    assert events[0]["workflowExecutionStartedEventAttributes"]["input"] == "second"
    assert run("list", "--open", "--json").objects[0]["execution"] == started


def test_a_closed_run_can_be_deleted(run: Run, shop: Shop) -> None:
    run_id = shop.complete("gone")
    shop.complete("kept")
    deleted = run("delete", "gone", "--yes")
    assert (deleted.status, deleted.out) == (0, f"deleted gone, run {run_id}\n")
    assert ids(run) == ["kept"]
    shop.start("open")
    assert run("delete", "open", "--yes").status == 1


def test_a_domain_can_be_deleted_with_everything_in_it(run: Run, runs: Shop) -> None:
    refused = run("delete", "--whole-domain", "--domain", runs.domain, "--yes")
    assert refused.status == 1
    deleted = run("delete", "--whole-domain", "--domain", runs.domain, "--yes", "--force")
    assert deleted.status == 0, deleted.err
    assert runs.domain not in run("domains").out


def test_export_writes_the_histories_of_all_runs_that_match(run: Run, runs: Shop, tmp_path: Path) -> None:
    exported = run("export", "--to", str(tmp_path / "kept"), "--closed", "--json")
    assert exported.status == 0, exported.err
    files = sorted((tmp_path / "kept").iterdir())
    assert [file.name.partition(".")[0] for file in files] == ["done-1", "done-2"]
    assert {row["file"] for row in exported.objects} == {str(file) for file in files}
    for file in files:
        history = parse_answer(file.read_bytes(), file.name)
        assert lint_history(history.events, complete=True) == []


def test_exported_histories_are_imported_to_be_looked_at(run: Run, runs: Shop, tmp_path: Path) -> None:
    run("export", "--to", str(tmp_path), "--closed")
    files = sorted(map(str, tmp_path.iterdir()))
    into = f"{runs.domain}-imported"
    imported = run("import", *files, "--domain", into)
    assert imported.status == 0, imported.err
    assert [line.partition(": ")[0] for line in imported.out.splitlines()] == [
        f"imported {file}" for file in files
    ]
    rows = {row["execution"]["workflowId"]: row for row in run("list", "--domain", into, "--json").objects}
    assert rows.keys() == {"done-1", "done-2"}
    shown = run("show", "done-1", "--domain", into, "--full", "--json").objects
    original = run("show", "done-1", "--full", "--json").objects
    assert [event["eventType"] for event in shown] == [event["eventType"] for event in original]


def test_a_file_that_cannot_be_imported_is_named_and_the_others_are_imported(
    run: Run, shop: Shop, tmp_path: Path
) -> None:
    shop.complete("good")
    run("export", "good", "-o", str(tmp_path / "good.json"))
    (tmp_path / "wrong.json").write_text('{"events": "none"}')
    (tmp_path / "binary.json").write_bytes(b"\xff\x00\xff")
    files = [str(tmp_path / name) for name in ("wrong.json", "missing.json", "binary.json", "good.json")]
    imported = run("import", *files, "--domain", f"{shop.domain}-imported", "--json")
    assert imported.status == 1
    assert [
        line.partition(": ")[2].partition(":")[0].split()[0] for line in imported.err.splitlines()
    ] == files[:3]
    (row,) = imported.objects
    assert (row["file"], row["events"]) == (files[3], 5)
    original = json.loads(Path(files[3]).read_text())["execution"]
    assert (row["execution"]["workflowId"], row["originalRunId"]) == tuple(original.values())


def test_a_history_that_is_larger_than_a_request_is_imported(run: Run, shop: Shop, tmp_path: Path) -> None:
    shop.start("large")
    for number in range(40):
        shop.client.signal_workflow_execution(
            domain=shop.domain, workflowId="large", signalName="s", input=f"{number:05}" * 6_000
        )
    run("terminate", "large")
    run("export", "large", "-o", str(tmp_path / "large.json"))
    assert (tmp_path / "large.json").stat().st_size > 1_200_000
    imported = run("import", str(tmp_path / "large.json"), "--domain", f"{shop.domain}-imported", "--json")
    assert imported.status == 0, imported.err
    assert imported.objects[0]["events"] == 43


def test_import_needs_a_domain_of_its_own(run: Run, shop: Shop, tmp_path: Path) -> None:
    shop.complete("good")
    run("export", "good", "-o", str(tmp_path / "good.json"))
    refused = run("import", str(tmp_path / "good.json"), "--domain", shop.domain)
    assert refused.status == 1
    assert len(refused.err.splitlines()) == 1


def test_log_level_says_and_changes_what_a_server_logs(run: Run) -> None:
    first = run("log-level", "--json")
    assert first.status == 0, first.err
    before = {row["part"]: row["level"] for row in first.objects}
    assert before["CALLS"] == before["ALL"]
    changed = run("log-level", "calls", "debug")
    assert changed.status == 0
    assert [line.split()[:2] for line in changed.out.splitlines()[1:]] == [["calls", "debug"]]
    assert [row["isOwn"] for row in run("log-level", "calls", "--json").objects] == [True]
    back = run("log-level", "calls", "reset", "--json").objects
    assert [row["level"] for row in back] == [before["CALLS"]]
    assert run("log-level", "colours").status == 2
