"""lyre-metadata: what it asks, what it keeps, and how it explains what it cannot do."""

from __future__ import annotations

import pytest

from engine.calls import CallResult, Outcome
from engine.contracts.codec import to_value
from tests.samples.bench import SampleBench
from workbench.demo.catalogue import CATALOGUE

pytestmark = pytest.mark.go

PLUGIN = "lyre-metadata"
LANTERNS = CATALOGUE.artists[0]
HARBOUR_LIGHTS = CATALOGUE.albums[0]


def answer(result: CallResult) -> dict[str, object]:
    """The response as a value."""
    assert result.outcome is Outcome.OK, result.error
    assert result.response is not None
    return to_value(result.response)


def asked(result: CallResult) -> list[str]:
    """The host calls of a call, by method."""
    return [call.method for call in result.host_calls]


async def test_the_answers_are_those_of_the_music_service(samples: SampleBench) -> None:
    known = {"name": LANTERNS.name}
    async with samples.open(PLUGIN) as sample:
        assert answer(await sample.call("GetArtistMBID", known)) == {"mbid": LANTERNS.mbid}
        assert answer(await sample.call("GetArtistBiography", known)) == {"biography": LANTERNS.biography}
        assert str(answer(await sample.call("GetArtistURL", known))["url"]).endswith(LANTERNS.mbid)
        songs = answer(await sample.call("GetArtistTopSongs", {"artistName": LANTERNS.name, "count": 1}))
        assert songs == {"songs": [{"name": "Second Shift", "mbid": CATALOGUE.tracks(LANTERNS)[0].mbid}]}
        similar = answer(await sample.call("GetSimilarArtists", {**known, "limit": 1}))
        assert similar == {"artists": [{"name": "Marisol Vane", "mbid": CATALOGUE.artists[1].mbid}]}
        album = answer(await sample.call("GetAlbumInfo", {"name": "harbour lights", "artist": LANTERNS.name}))
        assert isinstance(album["info"], dict)
        assert album["info"]["description"] == HARBOUR_LIGHTS.description


@pytest.mark.parametrize("method", ["GetArtistImages", "GetAlbumImages"])
async def test_images_come_with_their_sizes(samples: SampleBench, method: str) -> None:
    entry = LANTERNS if method == "GetArtistImages" else HARBOUR_LIGHTS
    async with samples.open(PLUGIN) as sample:
        images = answer(await sample.call(method, {"mbid": entry.mbid}))["images"]
    address = f"{samples.services.music_url}/images/{entry.mbid}"
    assert images == [{"url": f"{address}/{size}.svg", "size": size} for size in (600, 300, 64)]


async def test_what_was_answered_is_kept_in_the_cache(samples: SampleBench) -> None:
    async with samples.open(PLUGIN) as sample:
        first = await sample.call("GetArtistBiography", {"name": LANTERNS.name})
        second = await sample.call("GetArtistURL", {"name": LANTERNS.name})
    assert asked(first) == [
        "ConfigService.GetPluginConfig",
        "CacheService.GetString",
        "HttpService.Get",
        "CacheService.SetString",
    ]
    assert asked(second) == ["ConfigService.GetPluginConfig", "CacheService.GetString"]
    assert answer(second)["url"]


async def test_what_is_not_known_is_kept_too(samples: SampleBench) -> None:
    async with samples.open(PLUGIN) as sample:
        results = [await sample.call("GetArtistURL", {"name": "Nobody"}) for _ in range(2)]
    assert [result.outcome for result in results] == [Outcome.NOT_FOUND, Outcome.NOT_FOUND]
    assert "HttpService.Get" in asked(results[0])
    assert "HttpService.Get" not in asked(results[1])


async def test_no_cache_time_means_no_cache(samples: SampleBench) -> None:
    samples.configure(PLUGIN, cache_seconds="0")
    async with samples.open(PLUGIN) as sample:
        result = await sample.call("GetArtistURL", {"name": LANTERNS.name})
    assert asked(result) == ["ConfigService.GetPluginConfig", "HttpService.Get"]


@pytest.mark.parametrize(
    "method", ["GetArtistURL", "GetArtistBiography", "GetSimilarArtists", "GetArtistImages", "GetArtistMBID"]
)
async def test_an_artist_known_by_name_alone_is_not_found(samples: SampleBench, method: str) -> None:
    async with samples.open(PLUGIN) as sample:
        result = await sample.call(method, {"name": "Sleeping Dogs"})
    assert result.outcome is (Outcome.OK if method == "GetArtistMBID" else Outcome.NOT_FOUND)


async def test_without_a_name_nobody_is_asked(samples: SampleBench) -> None:
    async with samples.open(PLUGIN) as sample:
        result = await sample.call("GetArtistBiography", {"id": "7"})
    assert (result.outcome, asked(result)) == (Outcome.NOT_FOUND, [])


@pytest.mark.parametrize("method", ["GetArtistImages", "GetAlbumImages"])
async def test_images_that_are_switched_off_are_not_implemented(samples: SampleBench, method: str) -> None:
    samples.configure(PLUGIN, images="false")
    async with samples.open(PLUGIN) as sample:
        result = await sample.call(method, {"name": LANTERNS.name})
    assert (result.outcome, asked(result)) == (Outcome.NOT_IMPLEMENTED, ["ConfigService.GetPluginConfig"])


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"api_key": "wrong"}, "the service refused the credentials: check api_key in [PluginConfig.lyre-metadata]"),
        ({"api_key": None}, "setting api_key is missing: see [PluginConfig.lyre-metadata] in the settings file"),
        ({"base_url": " "}, "setting base_url is missing: see"),
        ({"base_url": "ftp://127.0.0.1"}, "setting base_url must be an address such as"),
        ({"base_url": "http://127.0.0.1:1/?a"}, "setting base_url must not have a query"),
        ({"cache_seconds": "-1"}, "setting cache_seconds must be a whole number of seconds"),
        ({"images": "perhaps"}, 'setting images must be "true" or "false"'),
        ({"base_url": "http://127.0.0.1:1"}, "cannot reach http://127.0.0.1:1: "),
        ({"base_url": "http://music.example"}, "Request blocked by plugin permissions: "),
    ],
)
async def test_a_setting_that_cannot_work_is_named(
    samples: SampleBench, changes: dict[str, str | None], text: str
) -> None:
    samples.configure(PLUGIN, **changes)
    async with samples.open(PLUGIN) as sample:
        result = await sample.call("GetArtistImages", {"name": LANTERNS.name})
    assert result.outcome is Outcome.ERROR
    assert text in str(result.error)


async def test_another_answer_than_expected_is_an_error(samples: SampleBench) -> None:
    samples.configure(PLUGIN, base_url=samples.services.scrobble_url, cache_seconds="0")
    async with samples.open(PLUGIN) as sample:
        refused = await sample.call("GetArtistURL", {"name": LANTERNS.name})
    assert refused.outcome is Outcome.ERROR
    assert "refused the credentials" in str(refused.error)
