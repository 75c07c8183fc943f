"""The demo's scrobble service: takes reports of plays from whoever has the token, and shows what it got.

Its requests and answers are described in the README of the `lyre-scrobbler` sample.
"""

from __future__ import annotations

import hmac
import json
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Final, TypeVar

from workbench.demo.http_server import Answer, Request

_T = TypeVar("_T")

KEPT_PLAYS: Final = 200
"""How many plays are kept; older ones go, and are counted."""

_KINDS: Final[Mapping[str, tuple[str, HTTPStatus]]] = {
    "/v1/now-playing": ("now_playing", HTTPStatus.OK),
    "/v1/scrobbles": ("scrobble", HTTPStatus.CREATED),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """One report that was taken."""

    kind: str
    """`now_playing` or `scrobble`."""
    user: str
    title: str
    artists: tuple[str, ...]
    album: str
    timestamp: int
    """Time of play, Unix seconds."""
    length: int
    """Length of the track in seconds."""


class ScrobbleService:
    """Takes plays of known users; safe from any thread."""

    def __init__(self, *, token: str, users: frozenset[str]) -> None:
        self._authorization = f"Token {token}"
        self._users = users
        self._lock = threading.Lock()
        self._plays: deque[Play] = deque(maxlen=KEPT_PLAYS)
        self._taken = 0

    def received(self) -> tuple[Play, ...]:
        """The plays that are kept, oldest first."""
        with self._lock:
            return tuple(self._plays)

    def answer(self, request: Request) -> Answer:
        """Answer one request."""
        if (request.method, request.path) == ("GET", "/received"):
            return self._show()
        if not hmac.compare_digest(request.authorization.encode(), self._authorization.encode()):
            return Answer.failure(HTTPStatus.UNAUTHORIZED, "the token is wrong or missing")
        if (request.method, request.path) == ("GET", "/v1/session"):
            return self._session(request.query.get("user", ""))
        if request.method == "POST" and request.path in _KINDS:
            return self._take(request)
        return Answer.failure(HTTPStatus.NOT_FOUND, "no such page")

    def _show(self) -> Answer:
        with self._lock:
            plays, taken = tuple(self._plays), self._taken
        shown = [asdict(play) for play in plays]
        return Answer.json({"received": taken, "forgotten": taken - len(plays), "plays": shown})

    def _session(self, user: str) -> Answer:
        if user not in self._users:
            return Answer.failure(HTTPStatus.NOT_FOUND, "no such user")
        return Answer.json({"user": user})

    def _take(self, request: Request) -> Answer:
        kind, status = _KINDS[request.path]
        try:
            play = _read_play(kind, request.body)
        except ValueError as error:
            return Answer.failure(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
        if play.user not in self._users:
            return Answer.failure(HTTPStatus.UNPROCESSABLE_ENTITY, "no such user")
        with self._lock:
            self._plays.append(play)
            self._taken += 1
        return Answer.json({"status": "ok"}, status)


def _read_play(kind: str, body: bytes) -> Play:
    """The play that a request body describes; raises `ValueError` with a text for the client."""
    try:
        report = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ValueError("the body is not JSON") from error
    if not isinstance(report, dict):
        raise ValueError("a play is a JSON object")
    title = _member(report, "title", "")
    if not title:
        raise ValueError("a play needs a title")
    credited: list[object] = _member(report, "artists", [])
    artists = [_member(artist, "name", "") for artist in credited if isinstance(artist, dict)]
    return Play(
        kind=kind,
        user=_member(report, "user", ""),
        title=title,
        artists=tuple(artists),
        album=_member(report, "album", ""),
        timestamp=_member(report, "timestamp", 0),
        length=_member(report, "length", 0),
    )


def _member(value: Mapping[str, object], name: str, default: _T) -> _T:
    """A member of a JSON object, of the type of its default; the default when it is missing."""
    member = value.get(name, default)
    if type(member) is not type(default):
        raise ValueError(f"{name} has the wrong type")
    return member
