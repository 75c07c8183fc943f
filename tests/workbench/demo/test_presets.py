"""The values that fill in a request: they fit their messages, and are in the catalogue."""

from __future__ import annotations

import pytest

from engine.contracts.codec import build
from engine.contracts.registry import CAPABILITIES, message_type
from workbench.demo.catalogue import CATALOGUE
from workbench.demo.presets import PRESETS, Preset

BY_TITLE = pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.title)


@BY_TITLE
def test_every_value_fits_its_request_message(preset: Preset) -> None:
    for name, values in preset.values.items():
        request = build(message_type(name), values)
        assert request.ByteSize() > 0, name


@BY_TITLE
def test_every_request_but_that_of_oninit_can_be_filled(preset: Preset) -> None:
    for service in CAPABILITIES.values():
        for method in service.methods.values():
            if method.name != "OnInit":  # its values are the plugin's own settings
                assert method.request_type.DESCRIPTOR.full_name in preset.values


@BY_TITLE
def test_the_artist_and_the_album_are_known_to_the_music_service(preset: Preset) -> None:
    assert CATALOGUE.artist(mbid=str(preset.values["api.ArtistURLRequest"]["mbid"]))
    assert CATALOGUE.album(mbid=str(preset.values["api.AlbumInfoRequest"]["mbid"]))


def test_an_artist_without_an_album_makes_no_preset() -> None:
    assert not any("Sleeping Dogs" in preset.title for preset in PRESETS)
