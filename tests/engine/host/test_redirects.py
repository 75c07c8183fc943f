"""Redirect rules without any network."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.host.redirects import (
    keeps_body,
    location_of,
    may_send_credentials,
    next_method,
    resolve,
    without_credentials,
)

# The examples of RFC 3986 section 5.4, for the base http://a/b/c/d;p?q.
RFC_3986 = {
    "g": "http://a/b/c/g",
    "./g": "http://a/b/c/g",
    "g/": "http://a/b/c/g/",
    "/g": "http://a/g",
    "//g": "http://g",
    "?y": "http://a/b/c/d;p?y",
    "g?y": "http://a/b/c/g?y",
    "g;x=1/../y": "http://a/b/c/y",
    ";x": "http://a/b/c/;x",
    "g;x?y": "http://a/b/c/g;x?y",
    "": "http://a/b/c/d;p?q",
    "#s": "http://a/b/c/d;p?q",
    ".": "http://a/b/c/",
    "./": "http://a/b/c/",
    "..": "http://a/b/",
    "../g": "http://a/b/g",
    "../..": "http://a/",
    "../../../../g": "http://a/g",
    "/./g": "http://a/g",
    "/../g": "http://a/g",
    "g.": "http://a/b/c/g.",
    "..g": "http://a/b/c/..g",
    "./g/.": "http://a/b/c/g/",
    "g/../h": "http://a/b/c/h",
    "g?y/../x": "http://a/b/c/g?y/../x",
}


@pytest.mark.parametrize(("location", "target"), RFC_3986.items())
def test_relative_locations_resolve_as_rfc_3986_says(location: str, target: str) -> None:
    assert resolve("http://a/b/c/d;p?q", location) == target


@pytest.mark.parametrize("location", ["http://h/a/../b", "mailto:x", "https:/x", "HTTP://H/%2e%2e/"])
def test_a_location_with_a_scheme_stays_as_it_is(location: str) -> None:
    assert resolve("http://a/b", location) == location


@pytest.mark.parametrize("location", ["/%2e%2e/x", "%2E./x", "..\\x", "/a\tb", " http://x/", "\x01http://x/"])
def test_nothing_that_the_judge_refuses_is_tidied_away(location: str) -> None:
    assert resolve("http://a/", location).endswith(location.removeprefix("/"))


@given(st.text(max_size=40))
def test_any_location_resolves_to_something_on_the_base_or_to_itself(location: str) -> None:
    target = resolve("http://a/b?c", location)
    assert target.startswith("http://a/") or target.endswith(location)


@pytest.mark.parametrize(
    ("status", "method", "following"),
    [
        (301, "POST", "GET"),
        (302, "PUT", "GET"),
        (303, "DELETE", "GET"),
        (303, "HEAD", "HEAD"),
        (302, "GET", "GET"),
        (307, "POST", "POST"),
        (308, "DELETE", "DELETE"),
    ],
)
def test_the_status_decides_the_next_method(status: int, method: str, following: str) -> None:
    assert next_method(status, method) == following


def test_only_the_repeating_redirects_keep_the_body() -> None:
    assert [status for status in (301, 302, 303, 307, 308) if keeps_body(status)] == [307, 308]


def test_an_empty_location_leads_nowhere() -> None:
    assert location_of(302, {"Location": ""}) is None
    assert location_of(302, {}) is None
    assert location_of(200, {"Location": "/x"}) is None
    assert location_of(302, {"Location": "/x"}) == "/x"


@pytest.mark.parametrize(
    ("first", "host", "may"),
    [
        ("example.com", "example.com", True),
        ("example.com", "a.b.example.com", True),
        ("a.example.com", "example.com", False),
        ("example.com", "badexample.com", False),
        ("example.com", "example.com.evil.test", False),
        ("::1", "::1", True),
        ("1.2.3.4", "1.2.3.5", False),
    ],
)
def test_credentials_stay_with_the_host_and_below_it(first: str, host: str, may: bool) -> None:
    assert may_send_credentials(first, host) is may


def test_everything_that_proves_an_identity_is_a_credential() -> None:
    proofs = ("Authorization", "Cookie", "Cookie2", "Www-Authenticate", "Proxy-Authorization")
    assert without_credentials(dict.fromkeys((*proofs, "X-Api-Version"), "1")) == {"X-Api-Version": "1"}
