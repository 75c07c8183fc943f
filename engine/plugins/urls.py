"""One spelling for every URL: what a plugin asked for, parsed strictly and written the way it is judged and sent.

Spec behaviour section 3.1, "normalising a request URL", and rule 2 of section 3.2.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import quote, unquote

import idna

from engine.errors import PermissionDenied

HTTP_SCHEMES = frozenset({"http", "https"})
WEBSOCKET_SCHEMES = frozenset({"ws", "wss"})
DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}

URL_LIMIT_CHARACTERS = 64 * 1024
HOST_LIMIT_CHARACTERS = 253

_ABSOLUTE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#.*)?", re.DOTALL)
_PORT = re.compile(r"[0-9]{1,10}")
_LABEL = re.compile(r"[a-z0-9_-]{1,63}")
_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HIDDEN_SEPARATOR = re.compile(r"%(?:2[Ff]|5[Cc])")
_DOTTED_QUAD = re.compile(r"(?:(?:0|[1-9][0-9]{0,2})\.){3}(?:0|[1-9][0-9]{0,2})")
_FORBIDDEN_CATEGORIES = frozenset({"Cc", "Cs", "Zs", "Zl", "Zp"})
_SENT_AS_IS = "!\"#$%&'()*+,/:;<=>?@[\\]^`{|}~"
"""Every ASCII sign: only what is not ASCII is percent-encoded before it is sent."""


class UrlRefused(PermissionDenied):
    """A URL that cannot be judged and is therefore never sent; the summary is `invalid URL: <cause>`."""

    def __init__(self, cause: str) -> None:
        super().__init__(f"invalid URL: {cause}", hint="Ask for a URL of the form https://host/path.")


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalUrl:
    """A URL in its one spelling; equal URLs compare equal."""

    scheme: str
    host: str
    """ASCII, lower case, no trailing dot; an IPv6 address stands without brackets."""
    port: int
    path: str
    """At least `/`; anything that is not ASCII is percent-encoded."""
    query: str | None
    """Without the question mark; None when there is none, which differs from an empty one."""
    text: str
    """What is sent: scheme, host, port unless it is the scheme's own, path and query."""
    userinfo: str = ""
    """What stood before the `@`, as written; it plays no part in any decision."""


def normalise(url: str, schemes: frozenset[str]) -> NormalUrl:
    """Parse and normalise `url`; raises `UrlRefused`."""
    if len(url) > URL_LIMIT_CHARACTERS:
        raise UrlRefused(f"longer than {URL_LIMIT_CHARACTERS} characters")
    _refuse_characters(url)
    parts = _ABSOLUTE.fullmatch(url)
    if parts is None or not parts.group(2):
        raise UrlRefused("no scheme://host")
    scheme = parts.group(1).lower()
    if scheme not in schemes:
        raise UrlRefused(f'scheme "{scheme[:20]}" is not one of {", ".join(sorted(schemes))}')
    userinfo, _, authority = parts.group(2).rpartition("@")
    host_text, port = _host_and_port(authority, DEFAULT_PORTS[scheme])
    host = normal_host(host_text)
    path = _checked_path(parts.group(3))
    query = None if parts.group(4) is None else encoded(parts.group(4))
    shown_host = f"[{host}]" if ":" in host else host
    shown_port = "" if port == DEFAULT_PORTS[scheme] else f":{port}"
    text = f"{scheme}://{shown_host}{shown_port}{path}{'' if query is None else '?' + query}"
    return NormalUrl(scheme=scheme, host=host, port=port, path=path, query=query, text=text, userinfo=userinfo)


def normal_host(text: str) -> str:
    """The host `text` in its one spelling; an IPv6 address comes and goes without brackets. Raises `UrlRefused`."""
    if "%" in text:
        raise UrlRefused("percent sign in the host")
    if text.startswith("["):
        return _ipv6(text)
    if len(text) > HOST_LIMIT_CHARACTERS + 1:  # before the folding, which may make it many times longer
        raise UrlRefused("the host is not a valid name")
    host = unicodedata.normalize("NFKC", text).lower()
    if not host.isascii():
        host = _ascii_host(host)
    host = host.removesuffix(".")
    if not host or len(host) > HOST_LIMIT_CHARACTERS or not all(map(_LABEL.fullmatch, host.split("."))):
        raise UrlRefused("the host is not a valid name")
    last = host.rpartition(".")[2]
    if last.isdigit() or last.startswith("0x"):
        _refuse_odd_ipv4(host)
    return host


def encoded(text: str) -> str:
    """`text` with everything that is not ASCII percent-encoded as UTF-8."""
    return text if text.isascii() else quote(text, safe=_SENT_AS_IS)


def _refuse_characters(url: str) -> None:
    for character in url:
        if character == "\\":
            raise UrlRefused("backslash")
        if not "!" <= character <= "~" and unicodedata.category(character) in _FORBIDDEN_CATEGORIES:
            raise UrlRefused("control character or blank")


def _host_and_port(authority: str, default: int) -> tuple[str, int]:
    """Split what follows the user info; the host keeps its brackets."""
    if authority.startswith("["):
        host, bracket, rest = authority.partition("]")
        if not bracket or not (rest == "" or rest.startswith(":")):
            raise UrlRefused("the host is not a valid address")
        host, port_text = host + bracket, rest[1:]
    else:
        host, _, port_text = authority.partition(":")
        if ":" in port_text:
            raise UrlRefused("an IPv6 address must stand in brackets")
    if not host:
        raise UrlRefused("no scheme://host")
    if not port_text:
        return host, default
    if not _PORT.fullmatch(port_text) or not 1 <= int(port_text) <= 65535:
        raise UrlRefused("the port is not a number from 1 to 65535")
    return host, int(port_text)


def _ipv6(text: str) -> str:
    try:
        return ipaddress.IPv6Address(text[1:-1] if text.endswith("]") else text).compressed
    except ValueError:
        raise UrlRefused("the host is not a valid address") from None


def _ascii_host(host: str) -> str:
    """IDNA 2008 with the mapping of UTS 46, label by label; raises `UrlRefused`."""
    try:
        mapped = idna.uts46_remap(host, std3_rules=False)
        return ".".join(
            label if label.isascii() else idna.alabel(label).decode("ascii") for label in mapped.split(".")
        ).lower()
    except (idna.IDNAError, UnicodeError, IndexError):
        raise UrlRefused("the host is not a valid name") from None


def _refuse_odd_ipv4(host: str) -> None:
    """A host that some resolver reads as a number must be written as four plain decimal bytes."""
    if not _DOTTED_QUAD.fullmatch(host) or any(int(byte) > 255 for byte in host.split(".")):
        raise UrlRefused("a numeric host must be an IPv4 address in four decimal parts")


def _checked_path(path: str) -> str:
    if _PERCENT.search(path):
        raise UrlRefused("percent sign without two hexadecimal digits in the path")
    if _HIDDEN_SEPARATOR.search(path):
        raise UrlRefused("encoded slash or backslash in the path")
    if any(unquote(segment) in (".", "..") for segment in path.split("/")):
        raise UrlRefused('"." or ".." in the path')
    return encoded(path) or "/"
