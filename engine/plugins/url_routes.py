"""`[Workbench.Routes]`: a URL pattern led to another base URL, by the user's own choice.

A route says where a request is sent, never whether: the plugin's URL is judged first and stays what redirects,
credentials and error texts go by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from engine.plugins.url_patterns import Pattern, parse_pattern
from engine.plugins.urls import (
    DEFAULT_PORTS,
    HTTP_SCHEMES,
    WEBSOCKET_SCHEMES,
    NormalUrl,
    UrlRefused,
    normalise,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlRoute:
    """One route: what `pattern` matches goes to `base`, the path and query of the URL put behind the base's path."""

    pattern: Pattern
    base: NormalUrl

    def leads(self, url: NormalUrl) -> bool:
        """Whether `url` takes this route; http goes to http and WebSocket to WebSocket, with TLS or without."""
        return _family(url.scheme) == _family(self.base.scheme) and self.pattern.matches(url)

    def target(self, url: NormalUrl) -> NormalUrl:
        """What is sent for `url`."""
        path = self.base.path.rstrip("/") + url.path
        host = f"[{self.base.host}]" if ":" in self.base.host else self.base.host
        port = "" if self.base.port == DEFAULT_PORTS[self.base.scheme] else f":{self.base.port}"
        query = "" if url.query is None else f"?{url.query}"
        text = f"{self.base.scheme}://{host}{port}{path}{query}"
        return replace(self.base, path=path, query=url.query, text=text)


def parse_route(pattern: str, base: str) -> UrlRoute:
    """Read one route; raises `ValueError` saying which half is wrong and why."""
    parsed = parse_pattern(pattern)
    if parsed.problem is not None:
        raise ValueError(f'the URL pattern "{pattern}" never matches: {parsed.problem}')
    try:
        url = normalise(base, HTTP_SCHEMES | WEBSOCKET_SCHEMES)
    except UrlRefused as error:
        raise ValueError(f"expected a base URL such as http://127.0.0.1:9000, {error.summary}") from error
    if url.query is not None or "#" in base or url.userinfo:
        raise ValueError("a base URL has no user, query or fragment")
    if parsed.scheme and _family(parsed.scheme) != _family(url.scheme):
        raise ValueError(f"{parsed.scheme} cannot be led to {url.scheme}: http goes to http, WebSocket to WebSocket")
    return UrlRoute(pattern=parsed, base=url)


def find_route(routes: Sequence[UrlRoute], url: NormalUrl) -> UrlRoute | None:
    """The route of `url`: a pattern without `*` comes before the others, then the first in order."""
    leading = [route for route in routes if route.leads(url)]
    return next((route for route in leading if not route.pattern.is_wildcard), leading[0] if leading else None)


def _family(scheme: str) -> str:
    return "ws" if scheme in WEBSOCKET_SCHEMES else "http"
