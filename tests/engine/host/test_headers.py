"""Header rules without any network."""

from __future__ import annotations

import pytest

from engine.host.headers import (
    BadHeader,
    asks_for_gzip,
    canonical_name,
    request_headers,
    response_headers,
    wire_headers,
    with_userinfo,
    without_body_headers,
)


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("x-test", "X-Test"),
        ("X-TEST-ID", "X-Test-Id"),
        ("etag", "Etag"),
        ("www-authenticate", "Www-Authenticate"),
        ("a--b-", "A--B-"),
        ("x_under-score", "X_under-Score"),
        ("bad name", "bad name"),
        ("naïve", "naïve"),
        ("", ""),
    ],
)
def test_names_become_canonical_unless_they_are_no_tokens(name: str, canonical: str) -> None:
    assert canonical_name(name) == canonical


def test_of_two_spellings_the_one_that_sorts_last_wins() -> None:
    assert request_headers({"x-test": "lower", "X-TEST": "upper", "X-Test": "mixed"}) == {"X-Test": "lower"}


def test_values_lose_the_blanks_around_them() -> None:
    assert request_headers({"X-A": " \ta b\t "}) == {"X-A": "a b"}


@pytest.mark.parametrize("name", ["", " ", "a b", "a:b", "a\r\nb", "ü", "a\x00"])
def test_a_name_that_is_no_token_is_refused(name: str) -> None:
    with pytest.raises(BadHeader, match="net/http: invalid header field name"):
        request_headers({name: "x"})


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\x00", "\x7f", "\x1b[0m"])
def test_a_value_with_control_characters_is_refused(value: str) -> None:
    with pytest.raises(BadHeader, match="net/http: invalid header field value for 'X-A'"):
        request_headers({"x-a": value})


def test_user_information_never_replaces_the_plugins_own_authorization() -> None:
    assert with_userinfo({"Authorization": "own"}, "user:pass") == {"Authorization": "own"}
    assert with_userinfo({}, "user") == {"Authorization": "Basic dXNlcjo="}
    assert with_userinfo({}, "") == {}


@pytest.mark.parametrize(
    ("headers", "method", "is_asked"),
    [
        ({}, "GET", True),
        ({}, "HEAD", False),
        ({"Accept-Encoding": "identity"}, "GET", False),
        ({"Range": "bytes=0-1"}, "GET", False),
    ],
)
def test_gzip_is_asked_for_where_it_can_be_undone(headers: dict[str, str], method: str, is_asked: bool) -> None:
    assert asks_for_gzip(headers, method) is is_asked


def test_a_request_that_lost_its_body_says_nothing_about_one() -> None:
    assert without_body_headers({"Content-Type": "a", "Content-Language": "b", "X-A": "c"}) == {"X-A": "c"}


def test_an_empty_user_agent_sends_none() -> None:
    assert wire_headers({"User-Agent": ""}, host="h", body=None, gzip=False) == [(b"Host", b"h")]


def test_the_plugins_user_agent_replaces_ours() -> None:
    sent = wire_headers({"User-Agent": "mine/1"}, host="h", body=b"abc", gzip=True)
    assert sent == [
        (b"Host", b"h"),
        (b"User-Agent", b"mine/1"),
        (b"Content-Length", b"3"),
        (b"Accept-Encoding", b"gzip"),
    ]


def test_answer_headers_lose_what_framed_them() -> None:
    received = [(b"transfer-encoding", b"chunked"), (b"Trailer", b"X"), (b"content-length", b"3"), (b"X-A", b"1")]
    assert response_headers(received) == {"X-A": "1"}
