"""The bench measures what it says, reports it in every form, and refuses to measure wrong answers.

How fast anything is, is not tested: that depends on the machine.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import psycopg
import pytest

from bench import compare, page, picture, report
from bench.__main__ import SCENARIOS, STANDARD, parse
from bench.connection import Connection, content_length
from bench.database import database
from bench.measure import quantile, usage
from bench.side_by_side import Estimate, estimate
from bench.swf import Requests, Unexpected, expect, expect_empty
from tests.support.postgres_programs import require_programs
from tests.support.waiting import PATIENCE_SECONDS
from tools import postgres
from workflowsvc.store.postgres.schema import COPIED, SPREAD

ROOT = Path(__file__).parents[2]


def bench(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    files = ["--folder", str(folder), "--draw", str(folder), "--json", str(folder / "results.json")]
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments, *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def test_a_short_load_on_the_real_server_is_answered_rightly_and_told_as_json(tmp_path: Path) -> None:
    small = ("--open", "4", "--pollers", "2", "--warmup", "0.2", "--seconds", "1")
    finished = bench("throughput", "latency", *small, "--rate", "20", folder=tmp_path)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    machine, results = report.load_results(tmp_path / "results.json")
    assert machine["cores"]
    assert [result.scenario for result in results] == ["throughput", "latency"]
    for result in results:
        figures = {figure.what: figure.value for figure in result.figures}
        assert figures["complete workflows"] > 0
        assert figures["StartWorkflowExecution, p50"] > 0
    assert sorted(file.name for file in tmp_path.iterdir()) == ["results.json"]


def test_recordings_are_played_to_a_decider_with_boto3(tmp_path: Path) -> None:
    finished = bench("replay", "--recordings", "2", folder=tmp_path)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    _, (result,) = report.load_results(tmp_path / "results.json")
    assert result.load == "2 recordings of 101 events, one decider with boto3"
    ways = ("17 tasks each", "17 tasks each, startAtPreviousStartedEvent", "9 tasks each")
    measured = ("all of them", "CPU of a task in the decider", "CPU of a task in replay")
    assert [figure.what for figure in result.figures if figure.value > 0] == [
        f"{what}, {way}" for way in ways for what in measured
    ]


def test_without_a_scenario_the_usual_ones_run_and_an_unknown_one_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert parse([]).scenario == STANDARD
    assert parse(["polls", "moto"]).scenario == ["polls", "moto"]
    assert parse(["all"]).scenario == list(SCENARIOS)
    with pytest.raises(SystemExit):
        parse(["nonsense"])
    assert "no scenario 'nonsense'" in capsys.readouterr().err


def test_only_the_address_of_a_cluster_can_be_distributed(capsys: pytest.CaptureFixture[str]) -> None:
    address = "postgresql://x/y"
    assert parse(["--store", address, "--distribute", "citus"]).distribute == "citus"
    assert parse(["--store", address]).distribute is None
    for store in ("postgres", "sqlite"):
        with pytest.raises(SystemExit):
            parse(["--store", store, "--distribute", "citus"])
        assert "--distribute needs the postgresql:// address" in capsys.readouterr().err


CITUS_IN_NAME_ONLY = """
set allow_system_table_mods = on;
insert into pg_extension values (99999, 'citus', 10, 11, false, '1');
create table pg_catalog.pg_dist_partition (logicalrelid regclass);
create function pg_catalog.create_reference_table(what regclass) returns void language sql as
    'insert into pg_dist_partition values ($1)';
create function pg_catalog.create_distributed_table(what regclass, by text, colocate_with text) returns void
    language sql as 'insert into pg_dist_partition values ($1)'
