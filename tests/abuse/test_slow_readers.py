"""Clients that do not read their answers cannot fill the memory, however many they are (QUALITY §2.3)."""

from __future__ import annotations

from contextlib import ExitStack

from tests.http.support import LIST_DOMAINS, Raw, post, running
from tests.support.waiting import until


def test_clients_that_do_not_read_are_cut_off_when_too_many_answers_are_held() -> None:
    with running(max_pending_bytes=40_000_000, keep_alive_seconds=2) as server, ExitStack() as stack:
        for _ in range(5):
            client = stack.enter_context(Raw(server.port, receive_buffer=4_096))
            client.send(post("DescribeDomain", {"name": "big"}) * 2)

        def held() -> int:
            return sum(connection.unsent_bytes() for connection in list(server.server.connections.open))

        until(lambda: len(server.service.calls) >= 5, "the answers are made")
        until(lambda: 0 < server.open_connections < 5, "the clients with the most unread bytes are cut off")
        assert held() <= 40_000_000
        assert server.ask(LIST_DOMAINS).status == 200
