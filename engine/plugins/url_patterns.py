"""The URL patterns of a manifest: split as text, never by a URL parser, and matched against a normal URL.

Spec behaviour section 3.1, "Patterns".
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from engine.plugins.urls import DEFAULT_PORTS, NormalUrl, UrlRefused, encoded, normal_host

_PARTS = re.compile(r"([^:/?#@]+)://([^/?#@]+)(/[^?#@]*)?", re.DOTALL)
_PORT = re.compile(r"[0-9]{1,5}|\*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """One pattern, ready to be matched."""

    text: str
    """As the manifest has it."""
    problem: str | None = None
    """Why it never matches; None for a good one."""
    scheme: str = ""
    host: str = ""
    """As in `NormalUrl`, or with `*` inside; `*` alone is every host."""
    port: int | None = None
    """None is every port."""
    path: str = ""

    @property
    def is_wildcard(self) -> bool:
        """Whether a `*` stands anywhere in it: exact patterns are asked first."""
        return "*" in self.text

    def matches(self, url: NormalUrl) -> bool:
        """Whether this pattern covers `url`; the local-network rule is not asked."""
        if self.text == "*":
            return True
        return (
            self.problem is None
            and self.scheme == url.scheme
            and (self.port is None or self.port == url.port)
            and _host_matches(self.host, url.host)
            and self._path_matches(url.path)
        )

    def _path_matches(self, path: str) -> bool:
        if self.path in ("", "/"):
            return self.is_wildcard or path == "/"
        if self.path.endswith("/*"):
            before = self.path[:-2]
            return path == before or path.startswith(before + "/")
        return path == self.path


@lru_cache(maxsize=1024)
def parse_pattern(text: str) -> Pattern:
    """Read one pattern; a bad one has a `problem` and never matches."""
    if text == "*":
        return Pattern(text=text)
    parts = _PARTS.fullmatch(text)
    if parts is None:
        wrong = next((sign for sign in "?#@" if sign in text), None)
        problem = f'"{wrong}" has no place in a URL pattern' if wrong else "it is not of the form scheme://host/path"
        return Pattern(text=text, problem=problem)
    scheme, authority, path = parts.group(1).lower(), parts.group(2), parts.group(3) or ""
    default = DEFAULT_PORTS.get(scheme)
    if default is None:
        return Pattern(text=text, problem=f'"{scheme}" is not http, https, ws or wss')
    if authority == "*":
        return Pattern(text=text, scheme=scheme, host="*", path=encoded(path))
    host, port_text = _split_authority(authority)
    if port_text and not (_PORT.fullmatch(port_text) and (port_text == "*" or 1 <= int(port_text) <= 65535)):
        return Pattern(text=text, problem=f'"{port_text}" is not a port')
    normal = _pattern_host(host)
    if normal is None:
        return Pattern(text=text, problem=f'"{host}" is not a host')
    port = None if port_text == "*" else int(port_text or default)
    return Pattern(text=text, scheme=scheme, host=normal, port=port, path=encoded(path))


def _split_authority(authority: str) -> tuple[str, str]:
    """Host and port text; the host keeps its brackets, the port is empty when there is none."""
    if authority.startswith("["):
        host, bracket, rest = authority.partition("]")
        return (host + bracket, rest[1:]) if rest[:1] in ("", ":") else (authority, "")
    host, _, port = authority.partition(":")
    return host, port


def _pattern_host(text: str) -> str | None:
    """The host part as `NormalUrl` spells hosts, `*` kept; None when it can match no URL."""
    if "*" not in text:
        try:
            return normal_host(text)
        except UrlRefused:
            return None
    folded = unicodedata.normalize("NFKC", text).lower()
    if text.startswith("["):
        return folded if text.endswith("]") else None
    return folded.removesuffix(".") if folded.isascii() else _international(folded)


def _international(host: str) -> str | None:
    """A host with `*` and letters beyond ASCII: each label without a `*` is put in its ASCII form."""
    labels = []
    for label in host.removesuffix(".").split("."):
        if label.isascii():
            labels.append(label)
            continue
        try:
            labels.append(normal_host(label))
        except UrlRefused:
            return None
    return ".".join(labels)


def _host_matches(pattern: str, host: str) -> bool:
    if pattern == "*":
        return True
    if "*" not in pattern:
        return pattern == host
    if ":" in host:
        host = f"[{host}]"
    if _is_ipv4(host) and _star_matches(pattern, host):
        return True  # in an IPv4 address a star may span several bytes; elsewhere it stays in its label
    labels, host_labels = pattern.split("."), host.split(".")
    return len(labels) == len(host_labels) and all(map(_star_matches, labels, host_labels))


def _star_matches(pattern: str, text: str) -> bool:
    """Whether `text` is `pattern` with each `*` replaced by any run of characters; in linear time, unlike a regex."""
    first, *middle = pattern.split("*")
    if not middle:
        return pattern == text
    last = middle.pop()
    if len(text) < len(first) + len(last) or not (text.startswith(first) and text.endswith(last)):
        return False
    position, end = len(first), len(text) - len(last)
    for piece in middle:
        found = text.find(piece, position, end)
        if found < 0:
            return False
        position = found + len(piece)
    return True


def _is_ipv4(host: str) -> bool:
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True
