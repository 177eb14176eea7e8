"""A poll knows when its client has left (SWF §1.5.6), and costs little while it waits."""

from __future__ import annotations

from tests.http.fake_service import EMPTY_POLL
from tests.http.support import LIST_DOMAINS, POLL, post, running
from tests.support.waiting import until

ACTIVITY_POLL = post("PollForActivityTask", {"domain": "d", "taskList": {"name": "l"}})


def test_a_client_that_leaves_sets_disconnect() -> None:
    with running() as server:
        for poll in (POLL, ACTIVITY_POLL):
            with server.client() as client:
                client.send(poll)
                until(lambda: len(server.service.waiting) == 1, "the poll waits")
                (disconnect,) = server.service.waiting
                assert not disconnect.is_set()
            until(disconnect.is_set, "disconnect is set")
            until(lambda: not server.service.waiting, "the poll ends")


def test_a_client_that_leaves_sets_disconnect_although_it_had_sent_more() -> None:
    with running() as server:
        with server.client() as client:
            client.send(POLL + LIST_DOMAINS * 3 + LIST_DOMAINS[:20])
            until(lambda: len(server.service.waiting) == 1, "the poll waits")
            (disconnect,) = server.service.waiting
        until(disconnect.is_set, "disconnect is set")
        until(lambda: not server.service.waiting, "the poll ends")


def test_a_request_behind_a_waiting_poll_ends_the_connection_so_that_both_are_asked_again() -> None:
    """Processes forked with an open connection share it, and would read each other's answers."""
    with running() as server, server.client() as client:
        client.send(POLL)
        until(lambda: len(server.service.waiting) == 1, "the poll waits")
        (disconnect,) = server.service.waiting
        client.send(LIST_DOMAINS)
        until(disconnect.is_set, "disconnect is set")
        assert client.is_closed()
        until(lambda: server.server.connections.body_bytes == 0, "the room for both bodies is free again")
        assert not [call for call in server.service.calls if call[0] == "ListDomains"]


def test_a_client_that_stays_is_answered_and_asks_again() -> None:
    with running() as server, server.client() as client:
        client.send(POLL)
        until(lambda: len(server.service.waiting) == 1, "the poll waits")
        (disconnect,) = server.service.waiting
        server.loop.call_soon_threadsafe(server.service.drained.set)
        assert client.answer().body == EMPTY_POLL
        client.send(LIST_DOMAINS)
        assert client.answer().status == 200
        assert not disconnect.is_set()


def test_other_actions_pay_for_no_watcher() -> None:
    with running() as server, server.client() as client:
        client.send(post("DescribeDomain", {"name": "slow"}))
        until(lambda: len(server.service.calls) == 1, "the request is in work")
        assert not server.connection_tasks()
        server.loop.call_soon_threadsafe(server.service.release.set)
        assert client.answer().status == 400


def test_a_request_goes_on_when_its_client_has_left() -> None:
    """What was asked is done: the client may have left without waiting for the answer."""
    with running() as server:
        with server.client() as client:
            client.send(post("DescribeDomain", {"name": "slow"}))
            until(lambda: len(server.service.calls) == 1, "the request is in work")
        (connection,) = server.server.connections.open
        until(lambda: connection.received_eof, "the client has left")
        assert not server.connection_tasks()
        server.loop.call_soon_threadsafe(server.service.release.set)
        until(lambda: server.open_connections == 0, "the request is finished")
        assert not server.connection_tasks()
