"""The decision on a URL: order of the rules, texts, hints, and what is looked up."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from engine.errors import PermissionDenied
from engine.plugins.permissions import HttpPermission, Permissions, WebSocketPermission
from engine.plugins.url_rules import Resolver, UrlRefused, check_http, check_websocket, pattern_warnings

PUBLIC = "93.184.216.34"
LOCALHOST_TEXT = "requests to localhost are not allowed"
PRIVATE_TEXT = "requests to private IP addresses are not allowed"


def http(urls: dict[str, Sequence[str]], *, local: bool = False) -> HttpPermission:
    allowed = {pattern: tuple(methods) for pattern, methods in urls.items()}
    return HttpPermission(reason="test", allowed_urls=allowed, allow_local_network=local)


def websocket(*patterns: str, local: bool = False) -> WebSocketPermission:
    return WebSocketPermission(reason="test", allowed_urls=patterns, allow_local_network=local)


def answers(*addresses: str) -> Resolver:
    return lambda _host, _port: addresses


def no_look_up(host: str, port: int) -> Sequence[str]:
    raise AssertionError(f"{host}:{port} was looked up")


def refusal(decide: Callable[[], object]) -> PermissionDenied:
    with pytest.raises(PermissionDenied) as caught:
        decide()
    return caught.value


ANY = http({"*": ["*"]})


def test_an_allowed_url_comes_with_the_addresses_that_were_checked() -> None:
    allowed = check_http(ANY, "https://API.example.com/x?y=1", "GET", answers(PUBLIC, "2606:4700::1111"))
    assert allowed.url.text == "https://api.example.com/x?y=1"
    assert allowed.addresses == (PUBLIC, "2606:4700::1111")


def test_the_resolver_is_asked_once_with_the_normal_host_and_port() -> None:
    asked: list[tuple[str, int]] = []

    def resolve(host: str, port: int) -> Sequence[str]:
        asked.append((host, port))
        return [PUBLIC]

    check_http(ANY, "https://API.Example.com./", "GET", resolve)
    assert asked == [("api.example.com", 443)]


def test_an_address_in_the_url_is_not_looked_up() -> None:
    assert check_http(ANY, "http://8.8.8.8/", "GET", no_look_up).addresses == ("8.8.8.8",)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://localhost:8080", LOCALHOST_TEXT),
        ("http://LOCALHOST./", LOCALHOST_TEXT),
        ("http://a.b.localhost/", LOCALHOST_TEXT),
        ("http://127.0.0.1/", LOCALHOST_TEXT),
        ("http://[::1]/", LOCALHOST_TEXT),
        ("http://１２７.0.0.1/", LOCALHOST_TEXT),
        ("http://127.0.0.2/", PRIVATE_TEXT),
        ("http://0.0.0.0/", PRIVATE_TEXT),
        ("http://[::]/", PRIVATE_TEXT),
        ("http://169.254.169.254/latest", PRIVATE_TEXT),
        ("http://[::ffff:10.0.0.1]/", PRIVATE_TEXT),
    ],
)
def test_the_local_network_is_refused_before_the_patterns_and_without_a_look_up(url: str, text: str) -> None:
    for permission in (ANY, http({"https://api.example.com": ["GET"]})):
        error = refusal(lambda granted=permission: check_http(granted, url, "GET", no_look_up))  # type: ignore[misc]
        assert error.summary == text
        assert error.hint is not None
        assert '"allowLocalNetwork": true' in error.hint


@pytest.mark.parametrize("addresses", [("10.1.2.3",), (PUBLIC, "10.1.2.3"), ("fe80::1%2",), ("nonsense",)])
def test_a_name_is_refused_if_any_of_its_addresses_is_private(addresses: tuple[str, ...]) -> None:
    error = refusal(lambda: check_http(ANY, "http://intranet.example.com/", "GET", answers(*addresses)))
    assert error.summary == PRIVATE_TEXT


def test_a_url_that_no_pattern_covers_makes_no_look_up() -> None:
    permission = http({"https://api.example.com/*": ["GET"]})
    error = refusal(lambda: check_http(permission, "https://secret.evil.test", "GET", no_look_up))
    assert error.summary == "URL https://secret.evil.test does not match any allowed URL patterns"
    assert error.hint == (
        'To allow it, manifest.json needs "permissions": '
        '{"http": {"allowedUrls": {"https://secret.evil.test/*": ["GET"]}}}'
    )


def test_the_local_network_can_be_allowed() -> None:
    permission = http({"*": ["*"]}, local=True)
    assert check_http(permission, "http://localhost:4533/", "GET", answers("127.0.0.1")).addresses == ("127.0.0.1",)
    assert check_http(permission, "http://10.0.0.1/", "GET", no_look_up).addresses == ("10.0.0.1",)
    with pytest.raises(UrlRefused):
        check_http(permission, "http://2130706433/", "GET", no_look_up)


def test_a_name_that_does_not_resolve_is_not_a_matter_of_permission() -> None:
    def fail(_host: str, _port: int) -> Sequence[str]:
        raise OSError("no such host")

    with pytest.raises(OSError, match="no such host"):
        check_http(ANY, "https://nowhere.example/", "GET", fail)
    with pytest.raises(OSError, match=r"nowhere\.example has no address"):
        check_http(ANY, "https://nowhere.example/", "GET", answers())


def test_exact_patterns_decide_alone_where_one_matches() -> None:
    permission = http({"https://api.example.com/*": ["*"], "https://api.example.com/users": ["GET"]})
    check_http(permission, "https://api.example.com/posts", "DELETE", answers(PUBLIC))
    error = refusal(lambda: check_http(permission, "https://api.example.com/users", "DELETE", no_look_up))
    assert error.summary == "operation DELETE not allowed for URL pattern https://api.example.com/users"


def test_the_methods_of_all_matching_wildcards_count_together() -> None:
    permission = http({"https://*.example.com/*": ["GET"], "https://api.example.com/*": ["POST"]})
    for method in ("GET", "post"):
        assert check_http(permission, "https://api.example.com/x", method, answers(PUBLIC)).addresses
    error = refusal(lambda: check_http(permission, "https://api.example.com/x", "put", no_look_up))
    assert error.summary == "operation PUT not allowed for URL pattern https://*.example.com/*"
    assert error.hint is not None
    assert error.hint.endswith('{"http": {"allowedUrls": {"https://*.example.com/*": ["GET", "PUT"]}}}')


def test_the_methods_of_exact_patterns_in_two_spellings_count_together() -> None:
    permission = http({"https://api.example.com": ["GET"], "https://API.example.com:443/": ["POST"]})
    for method in ("GET", "POST"):
        check_http(permission, "https://api.example.com", method, answers(PUBLIC))


def test_without_any_pattern_nothing_is_allowed() -> None:
    assert refusal(lambda: check_http(http({}), "https://a.example", "GET", no_look_up)).summary == (
        "no allowed URLs configured for plugin"
    )
    assert refusal(lambda: check_websocket(websocket(), "wss://a.example", no_look_up)).summary == (
        "no allowed URLs configured for plugin"
    )


def test_a_url_that_cannot_be_judged_is_a_refusal_too() -> None:
    error = refusal(lambda: check_http(ANY, "https://api.example.com:x@evil.test:0/", "GET", no_look_up))
    assert error.summary == "invalid URL: the port is not a number from 1 to 65535"


def test_any_matching_pattern_allows_a_websocket() -> None:
    permission = websocket("wss://a.example", "wss://*.b.example")
    assert check_websocket(permission, "wss://x.b.example/feed", answers(PUBLIC)).url.port == 443
    error = refusal(lambda: check_websocket(permission, "wss://c.example:9000/feed", no_look_up))
    assert error.summary == "URL wss://c.example:9000/feed does not match any allowed URL patterns"
    assert error.hint is not None
    assert error.hint.endswith('{"websocket": {"allowedUrls": ["wss://c.example:9000/*"]}}')


def test_a_websocket_obeys_the_local_network_rule() -> None:
    assert refusal(lambda: check_websocket(websocket("*"), "ws://localhost:1", no_look_up)).summary == LOCALHOST_TEXT
    assert refusal(lambda: check_websocket(websocket("*"), "ws://a.example", answers("::1"))).summary == LOCALHOST_TEXT
    assert check_websocket(websocket("*", local=True), "ws://[::1]:1", no_look_up).addresses == ("::1",)


def test_an_http_url_is_no_websocket_url() -> None:
    assert refusal(lambda: check_websocket(websocket("*"), "https://a.example", no_look_up)).summary == (
        'invalid URL: scheme "https" is not one of ws, wss'
    )


def test_patterns_that_never_match_are_warned_about() -> None:
    permissions = Permissions(
        http=http({"api.example.com": ["GET"], "https://good.example/*": ["GET"], "wss://a.example": ["GET"]}),
        websocket=websocket("wss://good.example", "ws://bad.example?x=1", "*"),
    )
    assert pattern_warnings(permissions) == (
        'permissions.http: the URL pattern "api.example.com" never matches: it is not of the form scheme://host/path',
        'permissions.http: the URL pattern "wss://a.example" never matches: http URLs start with http or https',
        'permissions.websocket: the URL pattern "ws://bad.example?x=1" never matches: '
        '"?" has no place in a URL pattern',
    )
    assert pattern_warnings(Permissions()) == ()
