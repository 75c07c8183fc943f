"""URL patterns: what they cover and what they never cover."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.plugins.url_patterns import parse_pattern
from engine.plugins.urls import HTTP_SCHEMES, WEBSOCKET_SCHEMES, NormalUrl, UrlRefused, normalise


def matches(pattern: str, url: str) -> bool:
    return parse_pattern(pattern).matches(normalise(url, HTTP_SCHEMES | WEBSOCKET_SCHEMES))


@pytest.mark.parametrize(
    ("pattern", "url"),
    [
        ("*", "ws://10.0.0.1:99/x?y"),
        ("https://api.example.com", "https://API.example.com:443/"),
        ("https://api.example.com:443", "https://api.example.com"),
        ("https://API.example.com./v1", "https://api.example.com/v1"),
        ("https://api.example.com:*", "https://api.example.com:8080/any/path"),
        ("https://api.example.com/a*b", "https://api.example.com/a*b"),
        ("https://api.example.com/api/*", "https://api.example.com/api"),
        ("https://api.example.com/api/*", "https://api.example.com/api/"),
        ("https://*", "https://a.b.example.com:8443/x"),
        ("https://*/", "https://a.example:8443/x"),
        ("https://*:8443", "https://a.b.example.com:8443/x"),
        ("https://*.example.com", "https://x.example.com/"),
        ("https://a*z.example.com", "https://az.example.com/"),
        ("https://a*z.example.com", "https://abcz.example.com/"),
        ("http://192.168.*", "http://192.168.1.20/"),
        ("http://192.*.20", "http://192.168.1.20/"),
        ("http://[::1]:8080/*", "http://[0:0::1]:8080/x"),
        ("http://[fd00:*]", "http://[fd00::1]/x"),
        ("https://bücher.example/ä", "https://xn--bcher-kva.example/ä"),
        ("https://*.bücher.example", "https://www.bücher.example"),
    ],
)
def test_a_pattern_covers(pattern: str, url: str) -> None:
    assert matches(pattern, url)


@pytest.mark.parametrize(
    ("pattern", "url"),
    [
        ("https://api.example.com", "https://api.example.com:8443/"),
        ("https://api.example.com:8443", "https://api.example.com/"),
        ("https://api.example.com/api/*", "https://api.example.com/apix"),
        ("https://api.example.com/api", "https://api.example.com/api/"),
        ("https://api.example.com/*/x", "https://api.example.com/a/x"),
        ("https://*.example.com", "https://example.com"),
        ("https://*.example.com", "https://a.b.example.com"),
        ("https://*.example.com", "https://x.example.com:8443"),
        ("https://*:8443", "https://a.example/"),
        ("http://192.168.*", "http://192.168.1.example/"),
        ("http://fd00*", "http://[fd00::1]/"),
        ("https://*", "http://a.example/"),
        ("https://axexample.com", "https://a.example.com"),
        ("https://a.example", "https://axexample/"),
    ],
)
def test_a_pattern_does_not_cover(pattern: str, url: str) -> None:
    assert not matches(pattern, url)


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "api.example.com",
        "//api.example.com",
        "https://",
        "https:///path",
        "*://api.example.com",
        "ftp://api.example.com",
        "https://api.example.com?x=1",
        "https://api.example.com/#top",
        "https://user@api.example.com",
        "https://api.example.com:99999",
        "https://api.example.com:x",
        "https://api.example.com:80:80",
        "https://a..example.com",
        "https://[::1",
        "https://2130706433",
    ],
)
def test_a_bad_pattern_says_why_and_never_matches(pattern: str) -> None:
    parsed = parse_pattern(pattern)
    assert parsed.problem
    for url in ("https://api.example.com/", "http://api.example.com/", "https://[::1]/"):
        assert not parsed.matches(normalise(url, HTTP_SCHEMES))


@settings(deadline=None)
@given(st.text("ab*.", min_size=1, max_size=12), st.text("ab.", max_size=12))
def test_stars_mean_what_a_regular_expression_says(pattern: str, host: str) -> None:
    expression = re.compile("[^.]*".join(map(re.escape, pattern.split("*"))))
    url = NormalUrl(scheme="http", host=host, port=80, path="/", query=None, text="")
    wanted = parse_pattern(f"http://{pattern}")
    if "*" in pattern and pattern not in ("*", "*.") and not pattern.endswith("."):
        assert wanted.matches(url) is (expression.fullmatch(host) is not None)


def test_a_pattern_full_of_stars_is_decided_at_once() -> None:
    assert not matches("https://" + "*a" * 60 + "*b.example", "https://" + "a" * 63 + ".example")


@settings(deadline=None)
@given(st.text("ahtps:/*.[]@?#x1\n ", max_size=20) | st.text(max_size=20), st.text("ab1./*-", max_size=12))
def test_no_pattern_text_fails_and_only_a_star_crosses_schemes(pattern: str, rest: str) -> None:
    parsed = parse_pattern(pattern)
    try:
        plain = normalise(f"http://{rest}", HTTP_SCHEMES)
        secure = normalise(f"https://{rest}", HTTP_SCHEMES)
    except UrlRefused:
        return
    assert not (parsed.matches(plain) and parsed.matches(secure)) or pattern == "*"


@settings(deadline=None)
@given(
    st.from_regex(r"[a-z]{1,8}(\.[a-z]{1,8}){0,3}", fullmatch=True),
    st.from_regex(r"(/[a-z0-9]{0,4}){0,3}", fullmatch=True),
)
def test_a_url_is_covered_by_itself_and_by_everything_on_its_host(host: str, path: str) -> None:
    url = f"https://{host}{path}"
    assert matches(url, url)
    assert matches(f"https://{host}/*", url)
    assert not matches(f"https://{host}x/*", url)
