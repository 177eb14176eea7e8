"""Requests that come from this machine and are not from its user: of web pages, and those that two readers read as two.

Requests are not authenticated, so what a browser sends on behalf of a foreign page must be told by its header.
"""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.http.support import LIST_DOMAINS, Answer, Running, post, running
from workflowsvc.http.hosts import Hosts

QUESTION = {"registrationStatus": "REGISTERED"}


def called(host: str) -> bytes:
    return LIST_DOMAINS.replace(b"Host: localhost", b"Host: " + host.encode())


def require_denied(answer: Answer, text: str) -> None:
    assert (answer.status, answer.code) == (400, "AccessDeniedException")
    assert answer.json["message"] == text
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("site", ["cross-site", "same-site", "Cross-Site", "anything"])
def test_a_request_of_a_foreign_page_is_refused_without_an_origin_too(server: Running, site: str) -> None:
    before = len(server.service.calls)
    answer = server.ask(post("ListDomains", QUESTION, f"Sec-Fetch-Site: {site}"))
    require_denied(answer, "Requests from web pages are not accepted")
    assert len(server.service.calls) == before


@pytest.mark.parametrize(
    "sites", [("none", "cross-site"), ("cross-site", "none"), ("none", "none", "same-site")]
)
def test_one_header_of_several_that_names_a_foreign_page_is_enough(
    server: Running, sites: tuple[str, ...]
) -> None:
    answer = server.ask(post("ListDomains", QUESTION, *(f"Sec-Fetch-Site: {site}" for site in sites)))
    require_denied(answer, "Requests from web pages are not accepted")


@pytest.mark.parametrize("site", ["none", "same-origin"])
def test_a_request_that_no_foreign_page_sends_is_served(server: Running, site: str) -> None:
    assert server.ask(post("ListDomains", QUESTION, f"Sec-Fetch-Site: {site}")).status == 200


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("X-Amz-Target: SimpleWorkflowService.ListDomains", "X-Amz-Target"),
        ("x-amz-target: SimpleWorkflowService.DeprecateDomain", "X-Amz-Target"),
        ("X-AMZ-TARGET:", "X-Amz-Target"),
        ("Authorization: a", "Authorization"),
    ],
)
def test_what_names_the_call_or_the_caller_twice_is_refused(server: Running, header: str, name: str) -> None:
    before = len(server.service.calls)
    answer = server.ask(post("ListDomains", QUESTION, "Authorization: b", header))
    assert (answer.status, answer.code) == (400, "MalformedHttpRequestException")
    assert answer.json["message"] == f"A request has one {name} header"
    assert len(server.service.calls) == before


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LocalHost:8888",
        "localhost.:1",
        "127.0.0.1",
        "127.0.0.1:8888",
        "127.1.2.3:80",
        "[::1]",
        "[::1]:8888",
        "[::ffff:127.0.0.1]",
        "[::ffff:127.0.0.1]:8888",
        "[::FFFF:7f00:1]",
        "swf.localhost:8888",
        socket.gethostname(),
        socket.gethostname() + ":8888",
    ],
)
def test_names_of_this_machine_are_served(server: Running, host: str) -> None:
    for _ in range(2):  # the second time it is remembered
        assert server.ask(called(host)).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8888",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evil-localhost",
        "192.0.2.1",
        "[2001:db8::1]:8888",
        "[::ffff:192.0.2.1]",
        "localhost:8888:1",
        "localhost@evil.example",
        "[localhost]",
        "",
        ":8888",
        "\xe9",
    ],
)
def test_a_name_that_leads_here_and_is_not_this_machines_is_refused(server: Running, host: str) -> None:
    """DNS rebinding: the page of evil.example may call evil.example, wherever that leads."""
    before = len(server.service.calls)
    for _ in range(2):
        answer = server.ask(called(host))
        require_denied(answer, f"Host '{host.encode().decode('latin-1')}' is not a name of this machine")
    assert len(server.service.calls) == before


def test_further_names_are_a_setting() -> None:
    with running(allowed_hosts="Swf.Example,host.docker.internal") as server:
        for host in ("swf.example:8888", "host.docker.internal", "localhost"):
            assert server.ask(called(host)).status == 200
        assert server.ask(called("example")).status == 400


def test_names_that_the_owner_gave_to_a_loopback_address_are_names_of_this_machine(tmp_path: Path) -> None:
    hosts_file = tmp_path / "hosts"
    hosts_file.write_text(
        "127.0.0.1 localhost swf.test SWF2.test # evil.example\n\n192.0.2.1 other.test\n::1 six.test\n"
    )
    hosts = Hosts("127.0.0.1", "", hosts_file)
    assert [name for name in ("swf.test", "swf2.test:1", "six.test") if not hosts.admit(name.encode())] == []
    assert [name for name in ("evil.example", "other.test", "#") if hosts.admit(name.encode())] == []
    assert Hosts("127.0.0.1", "", tmp_path / "nowhere").admit(b"localhost")


def test_a_server_that_other_machines_reach_may_have_any_name() -> None:
    with running(host="0.0.0.0", insecure_allow_remote=True) as server:
        assert server.ask(called("swf.example")).status == 200


def test_a_request_without_a_host_is_no_browsers(server: Running) -> None:
    data = LIST_DOMAINS.replace(b"HTTP/1.1\r\nHost: localhost", b"HTTP/1.0")
    assert server.ask(data).status == 200
