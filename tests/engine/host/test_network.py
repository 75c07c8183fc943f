"""Connecting and looking up names: real sockets on loopback, a resolver that a test holds in its hand."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from engine.host.deadline import Deadline, RequestEnded
from engine.host.lookup import NameLookup, system_addresses
from engine.host.network import NetworkFailure, SystemNetwork
from engine.host.sockets import connect_first
from tests.waiting import wait_until

several_addresses = pytest.mark.skipif(sys.platform != "linux", reason="loopback has one address only")


def deadline(timeout_s: float = 5.0, *, stop: threading.Event | None = None) -> Deadline:
    return Deadline(timeout_s=timeout_s, stop=stop or threading.Event(), stop_reason=lambda: "context canceled")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server


@pytest.fixture
def full_port() -> Iterator[int]:
    """A port where connecting neither succeeds nor fails: its queue of connections is full."""
    with closing(socket.create_server(("127.0.0.2", 0), backlog=0)) as server:
        waiting = []
        for _ in range(4):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(server.getsockname())
            waiting.append(client)
        yield server.getsockname()[1]
        for client in waiting:
            client.close()


def port_of(server: socket.socket) -> int:
    port: int = server.getsockname()[1]
    return port


@several_addresses
def test_addresses_that_refuse_are_passed_over(listener: socket.socket) -> None:
    wire = connect_first(["127.0.0.3", "::1", "127.0.0.1"], port_of(listener), deadline())
    accepted, _ = listener.accept()
    with accepted:
        wire.write(b"ping", deadline())
        assert accepted.recv(10) == b"ping"
        accepted.sendall(b"pong")
        assert wire.read(10, deadline()) == b"pong"
    wire.close()
    wire.close()


@several_addresses
def test_the_first_failure_is_the_text_when_no_address_takes_a_connection(listener: socket.socket) -> None:
    port = port_of(listener)
    with pytest.raises(NetworkFailure) as failed:
        connect_first(["127.0.0.3", "127.0.0.4"], port, deadline())
    assert str(failed.value) == f"dial tcp 127.0.0.3:{port}: connect: connection refused"


@several_addresses
def test_an_address_that_does_not_answer_holds_the_next_one_up_only_briefly(full_port: int) -> None:
    with closing(socket.create_server(("127.0.0.1", full_port))):
        begin = time.monotonic()
        connect_first(["127.0.0.2", "127.0.0.1"], full_port, deadline()).close()
    assert time.monotonic() - begin < 2


@several_addresses
def test_a_connection_that_is_not_answered_ends_with_the_deadline(full_port: int) -> None:
    limited = deadline(0.1)
    limited.activity = "connecting"
    with pytest.raises(RequestEnded, match="deadline exceeded: the time limit of 100 ms passed while connecting"):
        connect_first(["127.0.0.2"], full_port, limited)


@several_addresses
def test_a_cancel_ends_a_connection_that_is_not_answered(full_port: int) -> None:
    stop = threading.Event()
    timer = threading.Timer(0.1, stop.set)
    timer.start()
    begin = time.monotonic()
    with pytest.raises(RequestEnded, match="context canceled"):
        connect_first(["127.0.0.2"], full_port, deadline(stop=stop))
    assert time.monotonic() - begin < 1
    timer.join()


@pytest.mark.parametrize("addresses", [[], ["not-an-address"], ["localhost"]])
def test_connecting_never_looks_a_name_up(addresses: list[str]) -> None:
    with pytest.raises(NetworkFailure, match="dial tcp"):
        connect_first(addresses, 80, deadline())


def test_a_connection_that_the_peer_resets_is_a_failure(listener: socket.socket) -> None:
    wire = connect_first(["127.0.0.1"], port_of(listener), deadline())
    accepted, _ = listener.accept()
    wire.write(b"unread", deadline())
    assert accepted.recv(1) == b"u"
    accepted.close()
    with pytest.raises(NetworkFailure, match="read: connection reset by peer"):
        wire.read(10, deadline())
    wire.close()


def test_a_peer_that_always_has_one_more_byte_does_not_outlive_a_cancel(listener: socket.socket) -> None:
    wire = connect_first(["127.0.0.1"], port_of(listener), deadline())
    accepted, _ = listener.accept()
    with accepted:
        accepted.sendall(b"ready")
        assert wire.read(1, deadline()) == b"r"
        stop = threading.Event()
        stop.set()
        with pytest.raises(RequestEnded):
            wire.read(1, deadline(stop=stop))
    wire.close()


@pytest.mark.parametrize("literal", ["127.0.0.1", "::1", "8.8.8.8"])
def test_an_address_needs_no_look_up(literal: str) -> None:
    def resolve(host: str, port: int) -> list[str]:
        raise AssertionError("nothing is looked up")

    assert NameLookup(resolve).addresses(literal, 80, deadline()) == (literal,)


def test_the_system_knows_localhost() -> None:
    network = SystemNetwork()
    assert set(network.resolve("localhost", 80, deadline())) & {"127.0.0.1", "::1"}
    network.close()


def test_addresses_keep_their_order_and_come_once() -> None:
    lookup = NameLookup(lambda host, port: ["8.8.8.8", "8.8.4.4", "8.8.8.8"])
    assert lookup.addresses("dns.example", 80, deadline()) == ("8.8.8.8", "8.8.4.4")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "no such host"),
        (
            socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
            "temporary failure in name resolution",
        ),
        (OSError(24, "x"), "too many open files"),
        (UnicodeError("label too long"), "not a host name"),
    ],
)
def test_a_failed_look_up_says_which_name_and_why(error: Exception, text: str) -> None:
    def resolve(host: str, port: int) -> list[str]:
        raise error

    with pytest.raises(NetworkFailure) as failed:
        NameLookup(resolve).addresses("gone.example", 80, deadline())
    assert str(failed.value) == f"dial tcp: lookup gone.example: {text}"
    assert failed.value.__cause__ is error


def test_an_impossible_name_is_a_failure_of_the_system_look_up() -> None:
    with pytest.raises((OSError, ValueError)):
        system_addresses("a" * 300, 80)


def test_a_look_up_that_hangs_is_left_behind() -> None:
    answer = threading.Event()

    def resolve(host: str, port: int) -> list[str]:
        answer.wait(10)
        return ["8.8.8.8"]

    lookup = NameLookup(resolve)
    with pytest.raises(RequestEnded, match=r"50 ms passed while looking up slow\.example"):
        lookup.addresses("slow.example", 80, deadline(0.05))
    answer.set()
    lookup.close()
    wait_until(lambda: not any("slow.example" in thread.name for thread in threading.enumerate()), what="its thread")


def test_look_ups_beyond_the_limit_wait_for_their_turn() -> None:
    answer = threading.Event()
    running: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        running.append(host)
        answer.wait(10)
        return ["8.8.8.8"]

    lookup = NameLookup(resolve)
    askers = [
        threading.Thread(target=lookup.addresses, args=(f"{number}.example", 80, deadline(10))) for number in range(20)
    ]
    for asker in askers:
        asker.start()
    wait_until(lambda: len(running) == 16, what="the first look-ups")
    with pytest.raises(RequestEnded):
        lookup.addresses("late.example", 80, deadline(0.1))
    assert "late.example" not in running
    answer.set()
    for asker in askers:
        asker.join(10)
    assert len(running) == 20
