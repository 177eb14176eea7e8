"""Where a request comes from: forwarding headers are believed of named proxies alone (QUALITY §5.3)."""

from __future__ import annotations

import pytest

from workflowsvc.http.proxies import Origin, Proxies
from workflowsvc.http.request import HttpRequest
from workflowsvc.options import SettingsError


class Seen:
    """What the connection of a request knows."""

    def __init__(self, peer: str, *, is_tls: bool) -> None:
        self.peer = peer
        self.is_tls = is_tls


def origin(trusted: str, peer: str, *headers: str, is_tls: bool = False) -> Origin:
    fields = [
        (name.encode(), value.encode()) for name, _, value in (each.partition(": ") for each in headers)
    ]
    first = {name.lower(): value for name, value in reversed(fields)}
    seen = Seen(peer, is_tls=is_tls)
    request = HttpRequest(
        seen,  # type: ignore[arg-type]
        b"POST",
        b"/",
        "/",
        b"",
        [name for name, _ in fields],
        [value for _, value in fields],
        first,
        frozenset(),
        b"",
        keep_alive=True,
        raw_path=b"/",
    )
    return Proxies(trusted).origin(request)


def test_without_named_proxies_only_what_was_seen_counts() -> None:
    headers = ("X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: https", "Forwarded: for=6.6.6.6;proto=https")
    assert origin("", "192.0.2.1", *headers) == ("192.0.2.1", False)
    assert origin("", "192.0.2.1", *headers, is_tls=True) == ("192.0.2.1", True)
    assert origin("10.0.0.0/8", "192.0.2.1", *headers) == ("192.0.2.1", False)
    assert origin("10.0.0.0/8", "192.0.2.1", "X-Forwarded-Proto: http", is_tls=True) == ("192.0.2.1", True)


@pytest.mark.parametrize(
    ("forwarded", "source"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("6.6.6.6, 203.0.113.7", "203.0.113.7"),
        ("6.6.6.6, 203.0.113.7, 10.1.1.1", "203.0.113.7"),
        ("10.2.2.2, 10.1.1.1", "10.2.2.2"),
        ("6.6.6.6, garbage, 10.1.1.1", "10.1.1.1"),
        ("garbage", "10.0.0.1"),
        ("", "10.0.0.1"),
        ("203.0.113.7:4711", "203.0.113.7"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        (", ".join(["10.0.0.9"] * 1_000), "10.0.0.9"),
    ],
)
def test_the_client_is_the_last_address_that_is_no_named_proxy(forwarded: str, source: str) -> None:
    headers = (f"X-Forwarded-For: {forwarded}", "X-Forwarded-Proto: https")
    assert origin("10.0.0.0/8,2001:db8:ffff::/48", "10.0.0.1", *headers) == (source, True)


def test_several_headers_are_one_list() -> None:
    headers = ("X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: 203.0.113.7")
    assert origin("10.0.0.1", "10.0.0.1", *headers).source_ip == "203.0.113.7"


@pytest.mark.parametrize(
    ("protocols", "is_secure"),
    [
        ("https", True),
        ("HTTPS", True),
        ("http", False),
        ("https, http", False),
        ("https,https", True),
        ("", False),
    ],
)
def test_all_parts_of_the_way_must_have_been_secure(protocols: str, *, is_secure: bool) -> None:
    headers = ("X-Forwarded-For: 203.0.113.7", f"X-Forwarded-Proto: {protocols}")
    assert origin("10.0.0.1", "10.0.0.1", *headers, is_tls=True).is_secure == is_secure
    assert not origin("10.0.0.1", "10.0.0.1", headers[0], is_tls=True).is_secure


def test_a_named_proxy_that_asks_for_itself_is_what_was_seen() -> None:
    assert origin("127.0.0.1", "127.0.0.1", is_tls=True) == ("127.0.0.1", True)
    assert origin("127.0.0.1", "127.0.0.1") == ("127.0.0.1", False)
    assert (
        origin("::1,10.0.0.0/8", "::ffff:10.0.0.1", "X-Forwarded-For: 203.0.113.7").source_ip == "203.0.113.7"
    )


@pytest.mark.parametrize("trusted", ["10.0.0.1/8", "10.0.0", "300.0.0.1", "::1/129", "10.0.0.1,,x", "/"])
def test_what_is_no_address_and_no_network_is_refused_at_start(trusted: str) -> None:
    with pytest.raises(SettingsError, match=r"--trusted-proxies: '.*' is neither an address nor a network"):
        Proxies(trusted)
