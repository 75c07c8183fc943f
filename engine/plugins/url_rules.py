"""May a plugin reach this URL? The decision of spec behaviour sections 3.1 and 3.2, made once per request and hop.

Parsing is in `urls.py`, patterns in `url_patterns.py`, address ranges in `addresses.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from engine.errors import PermissionDenied
from engine.plugins.addresses import Reach, is_ip_literal, reach_of
from engine.plugins.permissions import (
    HttpPermission,
    Permissions,
    WebSocketPermission,
    hint_for_http,
    hint_for_websocket,
)
from engine.plugins.url_patterns import Pattern, parse_pattern
from engine.plugins.urls import (
    DEFAULT_PORTS,
    HTTP_SCHEMES,
    WEBSOCKET_SCHEMES,
    NormalUrl,
    UrlRefused,
    normalise,
)

__all__ = [
    "HTTP_SCHEMES",
    "WEBSOCKET_SCHEMES",
    "Allowed",
    "NormalUrl",
    "PermissionDenied",
    "Resolver",
    "UrlRefused",
    "check_http",
    "check_websocket",
    "decide_http",
    "decide_websocket",
    "normalise",
    "pattern_warnings",
]

Resolver = Callable[[str, int], Sequence[str]]
"""(host, port) -> IP literals, at least one; raises `OSError` when the name cannot be resolved."""

_LOCALHOST_TEXT = "requests to localhost are not allowed"
_PRIVATE_TEXT = "requests to private IP addresses are not allowed"
_NO_URLS_TEXT = "no allowed URLs configured for plugin"

_HintFor = Callable[[bool], str]
"""The manifest line that would allow a request, with the local network or without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """A URL that may be reached, and where: connect to one of `addresses` and never look the name up again."""

    url: NormalUrl
    addresses: tuple[str, ...]


def check_http(permission: HttpPermission, url: str, method: str, resolve: Resolver) -> Allowed:
    """Decide on one HTTP request or redirect hop and resolve its host, at most once.

    Raises `PermissionDenied` with the refusal text and the manifest line that would allow it, `UrlRefused` (a
    `PermissionDenied`) for a URL that cannot be judged, and lets the resolver's `OSError` through.
    """
    target = decide_http(permission, url, method)

    def hint(is_local: bool) -> str:
        return hint_for_http(_suggested_pattern(target), [method.upper()], local_network=is_local)

    return _resolved(target, permission.allow_local_network, resolve, hint)


def check_websocket(permission: WebSocketPermission, url: str, resolve: Resolver) -> Allowed:
    """Decide on one WebSocket connection and resolve its host, at most once; raises as `check_http` does."""
    target = decide_websocket(permission, url)

    def hint(is_local: bool) -> str:
        return hint_for_websocket(_suggested_pattern(target), local_network=is_local)

    return _resolved(target, permission.allow_local_network, resolve, hint)


def decide_http(permission: HttpPermission, url: str, method: str) -> NormalUrl:
    """The part of `check_http` that needs no network; raises `PermissionDenied`."""
    target = normalise(url, HTTP_SCHEMES)
    verb = method.upper()
    suggestion = _suggested_pattern(target)

    def hint(is_local: bool) -> str:
        return hint_for_http(suggestion, [verb], local_network=is_local)

    if not permission.allow_local_network:
        _refuse_local_host(target.host, hint)
    matching = _matching(permission.allowed_urls, target, url, hint)
    if not any(_allows(permission.allowed_urls[pattern.text], verb) for pattern in matching):
        first = matching[0].text
        raise PermissionDenied(
            f"operation {verb} not allowed for URL pattern {first}",
            hint=hint_for_http(first, [*permission.allowed_urls[first], verb]),
        )
    return target


def decide_websocket(permission: WebSocketPermission, url: str) -> NormalUrl:
    """The part of `check_websocket` that needs no network; raises `PermissionDenied`."""
    target = normalise(url, WEBSOCKET_SCHEMES)

    def hint(is_local: bool) -> str:
        return hint_for_websocket(_suggested_pattern(target), local_network=is_local)

    if not permission.allow_local_network:
        _refuse_local_host(target.host, hint)
    _matching(permission.allowed_urls, target, url, hint)
    return target


def _allows(methods: Sequence[str], method: str) -> bool:
    """Whether a pattern's list allows `method`, which is in upper case."""
    return any(listed == "*" or listed.upper() == method for listed in methods)


def pattern_warnings(permissions: Permissions) -> tuple[str, ...]:
    """What to tell the author about patterns that can never match a URL."""
    warnings = []
    for key, schemes in (("http", HTTP_SCHEMES), ("websocket", WEBSOCKET_SCHEMES)):
        permission = permissions.http if key == "http" else permissions.websocket
        for text in permission.allowed_urls if permission else ():
            pattern = parse_pattern(text)
            problem = pattern.problem
            if problem is None and text != "*" and pattern.scheme not in schemes:
                problem = f"{key} URLs start with {' or '.join(sorted(schemes))}"
            if problem is not None:
                warnings.append(f'permissions.{key}: the URL pattern "{text}" never matches: {problem}')
    return tuple(warnings)


def _refuse_local_host(host: str, hint: _HintFor) -> None:
    """Rules 1 and 3: what the host itself says, before any look-up."""
    if host == "localhost" or host.endswith(".localhost"):
        raise PermissionDenied(_LOCALHOST_TEXT, hint=hint(True))
    if is_ip_literal(host):
        _refuse_reach(reach_of(host), hint)


def _refuse_reach(reach: Reach, hint: _HintFor) -> None:
    if reach is not Reach.PUBLIC:
        text = _LOCALHOST_TEXT if reach is Reach.LOCALHOST else _PRIVATE_TEXT
        raise PermissionDenied(text, hint=hint(True))


def _matching(patterns: Iterable[str], target: NormalUrl, url: str, hint: _HintFor) -> list[Pattern]:
    """The patterns that decide on `target`, in the manifest's order: the exact ones if any matches, else the others."""
    parsed = [parse_pattern(text) for text in patterns]
    if not parsed:
        raise PermissionDenied(_NO_URLS_TEXT, hint=hint(False))
    matching = [pattern for pattern in parsed if pattern.matches(target)]
    if not matching:
        raise PermissionDenied(f"URL {url} does not match any allowed URL patterns", hint=hint(False))
    exact = [pattern for pattern in matching if not pattern.is_wildcard]
    return exact or matching


def _resolved(target: NormalUrl, allow_local: bool, resolve: Resolver, hint: _HintFor) -> Allowed:
    """Rule 4: one look-up, and every answer must pass.

    It comes after the patterns, so that a URL that is refused anyway makes no look-up: names are a way out for data.
    """
    if is_ip_literal(target.host):
        return Allowed(url=target, addresses=(target.host,))
    addresses = tuple(resolve(target.host, target.port))
    if not addresses:
        raise OSError(f"{target.host} has no address")
    if not allow_local:
        for address in addresses:
            _refuse_reach(reach_of(address), hint)
    return Allowed(url=target, addresses=addresses)


def _suggested_pattern(target: NormalUrl) -> str:
    """The narrowest pattern that covers everything on the host of `target`."""
    host = f"[{target.host}]" if ":" in target.host else target.host
    port = "" if target.port == DEFAULT_PORTS[target.scheme] else f":{target.port}"
    return f"{target.scheme}://{host}{port}/*"
