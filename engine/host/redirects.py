"""Where a redirect leads and what is sent there: pure rules, without any network (spec behaviour section 4)."""

from __future__ import annotations

import re
from collections.abc import Mapping

MAX_REDIRECTS = 5
"""Redirects followed for one request, which makes six requests (C24)."""

_FOLLOWED = frozenset({301, 302, 303, 307, 308})
_REPEATING = frozenset({307, 308})

_CREDENTIALS = frozenset(
    {"Authorization", "Cookie", "Cookie2", "Www-Authenticate", "Proxy-Authorization", "Proxy-Authenticate"}
)

# RFC 3986 appendix B: every text is scheme, authority, path, query, fragment. Unlike the URL parsers of the
# library it changes nothing, so what is judged is what the server wrote.
_PARTS = re.compile(
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):)?(?://(?P<authority>[^/?#]*))?([^?#]*)(\?[^#]*)?(#.*)?", re.S
)


def location_of(status: int, headers: Mapping[str, str]) -> str | None:
    """The `Location` to follow, or None for an answer that is no redirect."""
    if status not in _FOLLOWED:
        return None
    return headers.get("Location") or None


def resolve(base: str, location: str) -> str:
    """The absolute URL that `location` means in an answer from `base`, the dot segments of a relative path worked out.

    What a location with a scheme or host of its own says stays as it is; nothing is checked here.
    """
    scheme, authority, path, query = _split(location)
    if scheme is not None:
        return location
    base_scheme, base_authority, base_path, base_query = _split(base)
    if authority is not None:
        return f"{base_scheme}:{location}"
    if not path:
        path, query = base_path, query or base_query
    elif not path.startswith("/"):
        path = _without_dot_segments(base_path[: base_path.rfind("/") + 1] + path)
    else:
        path = _without_dot_segments(path)
    return f"{base_scheme}://{base_authority}{path}{query}"


def next_method(status: int, method: str) -> str:
    """The method of the request that follows; unless the status asks to repeat it, anything but HEAD becomes GET."""
    return method if status in _REPEATING or method == "HEAD" else "GET"


def keeps_body(status: int) -> bool:
    """Whether the request that follows carries the body again."""
    return status in _REPEATING


def may_send_credentials(first_host: str, host: str) -> bool:
    """Whether `host` is the one the plugin addressed or a sub-domain of it; both normalised."""
    return host == first_host or (host.endswith(f".{first_host}") and ":" not in host)


def without_credentials(headers: Mapping[str, str]) -> dict[str, str]:
    """`headers` without what proves who the plugin is."""
    return {name: value for name, value in headers.items() if name not in _CREDENTIALS}


def _split(url: str) -> tuple[str | None, str | None, str, str]:
    match = _PARTS.fullmatch(url)
    assert match is not None, "the expression matches every text"
    return match[1], match[2], match[3], match[4] or ""


def _without_dot_segments(path: str) -> str:
    """RFC 3986 section 5.2.4 for an absolute path; percent-encoded dots stay, and are refused by the judge."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for position, segment in enumerate(segments):
        is_last = position == len(segments) - 1
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
            continue
        if is_last:
            kept.append("")
    return "/" + "/".join(kept)
