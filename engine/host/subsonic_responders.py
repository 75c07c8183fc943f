"""What answers the SubsonicAPI service: canned files, and a real server that the user points to."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from engine.host.base import HostScope
from engine.host.bodies import BadBody, read_body
from engine.host.deadline import Deadline, RequestEnded
from engine.host.headers import wire_headers
from engine.host.network import Network
from engine.host.subsonicapi import Parameters, SubsonicFailure, SubsonicResponder
from engine.plugins.url_rules import NormalUrl, UrlRefused, normalise
from engine.settings import Limits, SubsonicSettings
from engine.settings_sources import SubsonicUser

_SCHEMES: Final = frozenset({"http", "https"})
_ENDPOINT: Final = re.compile(r"[A-Za-z][A-Za-z0-9]{0,63}")
_LOGIN: Final = frozenset({"u", "p", "t", "s", "apiKey"})
"""Parameters that say who asks; a plugin's own are not passed on."""


def responder_of(settings: SubsonicSettings, limits: Limits, network: Network) -> SubsonicResponder | None:
    """What the settings ask for; None when they name neither a folder nor a server."""
    if settings.folder is None and settings.upstream is None:
        return None
    return ConfiguredResponder(settings, limits, network)


class ConfiguredResponder:
    """Answers from the folder where it has a file for the endpoint, else from the server, if there is one."""

    def __init__(self, settings: SubsonicSettings, limits: Limits, network: Network) -> None:
        self._users = {user.name.lower(): user for user in settings.users}
        self._folder = settings.folder
        self._limits = limits
        self._upstream = None if settings.upstream is None else UpstreamServer(settings.upstream, limits, network)

    def user(self, name: str) -> SubsonicUser | None:
        return self._users.get(name.lower())

    def answer(self, endpoint: str, parameters: Parameters, scope: HostScope) -> str:
        endpoint = endpoint.removesuffix(".view")
        if not _ENDPOINT.fullmatch(endpoint):
            raise SubsonicFailure("the URL names no Subsonic endpoint, such as ping or getAlbumList2")
        missing = ""
        if self._folder is not None:
            path = self._folder / f"{endpoint}.json"
            text = read_canned(path, self._limits.http_body_bytes)
            if text is not None:
                scope.note(f"answered by {path}")
                return text
            missing = f"there is no {path}"
        if self._upstream is None:
            raise SubsonicFailure(f"no canned answer for {endpoint}: {missing}")
        username = dict(parameters)["u"]
        user = self.user(username)
        if user is None or user.password is None:
            raise SubsonicFailure(f"no password for the user {username}: add one to Users in [Workbench.Subsonic]")
        return self._upstream.get(endpoint, parameters, user.name, user.password, scope)


def read_canned(path: Path, limit_bytes: int) -> str | None:
    """The text of a canned answer, read anew each time; None when there is no such file.

    Raises `SubsonicFailure` when it cannot be read or is no JSON.
    """
    try:
        with path.open("rb") as file:
            data = file.read(limit_bytes + 1)
        if len(data) > limit_bytes:
            raise SubsonicFailure(f"the canned answer {path} is larger than {limit_bytes} bytes")
        text = data.decode("utf-8-sig")
        json.loads(text)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SubsonicFailure(f"the canned answer {path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise SubsonicFailure(f"the canned answer {path} is no JSON: {error}") from error
    return text


class UpstreamServer:
    """A real Subsonic server. The user chose it, so that the plugins' URL rules play no part."""

    def __init__(self, base: str, limits: Limits, network: Network) -> None:
        """`base` is the server's URL without `/rest`."""
        self._base = base.rstrip("/")
        self._limits = limits
        self._network = network

    def get(self, endpoint: str, parameters: Parameters, username: str, password: str, scope: HostScope) -> str:
        """The body of the answer, whatever its status; raises `SubsonicFailure` when there is none."""
        salt = secrets.token_hex(8)
        # The Subsonic protocol's own form of a login; it knows no better digest.
        token = hashlib.md5(f"{password}{salt}".encode(), usedforsecurity=False).hexdigest()
        own = [(name, value) for name, value in parameters if name not in _LOGIN]
        query = urlencode([*own, ("u", username), ("t", token), ("s", salt)])
        remaining_s = scope.remaining_s()
        timeout_s = (
            self._limits.http_timeout_s if remaining_s is None else min(self._limits.http_timeout_s, remaining_s)
        )
        deadline = Deadline(timeout_s=timeout_s, stop=scope.stop, stop_reason=lambda: scope.stop_reason)
        try:
            url = normalise(f"{self._base}/rest/{endpoint}?{query}", _SCHEMES)
            status, body = self._fetch(url, deadline)
        except (OSError, RequestEnded, BadBody, UrlRefused) as error:
            raise SubsonicFailure(f"the Subsonic server does not answer: {error}") from error
        scope.note(f"answered by {url.scheme}://{url.host}:{url.port}, status {status}")
        return body.decode(errors="replace")

    def _fetch(self, url: NormalUrl, deadline: Deadline) -> tuple[int, bytes]:
        # Imported here because httpx costs about 0.1 s, and brings click and Rich where those are installed.
        import httpcore
        import httpx

        from engine.host.transport import OneHopTransport, Route

        addresses = self._network.resolve(url.host, url.port, deadline)
        route = Route(url=url, addresses=tuple(addresses))
        request = httpx.Request(
            "GET",
            f"{url.scheme}://{route.authority}/",
            headers=wire_headers({}, host=route.authority, body=None, gzip=True),
            extensions={"target": f"{url.path}?{url.query}".encode("ascii")},
        )
        with OneHopTransport(self._network, route, deadline) as transport:
            try:
                response = transport.handle_request(request)
                deadline.activity = "reading the body"
                is_packed = response.headers.get("content-encoding", "").lower() == "gzip"
                pieces: Iterable[bytes] = response.iter_raw()
                limit_bytes = self._limits.http_body_bytes
                return response.status_code, read_body(pieces, deadline, limit_bytes=limit_bytes, gunzip=is_packed)
            except (httpcore.LocalProtocolError, httpcore.RemoteProtocolError) as error:
                raise SubsonicFailure(f"the Subsonic server does not speak HTTP: {error}") from error
