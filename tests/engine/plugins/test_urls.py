"""Normalising a URL: one spelling out of many, and nothing ambiguous gets through."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.plugins.urls import HTTP_SCHEMES, WEBSOCKET_SCHEMES, UrlRefused, normalise

URL_TEXTS = st.text("abzAZ019.-_~:/?#[]@!$&'()*+,;=% \\\t\n\x00é。１．", max_size=30).map(lambda rest: "http://" + rest)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("HTTPS://API.Example.COM", "https://api.example.com/"),
        ("https://api.example.com:443/v1", "https://api.example.com/v1"),
        ("http://api.example.com:0080", "http://api.example.com/"),
        ("http://api.example.com:", "http://api.example.com/"),
        ("http://api.example.com:8080?x=1#top", "http://api.example.com:8080/?x=1"),
        ("http://api.example.com/?", "http://api.example.com/?"),
        ("http://api.example.com./a", "http://api.example.com/a"),
        ("http://user:p@ss@api.example.com/", "http://api.example.com/"),
        ("http://[2001:DB8:0:0::1]:80/", "http://[2001:db8::1]/"),
        ("http://bücher.example/ä?ö", "http://xn--bcher-kva.example/%C3%A4?%C3%B6"),
        ("http://xn--bcher-kva.example", "http://xn--bcher-kva.example/"),
        ("http://a。example/", "http://a.example/"),
        ("http://１２７．0.0.1/", "http://127.0.0.1/"),
        ("http://my_host/a%20b;c=d//e", "http://my_host/a%20b;c=d//e"),
        ("http://api.example.com/...", "http://api.example.com/..."),
        ('http://api.example.com/?q=../%2e%2f"<>', 'http://api.example.com/?q=../%2e%2f"<>'),
    ],
)
def test_a_url_gets_its_one_spelling(url: str, text: str) -> None:
    assert normalise(url, HTTP_SCHEMES).text == text


def test_the_parts_of_a_url_are_named() -> None:
    url = normalise("WSS://me:secret@[::1]:9000/feed?v=9#x", WEBSOCKET_SCHEMES)
    assert (url.scheme, url.host, url.port, url.path, url.query) == ("wss", "::1", 9000, "/feed", "v=9")
    assert url.userinfo == "me:secret"
    assert url.text == "wss://[::1]:9000/feed?v=9"


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("", "no scheme://host"),
        ("://broken", "no scheme://host"),
        ("/relative", "no scheme://host"),
        ("//host/path", "no scheme://host"),
        ("http:/host", "no scheme://host"),
        ("http:///path", "no scheme://host"),
        ("http://user@/", "no scheme://host"),
        ("http://:80/", "no scheme://host"),
        ("ftp://host/", 'scheme "ftp" is not one of http, https'),
        ("ws://host/", 'scheme "ws" is not one of http, https'),
        ("http://ho st/", "control character or blank"),
        (" http://host/", "control character or blank"),
        ("http://host/a\tb", "control character or blank"),
        ("http://host/a\r\nX: y", "control character or blank"),
        ("http://host/\x7f", "control character or blank"),
        ("http://host/\x85", "control character or blank"),
        ("http://host/\u00a0", "control character or blank"),
        ("http://host/\u2028", "control character or blank"),
        ("http://host\\@evil.example/", "backslash"),
        ("http://host:0/", "the port is not a number from 1 to 65535"),
        ("http://host:65536/", "the port is not a number from 1 to 65535"),
        ("http://host:80x/", "the port is not a number from 1 to 65535"),
        ("http://host:-1/", "the port is not a number from 1 to 65535"),
        ("http://host:８０/", "the port is not a number from 1 to 65535"),
        ("http://::1/", "an IPv6 address must stand in brackets"),
        ("http://[::1/", "the host is not a valid address"),
        ("http://[::1]x/", "the host is not a valid address"),
        ("http://[1.2.3.4]/", "the host is not a valid address"),
        ("http://[fe80::1%25eth0]/", "percent sign in the host"),
        ("http://[fe80::1%eth0]/", "percent sign in the host"),
        ("http://a%2eexample/", "percent sign in the host"),
        ("http://a..example/", "the host is not a valid name"),
        ("http://.example/", "the host is not a valid name"),
        ("http://./", "the host is not a valid name"),
        ("http://a*b/", "the host is not a valid name"),
        ("http://a\u2100b.example/", "the host is not a valid name"),
        ("http://\u200d.example/", "the host is not a valid name"),
        (f"http://{'a' * 64}.example/", "the host is not a valid name"),
        (f"http://{'a.' * 130}example/", "the host is not a valid name"),
        ("http://2130706433/", "a numeric host must be an IPv4 address in four decimal parts"),
        ("http://0x7f000001/", "a numeric host must be an IPv4 address in four decimal parts"),
        ("http://0x7f.0.0.0x1/", "a numeric host must be an IPv4 address in four decimal parts"),
        ("http://127.1/", "a numeric host must be an IPv4 address in four decimal parts"),
        ("http://0177.0.0.1/", "a numeric host must be an IPv4 address in four decimal parts"),
        ("http://1.2.3.256/", "a numeric host must be an IPv4 address in four decimal parts"),
        ("http://example.7/", "a numeric host must be an IPv4 address in four decimal parts"),
        ("http://host/a/../b", '"." or ".." in the path'),
        ("http://host/.", '"." or ".." in the path'),
        ("http://host/%2E%2e/b", '"." or ".." in the path'),
        ("http://host/a/.%2e", '"." or ".." in the path'),
        ("http://host/a%2fb", "encoded slash or backslash in the path"),
        ("http://host/a%5Cb", "encoded slash or backslash in the path"),
        ("http://host/100%", "percent sign without two hexadecimal digits in the path"),
        ("http://host/" + "a" * 70_000, "longer than 65536 characters"),
    ],
)
def test_what_cannot_be_judged_is_refused(url: str, cause: str) -> None:
    with pytest.raises(UrlRefused) as caught:
        normalise(url, HTTP_SCHEMES)
    assert caught.value.summary == f"invalid URL: {cause}"
    assert caught.value.hint


@settings(deadline=None)
@given(URL_TEXTS | st.text(max_size=40))
@example("http://a/\ud800")
def test_a_normal_url_is_ascii_stable_and_without_tricks(url: str) -> None:
    try:
        normal = normalise(url, HTTP_SCHEMES)
    except UrlRefused:
        return
    assert normalise(normal.text, HTTP_SCHEMES).text == normal.text
    assert normal.text.isascii()
    assert not any(sign in normal.text for sign in "\\ \t\n\r#@" if sign not in (normal.query or "") + normal.path)
    assert not {".", ".."} & set(normal.path.split("/"))
    assert normal.host == normal.host.lower()
