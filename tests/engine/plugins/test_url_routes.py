"""Routes: which one leads a URL, and where."""

from __future__ import annotations

import pytest

from engine.plugins.url_routes import find_route, parse_route
from engine.plugins.urls import HTTP_SCHEMES, WEBSOCKET_SCHEMES, NormalUrl, normalise


def url(text: str) -> NormalUrl:
    return normalise(text, HTTP_SCHEMES | WEBSOCKET_SCHEMES)


@pytest.mark.parametrize(
    ("pattern", "base", "asked", "sent"),
    [
        ("https://a.example/*", "http://127.0.0.1:9000", "https://a.example", "http://127.0.0.1:9000/"),
        (
            "https://a.example/*",
            "http://127.0.0.1:9000",
            "https://a.example/v1/x?q=1",
            "http://127.0.0.1:9000/v1/x?q=1",
        ),
        ("https://a.example/*", "http://127.0.0.1:9000/mock/", "https://a.example/v1", "http://127.0.0.1:9000/mock/v1"),
        ("https://*.example", "http://[::1]", "https://a.example/x?", "http://[::1]/x?"),
        ("wss://a.example:*", "ws://localhost:1", "wss://a.example:8443/s", "ws://localhost:1/s"),
        ("*", "https://b.example", "http://a.example/x", "https://b.example/x"),
    ],
)
def test_a_route_puts_path_and_query_behind_its_base(pattern: str, base: str, asked: str, sent: str) -> None:
    route = parse_route(pattern, base)
    assert route.leads(url(asked))
    assert route.target(url(asked)) == url(sent)


@pytest.mark.parametrize(
    ("pattern", "base", "asked"),
    [
        ("https://a.example/*", "http://127.0.0.1", "https://b.example/"),
        ("https://a.example/v1/*", "http://127.0.0.1", "https://a.example/v2"),
        ("*", "http://127.0.0.1", "ws://a.example/"),
        ("*", "ws://127.0.0.1", "https://a.example/"),
    ],
)
def test_a_route_leaves_other_urls_alone(pattern: str, base: str, asked: str) -> None:
    assert not parse_route(pattern, base).leads(url(asked))


def test_an_exact_pattern_comes_first_and_then_the_order_of_the_file() -> None:
    first = parse_route("https://a.example/*", "http://127.0.0.1:1")
    second = parse_route("*", "http://127.0.0.1:2")
    exact = parse_route("https://a.example/x", "http://127.0.0.1:3")
    routes = (first, second, exact)
    assert find_route(routes, url("https://a.example/x")) is exact
    assert find_route(routes, url("https://a.example/y")) is first
    assert find_route(routes, url("https://b.example/")) is second
    assert find_route(routes, url("wss://b.example/")) is None


@pytest.mark.parametrize(
    ("pattern", "base", "cause"),
    [
        ("a.example", "http://127.0.0.1", "never matches: it is not of the form scheme://host/path"),
        ("https://a.example/?x", "http://127.0.0.1", 'never matches: "?" has no place'),
        ("https://a.example", "127.0.0.1:9000", "expected a base URL"),
        ("https://a.example", "ftp://127.0.0.1", "expected a base URL"),
        ("https://a.example", "http://127.0.0.1/?x=1", "no user, query or fragment"),
        ("https://a.example", "http://127.0.0.1/#x", "no user, query or fragment"),
        ("https://a.example", "http://me@127.0.0.1/", "no user, query or fragment"),
        ("https://a.example", "ws://127.0.0.1", "https cannot be led to ws"),
        ("wss://a.example", "http://127.0.0.1", "wss cannot be led to http"),
    ],
)
def test_a_bad_route_says_what_is_wrong(pattern: str, base: str, cause: str) -> None:
    with pytest.raises(ValueError, match=cause.replace("?", r"\?")):
        parse_route(pattern, base)
