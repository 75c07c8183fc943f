"""Known values to fill requests with, so that a first call brings an answer: the demo catalogue, by request message."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from workbench.demo.catalogue import CATALOGUE, Album, Artist

DEMO_USER: Final = "ada"
"""The user that the demo's scrobble service knows."""

_PLAYED_AT: Final = "1700000000"
"""A time of play in Unix seconds, fixed so that a request looks the same each time; 64-bit numbers are texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """Values for the requests that are about one artist, with one of their albums and its first track."""

    title: str
    values: Mapping[str, Mapping[str, object]]
    """ProtoJSON field values by the full name of the request message."""


def _preset(artist: Artist, album: Album) -> Preset:
    about_artist = {"id": "ar-1", "name": artist.name, "mbid": artist.mbid}
    about_album = {"name": album.name, "artist": artist.name, "mbid": album.mbid}
    user = {"user_id": "u-1", "username": DEMO_USER}
    track = album.tracks[0]
    credited = [{"name": artist.name, "mbid": artist.mbid}]
    played = user | {
        "track": {
            "id": "tr-1",
            "mbid": track.mbid,
            "name": track.name,
            "album": album.name,
            "album_mbid": album.mbid,
            "artists": credited,
            "album_artists": credited,
            "length": track.length_s,
            "position": 0,
        },
        "timestamp": _PLAYED_AT,
    }
    socket = {"connection_id": "ticks"}
    tick = {"type": "tick", "number": 1, "artist": artist.name, "listeners": 137}
    return Preset(
        title=f"{artist.name}, {album.name}, {track.name}",
        values={
            "api.ArtistMBIDRequest": {"id": "ar-1", "name": artist.name},
            "api.ArtistURLRequest": about_artist,
            "api.ArtistBiographyRequest": about_artist,
            "api.ArtistSimilarRequest": about_artist | {"limit": 5},
            "api.ArtistImageRequest": about_artist,
            "api.ArtistTopSongsRequest": {
                "id": "ar-1",
                "artistName": artist.name,
                "mbid": artist.mbid,
                "count": 3,
            },
            "api.AlbumInfoRequest": about_album,
            "api.AlbumImagesRequest": about_album,
            "api.ScrobblerIsAuthorizedRequest": user,
            "api.ScrobblerNowPlayingRequest": played,
            "api.ScrobblerScrobbleRequest": played,
            "api.SchedulerCallbackRequest": {"schedule_id": "reconnect", "payload": _base64(b"1")},
            "api.OnTextMessageRequest": socket | {"message": json.dumps(tick, ensure_ascii=False)},
            "api.OnBinaryMessageRequest": socket | {"data": _base64(b"\0\xff")},
            "api.OnErrorRequest": socket | {"error": "read: connection reset by peer"},
            "api.OnCloseRequest": socket | {"code": 1001, "reason": "the ticker takes a break"},
        },
    )


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _presets() -> tuple[Preset, ...]:
    first_albums = {album.artist: album for album in reversed(CATALOGUE.albums)}
    return tuple(
        _preset(artist, first_albums[artist.name]) for artist in CATALOGUE.artists if artist.name in first_albums
    )


PRESETS: Final = _presets()
"""One for each artist of the demo catalogue who has an album."""