"""


def test_the_tables_of_a_measurement_are_distributed_when_that_is_asked_for(tmp_path: Path) -> None:
    """On a database whose functions of Citus note what they are called with."""
    require_programs()
    with postgres.running() as server:
        asked = ("wakeup", "--store", server.dsn(), "--distribute", "citus")
        refused = bench(*asked, folder=tmp_path)
        assert refused.returncode == 2
        assert "has no Citus" in refused.stderr
        assert "Traceback" not in refused.stderr
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            assert schemas(connection) == []
            connection.execute(CITUS_IN_NAME_ONLY.encode())
            for distributed, tables in ((False, set[str]()), (True, {*SPREAD, *COPIED})):
                with (
                    database(server.dsn(), distributed=distributed) as beside,
                    beside.fresh_schema() as store,
                    psycopg.connect(store) as inside,
                ):
                    found = inside.execute(
                        "select relname from pg_dist_partition join pg_class on logicalrelid = pg_class.oid"
                    )
                    assert {row[0] for row in found} == tables
                    assert ("distributed by Citus" in beside.version()) is distributed
            assert schemas(connection) == []


def schemas(connection: psycopg.Connection[tuple[Any, ...]]) -> list[str]:
    """Those that measurements have left behind."""
    found = connection.execute("select nspname from pg_namespace where nspname like 'workflowsvc_bench%'")
    return [row[0] for row in found]


def test_a_wrong_answer_ends_the_measurement() -> None:
    async def two_answers() -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-")  # in pieces, as networks deliver
            await writer.drain()
            await asyncio.sleep(0)
            writer.write(b"Length: 4\r\n\r\nno")
            await writer.drain()
            await asyncio.sleep(0)
            writer.write(b"pe")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        connection = await Connection.open("127.0.0.1", port)
        request = Requests("127.0.0.1", port).start_workflow_execution("w")
        refused = await connection.call(request)
        assert refused == (400, b"nope")
        with pytest.raises(Unexpected, match="was answered 400"):
            expect(refused, "StartWorkflowExecution")
        with pytest.raises(Unexpected, match="with a body"):
            expect_empty(refused._replace(status=200), "SignalWorkflowExecution")
        connection.close()
        server.close()

    asyncio.run(two_answers())


@pytest.mark.parametrize("name", ["Content-Length", "content-length", "CONTENT-LENGTH".title()])
def test_the_length_of_an_answer_is_found_however_its_name_is_spelt(name: str) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: x\r\n{name}: 17\r\nServer: y".encode()
    assert content_length(head + b"\r\n\r\n", len(head)) == 17


def test_a_prepared_request_carries_its_value_and_its_length() -> None:
    head, _, body = (
        Requests("h", 1, payload="p").complete_workflow_execution("token/+=").partition(b"\r\n\r\n")
    )
    assert json.loads(body)["taskToken"] == "token/+="
    assert f"Content-Length: {len(body)}".encode() in head


def test_a_quantile_is_the_smallest_value_that_covers_its_share() -> None:
    values = [1.0, 2.0, 3.0, 4.0]
    assert [quantile(values, share) for share in (0.25, 0.5, 0.51, 0.99, 1.0)] == [1.0, 2.0, 3.0, 4.0, 4.0]


def test_usage_counts_the_children_of_a_process_too() -> None:
    with subprocess.Popen(["sh", "-c", "sleep 60 & echo ready; wait"], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        whole = usage(parent.pid)
        own = int((Path("/proc") / str(parent.pid) / "statm").read_text().split()[1])
        [child] = (
            (Path("/proc") / str(parent.pid) / "task" / str(parent.pid) / "children").read_text().split()
        )
        subprocess.run(["kill", child], check=True)
    assert whole.resident_bytes > own


def test_a_figure_knows_whether_its_goal_is_met() -> None:
    assert report.Figure("a", 801, "/s", at_least=800).met is True
    assert report.Figure("a", 3.1, "ms", at_most=3).met is False
    assert report.Figure("a", 3.1, "ms").met is None


def test_a_difference_that_does_not_show_in_every_turn_is_none() -> None:
    assert compare.verdict(Estimate(1.25, 1.2, 1.3), more_is_better=True) == "better"
    assert compare.verdict(Estimate(1.25, 1.2, 1.3), more_is_better=False) == "WORSE"
    assert compare.verdict(Estimate(0.7, 0.5, 0.9), more_is_better=False) == "better"
    assert compare.verdict(Estimate(0.7, 0.5, 1.1), more_is_better=False) == ""


def test_the_range_of_a_median_leaves_out_what_only_a_few_slices_showed() -> None:
    assert estimate([1.0, 1.1, 1.2]) == Estimate(1.1, 1.0, 1.2)  # too few to leave out any
    assert estimate([9.0, *(1 + number / 100 for number in range(10)), 0.1]) == Estimate(1.045, 1.01, 1.08)


def test_pictures_are_well_formed_and_hold_every_point(tmp_path: Path) -> None:
    line = [(1.0, 10.0), (2.0, 19.0), (64.0, 400.5)]
    result = report.Result("sweep", "a <load> & more")
    result.series = {picture.sweep.THROUGHPUT: line, "signal: ms against events": line}
    for name in (
        picture.sweep.CALL_P50,
        picture.sweep.CALL_P99,
        picture.sweep.TASK_P50,
        picture.sweep.TASK_P99,
    ):
        result.series[name] = line
    drawn = picture.draw_all([result], {"processor": "<any>"}, tmp_path)
    assert [file.name for file in drawn] == ["performance.svg", "growth.svg"]
    circles = [len(ElementTree.parse(file).findall(".//{*}circle")) for file in drawn]
    assert circles == [5 * len(line), len(line)]


def test_figures_replace_those_of_the_page_and_nothing_else(tmp_path: Path) -> None:
    result = report.Result("throughput", "closed loop")
    result.add("complete workflows", 1234, "/s", at_least=800)
    report.save(tmp_path / "results.json", {"processor": "any"}, [result])
    file = tmp_path / "page.md"
    file.write_text(f"before\n{page.BEGIN}\nold figures\n{page.END}\nafter\n")
    page.main(tmp_path / "results.json", file)
    text = file.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "| complete workflows | 1,234 /s | ≥ 800 (met) |" in text
    assert "old figures" not in text
