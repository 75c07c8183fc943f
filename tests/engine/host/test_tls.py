"""Https against a real TLS server with the tests' own certificate."""

from __future__ import annotations

import ssl
import threading

import pytest

from engine.contracts.host.http_pb2 import HttpRequest
from engine.host import HttpService
from engine.host.network import SystemNetwork
from engine.host.tls import trusted_context
from engine.settings import Limits
from tests.engine.host.conftest import CERTIFICATE, Serve
from tests.engine.host.fake_scope import FakeScope
from tests.engine.host.loopback import LoopbackServer, Peer, answers, response


class OnLoopback(SystemNetwork):
    """The machine's network, in which every name is this machine."""

    def resolve(self, host: str, port: int, deadline: object) -> list[str]:
        return ["127.0.0.1"]


def test_https_requests_and_answers_pass(serve_tls: Serve, network: SystemNetwork) -> None:
    body = bytes(range(256)) * 4000
    server = serve_tls(answers(response(body)))
    answer = HttpService(Limits(), network).post(HttpRequest(url=server.url(), body=body), FakeScope())
    assert (answer.status, answer.body, answer.error) == (200, body, "")
    assert server.requests[0].body == body


def test_the_name_is_kept_for_tls_and_host_while_the_checked_address_is_connected_to() -> None:
    names: list[str | None] = []

    def remember(_: ssl.SSLObject, name: str | None, __: ssl.SSLContext) -> None:
        names.append(name)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    context.sni_callback = remember
    network = OnLoopback(tls_context=lambda: ssl.create_default_context(cafile=str(CERTIFICATE)))
    with LoopbackServer(answers(response(b"ok")), tls=context) as server:
        request = HttpRequest(url=f"https://a.example.net:{server.port}/")
        answer = HttpService(Limits(), network).get(request, FakeScope())
        assert answer.body == b"ok"
        assert names == ["a.example.net"]
        assert server.requests[0]["Host"] == f"a.example.net:{server.port}"


def test_a_certificate_of_nobody_we_trust_is_refused(serve_tls: Serve) -> None:
    server = serve_tls(answers(response()))
    answer = HttpService(Limits()).get(HttpRequest(url=server.url()), FakeScope())
    assert answer.error.startswith(f'Get "{server.url()}": tls: failed to verify certificate: ')
    assert not server.requests


def test_a_certificate_for_another_name_is_refused(serve_tls: Serve) -> None:
    server = serve_tls(answers(response()))
    network = OnLoopback(tls_context=lambda: ssl.create_default_context(cafile=str(CERTIFICATE)))
    url = f"https://b.example.net:{server.port}/"
    answer = HttpService(Limits(), network).get(HttpRequest(url=url), FakeScope())
    assert answer.error.startswith(f'Get "{url}": tls: failed to verify certificate: Hostname mismatch')
    assert not server.requests


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00" * 100, b""])
def test_a_server_that_speaks_no_tls_is_an_error(serve: Serve, network: SystemNetwork, greeting: bytes) -> None:
    def no_tls(peer: Peer) -> None:
        peer.send(greeting)

    port = serve(no_tls).port
    answer = HttpService(Limits(), network).get(HttpRequest(url=f"https://127.0.0.1:{port}/"), FakeScope())
    assert answer.status == 0
    assert f'Get "https://127.0.0.1:{port}/": ' in answer.error


def test_the_time_limit_holds_in_the_handshake(serve: Serve, network: SystemNetwork) -> None:
    port = serve(lambda peer: peer.wait_for_close()).port
    request = HttpRequest(url=f"https://127.0.0.1:{port}/", timeout_ms=150)
    answer = HttpService(Limits(), network).get(request, FakeScope())
    assert "the time limit of 150 ms passed while setting up TLS with 127.0.0.1" in answer.error


def test_a_connection_cut_in_the_middle_of_a_body_is_an_error(serve_tls: Serve, network: SystemNetwork) -> None:
    def cut(peer: Peer) -> None:
        peer.receive()
        peer.send(b"HTTP/1.1 200 OK\r\n\r\nall of it, or is it?")
        peer.cut()

    answer = HttpService(Limits(), network).get(HttpRequest(url=serve_tls(cut).url()), FakeScope())
    assert "tls: unexpected EOF" in answer.error


def test_the_context_is_made_once_for_all_threads(serve_tls: Serve) -> None:
    made: list[ssl.SSLContext] = []

    def make() -> ssl.SSLContext:
        made.append(ssl.create_default_context(cafile=str(CERTIFICATE)))
        return made[-1]

    server = serve_tls(answers(response()))
    service = HttpService(Limits(), SystemNetwork(tls_context=make))
    threads = [
        threading.Thread(target=service.get, args=(HttpRequest(url=server.url()), FakeScope())) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert (len(made), len(server.requests)) == (1, 4)


def test_the_default_context_checks_names_and_authorities() -> None:
    context = trusted_context()
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.cert_store_stats()["x509_ca"] > 50
