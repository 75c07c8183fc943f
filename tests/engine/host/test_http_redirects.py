"""Redirects and permissions of the http service, over a network without a network."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import pytest

from engine.contracts.host.http_pb2 import HttpRequest, HttpResponse
from engine.host import HttpService
from engine.settings import Limits
from tests.engine.host.conftest import Serve
from tests.engine.host.fake_scope import FakeScope, http_permissions
from tests.engine.host.loopback import answers, response
from tests.engine.host.recorded_network import RecordedNetwork

A = "https://a.example.net"
B = "https://b.example.net"
AUTH = {"Authorization": "secret", "cookie": "id=1", "X-Plain": "kept", "Content-Type": "text/plain"}


def to(location: str, status: int = 302) -> bytes:
    return response(b"moved", status=f"{status} Moved", location=location)


def run(
    network: RecordedNetwork,
    url: str,
    *,
    method: str = "Get",
    allowed: Mapping[str, tuple[str, ...]] | None = None,
    local: bool = False,
    scope: FakeScope | None = None,
) -> HttpResponse:
    scope = scope or FakeScope()
    scope.permissions = http_permissions(allowed, allow_local_network=local)
    request = HttpRequest(url=url, headers=AUTH, body=b"payload")
    answer = HttpService(Limits(), network).call(method, request, scope)
    assert isinstance(answer, HttpResponse)
    return answer


def urls(network: RecordedNetwork) -> list[tuple[str, str]]:
    return [(sent.method, sent.url) for sent in network.sent]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["Get", "Head"])
def test_get_and_head_follow_every_redirect_as_they_are(status: int, method: str) -> None:
    network = RecordedNetwork({f"{A}/x": to("/y", status)})
    assert run(network, f"{A}/x", method=method).status == 200
    assert urls(network) == [(method.upper(), f"{A}/x"), (method.upper(), f"{A}/y")]


@pytest.mark.parametrize("status", [301, 302, 303])
@pytest.mark.parametrize("method", ["Post", "Put", "Delete", "Patch", "Options"])
def test_other_methods_become_get_without_body(status: int, method: str) -> None:
    network = RecordedNetwork({f"{A}/x": to("/y", status)})
    run(network, f"{A}/x", method=method)
    assert urls(network)[1] == ("GET", f"{A}/y")
    assert not {"Content-Length", "Content-Type"} & set(network.sent[1].fields)


@pytest.mark.parametrize("status", [307, 308])
def test_a_repeating_redirect_keeps_method_and_body(serve: Serve, status: int) -> None:
    server = serve(answers(response(status=f"{status} Again", location="/y")))
    HttpService(Limits()).post(HttpRequest(url=server.url("/x"), body=b"payload"), FakeScope())
    assert [(sent.method, sent.target, sent.body) for sent in server.requests[:2]] == [
        ("POST", "/x", b"payload"),
        ("POST", "/y", b"payload"),
    ]


@pytest.mark.parametrize("status", [300, 304, 305, 306, 399])
def test_other_3xx_answers_are_returned(status: int) -> None:
    network = RecordedNetwork({f"{A}/x": to("/y", status)})
    assert run(network, f"{A}/x").status == status
    assert len(network.sent) == 1


def test_a_redirect_without_location_is_returned() -> None:
    network = RecordedNetwork({f"{A}/x": response(b"?", status="302 Found")})
    answer = run(network, f"{A}/x")
    assert (answer.status, answer.body, answer.error) == (302, b"?", "")


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("z", f"{A}/x/z"),
        ("../z?q=1#part", f"{A}/z?q=1"),
        ("../../../z", f"{A}/z"),
        ("?q", f"{A}/x/y?q"),
        ("#part", f"{A}/x/y?old"),
        ("//b.example.net/z", f"{B}/z"),
        ("HTTPS://B.example.net:443", f"{B}/"),
        ("http://b.example.net:8080/z", "http://b.example.net:8080/z"),
        ("/ä", f"{A}/%C3%A4"),
    ],
)
def test_a_location_is_resolved_then_normalised(location: str, target: str) -> None:
    network = RecordedNetwork({f"{A}/x/y?old": response(status="302 Found", location=location)})
    run(network, f"{A}/x/y?old")
    assert urls(network)[1] == ("GET", target)


def test_five_redirects_are_followed_and_the_sixth_is_returned() -> None:
    network = RecordedNetwork({f"{A}/{number}": to(f"/{number + 1}") for number in range(9)})
    scope = FakeScope()
    answer = run(network, f"{A}/0", scope=scope)
    assert (answer.status, answer.error, answer.body) == (302, "", b"moved")
    assert answer.headers["Location"] == "/6"
    assert len(network.sent) == 6
    assert scope.notes[-1] == f"302 redirect to {A}/6 not followed: limit of 5 redirects reached"


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("https://evil.test/", "URL https://evil.test/ does not match any allowed URL patterns"),
        ("http://127.0.0.1/admin", "requests to localhost are not allowed"),
        ("http://LOCALHOST:8080/", "requests to localhost are not allowed"),
        ("http://10.0.0.1/", "requests to private IP addresses are not allowed"),
        ("https://inside.example.net/", "requests to private IP addresses are not allowed"),
        ("ftp://a.example.net/", 'invalid URL: scheme "ftp" is not one of http, https'),
        ("https://a.example.net/a/%2e%2e/b", 'invalid URL: "." or ".." in the path'),
        ("/%2e%2e/b", 'invalid URL: "." or ".." in the path'),
        ("https://a.example.net:0/", "invalid URL: the port is not a number from 1 to 65535"),
    ],
)
def test_a_refused_hop_returns_the_redirect_itself(location: str, reason: str) -> None:
    network = RecordedNetwork(
        {f"{A}/x": to(location)}, names={"a.example.net": ["8.8.8.8"], "inside.example.net": ["8.8.8.8", "10.1.2.3"]}
    )
    scope = FakeScope()
    allowed = {"*": ("GET",)} if "evil" not in location else {f"{A}/*": ("*",)}
    answer = run(network, f"{A}/x", allowed=allowed, scope=scope)
    assert (answer.status, answer.body, answer.headers["Location"], answer.error) == (302, b"moved", location, "")
    assert len(network.sent) == 1
    assert [refusal.reason for refusal in scope.refusals] == [reason]
    assert scope.notes[-1].endswith(f"not followed: {reason}")


def test_a_hop_is_judged_by_the_method_it_would_use() -> None:
    network = RecordedNetwork({f"{A}/x": to(f"{B}/y", 303), f"{A}/z": to(f"{B}/y", 307)})
    allowed = {f"{A}/*": ("POST",), f"{B}/*": ("GET",)}
    scope = FakeScope()
    assert run(network, f"{A}/x", method="Post", allowed=allowed).status == 200
    assert run(network, f"{A}/z", method="Post", allowed=allowed, scope=scope).status == 307
    assert scope.refusals[0].reason == f"operation POST not allowed for URL pattern {B}/*"
    assert f'"{B}/*": ["GET", "POST"]' in scope.refusals[0].hint


def test_credentials_go_to_the_same_host_and_its_sub_domains_only() -> None:
    hops = [f"{A}/1", "https://cdn.a.example.net/2", "https://xa.example.net/3", f"{A}/4"]
    network = RecordedNetwork({hop: to(onward) for hop, onward in pairwise(hops)})
    run(network, hops[0])
    assert [sent.fields.get("Authorization") for sent in network.sent] == ["secret", "secret", None, None]
    assert [sent.fields.get("Cookie") for sent in network.sent] == ["id=1", "id=1", None, None]
    assert all(sent["X-Plain"] == "kept" for sent in network.sent)


def test_each_hop_connects_to_the_address_that_was_checked_and_looks_up_once() -> None:
    network = RecordedNetwork(
        {f"{A}/x": to(f"{B}/y")}, names={"a.example.net": ["8.8.8.8"], "b.example.net": ["9.9.9.9"]}
    )
    run(network, f"{A}/x")
    assert [(sent.address, sent["Host"]) for sent in network.sent] == [
        ("8.8.8.8", "a.example.net"),
        ("9.9.9.9", "b.example.net"),
    ]
    assert network.lookups == ["a.example.net", "b.example.net"]


def test_every_followed_hop_is_noted() -> None:
    scope = FakeScope()
    run(RecordedNetwork({f"{A}/x": to(f"{B}/y", 307)}), f"{A}/x", scope=scope, method="Put")
    assert scope.notes == [f"307 redirect to {B}/y followed as PUT"]


def test_a_redirect_to_a_name_that_does_not_exist_is_an_error() -> None:
    network = RecordedNetwork({f"{A}/x": to("https://gone.example/")}, names={"gone.example": []})
    answer = run(network, f"{A}/x")
    assert answer.error == 'Get "https://gone.example/": dial tcp: lookup gone.example: no such host'


def test_a_refused_request_is_an_error_and_reported_and_nothing_is_sent() -> None:
    network, scope = RecordedNetwork(), FakeScope()
    answer = run(network, f"{A}/x", allowed={f"{B}/*": ("GET",)}, scope=scope)
    reason = f"URL {A}/x does not match any allowed URL patterns"
    assert (answer.status, answer.error) == (0, f"Request blocked by plugin permissions: {reason}")
    (refusal,) = scope.refusals
    assert (refusal.target, refusal.reason) == (f"{A}/x", reason)
    assert f'"{A}/*": ["GET"]' in refusal.hint
    assert not network.sent and not network.lookups


@pytest.mark.parametrize(
    ("url", "sent_url"),
    [
        ("HTTPS://A.Example.NET:443/x?q=%7e", f"{A}/x?q=%7e"),
        (f"{A}/a%2Cb;c=d'(e)!*|^~{{}}\"<>", f"{A}/a%2Cb;c=d'(e)!*|^~{{}}\"<>"),
        (f"{A}/käse?ö=ü", f"{A}/k%C3%A4se?%C3%B6=%C3%BC"),
        (f"{A}?", f"{A}/?"),
        (f"{A}/x#fragment", f"{A}/x"),
        ("http://[2001:4860:4860::8888]:8080/", "http://[2001:4860:4860::8888]:8080/"),
    ],
)
def test_what_is_sent_is_what_was_judged(url: str, sent_url: str) -> None:
    network = RecordedNetwork()
    assert run(network, url).status == 200
    assert urls(network) == [("GET", sent_url)]
