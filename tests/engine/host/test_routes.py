"""Requests of the http service that a route leads elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from engine.contracts.host.http_pb2 import HttpRequest, HttpResponse
from engine.host import HttpService, SystemNetwork
from engine.host.network import Network
from engine.plugins.permissions import Permissions
from engine.plugins.url_routes import parse_route
from engine.settings import Limits
from tests.engine.host.conftest import Serve
from tests.engine.host.fake_scope import FakeScope, http_permissions
from tests.engine.host.loopback import answers, response
from tests.engine.host.recorded_network import RecordedNetwork


def public(*urls: str) -> Permissions:
    """GET on these URLs, the local network refused."""
    return http_permissions({url: ("GET",) for url in urls}, allow_local_network=False)


def get(url: str, routes: Sequence[tuple[str, str]], network: Network, scope: FakeScope, **more: str) -> HttpResponse:
    service = HttpService(Limits(), network, routes=[parse_route(*route) for route in routes], **more)
    answer = service.call("Get", HttpRequest(url=url), scope)
    assert isinstance(answer, HttpResponse)
    return answer


def test_a_routed_request_reaches_a_local_server_under_its_own_name(serve: Serve, network: SystemNetwork) -> None:
    server = serve(answers(response(b"local")))
    scope = FakeScope(permissions=public("https://api.example.com/*"))
    answer = get("https://api.example.com/v1?q=1", [("https://api.example.com/*", server.url("/"))], network, scope)
    assert (answer.status, answer.body, answer.error) == (200, b"local", "")
    [request] = server.requests
    assert (request.target, request["Host"]) == ("/v1?q=1", f"127.0.0.1:{server.port}")
    assert scope.notes == [
        f'routed to {server.url("/v1?q=1")} by the route "https://api.example.com/*" of [Workbench.Routes]'
    ]


def test_a_routed_request_makes_no_look_up_and_uses_no_proxy() -> None:
    network = RecordedNetwork()
    scope = FakeScope(permissions=public("https://api.example.com/*"))
    routes = [("https://api.example.com/*", "http://10.0.0.1:9000")]
    answer = get("https://api.example.com/x", routes, network, scope, proxy="http://proxy.example:3128")
    assert answer.status == 200
    assert network.lookups == []
    assert [(item.address, item.port, item.url) for item in network.sent] == [
        ("10.0.0.1", 9000, "http://10.0.0.1:9000/x")
    ]


def test_only_a_target_that_is_a_name_is_looked_up() -> None:
    network = RecordedNetwork(names={"mock.local": ("10.0.0.7",)})
    scope = FakeScope(permissions=public("https://api.example.com/*"))
    assert get("https://api.example.com/x", [("*", "http://mock.local")], network, scope).status == 200
    assert network.lookups == ["mock.local"]
    assert network.sent[0].address == "10.0.0.7"


def test_a_route_allows_nothing_that_the_manifest_does_not() -> None:
    network = RecordedNetwork()
    scope = FakeScope(permissions=public("https://api.example.com/*"))
    routes = [("*", "http://127.0.0.1:9000")]
    answer = get("https://other.example.com/", routes, network, scope)
    assert "does not match any allowed URL patterns" in answer.error
    service = HttpService(Limits(), network, routes=[parse_route(*routes[0])])
    posted = service.call("Post", HttpRequest(url="https://api.example.com/"), scope)
    assert isinstance(posted, HttpResponse)
    assert "operation POST not allowed" in posted.error
    assert network.sent == []


def test_redirects_are_resolved_against_the_plugins_url_judged_and_routed_again() -> None:
    found = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: "
    network = RecordedNetwork(
        {
            "http://127.0.0.1:9000/a/1": found + b"../b\r\n\r\n",
            "http://127.0.0.1:9000/b": found + b"https://cdn.example.com/c\r\n\r\n",
            "http://127.0.0.1:9001/c": found + b"http://127.0.0.1:9000/inside\r\n\r\n",
        }
    )
    scope = FakeScope(permissions=public("https://api.example.com/*", "https://cdn.example.com/*"))
    routes = [("https://api.example.com/*", "http://127.0.0.1:9000"), ("*", "http://127.0.0.1:9001")]
    answer = get("https://api.example.com/a/1", routes, network, scope)
    assert [item.url for item in network.sent] == [
        "http://127.0.0.1:9000/a/1",
        "http://127.0.0.1:9000/b",
        "http://127.0.0.1:9001/c",
    ]
    # The target of a route is the user's choice, not an allowance: named by the server, it is refused.
    assert (answer.status, answer.headers["Location"]) == (302, "http://127.0.0.1:9000/inside")


def test_a_routed_server_that_is_not_there_is_told_under_the_plugins_url(network: SystemNetwork) -> None:
    scope = FakeScope(permissions=public("https://api.example.com/*"))
    answer = get("https://api.example.com/x", [("*", "http://127.0.0.1:1")], network, scope)
    assert answer.error == 'Get "https://api.example.com/x": dial tcp 127.0.0.1:1: connect: connection refused'
