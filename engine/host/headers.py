"""HTTP header fields as a plugin sees and sets them, by the rules of Go's client (spec behaviour section 4)."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from urllib.parse import unquote_to_bytes

USER_AGENT = "navidrome-workbench"
"""Sent when the plugin gives none; an empty one from the plugin sends none."""

_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")

_HOST_OWNED = frozenset({"Host", "Content-Length", "Transfer-Encoding", "Trailer"})
"""Fields that follow from the URL and the body; what a plugin gives for them has no effect."""

_FRAMING = frozenset({"Transfer-Encoding", "Trailer"})
"""Fields that say how an answer was sent and are used up when it is read."""

_ABOUT_THE_BODY = ("Content-Type", "Content-Encoding", "Content-Language", "Content-Location")


class BadHeader(ValueError):
    """A header that cannot be sent; `str()` is the text for the guest."""


def canonical_name(name: str) -> str:
    """`x-TEST-id` becomes `X-Test-Id`; a name that is not an HTTP token stays as it is."""
    if not is_token(name):
        return name
    return "-".join(part[:1].upper() + part[1:].lower() for part in name.split("-"))


def is_token(name: str) -> bool:
    """Whether `name` may be the name of a header field."""
    return bool(name) and _TOKEN.issuperset(name)


def request_headers(given: Mapping[str, str]) -> dict[str, str]:
    """What a plugin's header map asks to send: canonical names, each once, nothing that the host decides.

    Two spellings of one name: the one that sorts last wins, since a protobuf map has no order of its own.
    Raises `BadHeader`.
    """
    headers: dict[str, str] = {}
    for spelling, value in sorted(given.items()):
        if not is_token(spelling):
            raise BadHeader(f"net/http: invalid header field name {spelling!r}")
        name = canonical_name(spelling)
        if any((char < " " and char != "\t") or char == "\x7f" for char in value):
            raise BadHeader(f"net/http: invalid header field value for {name!r}")
        if name not in _HOST_OWNED:
            headers[name] = value.strip(" \t")
    return headers


def with_userinfo(headers: Mapping[str, str], userinfo: str) -> dict[str, str]:
    """`headers` with the user and password that a URL names before its `@`, unless they authorize already."""
    if not userinfo or "Authorization" in headers:
        return dict(headers)
    user, _, password = userinfo.partition(":")
    pair = unquote_to_bytes(user) + b":" + unquote_to_bytes(password)
    return {**headers, "Authorization": f"Basic {base64.b64encode(pair).decode('ascii')}"}


def asks_for_gzip(headers: Mapping[str, str], method: str) -> bool:
    """Whether the host asks for gzip on its own account, and so undoes it.

    Not when the plugin chose an encoding itself, nor for a range or a HEAD, where the body's length is the point.
    """
    return method != "HEAD" and "Accept-Encoding" not in headers and "Range" not in headers


def without_body_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """`headers` for a request that lost its body in a redirect."""
    return {name: value for name, value in headers.items() if name not in _ABOUT_THE_BODY}


def wire_headers(headers: Mapping[str, str], *, host: str, body: bytes | None, gzip: bool) -> list[tuple[bytes, bytes]]:
    """Every header of one request in the order it is sent; `body` is None for a method that sends none."""
    fields = {"Host": host, "User-Agent": USER_AGENT} | dict(headers)
    if not fields["User-Agent"]:
        del fields["User-Agent"]
    if body is not None:
        fields["Content-Length"] = str(len(body))
    if gzip:
        fields["Accept-Encoding"] = "gzip"
    return [(name.encode("ascii"), value.encode()) for name, value in fields.items()]


def response_headers(received: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """The header map of an answer: canonical names, the first value of each; bad UTF-8 is repaired with U+FFFD."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in received:
        headers.setdefault(canonical_name(raw_name.decode("latin-1")), raw_value.decode(errors="replace"))
    if "Transfer-Encoding" in headers:
        headers.pop("Content-Length", None)
    return {name: value for name, value in headers.items() if name not in _FRAMING}
