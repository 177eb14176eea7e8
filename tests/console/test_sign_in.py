"""Signing in to the console: who comes in, how a session begins and ends, and what strangers learn and cause."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.console.browsing import Browser, Shown
from tests.console.guarded_console import SAME_SITE, SECRET, GuardedConsole, sign_in
from workflowsvc.console import signed_in
from workflowsvc.console.page import Action
from workflowsvc.console.pages import ALL
from workflowsvc.console.sign_in import path_of_here
from workflowsvc.console.throttle import MAX_REMEMBERED, Throttle, network_of
from workflowsvc.faults import ServiceUnavailable

HTTPS = "https://console.example"


@pytest.fixture
def console() -> Iterator[GuardedConsole]:
    console = GuardedConsole()
    console.person("ann")
    yield console
    console.close()


@pytest.fixture
def browser(console: GuardedConsole) -> Iterator[Browser]:
    with console.browser() as browser:
        yield browser


def is_in(browser: Browser) -> bool:
    return browser.get("/domains").status == 200


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, str]]:
    return [json.loads(one.getMessage()) for one in caplog.records if one.name == "workflowsvc.access"]


def test_a_key_and_its_secret_lead_to_the_page_that_was_asked_for(browser: Browser) -> None:
    away = browser.get("/domains/d/types?kind=activity")
    assert (away.status, away.headers["location"]) == (
        303,
        "/sign-in?next=%2Fdomains%2Fd%2Ftypes%3Fkind%3Dactivity",
    )
    form = browser.get(away.headers["location"]).form("/sign-in")
    page = browser.send(form, **{"key-id": " AKIAANN ", "secret": f"{SECRET}\n"})
    assert (page.status, page.response.url.path) == (200, "/domains/d/types")
    assert "Signed in as ann" in page.text
    assert "123456789012" in page.text


def test_nothing_of_the_installation_is_shown_before(browser: Browser) -> None:
    for entry in ALL:
        path = entry.path.replace("{domain}", "d")
        method = "POST" if isinstance(entry, Action) else "GET"
        page = browser.request(method, path, headers=SAME_SITE)
        assert page.status == (401 if method == "POST" else 303), entry.path
        assert "d" not in page.text.split(), entry.path
    for path in ("/domains.json", "/domains/d/executions.json"):
        assert browser.get(path).json["status"] == 401
    assert browser.get("/domains", hx_request="true").status == 401
    page = browser.get("/sign-in")
    assert page.status == 200
    assert page.links == ["#content", "/domains", "/"]
    assert "123456789012" not in page.text


@pytest.mark.parametrize(
    "what", ["unknown", "wrong", "disabled", "expired", "of a deleted key", "no token", "wrong token"]
)
def test_every_wrong_key_is_refused_in_the_same_words(
    console: GuardedConsole, browser: Browser, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "workflowsvc.access")
    reference = sign_in(browser, "stranger")
    name, secret, form = "ann", SECRET, {}
    match what:
        case "unknown":
            name = "someone"
        case "wrong":
            secret = SECRET[:-1] + "Z"
        case "disabled":
            console.person("bob", active=False)
            name = "bob"
        case "expired":
            console.person("bob", expires_at=console.guarded.clock.now_ms())
            name = "bob"
        case "of a deleted key":
            console.users.remove_key(console.person("bob"))
            name = "bob"
        case _:
            console.person("bob", session_token=b"\0" * 32)
            name, form = "bob", {"session-token": "x"} if what == "wrong token" else {}
    page = sign_in(browser, name, secret, **form)
    assert (page.status, page.html) == (401, reference.html)
    assert SECRET not in page.html
    assert browser.cookies == {}
    said = lines(caplog)[-1]
    assert said["action"] == "console:SignIn"
    assert said["reason"].startswith("the ")
    assert not any(SECRET[:12] in record.getMessage() for record in caplog.records)


def test_a_secret_in_the_place_of_the_key_id_is_not_logged(
    browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    sign_in(browser, "ann", **{"key-id": SECRET, "secret": "AKIAANN"})
    assert "keyId" not in lines(caplog)[-1]
    assert SECRET not in caplog.text


def test_sign_ins_are_in_the_audit_trail(browser: Browser, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "workflowsvc.access")
    sign_in(browser, "ann")
    browser.send(browser.get("/domains").form("/sign-out"))
    both = [(line["event"], line["keyId"], line["principal"], line["sourceIp"]) for line in lines(caplog)]
    arn = "arn:aws:iam::123456789012:user/ann"
    assert both == [("signed-in", "AKIAANN", arn, "127.0.0.1"), ("signed-out", "AKIAANN", arn, "127.0.0.1")]


def test_a_cookie_of_this_machine_is_for_its_port_and_not_for_scripts(browser: Browser) -> None:
    answer = sign_in(browser, "ann")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("workflowsvc-8889=")
    assert "HttpOnly; Path=/; SameSite=strict" in cookie
    assert "Secure" not in cookie
    assert "Domain" not in cookie
    assert len(browser.cookies["workflowsvc-8889"]) == 64


def test_a_cookie_by_tls_is_for_this_host_alone(console: GuardedConsole) -> None:
    with console.browser("https://127.0.0.1:8889", client="192.0.2.1") as browser:
        cookie = sign_in(browser, "ann").headers["set-cookie"]
        assert cookie.startswith("__Host-workflowsvc=")
        assert "HttpOnly; Path=/; SameSite=strict; Secure" in cookie
        assert is_in(browser)
        # Another host of the same name could plant a cookie without the prefix.
        planted = {"cookie": f"workflowsvc-8889={browser.cookies['__Host-workflowsvc']}"}
    with console.browser("https://127.0.0.1:8889", client="192.0.2.1") as other:
        assert other.request("GET", "/domains", headers=planted).status == 303


def test_no_reader_signs_in_over_a_connection_that_others_can_read(console: GuardedConsole) -> None:
    with console.browser(client="192.0.2.1") as browser:
        for path in ("/sign-in", "/domains"):
            page = browser.get(path)
            assert page.status == 403
            assert "This connection is not encrypted" in page.text


def test_a_named_proxy_says_who_comes_and_whether_by_tls() -> None:
    console = GuardedConsole(trusted_proxies="192.0.2.9")
    console.person("ann")
    by_tls = {"x-forwarded-for": "198.51.100.7", "x-forwarded-proto": "https"}
    with console.browser(client="192.0.2.9") as browser:
        fields = {"key-id": "AKIAANN", "secret": SECRET}
        answer = browser.request("POST", "/sign-in", data=fields, headers=SAME_SITE | by_tls)
        assert answer.headers["set-cookie"].startswith("__Host-workflowsvc=")
        assert browser.get("/sign-in", x_forwarded_proto="http", x_forwarded_for="198.51.100.7").status == 403
    with console.browser(client="192.0.2.8") as other:  # no proxy that was named
        assert (
            other.get("/sign-in", **{key.replace("-", "_"): value for key, value in by_tls.items()}).status
            == 403
        )
    console.close()


# --- the end of a session ---


def test_who_signs_out_is_out(browser: Browser) -> None:
    sign_in(browser, "ann")
    stolen = {"cookie": f"workflowsvc-8889={browser.cookies['workflowsvc-8889']}"}
    page = browser.send(browser.get("/domains").form("/sign-out"))
    assert "You are signed out" in page.text
    assert browser.request("GET", "/domains", headers=stolen).status == 303


def test_signing_out_needs_the_token_of_the_session(browser: Browser) -> None:
    sign_in(browser, "ann")
    assert browser.request("POST", "/sign-out", data={"form_token": "x"}, headers=SAME_SITE).status == 403
    assert is_in(browser)


@pytest.mark.parametrize("how", ["deleted", "disabled", "of another user", "with another secret", "expired"])
def test_a_session_ends_with_its_key(console: GuardedConsole, browser: Browser, how: str) -> None:
    bob = console.person("bob", expires_at=console.guarded.clock.now_ms() + 60_000)
    sign_in(browser, "bob")
    assert is_in(browser)
    assert bob.key is not None
    match how:
        case "deleted":
            console.users.remove_key(bob)
        case "disabled":
            console.users.change_key(bob, active=False, secret=SECRET.encode())
        case "of another user":
            console.users.change_key(
                bob, principal=replace(bob.key.principal, id="AIDAOTHER"), secret=SECRET.encode()
            )
        case "with another secret":
            console.users.change_key(bob, secret=b"another")
        case _:
            console.guarded.clock.advance(60_000)
    assert not is_in(browser)
    assert browser.get("/domains", hx_request="true").status == 401
    console.person("bob")
    assert not is_in(browser), "it does not begin again by itself"


def test_a_session_ends_when_the_reader_is_away_and_after_half_a_day(
    console: GuardedConsole, browser: Browser
) -> None:
    clock = console.guarded.clock
    sign_in(browser, "ann")
    for _ in range(23):
        clock.advance(29 * 60_000)
        assert is_in(browser)
    clock.advance(53 * 60_000 // 2)
    assert is_in(browser)
    clock.advance(27 * 60_000)
    assert not is_in(browser), "12 hours are over"
    sign_in(browser, "ann")
    clock.advance(29 * 60_000)
    assert browser.get("/domains", hx_request="true").status == 200
    clock.advance(60_000)
    assert not is_in(browser), "an open page alone does not keep it"


def test_sessions_are_bounded(
    console: GuardedConsole, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signed_in, "MAX_OF_KEY", 2)
    with console.browser() as second, console.browser() as third:
        for one in (browser, second, third):
            sign_in(one, "ann")
        assert [is_in(one) for one in (browser, second, third)] == [False, True, True]
        monkeypatch.setattr(signed_in, "MAX_SESSIONS", 2)
        console.person("bob")
        sign_in(browser, "bob")
        assert [is_in(one) for one in (browser, second, third)] == [True, False, True]


def test_each_sign_in_has_an_id_of_its_own_and_ends_the_one_before(browser: Browser) -> None:
    sign_in(browser, "ann")
    first = browser.cookies["workflowsvc-8889"]
    answer = browser.request(
        "POST", "/sign-in", data={"key-id": "AKIAANN", "secret": SECRET}, headers=SAME_SITE
    )
    assert answer.status == 303
    assert browser.cookies["workflowsvc-8889"] != first
    browser.request("GET", "/domains")
    assert browser.request("GET", "/domains", headers={"cookie": f"workflowsvc-8889={first}"}).status == 303


def test_without_access_data_no_reader_is_let_in_and_nothing_is_shown(
    console: GuardedConsole, browser: Browser
) -> None:
    sign_in(browser, "ann")
    console.users.failure = ServiceUnavailable()
    page = browser.get("/domains")
    assert page.status == 503
    assert "Signed in" not in page.text
    assert sign_in_again(browser).status == 503
    console.users.failure = None
    assert is_in(browser)


def sign_in_again(browser: Browser) -> Shown:
    return browser.request(
        "POST", "/sign-in", data={"key-id": "AKIAANN", "secret": SECRET}, headers=SAME_SITE
    )


# --- who tries ---


def test_who_fails_too_often_waits_with_the_right_secret_too(
    console: GuardedConsole, browser: Browser
) -> None:
    for _ in range(10):
        assert sign_in(browser, "ann", "wrong").status == 401
    page = sign_in(browser, "ann")
    assert page.status == 429
    assert page.headers["retry-after"] == "30"
    assert "Try again in 30 seconds" in page.text
    with console.browser(client="127.0.0.2") as other:
        assert sign_in(other, "ann").status == 303
        assert is_in(other)
    console.guarded.clock.advance(30_000)
    assert sign_in(browser, "ann").status == 303


def test_a_key_is_tried_from_many_addresses_at_most_thirty_times(console: GuardedConsole) -> None:
    for number in range(30):
        with console.browser(client=f"127.0.0.{number + 1}") as one:
            assert sign_in(one, "ann", "wrong").status == 401
    with console.browser(client="127.0.0.99") as other:
        assert sign_in(other, "ann").status == 429
        console.person("bob")
        assert sign_in(other, "bob").status == 303


def test_what_the_throttle_remembers_is_bounded() -> None:
    throttle = Throttle(lambda: 0.0, 2, 10.0)
    for number in range(MAX_REMEMBERED + 5):
        throttle.failed(str(number))
    assert len(throttle) == MAX_REMEMBERED


def test_a_machine_has_one_network_of_ipv6() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1%eth0") == "2001:db8::/64"
    assert network_of("192.0.2.1") == "192.0.2.1"
    assert network_of("") == ""


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {},
    ],
)
def test_another_page_signs_no_reader_in(browser: Browser, headers: dict[str, str]) -> None:
    kind = {"content-type": SAME_SITE["content-type"]}
    fields = {"key-id": "AKIAANN", "secret": SECRET}
    assert browser.request("POST", "/sign-in", data=fields, headers=kind | headers).status == 403
    assert browser.cookies == {}


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("/domains?status=DEPRECATED", "/domains?status=DEPRECATED"),
        ("", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/a\\b", "/"),
        ("https://evil.example", "/"),
        ("/a\nb", "/"),
        ("/é", "/"),
        ("javascript:alert(1)", "/"),
        ("/sign-in?next=/sign-in", "/"),
        ("/" + "x" * 5_000, "/"),
    ],
)
def test_only_a_path_of_this_console_is_seen_next(given: str, path: str) -> None:
    assert path_of_here(given) == path


def test_a_region_is_chosen_where_there_are_several() -> None:
    console = GuardedConsole(regions="eu-central-1,us-west-2")
    console.person("ann")
    with console.browser() as browser:
        assert "us-west-2" in browser.get("/sign-in").text
        assert sign_in(browser, "ann", region="mars-1").status == 401
        sign_in(browser, "ann", region="us-west-2")
        assert "region us-west-2" in browser.get("/domains").text
    console.close()
