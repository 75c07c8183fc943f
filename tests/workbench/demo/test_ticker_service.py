"""The demo's ticker over real connections: what it tells, whom it refuses, and what is thrown at it."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.waiting import wait_until
from workbench.demo.catalogue import CATALOGUE
from workbench.demo.ticker_service import BACKLOG_LIMIT, CLIENT_LIMIT, MESSAGE_LIMIT_BYTES, TickerService

TOKEN = "the-token"
NAMES = [artist.name for artist in CATALOGUE.artists]
ALL = {"type": "subscribed", "artists": NAMES}


@pytest.fixture
def ticker() -> Iterator[TickerService]:
    """A ticker that ticks when it is told to."""
    running = TickerService(CATALOGUE, token=TOKEN, interval_s=None)
    yield running
    running.close()


def client_of(ticker: TickerService, *, token: str = TOKEN) -> ClientConnection:
    return connect(ticker.url, additional_headers={"Authorization": f"Token {token}"}, proxy=None, close_timeout=30)


@pytest.fixture
def client(ticker: TickerService) -> Iterator[ClientConnection]:
    with client_of(ticker) as connection:
        yield connection


def heard(client: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(client.recv(timeout=30))
    return message


def subscribe(client: ClientConnection, *names: str) -> dict[str, Any]:
    """Subscribe; what the ticker says to it."""
    client.send(json.dumps({"type": "subscribe", "artists": names}))
    return heard(client)


def closed_with(client: ClientConnection) -> tuple[int, str] | None:
    """How the ticker closed the connection; whatever it said before is passed over."""
    try:
        while True:
            client.recv(timeout=30)
    except ConnectionClosed as closed:
        return None if closed.rcvd is None else (closed.rcvd.code, closed.rcvd.reason)


def test_each_tick_is_about_the_next_artist_and_has_the_next_number(
    ticker: TickerService, client: ClientConnection
) -> None:
    assert subscribe(client) == ALL
    assert [ticker.tick() for _ in NAMES] == [1] * len(NAMES)
    ticks = [heard(client) for _ in NAMES]
    assert [tick["number"] for tick in ticks] == list(range(1, len(NAMES) + 1))
    assert sorted(tick["artist"] for tick in ticks) == sorted(NAMES)
    assert all(tick["type"] == "tick" and tick["listeners"] > 0 for tick in ticks)


def test_only_what_was_subscribed_to_is_told(ticker: TickerService, client: ClientConnection) -> None:
    assert subscribe(client, NAMES[1]) == {"type": "subscribed", "artists": [NAMES[1]]}
    assert sum(ticker.tick() for _ in NAMES) == 1
    assert heard(client)["artist"] == NAMES[1]


def test_before_its_subscription_a_client_is_told_nothing(ticker: TickerService, client: ClientConnection) -> None:
    assert client.ping().wait(30)
    assert (ticker.tick(), ticker.listeners()) == (0, 0)
    subscribe(client)
    assert (ticker.tick(), ticker.listeners()) == (1, 1)


def test_a_new_subscription_takes_the_place_of_the_old_one(ticker: TickerService, client: ClientConnection) -> None:
    subscribe(client, NAMES[0])
    assert subscribe(client, NAMES[1])["artists"] == [NAMES[1]]


def test_it_ticks_by_itself() -> None:
    ticker = TickerService(CATALOGUE, token=TOKEN, interval_s=0.01)
    try:
        with client_of(ticker) as client:
            subscribe(client)
            first, second = heard(client), heard(client)
            assert second["number"] == first["number"] + 1
    finally:
        ticker.close()


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ("", "the message is not JSON"),
        ("{", "the message is not JSON"),
        (b"\0\xff", "the message is not JSON"),
        ("[" * 4000, "the message is not JSON"),
        ("[]", 'a message is an object with "type": "subscribe"'),
        ('{"type": "leave"}', 'a message is an object with "type": "subscribe"'),
        ('{"type": "subscribe", "artists": "x"}', "artists is a list of names"),
        ('{"type": "subscribe", "artists": ["x"]}', 'unknown artist: "x"'),
        ('{"type": "subscribe", "artists": [{}]}', "unknown artist: {}"),
    ],
    ids=lambda value: repr(value[:24]),
)
def test_a_message_that_is_no_subscription_is_answered_with_what_is_wrong(
    ticker: TickerService, client: ClientConnection, message: str | bytes, error: str
) -> None:
    client.send(message)
    assert heard(client) == {"type": "error", "error": error}
    assert subscribe(client) == ALL


def test_a_message_above_the_limit_ends_the_connection(client: ClientConnection) -> None:
    client.send("x" * (MESSAGE_LIMIT_BYTES + 1))
    closed = closed_with(client)
    assert closed is not None
    assert closed[0] == 1009


@pytest.mark.parametrize("token", ["", "wrong", "\xff"])
def test_it_wants_its_token(ticker: TickerService, token: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        client_of(ticker, token=token)
    assert refused.value.response.status_code == 401


def test_it_has_one_page_only(ticker: TickerService) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(ticker.url + "/other", additional_headers={"Authorization": f"Token {TOKEN}"}, proxy=None)
    assert refused.value.response.status_code == 404


def test_more_clients_than_allowed_are_told_to_try_later_and_there_is_room_again(ticker: TickerService) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(client_of(ticker)) for _ in range(CLIENT_LIMIT)]
        for client in clients:
            subscribe(client)
        with client_of(ticker) as refused:
            assert closed_with(refused) == (1013, "too many clients")
        clients[0].close()
        wait_until(lambda: ticker.listeners() == CLIENT_LIMIT - 1, what="a free place")
        with client_of(ticker) as admitted:
            assert subscribe(admitted) == ALL


def test_a_client_that_does_not_keep_up_is_closed_and_the_others_are_told_on(ticker: TickerService) -> None:
    address = urlsplit(ticker.url)
    assert address.port is not None
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.connect(("127.0.0.1", address.port))
    # Nothing is read from the connection while its receive queue is full: the ticker sees a slow client.
    headers = {"Authorization": f"Token {TOKEN}"}
    with (
        connect(ticker.url, sock=narrow, additional_headers=headers, max_queue=1, close_timeout=0.1) as slow,
        client_of(ticker) as quick,
    ):
        subscribe(quick)
        subscribe(slow)
        asked = 0
        with suppress(ConnectionClosed):
            while ticker.listeners() == 2:
                assert asked < 200_000, "the backlog of a client has no end"
                for _ in range(BACKLOG_LIMIT):
                    slow.send('{"type": "subscribe"}')
                asked += BACKLOG_LIMIT
        wait_until(lambda: ticker.listeners() == 1, what="the slow client to be told to leave")
        assert asked > BACKLOG_LIMIT
        assert ticker.tick() == 1
        assert heard(quick)["type"] == "tick"


def test_it_hangs_up_on_request(ticker: TickerService, client: ClientConnection) -> None:
    subscribe(client)
    assert ticker.hang_up(1001, "gone for tea") == 1
    assert closed_with(client) == (1001, "gone for tea")
    wait_until(lambda: ticker.hang_up() == 0, what="the client to be gone")


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /v1/ticks HTTP/1.1\r\nAuthorization: a\r\n" * 2,
        b"\xff" * 99,
    ],
)
def test_a_client_that_speaks_something_else_prints_nothing(
    ticker: TickerService, client: ClientConnection, sent: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    address = urlsplit(ticker.url)
    assert address.port is not None
    with socket.create_connection(("127.0.0.1", address.port), timeout=30) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass
    assert subscribe(client) == ALL
    assert capfd.readouterr() == ("", "")


def test_a_client_that_vanishes_makes_room_and_prints_nothing(
    ticker: TickerService, capfd: pytest.CaptureFixture[str]
) -> None:
    with client_of(ticker) as client:
        subscribe(client)
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        client.socket.shutdown(socket.SHUT_RDWR)
    wait_until(lambda: ticker.listeners() == 0, what="the client to be gone")
    assert capfd.readouterr() == ("", "")


def test_closing_says_goodbye_frees_the_port_and_may_be_done_again(ticker: TickerService) -> None:
    with client_of(ticker) as client:
        subscribe(client)
        closing = threading.Thread(target=ticker.close)
        closing.start()
        assert closed_with(client) is not None
        closing.join(5)
        assert not closing.is_alive()
    ticker.close()
    with pytest.raises(OSError):  # what the system says differs
        client_of(ticker)
    with pytest.raises(RuntimeError):
        ticker.tick()
