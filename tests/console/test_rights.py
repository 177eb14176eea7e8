"""What people who have signed in see and may do: pages, buttons and answers that are kept, all by the same policies."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.authorization.guarded import WORKFLOW, D, audit_lines
from tests.console.browsing import Browser
from tests.console.guarded_console import EVERYTHING, READING, GuardedConsole, sign_in
from tests.support.access import Statement, allow, deny
from workflowsvc.console import lookups
from workflowsvc.console.paths import path

RUN_ACTIONS = ("signal", "cancel", "terminate", "start")


@pytest.fixture
def console() -> Iterator[GuardedConsole]:
    console = GuardedConsole()
    yield console
    console.close()


@pytest.fixture
def browser(console: GuardedConsole) -> Iterator[Browser]:
    with console.browser() as browser:
        yield browser


@pytest.fixture
def run(console: GuardedConsole) -> str:
    """The path of an open run."""
    execution = console.guarded.start("w")
    return path("domains", "d", "runs", execution["workflowId"], execution["runId"])


def come_in(console: GuardedConsole, browser: Browser, *statements: Statement) -> None:
    console.person("ann", *statements)
    assert sign_in(browser, "ann").status == 303


def test_who_may_everything_is_offered_everything(
    console: GuardedConsole, browser: Browser, run: str, caplog: pytest.LogCaptureFixture
) -> None:
    come_in(console, browser)
    page = browser.get(run)
    assert {f"{run}/{action}" for action in RUN_ACTIONS} <= set(page.links)
    assert "your policies do not allow" not in page.text
    assert browser.get("/domains").form("/domains/register")
    assert browser.get("/domains/d/executions").form("/domains/d/batch")
    browser.send(browser.get(f"{run}/terminate").form(f"{run}/terminate"), reason="enough")
    assert audit_lines(caplog) == []


def test_who_may_only_read_sees_every_page_and_no_button(
    console: GuardedConsole, browser: Browser, run: str, caplog: pytest.LogCaptureFixture
) -> None:
    come_in(console, browser, READING, deny("workflowsvc:RerunExecution", "workflowsvc:DeleteExecution"))
    page = browser.get(run)
    assert page.status == 200
    assert not {f"{run}/{action}" for action in RUN_ACTIONS} & set(page.links)
    assert "Terminate: your policies do not allow swf:TerminateWorkflowExecution." in page.text
    kind = "/domains/d/types/workflow/{name}/{version}".format_map(WORKFLOW)
    for address, missing in (
        ("/domains", "swf:RegisterDomain"),
        (kind, "swf:DeprecateWorkflowType"),
        ("/domains/d/executions", "swf:SignalWorkflowExecution"),
        (f"{run}/terminate", "swf:TerminateWorkflowExecution"),
        ("/domains/d/ask/deprecate", "swf:DeprecateDomain"),
        (f"{kind}/deprecate", "swf:DeprecateWorkflowType"),
    ):
        shown = browser.get(address)
        assert shown.status == 200, address
        assert missing in shown.text, address
        assert "<button>" not in shown.html.replace("<button>Search</button>", ""), address
        assert 'class="danger"' not in shown.html, address
    assert browser.get("/domains/d/task-lists").status == browser.get("/domains/d/problems").status == 200
    assert audit_lines(caplog) == [], "a button that is not drawn is no refusal"


def test_a_form_that_is_sent_all_the_same_is_refused(
    console: GuardedConsole, browser: Browser, run: str, caplog: pytest.LogCaptureFixture
) -> None:
    come_in(console, browser, READING, allow("swf:TerminateWorkflowExecution"))
    form = browser.get(f"{run}/terminate").form(f"{run}/terminate")
    console.users.give("ann", READING)
    page = browser.send(form, reason="enough")
    assert "is not authorized to perform: swf:TerminateWorkflowExecution" in page.text
    assert audit_lines(caplog)[-1]["action"] == "swf:TerminateWorkflowExecution"
    assert browser.get(run).text.count("open") > 0


def test_a_page_that_may_not_be_seen_says_which_action_is_missing(
    console: GuardedConsole, browser: Browser, run: str
) -> None:
    come_in(console, browser, allow("swf:*"))
    page = browser.get(run)
    assert page.status == 403
    assert "Access is denied" in page.text
    assert "workflowsvc:" in page.text
    assert f"on resource: {D}" in page.text


def test_who_has_a_right_to_one_domain_comes_to_it_and_sees_no_other(
    console: GuardedConsole, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    console.guarded.call("RegisterDomain", name="e", workflowExecutionRetentionPeriodInDays="1")
    come_in(console, browser, allow("swf:*", "workflowsvc:*", on=D))
    first = browser.get("/domains")
    assert first.status == 403
    assert "swf:ListDomains" in first.text
    there = browser.get(browser.send(first.form("/go"), domain="d").headers["location"])
    assert (there.status, there.response.url.path) == (200, "/domains/d/executions")
    assert browser.get("/domains/e/executions").status == 403
    console.users.give("ann", allow("swf:*", "workflowsvc:*", on=D), allow("swf:ListDomains"))
    audit_lines(caplog)
    rows = browser.get("/domains").rows
    assert [row[0] for row in rows[1:]] == ["d", "e"]
    assert "your policies do not allow workflowsvc:CountExecutions" in rows[2][1]
    problems = browser.get("/problems")
    assert "1 domain is left out" in problems.text
    assert audit_lines(caplog) == []


def test_what_depends_on_the_request_is_offered_and_judged_when_it_is_made(
    console: GuardedConsole, browser: Browser, run: str
) -> None:
    only = allow("swf:StartWorkflowExecution", StringEquals={"swf:taskList.name": "mine"})
    come_in(console, browser, READING, only)
    assert f"{run}/start" in browser.get(run).links
    page = browser.send(browser.get(f"{run}/start").form(f"{run}/start"), workflowId="x")
    assert "is not authorized to perform: swf:StartWorkflowExecution" in page.text
    form = browser.get(f"{run}/start").form(f"{run}/start")
    assert "This run was started just now" in browser.send(form, workflowId="x", taskList="mine").text


def test_what_a_page_only_mentions_is_left_out_where_it_could_be_refused(
    console: GuardedConsole, browser: Browser, run: str, caplog: pytest.LogCaptureFixture
) -> None:
    elsewhere = {"StringEquals": {"aws:ResourceTag/Team": "others"}}
    come_in(
        console,
        browser,
        allow("swf:*", "workflowsvc:Search*", "workflowsvc:Count*", "workflowsvc:ExplainExecution"),
        allow("workflowsvc:DescribeExecutionState"),
        allow("workflowsvc:ExplainDomain", "workflowsvc:DescribeTaskList", **elsewhere),
    )
    for page in ("/domains", "/domains/d/executions", run, f"{run}/signal"):
        shown = browser.get(page)
        assert shown.status == 200, shown.text
        assert "poll waits now" not in shown.text
    assert audit_lines(caplog) == []


# --- answers that are kept ---


def slow_counts(console: GuardedConsole, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is found is kept for a minute, however fast it was."""
    monkeypatch.setattr(lookups, "MIN_WORK_SECONDS", 0.0)
    monkeypatch.setattr(lookups, "MIN_REST_SECONDS", 60.0)


