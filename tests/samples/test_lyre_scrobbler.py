"""lyre-scrobbler: what it reports, and what it says when it cannot."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from engine.calls import Outcome
from engine.events import PluginState
from tests.samples.bench import SampleBench
from workbench.demo.presets import PRESETS

pytestmark = pytest.mark.go

PLUGIN = "lyre-scrobbler"
PLAYED: Mapping[str, object] = PRESETS[0].values["api.ScrobblerScrobbleRequest"]


async def test_plays_reach_the_service(samples: SampleBench) -> None:
    before = len(samples.services.received())
    async with samples.open(PLUGIN) as sample:
        assert (await sample.call("NowPlaying", PLAYED)).ok
        assert (await sample.call("Scrobble", PLAYED)).ok
    plays = samples.services.received()[before:]
    assert [play.kind for play in plays] == ["now_playing", "scrobble"]
    assert {(play.user, play.title, play.artists, play.album, play.timestamp, play.length) for play in plays} == {
        ("ada", "Lamplight", ("The Copper Lanterns",), "Harbour Lights", 1_700_000_000, 214)
    }


@pytest.mark.parametrize(("user", "is_authorized"), [("ada", True), ("eve", False)])
async def test_the_service_decides_who_is_authorized(samples: SampleBench, user: str, is_authorized: bool) -> None:
    async with samples.open(PLUGIN) as sample:
        result = await sample.call("IsAuthorized", {"username": user})
        assert result.outcome is Outcome.OK
        assert await sample.engine.scrobbler(sample.plugin).is_authorized("1", user) is is_authorized


@pytest.mark.parametrize("method", ["IsAuthorized", "NowPlaying", "Scrobble"])
async def test_refused_credentials_are_reported(samples: SampleBench, method: str) -> None:
    samples.configure(PLUGIN, token="wrong")
    async with samples.open(PLUGIN) as sample:
        result = await sample.call(method, PLAYED if method != "IsAuthorized" else {"username": "ada"})
    assert result.outcome is Outcome.ERROR
    assert result.error == "the service refused the credentials: check token in [PluginConfig.lyre-scrobbler]"


@pytest.mark.parametrize("method", ["IsAuthorized", "NowPlaying", "Scrobble"])
async def test_a_service_that_is_down_is_reported(samples: SampleBench, method: str) -> None:
    samples.configure(PLUGIN, base_url="http://127.0.0.1:1")
    async with samples.open(PLUGIN) as sample:
        result = await sample.call(method, PLAYED if method != "IsAuthorized" else {"username": "ada"})
    assert result.outcome is Outcome.ERROR
    assert str(result.error).startswith("cannot reach http://127.0.0.1:1: ")


@pytest.mark.parametrize(
    ("request_values", "text"),
    [
        ({"track": PLAYED["track"]}, "no user name"),
        ({"username": "ada"}, "a track without a name"),
        ({**PLAYED, "username": "eve"}, 'answered with status 422: {"error": "no such user"}'),
    ],
)
async def test_a_play_that_cannot_be_reported_says_why(
    samples: SampleBench, request_values: Mapping[str, object], text: str
) -> None:
    async with samples.open(PLUGIN) as sample:
        result = await sample.call("Scrobble", request_values)
    assert result.outcome is Outcome.ERROR
    assert text in str(result.error)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"token": None}, "setting token is missing: see [PluginConfig.lyre-scrobbler] in the settings file"),
        ({"base_url": None}, "setting base_url is missing"),
        ({"base_url": "not an address"}, "setting base_url must be an address"),
    ],
)
async def test_settings_that_cannot_work_keep_the_plugin_from_loading(
    samples: SampleBench, changes: dict[str, str | None], text: str
) -> None:
    samples.configure(PLUGIN, **changes)
    async with samples.open(PLUGIN) as sample:
        assert sample.info.state is PluginState.FAILED
        assert text in str(sample.info.error)
