"""What a request must be, what an answer says to the browser, and that every page comes in its three forms."""

from __future__ import annotations

import pytest

from tests.console.browsing import ORIGIN, Browser
from workflowsvc.console.gate import HEADERS

FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize("path", ["/", "/domains", "/domains.json", "/nothing", "/static/style.css"])
def test_every_answer_has_all_headers(browser: Browser, path: str) -> None:
    page = browser.get(path)
    assert HEADERS.items() <= dict(page.headers).items()
    assert page.headers["cache-control"] == "no-store"


def test_static_files_are_kept_under_an_address_that_changes_with_them(browser: Browser) -> None:
    style = next(part for part in browser.get("/domains").html.split('"') if "style.css?v=" in part)
    assert "immutable" in browser.get(style).headers["cache-control"]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8889", "127.0.0.1.evil.example", ""])
def test_a_page_that_has_its_name_lead_here_gets_nothing(browser: Browser, host: str) -> None:
    assert browser.get("/domains", host=host).status == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_page_reads_nothing_but_may_link(browser: Browser, site: str) -> None:
    assert browser.get("/domains.json", sec_fetch_site=site, sec_fetch_mode="no-cors").status == 403
    assert browser.get("/domains", sec_fetch_site=site, sec_fetch_mode="navigate").status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:8888"},
        {"origin": "null"},
        {"origin": ORIGIN, "sec-fetch-site": "cross-site"},
        {"origin": "null", "sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site"},
    ],
)
def test_a_form_of_another_page_is_refused(browser: Browser, headers: dict[str, str]) -> None:
    token = dict(browser.get("/domains").form("/domains/register").fields)["form_token"]
    body = f"form_token={token}&name=stolen&retention=1"
    assert browser.request("POST", "/domains/register", content=body, headers=FORM | headers).status == 403
    assert "stolen" not in browser.get("/domains").text
    assert browser.request("POST", "/domains/register", content=body, headers=FORM).status == 303


@pytest.mark.parametrize("token", ["", "form_token=&", "form_token=00&", "form_token=%F0%9F%98%80&"])
def test_a_form_without_the_token_is_refused(browser: Browser, token: str) -> None:
    body = f"{token}name=stolen&retention=1"
    page = browser.request("POST", "/domains/register", content=body, headers=FORM | {"origin": ORIGIN})
    assert page.status == 403
    assert "This form is out of date" in page.text


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"\xff=1", FORM["content-type"], 400),
        (b"a=%ff", FORM["content-type"], 400),
        (b"a=1&" * 3_000, FORM["content-type"], 400),
        (b"a=" + b"x" * 1_100_000, FORM["content-type"], 413),
        (b"{}", "application/json", 415),
        (b"", "", 415),
    ],
)
def test_a_body_that_is_no_form_is_refused(browser: Browser, body: bytes, kind: str, status: int) -> None:
    headers = {"content-type": kind, "origin": ORIGIN}
    assert browser.request("POST", "/domains/register", content=body, headers=headers).status == status


def test_an_open_page_gets_its_live_part_only_when_it_has_changed(browser: Browser) -> None:
    part = browser.get("/domains", hx_request="true")
    assert part.html.strip().startswith("<div")
    version = part.html.partition('data-version="')[2].partition('"')[0]
    same = browser.get("/domains", hx_request="true", if_none_match=version)
    assert (same.status, same.html) == (204, "")
    browser.world.call("RegisterDomain", name="e", workflowExecutionRetentionPeriodInDays="1")
    assert browser.get("/domains", hx_request="true", if_none_match=version).status == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [("/nothing", 404), ("/nothing.json", 404), ("/domains/register", 405), ("/static/nothing.css", 404)],
)
def test_an_address_that_leads_nowhere_says_so(browser: Browser, path: str, status: int) -> None:
    page = browser.get(path)
    assert page.status == status
    if path.endswith(".json"):
        assert page.json["status"] == status
