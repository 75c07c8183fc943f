"""The demo catalogue: what it finds, and that it is complete in itself."""

from __future__ import annotations

from uuid import UUID

import pytest

from workbench.demo.catalogue import CATALOGUE


def test_an_artist_is_found_by_id_before_name() -> None:
    lanterns, vane = CATALOGUE.artists[:2]
    assert CATALOGUE.artist(mbid=lanterns.mbid.upper(), name=vane.name) is lanterns


def test_an_unknown_id_leaves_the_name_to_decide() -> None:
    assert CATALOGUE.artist(mbid="unknown", name=CATALOGUE.artists[1].name) is CATALOGUE.artists[1]


@pytest.mark.parametrize(
    "name", ["the copper lanterns", " The Copper Lanterns ", "Ｔｈｅ Ｃｏｐｐｅｒ Ｌａｎｔｅｒｎｓ"]
)
def test_case_width_and_outer_blanks_of_a_name_do_not_matter(name: str) -> None:
    assert CATALOGUE.artist(name=name) is CATALOGUE.artists[0]


@pytest.mark.parametrize("name", ["", "Nobody", "Copper"])
def test_an_unknown_artist_is_none(name: str) -> None:
    assert CATALOGUE.artist(name=name) is None


def test_an_album_needs_its_own_artist_unless_none_is_named() -> None:
    album = CATALOGUE.albums[0]
    assert CATALOGUE.album(name=album.name, artist=album.artist) is album
    assert CATALOGUE.album(name=album.name) is album
    assert CATALOGUE.album(name=album.name, artist="Marisol Vane") is None
    assert CATALOGUE.album(mbid=album.mbid) is album


def test_tracks_come_over_all_albums_longest_first() -> None:
    lengths = [track.length_s for track in CATALOGUE.tracks(CATALOGUE.artists[0])]
    assert len(lengths) == 7
    assert lengths == sorted(lengths, reverse=True)


def test_every_artist_that_is_named_is_in_the_catalogue() -> None:
    for artist in CATALOGUE.artists:
        assert [other.name for other in CATALOGUE.similar(artist)] == list(artist.similar)
    assert all(CATALOGUE.artist(name=album.artist) for album in CATALOGUE.albums)


def test_ids_are_uuids_and_differ() -> None:
    ids = [artist.mbid for artist in CATALOGUE.artists]
    ids += [album.mbid for album in CATALOGUE.albums]
    ids += [track.mbid for album in CATALOGUE.albums for track in album.tracks]
    assert len(set(ids)) == len(ids)
    assert all(str(UUID(one)) == one for one in ids)


def test_ids_stay_the_same_from_version_to_version() -> None:
    assert CATALOGUE.artists[0].mbid == "92edbcea-cd95-5027-af1e-167fa7409e59"
