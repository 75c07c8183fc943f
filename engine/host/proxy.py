"""The forward proxy that the user may have configured; the environment's proxy variables play no part.

A proxy looks names up itself, so the address that was checked is not bound to be the one it connects to: who
configures one trusts it with the local-network rule.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from engine.errors import SettingsError

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """An HTTP proxy: plain requests are sent to it whole, https is tunnelled through it with CONNECT."""

    scheme: str
    host: str
    port: int
    authorization: str | None = field(default=None, repr=False)
    """Value of `Proxy-Authorization`."""

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """What the proxy itself wants to see in a request."""
        return [] if self.authorization is None else [(b"Proxy-Authorization", self.authorization.encode("ascii"))]


def parse_proxy(setting: str) -> Proxy:
    """The proxy that a setting such as `http://user:secret@proxy.example:3128` names.

    Raises `SettingsError`, which does not repeat the setting: it may hold a password.
    """
    try:
        parts = urlsplit(setting.strip())
        port = parts.port
    except ValueError as exc:
        raise _unusable(str(exc)) from exc
    if parts.scheme not in _DEFAULT_PORTS:
        raise _unusable("it does not start with http:// or https://")
    if not parts.hostname or not parts.hostname.isascii():
        raise _unusable("it names no host")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise _unusable("nothing may follow the host and port")
    authorization = None
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = f"Basic {base64.b64encode(pair.encode()).decode('ascii')}"
    return Proxy(
        scheme=parts.scheme,
        host=parts.hostname,
        port=_DEFAULT_PORTS[parts.scheme] if port is None else port,
        authorization=authorization,
    )


def _unusable(why: str) -> SettingsError:
    return SettingsError(
        f"the proxy setting cannot be used: {why}",
        hint='write it as Proxy = "http://proxy.example:3128" in the section [Workbench], or remove it',
    )
