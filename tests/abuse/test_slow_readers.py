"""Clients that let their answers lie cannot fill the memory, however many there are (QUALITY §2.3)."""

from __future__ import annotations

from contextlib import ExitStack

from tests.http.support import LIST_DOMAINS, Raw, post, running, until


def test_answers_that_nobody_takes_in_are_dropped_when_there_are_too_many() -> None:
    with running(max_pending_bytes=40_000_000, keep_alive_seconds=2) as server, ExitStack() as stack:
        for _ in range(5):
            client = stack.enter_context(Raw(server.port, receive_buffer=4_096))
            client.send(post("DescribeDomain", {"name": "big"}) * 2)

        def held() -> int:
            return sum(connection.unsent_bytes() for connection in server.server.connections.open_ones())

        until(lambda: len(server.service.calls) >= 5, "the answers are made")
        until(lambda: 0 < server.open_connections < 5, "those who leave most are cut off")
        assert held() <= 40_000_000
        assert server.ask(LIST_DOMAINS).status == 200
