"""Runs as a file: CSV that no spreadsheet can be harmed by, and ids for scripts."""

from __future__ import annotations

import csv
import io

import pytest

from tests.console.browsing import Browser
from tests.world_fixture import WorldFixture, decision

HOSTILE = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", '"=1', "a,b", "a\nb", " =1", "'", "~", "ä"]


def test_every_run_that_matches_is_a_row(stage: WorldFixture, browser: Browser) -> None:
    for number in range(120):  # more than one page of a search
        stage.start(f"w{number}")
    answer = browser.get("/domains/d/executions.csv?begins=w1")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == 'attachment; filename="executions.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.response.text)))
    assert {row["workflowId"] for row in rows} == {f"w{n}" for n in range(120) if str(n).startswith("1")}
    assert len(browser.get("/domains/d/executions.ids").response.text.splitlines()) == 120


@pytest.mark.parametrize("text", HOSTILE)
def test_no_cell_is_a_formula(stage: WorldFixture, browser: Browser, text: str) -> None:
    stage.start("w" if "\t" in text or "\n" in text else text, tagList=["t"])
    stage.decide(decision("FailWorkflowExecution", reason=text))
    row = next(
        csv.DictReader(
            io.StringIO(
                browser.get(
                    "/domains/d/executions.csv",
                ).response.text,
                newline="",
            )
        )
    )
    for cell in row.values():
        assert not cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r"))
    assert text in row["reason"]


def test_an_id_with_a_tab_or_line_stays_on_its_line(stage: WorldFixture, browser: Browser) -> None:
    run_id = stage.start("a\\b")
    assert browser.get("/domains/d/executions.ids").response.text == f"a\\\\b\t{run_id}\n"


def test_what_cannot_be_searched_for_is_a_page_and_no_file(browser: Browser) -> None:
    page = browser.get("/domains/d/executions.csv?min-events=x")
    assert page.status == 400
    assert "content-disposition" not in page.headers
    assert browser.get("/domains/nowhere/executions.csv").status == 404
