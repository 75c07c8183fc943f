"""The catalogue of the demo: a few invented artists with their albums and tracks, found by id or by name.

Nobody in it exists. The ids have the form of MusicBrainz ids and are derived from the names, so they stay the same
from run to run.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID, uuid5

_ID_SPACE: Final = UUID("5c6e0f3a-6d0b-4f6e-9a55-1f0d7c2b9e41")


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One track of an album."""

    name: str
    mbid: str
    length_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Album:
    """One album with its tracks in order."""

    name: str
    mbid: str
    artist: str
    """Name of an artist of the same catalogue."""
    description: str
    tracks: tuple[Track, ...]
    has_picture: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Artist:
    """One artist; what is not known about them is an empty text."""

    name: str
    mbid: str
    biography: str
    similar: tuple[str, ...]
    """Names of artists of the same catalogue, most similar first."""
    has_picture: bool = True


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Artists and albums, in the order in which they are shown."""

    artists: tuple[Artist, ...]
    albums: tuple[Album, ...]
    _artists: Mapping[str, Artist] = field(init=False, repr=False, compare=False)
    _albums: Mapping[str, Album] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_key = {artist.mbid: artist for artist in self.artists} | {_fold(item.name): item for item in self.artists}
        object.__setattr__(self, "_artists", by_key)
        by_mbid = {album.mbid: album for album in self.albums}
        by_names = {_album_key(album.artist, album.name): album for album in self.albums}
        object.__setattr__(self, "_albums", by_mbid | by_names)

    def artist(self, *, mbid: str = "", name: str = "") -> Artist | None:
        """The artist with this id, else with this name (case and width of letters do not matter), or None."""
        return self._artists.get(mbid.lower()) or self._artists.get(_fold(name))

    def album(self, *, mbid: str = "", name: str = "", artist: str = "") -> Album | None:
        """The album with this id, else with this name by this artist, or None; any artist if none is given."""
        found = self._albums.get(mbid.lower()) or self._albums.get(_album_key(artist, name))
        if found is None and not artist:
            return next((album for album in self.albums if _fold(album.name) == _fold(name)), None)
        return found

    def similar(self, artist: Artist) -> tuple[Artist, ...]:
        """Artists that are like this one, most similar first."""
        return tuple(self._artists[_fold(name)] for name in artist.similar)

    def tracks(self, artist: Artist) -> tuple[Track, ...]:
        """The artist's tracks, most played first: the longest ones, as this public prefers them."""
        tracks = [track for album in self.albums if album.artist == artist.name for track in album.tracks]
        return tuple(sorted(tracks, key=lambda track: track.length_s, reverse=True))


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().strip()


def _album_key(artist: str, name: str) -> str:
    return f"{_fold(artist)}\0{_fold(name)}"


def _mbid(kind: str, *names: str) -> str:
    return str(uuid5(_ID_SPACE, "\0".join((kind, *names))))


def _artist(name: str, biography: str, similar: Iterable[str], *, has_picture: bool = True) -> Artist:
    return Artist(
        name=name,
        mbid=_mbid("artist", name),
        biography=biography,
        similar=tuple(similar),
        has_picture=has_picture,
    )


def _album(artist: str, name: str, description: str, tracks: Mapping[str, int], *, has_picture: bool = True) -> Album:
    return Album(
        name=name,
        mbid=_mbid("album", artist, name),
        artist=artist,
        description=description,
        tracks=tuple(
            Track(name=title, mbid=_mbid("track", artist, name, title), length_s=length_s)
            for title, length_s in tracks.items()
        ),
        has_picture=has_picture,
    )


CATALOGUE: Final = Catalogue(
    (
        _artist(
            "The Copper Lanterns",
            "Four dock workers who began to play in a boat shed while it rained, and never quite stopped. Their songs "
            "are about weather, tools and people who come home late.",
            ("Marisol Vane", "Låvesang Trio"),
        ),
        _artist(
            "Marisol Vane",
            "A singer with a guitar tuned lower than she admits. She records at night with the windows open, so that "
            "the trams of her street are on every album.",
            ("The Copper Lanterns", "Kōyō Ensemble"),
        ),
        _artist(
            "Kōyō Ensemble",
            "Five players of old instruments who write new music for them, one piece for each autumn since they met.",
            ("Låvesang Trio", "Marisol Vane"),
        ),
        _artist(
            "Halden Brass",
            "A marching band that lost its uniforms in a flood and has played sitting down ever since.",
            ("The Copper Lanterns",),
        ),
        _artist(
            "Låvesang Trio",
            "Fiddle, harmonium and a barn with a good echo. The trio answers letters, though not quickly.",
            ("Kōyō Ensemble", "Halden Brass", "The Copper Lanterns"),
        ),
        # Known by name alone: for this one the agents have to answer "not found" to nearly everything.
        _artist("Sleeping Dogs", "", (), has_picture=False),
    ),
    (
        _album(
            "The Copper Lanterns",
            "Harbour Lights",
            "Their first album, made in nine evenings. Side two was recorded during a power cut.",
            {"Lamplight": 214, "Rope and Tar": 187, "Late Ferry Home": 321, "The Foreman's Umbrella": 243},
        ),
        _album(
            "The Copper Lanterns",
            "Second Shift",
            "Slower, louder and with a borrowed cello.",
            {"Clocking On": 176, "Second Shift": 402, "Letters on the Crane": 268},
        ),
        _album(
            "Marisol Vane",
            "Tram Line Nine",
            "Ten stops, ten songs, of which three were kept.",
            {"Terminus": 255, "The Conductor's Daughter": 198, "Rain on Wire": 307},
        ),
        _album(
            "Kōyō Ensemble",
            "紅葉",
            "Music for the weeks in which the maples turn.",
            {"First Frost": 512, "紅葉": 733, "Leaves on the Water": 448},
        ),
        _album(
            "Halden Brass",
            "Sitting Down",
            "Marches at half speed.",
            {"Parade Rest": 222, "Wading Home": 236},
        ),
        _album(
            "Låvesang Trio",
            "Under the Rafters",
            "",
            {"Hay and Iron": 341, "Postman's Waltz": 189},
            has_picture=False,
        ),
    ),
)
"""What the demo's music service knows."""
