"""How requests end that bring no answer: time limits, cancels, dead servers, and servers that misbehave."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable
from contextlib import closing

import pytest

from engine.contracts.host.http_pb2 import HttpRequest, HttpResponse
from engine.host import HttpService
from engine.host.network import SystemNetwork
from engine.settings import Limits
from tests.engine.host.conftest import Serve
from tests.engine.host.fake_scope import FakeScope
from tests.engine.host.loopback import Peer, Script, answers, response
from tests.waiting import wait_until

LIMITS = Limits(http_body_bytes=10_000)


@pytest.fixture
def service(network: SystemNetwork) -> HttpService:
    return HttpService(LIMITS, network)


def get(service: HttpService, url: str, *, scope: FakeScope | None = None, timeout_ms: int = 0) -> HttpResponse:
    answer = service.get(HttpRequest(url=url, timeout_ms=timeout_ms), scope or FakeScope())
    assert not answer.error or (answer.status, answer.body, len(answer.headers)) == (0, b"", 0)
    return answer


def silent(peer: Peer) -> None:
    peer.receive()
    peer.wait_for_close()


def dripping_head(peer: Peer) -> None:
    peer.receive()
    peer.drip(b"HTTP/1.1 200 OK\r\n" + b"X-Drip: 1\r\n" * 1000)


def dripping_body(peer: Peer) -> None:
    peer.receive()
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
    peer.drip(bytes(5000))


def dripping_chunks(peer: Peer) -> None:
    peer.receive()
    peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    peer.drip(b"1\r\na\r\n" * 1000)


def not_reading(peer: Peer) -> None:
    peer.hold(10)


@pytest.mark.parametrize(
    ("script", "activity"),
    [
        (silent, "waiting for the answer"),
        (dripping_head, "waiting for the answer"),
        (dripping_body, "reading the body"),
        (dripping_chunks, "reading the body"),
    ],
)
def test_the_time_limit_is_total_however_slowly_the_server_drips(
    serve: Serve, service: HttpService, script: Script, activity: str
) -> None:
    url = serve(script).url()
    begin = time.monotonic()
    answer = get(service, url, timeout_ms=200)
    assert time.monotonic() - begin < 1.5
    assert answer.error == (f'Get "{url}": context deadline exceeded: the time limit of 200 ms passed while {activity}')


def test_the_time_limit_holds_while_a_body_is_sent(serve: Serve, service: HttpService) -> None:
    request = HttpRequest(url=serve(not_reading).url(), timeout_ms=200, body=bytes(64_000_000))
    assert "deadline exceeded" in service.post(request, FakeScope()).error


def test_the_time_limit_covers_all_redirects_together(serve: Serve, service: HttpService) -> None:
    def slow_redirect(peer: Peer) -> None:
        peer.receive()
        peer.hold(0.15)
        peer.send(response(status="302 Found", location="/again"))

    server = serve(slow_redirect)
    answer = get(service, server.url(), timeout_ms=250)
    assert "deadline exceeded" in answer.error
    assert len(server.requests) == 2


def test_the_end_of_the_call_ends_the_request_too(serve: Serve, service: HttpService) -> None:
    begin = time.monotonic()
    answer = get(service, serve(silent).url(), scope=FakeScope(left_s=0.1), timeout_ms=5000)
    assert "deadline exceeded" in answer.error
    assert time.monotonic() - begin < 2


@pytest.mark.parametrize("script", [silent, dripping_head, dripping_body])
def test_a_cancelled_call_ends_a_blocked_request_at_once(serve: Serve, service: HttpService, script: Script) -> None:
    server, scope = serve(script), FakeScope()
    answer = cancel_during(lambda: get(service, server.url(), scope=scope), scope, lambda: bool(server.requests))
    assert answer.error == f'Get "{server.url()}": context canceled'


def test_a_cancelled_call_ends_a_blocked_upload_at_once(serve: Serve, service: HttpService) -> None:
    server, scope = serve(not_reading), FakeScope()
    request = HttpRequest(url=server.url(), body=bytes(64_000_000))
    answer = cancel_during(lambda: service.post(request, scope), scope, lambda: server.connections > 0)
    assert answer.error == f'Post "{server.url()}": context canceled'


def cancel_during(
    request: Callable[[], HttpResponse], scope: FakeScope, is_under_way: Callable[[], bool]
) -> HttpResponse:
    """Run `request` on a thread, cancel it as soon as it is under way, and check that it ends soon after."""
    answered: list[HttpResponse] = []
    thread = threading.Thread(target=lambda: answered.append(request()))
    thread.start()
    try:
        wait_until(is_under_way, what="the request to be under way")
    finally:
        begin = time.monotonic()
        scope.stop.set()
        thread.join(10)
    assert time.monotonic() - begin < 1
    return answered[0]


def test_a_call_that_was_stopped_before_sends_nothing(serve: Serve, service: HttpService) -> None:
    server, scope = serve(silent), FakeScope(stop_reason="context deadline exceeded")
    scope.stop.set()
    assert get(service, server.url(), scope=scope).error == f'Get "{server.url()}": context deadline exceeded'
    assert not server.requests


def test_a_refused_connection_says_so(service: HttpService) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    answer = get(service, f"http://127.0.0.1:{port}/")
    assert answer.error == f'Get "http://127.0.0.1:{port}/": dial tcp 127.0.0.1:{port}: connect: connection refused'


def closing_at_once(peer: Peer) -> None:
    peer.receive()


def short_body(peer: Peer) -> None:
    peer.receive()
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")


def short_chunk(peer: Peer) -> None:
    peer.receive()
    peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nabc")


@pytest.mark.parametrize("script", [closing_at_once, short_body, short_chunk])
def test_an_answer_that_breaks_off_is_an_error(serve: Serve, service: HttpService, script: Script) -> None:
    assert "unexpected EOF: " in get(service, serve(script).url()).error


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbad name: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-A: a\x00b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: rot13\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_an_answer_that_is_no_http_is_an_error(serve: Serve, service: HttpService, answer: bytes) -> None:
    assert "malformed HTTP response: " in get(service, serve(answers(answer)).url()).error


def endless_headers(peer: Peer) -> None:
    peer.receive()
    peer.send(b"HTTP/1.1 200 OK\r\n")
    while True:
        peer.send(b"X-More: and more\r\n" * 1000)


def endless_hints(peer: Peer) -> None:
    peer.receive()
    while True:
        peer.send(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 1000)


@pytest.mark.parametrize("script", [endless_headers, endless_hints])
def test_a_head_without_end_is_an_error(serve: Serve, service: HttpService, script: Script) -> None:
    error = get(service, serve(script).url()).error
    assert "malformed HTTP response" in error or "response headers exceed the limit" in error


def test_a_body_of_exactly_the_limit_is_fine(serve: Serve, service: HttpService) -> None:
    assert len(get(service, serve(answers(response(bytes(10_000)))).url()).body) == 10_000


def endless_body(peer: Peer) -> None:
    peer.receive()
    peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        peer.send(bytes(65536))


@pytest.mark.parametrize(
    "script",
    [
        answers(response(bytes(10_001))),
        answers(response(gzip.compress(bytes(10_001)), content_encoding="gzip")),
        answers(response(gzip.compress(bytes(20_000_000)), content_encoding="gzip")),
        answers(response(gzip.compress(b"") * 1000, content_encoding="gzip")),
        endless_body,
    ],
    ids=["plain", "gzip", "bomb", "empty members", "endless"],
)
def test_a_body_above_the_limit_is_an_error(serve: Serve, service: HttpService, script: Script) -> None:
    url = serve(script).url()
    assert get(service, url).error == (
        f'Get "{url}": response body exceeds the limit of 10000 bytes (HTTPBody in [Workbench.Limits])'
    )


def test_a_failed_request_leaves_no_connection_behind(serve: Serve, service: HttpService) -> None:
    server = serve(silent)
    get(service, server.url(), timeout_ms=50)
    assert server.closed_by_client.wait(30)