def test_what_was_found_for_one_person_is_shown_to_no_other(
    console: GuardedConsole, browser: Browser, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow_counts(console, monkeypatch)
    come_in(console, browser)
    assert "all 1" in browser.get("/domains/d/executions").text
    console.person("bob", deny("workflowsvc:CountExecutions"), EVERYTHING)
    with console.browser() as other:
        sign_in(other, "bob")
        page = other.get("/domains/d/executions")
        assert page.status == 403
        assert "workflowsvc:CountExecutions" in page.text


@pytest.mark.parametrize("how", ["policy", "address", "tags", "time"])
def test_what_was_found_goes_with_the_right_to_see_it(
    console: GuardedConsole, browser: Browser, run: str, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    slow_counts(console, monkeypatch)
    conditions: dict[str, dict[str, dict[str, str]]] = {
        "policy": {},
        "address": {"IpAddress": {"aws:SourceIp": "127.0.0.1/32"}},
        "tags": {"StringEquals": {"aws:ResourceTag/Team": "orders"}},
        "time": {"DateLessThan": {"aws:CurrentTime": "2012-01-25T00:30:00Z"}},
    }
    come_in(
        console,
        browser,
        allow("workflowsvc:CountExecutions", on="*", **conditions[how]),
        deny("workflowsvc:CountExecutions", on="arn:aws:swf:*:*:/domain/none"),
        allow("swf:*", "workflowsvc:Search*"),
    )
    assert "all 1" in browser.get("/domains/d/executions").text
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    match how:
        case "policy":
            console.users.give("ann", allow("swf:*", "workflowsvc:Search*"))
        case "tags":
            console.guarded.call("UntagResource", resourceArn=D, tagKeys=["Team"])
            console.guarded.clock.advance(1_000)
        case "time":
            console.guarded.clock.advance(1_800_000 - 1)
            browser.get("/domains")
            console.guarded.clock.advance(1)
        case _:
            with console.browser(client="127.0.0.2") as other:
                assert (
                    other.request("GET", "/domains/d/executions", headers={"cookie": cookies}).status == 403
                )
            return
    assert browser.get("/domains/d/executions").status == 403


def test_a_history_is_kept_for_those_who_may_still_see_it(
    console: GuardedConsole, browser: Browser, run: str
) -> None:
    come_in(console, browser)
    assert browser.get(f"{run}?tab=events").status == 200
    console.users.give("ann", EVERYTHING, deny("swf:GetWorkflowExecutionHistory"))
    page = browser.get(f"{run}?tab=events")
    assert page.status == 403
    assert "swf:GetWorkflowExecutionHistory" in page.text


def test_an_open_page_is_drawn_again_when_rights_have_changed(
    console: GuardedConsole, browser: Browser, run: str
) -> None:
    come_in(console, browser)
    version = browser.get(run).html.partition('data-version="')[2].partition('"')[0]
    assert browser.get(run, hx_request="true", if_none_match=version).status == 204
    console.users.give("ann", READING)
    part = browser.get(run, hx_request="true", if_none_match=version)
    assert part.status == 200
    assert "do not allow swf:TerminateWorkflowExecution" in part.text


def test_a_file_is_seen_by_who_has_sent_it_also_after_a_change_of_access(
    console: GuardedConsole, browser: Browser, run: str
) -> None:
    come_in(console, browser)
    history = browser.get(f"{run}/history").response.content
    page = browser.upload(browser.get("/import").form("/import"), "w.json", history)
    assert page.status == 200
    here = page.response.url.path
    console.person("bob")
    assert browser.get(here).status == 200
    with console.browser() as other:
        sign_in(other, "bob")
        assert other.get(here).status == 404


def test_pages_tell_the_service_who_asks(
    console: GuardedConsole, browser: Browser, run: str, caplog: pytest.LogCaptureFixture
) -> None:
    """So that conditions of policies on the address or on TLS hold for pages, too."""
    come_in(console, browser, EVERYTHING, deny("swf:*", Bool={"aws:SecureTransport": "false"}))
    assert browser.get("/domains").status == 403
    line = audit_lines(caplog)[-1]
    assert (line["keyId"], line["sourceIp"]) == ("AKIAANN", "127.0.0.1")
    assert line["action"] == "swf:ListDomains"
    assert "AKIAANN" in console.service.used
