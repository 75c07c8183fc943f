"""What a manifest allows a plugin to ask of the host, as values; and the manifest line that would allow more.

Reading and checking a manifest is `manifest.py`; deciding on one URL is `url_rules.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Self

PERMISSION_KEYS = ("http", "config", "scheduler", "websocket", "cache", "artwork", "subsonicapi")
"""The keys of `permissions` in a manifest; each is also the proto package of its host service."""

HTTP_METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")

UndeclaredPolicy = Literal["document", "refuse", "local"]
"""What a manifest without a `permissions` key grants (spec behaviour C3): the services of the plugin system
document on the public network, nothing at all, or those services with the local network as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """One granted host service; `reason` is the author's own text, empty when nothing was declared."""

    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpPermission(Permission):
    """Which URLs may be requested by which methods; methods are upper case, `*` stands for all."""

    allowed_urls: Mapping[str, tuple[str, ...]]
    allow_local_network: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSocketPermission(Permission):
    """Which URLs may be connected to."""

    allowed_urls: tuple[str, ...]
    allow_local_network: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SubsonicPermission(Permission):
    """Which users' Subsonic API may be called; no names means every user."""

    allowed_usernames: tuple[str, ...] = ()
    allow_admins: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Permissions:
    """Everything a manifest grants (spec behaviour section 3); None is a service that is not granted."""

    http: HttpPermission | None = None
    config: Permission | None = None
    scheduler: Permission | None = None
    websocket: WebSocketPermission | None = None
    cache: Permission | None = None
    artwork: Permission | None = None
    subsonicapi: SubsonicPermission | None = None
    is_declared: bool = True
    """False when the manifest has no `permissions` key; shown as "no permissions declared"."""

    @classmethod
    def undeclared(cls, policy: UndeclaredPolicy = "document") -> Self:
        """What a manifest without a `permissions` key grants under `policy`."""
        if policy == "refuse":
            return cls(is_declared=False)
        is_local = policy == "local"
        return cls(
            http=HttpPermission(allowed_urls={"*": ("*",)}, allow_local_network=is_local),
            config=Permission(),
            scheduler=Permission(),
            websocket=WebSocketPermission(allowed_urls=("*",), allow_local_network=is_local),
            cache=Permission(),
            artwork=Permission(),
            is_declared=False,
        )

    def under(self, policy: UndeclaredPolicy) -> Permissions:
        """These permissions where the setting for undeclared ones is `policy`."""
        return self if self.is_declared else Permissions.undeclared(policy)

    def granted(self) -> frozenset[str]:
        """The keys of the services that are granted."""
        return frozenset(key for key in PERMISSION_KEYS if getattr(self, key) is not None)


def hint_for_service(key: str) -> str:
    """How to grant the host service whose permission key is `key`."""
    entry: dict[str, object] = {"reason": "why the plugin needs it"}
    if key == "http":
        entry["allowedUrls"] = {"https://api.example.com/*": ["GET"]}
    elif key == "websocket":
        entry["allowedUrls"] = ["wss://api.example.com/*"]
    return _manifest_hint(key, entry)


def hint_for_http(pattern: str, methods: Sequence[str], *, local_network: bool = False) -> str:
    """How to allow `methods` on the URLs that `pattern` matches, on the local network where asked."""
    entry: dict[str, object] = {"allowedUrls": {pattern: list(methods)}}
    if local_network:
        entry["allowLocalNetwork"] = True
    return _manifest_hint("http", entry)


def hint_for_websocket(pattern: str, *, local_network: bool = False) -> str:
    """How to allow connections to the URLs that `pattern` matches, on the local network where asked."""
    entry: dict[str, object] = {"allowedUrls": [pattern]}
    if local_network:
        entry["allowLocalNetwork"] = True
    return _manifest_hint("websocket", entry)


def hint_for_subsonic(usernames: Sequence[str], *, allow_admins: bool) -> str:
    """How to allow calls of the Subsonic API as these users, as administrators where asked."""
    entry: dict[str, object] = {"reason": "why the plugin needs it"}
    if usernames:
        entry["allowedUsernames"] = list(usernames)
    if allow_admins:
        entry["allowAdmins"] = True
    return _manifest_hint("subsonicapi", entry)


def _manifest_hint(key: str, entry: Mapping[str, object]) -> str:
    return f'To allow it, manifest.json needs "permissions": {json.dumps({key: entry}, ensure_ascii=False)}'
