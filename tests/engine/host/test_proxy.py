"""The configured proxy: its setting, and requests through a real one on loopback."""

from __future__ import annotations

import socket
import threading

import pytest

from engine.contracts.host.http_pb2 import HttpRequest
from engine.errors import SettingsError
from engine.host import HttpService
from engine.host.network import SystemNetwork
from engine.host.proxy import parse_proxy
from engine.settings import Limits
from tests.engine.host.conftest import Serve
from tests.engine.host.fake_scope import FakeScope, http_permissions
from tests.engine.host.loopback import Peer, Received, Script, answers, response
from tests.engine.host.recorded_network import RecordedNetwork


def test_a_proxy_setting_is_taken_apart() -> None:
    proxy = parse_proxy("http://user:s%40cret@proxy.example:3128/")
    assert (proxy.scheme, proxy.host, proxy.port) == ("http", "proxy.example", 3128)
    assert proxy.headers == [(b"Proxy-Authorization", b"Basic dXNlcjpzQGNyZXQ=")]
    assert "Basic" not in repr(proxy)


@pytest.mark.parametrize(("setting", "port"), [("http://p", 80), ("https://p", 443), (" http://p:8080 ", 8080)])
def test_a_proxy_has_its_schemes_port_unless_told(setting: str, port: int) -> None:
    assert parse_proxy(setting).port == port


@pytest.mark.parametrize(
    "setting", ["", "proxy:3128", "socks5://p", "http://", "http://p:port", "http://p:99999", "http://p/x", "http://[p"]
)
def test_a_proxy_that_cannot_be_used_is_a_settings_error(setting: str) -> None:
    with pytest.raises(SettingsError, match="the proxy setting cannot be used: ") as refused:
        HttpService(Limits(), RecordedNetwork(), proxy=setting)
    assert refused.value.hint is not None


def test_a_plain_request_goes_to_the_proxy_whole(serve: Serve) -> None:
    proxy = serve(answers(response(b"from the proxy")))
    service = HttpService(Limits(), proxy=f"http://user:pass@127.0.0.1:{proxy.port}")
    answer = service.get(HttpRequest(url="http://8.8.8.8:8080/a?b"), FakeScope())
    assert answer.body == b"from the proxy"
    request = proxy.requests[0]
    assert (request.target, request["Host"]) == ("http://8.8.8.8:8080/a?b", "8.8.8.8:8080")
    assert request["Proxy-Authorization"] == "Basic dXNlcjpwYXNz"


def tunnel(requests: list[Received], port: int) -> Script:
    """A proxy that connects every tunnel to `port` on loopback."""

    def script(peer: Peer) -> None:
        requests.append(peer.receive())
        with socket.create_connection(("127.0.0.1", port)) as server:
            peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=peer.forward_from, args=(server,))
            back.start()
            peer.forward_to(server)
            back.join(5)

    return script


def test_https_is_tunnelled_and_checked_end_to_end(serve: Serve, serve_tls: Serve, network: SystemNetwork) -> None:
    server = serve_tls(answers(response(b"through the tunnel")))
    requests: list[Received] = []
    proxy = serve(tunnel(requests, server.port))
    service = HttpService(Limits(), network, proxy=f"http://user:pass@127.0.0.1:{proxy.port}")
    answer = service.get(HttpRequest(url="https://localhost:4443/x"), FakeScope())
    assert (answer.error, answer.body) == ("", b"through the tunnel")
    assert (requests[0].method, requests[0].target) == ("CONNECT", "localhost:4443")
    assert requests[0]["Proxy-Authorization"] == "Basic dXNlcjpwYXNz"
    assert (server.requests[0].target, "Proxy-Authorization" in server.requests[0]) == ("/x", False)


def test_a_proxy_behind_tls_is_spoken_to_in_tls(serve_tls: Serve, network: SystemNetwork) -> None:
    server = serve_tls(answers(response(b"twice encrypted")))
    proxy = serve_tls(tunnel([], server.port))
    service = HttpService(Limits(), network, proxy=f"https://127.0.0.1:{proxy.port}")
    answer = service.get(HttpRequest(url="https://localhost:4443/x"), FakeScope())
    assert (answer.error, answer.body) == ("", b"twice encrypted")


def test_a_proxy_that_refuses_the_tunnel_is_an_error(serve: Serve) -> None:
    proxy = serve(answers(response(b"who are you?", status="407 Proxy Authentication Required")))
    service = HttpService(Limits(), proxy=f"http://127.0.0.1:{proxy.port}")
    answer = service.get(HttpRequest(url="https://8.8.8.8/"), FakeScope())
    assert (answer.status, answer.error) == (
        0,
        'Get "https://8.8.8.8/": proxyconnect tcp: the proxy 127.0.0.1 answered 407',
    )


def test_permissions_are_judged_before_the_proxy_sees_anything() -> None:
    network = RecordedNetwork(names={"inside.example": ["10.0.0.1"]})
    scope = FakeScope(permissions=http_permissions(allow_local_network=False))
    service = HttpService(Limits(), network, proxy="http://proxy.example")
    for url in ("http://inside.example/", "http://127.0.0.1/", "https://localhost/"):
        assert service.get(HttpRequest(url=url), scope).error.startswith("Request blocked by plugin permissions: ")
    assert not network.sent


def test_names_that_only_the_proxy_knows_are_left_to_it() -> None:
    network = RecordedNetwork(names={"far.example": [], "proxy.example": ["9.9.9.9"]})
    service = HttpService(Limits(), network, proxy="http://proxy.example:3128")
    assert service.get(HttpRequest(url="http://far.example/x"), FakeScope()).status == 200
    assert [(sent.address, sent.port, sent.head.split()[1]) for sent in network.sent] == [
        ("9.9.9.9", 3128, "http://far.example/x")
    ]


def test_proxy_variables_of_the_environment_play_no_part(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    server = serve(answers(response(b"direct")))
    assert HttpService(Limits()).get(HttpRequest(url=server.url()), FakeScope()).body == b"direct"
