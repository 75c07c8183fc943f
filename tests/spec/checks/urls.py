"""Patterns, permissions and redirects."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from engine.contracts.host.http_pb2 import HttpRequest, HttpResponse
from engine.errors import PermissionDenied
from engine.host import HttpService
from engine.plugins.permissions import HttpPermission, Permissions, WebSocketPermission
from engine.plugins.url_patterns import parse_pattern
from engine.plugins.url_rules import (
    HTTP_SCHEMES,
    WEBSOCKET_SCHEMES,
    Allowed,
    Resolver,
    UrlRefused,
    check_http,
    check_websocket,
    normalise,
)
from engine.settings import Limits
from tests.engine.host.fake_scope import FakeScope
from tests.engine.host.recorded_network import RecordedNetwork
from tests.spec.cases import Case

_PUBLIC_ADDRESS = "93.184.216.34"


def url_match(case: Case) -> None:
    try:
        url = normalise(case.value["url"], HTTP_SCHEMES | WEBSOCKET_SCHEMES)
    except UrlRefused:
        assert case.expected("allowed") is False
    else:
        assert parse_pattern(case.value["pattern"]).matches(url) is case.expected("allowed")


def http_permission(case: Case) -> None:
    permission = _http(case.value)
    _decided(case, lambda: check_http(permission, case.value["url"], case.value["method"], _resolver(case)))


def websocket_permission(case: Case) -> None:
    permission = WebSocketPermission(
        reason="vector",
        allowed_urls=tuple(case.value["allowedUrls"]),
        allow_local_network=case.value.get("allowLocalNetwork", False),
    )
    _decided(case, lambda: check_websocket(permission, case.value["url"], _resolver(case)))


def redirect(case: Case) -> None:
    answers = {url: _answer(url, case.value["responses"]) for url in case.value["responses"]}
    network = RecordedNetwork(answers, names=_names(case))
    scope = FakeScope(permissions=Permissions(http=_http(case.value)))
    method: str = case.value["method"]
    request = HttpRequest(url=case.value["url"], headers={"Authorization": "Bearer secret"})
    answer = HttpService(Limits(), network).call(method.title(), request, scope)
    assert isinstance(answer, HttpResponse)
    expected = case.value.get("safe", case.value)
    sent = [[one.method, one.url, "Authorization" in one.fields] for one in network.sent]
    assert (answer.status, sent) == (expected["status"], expected["requests"])
    assert answer.error == ""
    if 300 <= answer.status < 400:
        assert answer.headers["Location"] == case.value["responses"][sent[-1][1]]["location"]


def _http(value: Mapping[str, Any]) -> HttpPermission:
    return HttpPermission(
        reason="vector",
        allowed_urls={pattern: tuple(methods) for pattern, methods in value["allowedUrls"].items()},
        allow_local_network=value.get("allowLocalNetwork", False),
    )


def _resolver(case: Case) -> Resolver:
    addresses: Sequence[str] = case.value.get("resolves_to", (_PUBLIC_ADDRESS,))
    return lambda _host, _port: addresses


def _names(case: Case) -> Mapping[str, Sequence[str]]:
    """`resolves_to` is a list for the host of the URL, or a map from host to list."""
    given = case.value.get("resolves_to", {})
    return given if isinstance(given, dict) else {normalise(case.value["url"], HTTP_SCHEMES).host: given}


def _decided(case: Case, decide: Callable[[], Allowed]) -> None:
    try:
        decide()
    except PermissionDenied as error:
        assert case.expected("allowed") is False, error.summary
        assert (case.value.get("error") or "") in error.summary
        assert error.hint
    except OSError:
        assert case.expected("allowed") is False, "a name without an address cannot be reached"
    else:
        assert case.expected("allowed") is True


def _answer(url: str, responses: Mapping[str, Mapping[str, Any]]) -> bytes:
    """What the recorded server sends for `url`."""
    status, location = responses[url]["status"], responses[url].get("location")
    head = f"HTTP/1.1 {status} Vector\r\nContent-Length: 0\r\n"
    return (head + (f"Location: {location}\r\n" if location else "") + "\r\n").encode()
