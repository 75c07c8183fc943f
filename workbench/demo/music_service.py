"""The demo's music service: artists and albums of the catalogue as JSON, for whoever has the key.

Its requests and answers are described in the README of the `lyre-metadata` sample.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final
from xml.sax.saxutils import escape

from workbench.demo.catalogue import Album, Artist, Catalogue
from workbench.demo.http_server import Answer, Request

_IMAGE_SIZES: Final = (600, 300, 64)
_DEFAULT_LIMIT: Final = 10
_IMAGES_PATH: Final = "/images/"

_IMAGE: Final = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{size}" height="{size}" viewBox="0 0 100 100">
<rect width="100" height="100" fill="hsl({hue} 45% 40%)"/>
<text x="50" y="62" font-family="sans-serif" font-size="36" fill="#fff" text-anchor="middle">{initials}</text>
</svg>
"""


class MusicService:
    """Answers requests about one catalogue; keeps no state, so it is safe from any thread."""

    def __init__(self, catalogue: Catalogue, *, key: str) -> None:
        self._catalogue = catalogue
        self._authorization = f"Bearer {key}"
        self.base_url = ""
        """Where the service is reached, for the addresses of images; set once it is known."""
        self._routes: Mapping[str, Callable[[Mapping[str, str]], Answer]] = {
            "/v1/artist": self._artist,
            "/v1/artist/similar": self._similar,
            "/v1/artist/songs": self._songs,
            "/v1/album": self._album,
        }

    def answer(self, request: Request) -> Answer:
        """Answer one request."""
        if request.method != "GET":
            return Answer.failure(HTTPStatus.METHOD_NOT_ALLOWED, "this service is only asked")
        if request.path.startswith(_IMAGES_PATH):
            return self._image(request.path.removeprefix(_IMAGES_PATH))
        route = self._routes.get(request.path)
        if route is None:
            return Answer.failure(HTTPStatus.NOT_FOUND, "no such page")
        if not hmac.compare_digest(request.authorization.encode(), self._authorization.encode()):
            return Answer.failure(HTTPStatus.UNAUTHORIZED, "the key is wrong or missing")
        return route(request.query)

    def _artist(self, query: Mapping[str, str]) -> Answer:
        artist = self._find_artist(query)
        if artist is None:
            return _unknown("artist")
        return Answer.json(
            {
                **_name(artist),
                "url": _page("artist", artist.mbid) if artist.biography else "",
                "biography": artist.biography,
                "images": self._images(artist),
            }
        )

    def _similar(self, query: Mapping[str, str]) -> Answer:
        artist, limit = self._find_artist(query), _limit(query)
        if limit is None:
            return _bad_limit()
        if artist is None:
            return _unknown("artist")
        return Answer.json({"artists": [_name(other) for other in self._catalogue.similar(artist)[:limit]]})

    def _songs(self, query: Mapping[str, str]) -> Answer:
        artist, limit = self._find_artist(query), _limit(query)
        if limit is None:
            return _bad_limit()
        if artist is None:
            return _unknown("artist")
        tracks = self._catalogue.tracks(artist)[:limit]
        return Answer.json({"songs": [{"name": track.name, "mbid": track.mbid} for track in tracks]})

    def _album(self, query: Mapping[str, str]) -> Answer:
        album = self._catalogue.album(
            mbid=query.get("mbid", ""), name=query.get("name", ""), artist=query.get("artist", "")
        )
        if album is None:
            return _unknown("album")
        return Answer.json(
            {
                **_name(album),
                "description": album.description,
                "url": _page("album", album.mbid),
                "images": self._images(album),
            }
        )

    def _find_artist(self, query: Mapping[str, str]) -> Artist | None:
        return self._catalogue.artist(mbid=query.get("mbid", ""), name=query.get("name", ""))

    def _images(self, entry: Artist | Album) -> list[dict[str, object]]:
        sizes = _IMAGE_SIZES if entry.has_picture else ()
        return [{"url": f"{self.base_url}{_IMAGES_PATH}{entry.mbid}/{size}.svg", "size": size} for size in sizes]

    def _image(self, path: str) -> Answer:
        """A picture with the initials of an artist or album; `path` is `<mbid>/<size>.svg`. Needs no key."""
        mbid, _, name = path.partition("/")
        size = next((size for size in _IMAGE_SIZES if name == f"{size}.svg"), None)
        entry = self._catalogue.artist(mbid=mbid) or self._catalogue.album(mbid=mbid)
        if size is None or entry is None or not entry.has_picture:
            return _unknown("image")
        initials = "".join(word[0] for word in entry.name.split()[:3])
        picture = _IMAGE.format(size=size, hue=int(mbid[:2], 16), initials=escape(initials))
        return Answer(content_type="image/svg+xml; charset=utf-8", body=picture.encode())


def _name(entry: Artist | Album) -> dict[str, object]:
    return {"name": entry.name, "mbid": entry.mbid}


def _page(kind: str, mbid: str) -> str:
    return f"https://lyre.example/{kind}/{mbid}"


def _unknown(kind: str) -> Answer:
    return Answer.failure(HTTPStatus.NOT_FOUND, f"no such {kind}")


def _limit(query: Mapping[str, str]) -> int | None:
    """The wanted number of entries; None when it is no number that makes sense."""
    text = query.get("limit", "") or str(_DEFAULT_LIMIT)
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        return None
    return int(text)


def _bad_limit() -> Answer:
    return Answer.failure(HTTPStatus.BAD_REQUEST, "limit must be a whole number")
