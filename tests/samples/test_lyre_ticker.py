"""lyre-ticker: it follows the ticker, and comes back by schedule when it was left."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest

from engine.clock import VirtualClock
from engine.events import CallFinished, PluginState
from tests.samples.bench import OpenSample, SampleBench
from tests.waiting import wait_until
from workbench.demo.catalogue import CATALOGUE
from workbench.demo.services import DemoServices

pytestmark = pytest.mark.go

PLUGIN = "lyre-ticker"


@pytest.fixture
def services() -> Iterator[DemoServices]:
    """Services of the test's own, whose ticker ticks when it is told to."""
    with DemoServices(tick_interval_s=None) as running:
        yield running


def said(sample: OpenSample) -> list[str]:
    """What the plugin has logged, without its name."""
    lines = [line.text for event in sample.of(CallFinished) for line in event.result.logs]
    return [line.removeprefix(f"{PLUGIN}: ") for line in lines]


async def heard(sample: OpenSample, text: str, *, times: int = 1) -> None:
    """Wait until the plugin has logged a line with this text so often."""
    await asyncio.to_thread(
        wait_until, lambda: sum(text in line for line in said(sample)) >= times, what=f"{text!r} in {PLUGIN}'s log"
    )


async def following(sample: OpenSample, *, times: int = 1) -> None:
    """Wait until the plugin was told that it is subscribed."""
    assert (sample.info.state, sample.info.error) == (PluginState.READY, None)
    await heard(sample, "following ", times=times)


def schedules(sample: OpenSample) -> list[tuple[str, bytes]]:
    return [(item.schedule_id, item.payload) for item in sample.engine.schedules.list(PLUGIN)]


async def test_it_logs_the_ticks_of_the_artists_it_was_told(samples: SampleBench, services: DemoServices) -> None:
    samples.configure(PLUGIN, artists=" Marisol Vane ,")
    async with samples.open(PLUGIN) as sample:
        await following(sample)
        told = [services.ticker.tick() for _ in CATALOGUE.artists]
        assert sum(told) == 1
        await heard(sample, "tick ")
        lines = said(sample)
    assert f"connected to {services.ticker_url}" in lines
    assert "following Marisol Vane" in lines
    [tick] = [line for line in lines if line.startswith("tick ")]
    assert " Marisol Vane has " in tick


async def test_without_artists_it_follows_all(samples: SampleBench, services: DemoServices) -> None:
    samples.configure(PLUGIN, artists=None)
    async with samples.open(PLUGIN) as sample:
        await following(sample)
        told = [services.ticker.tick() for _ in CATALOGUE.artists]
        assert told == [1] * len(CATALOGUE.artists)
        await heard(sample, "tick ", times=len(told))
        assert [line.split(":")[0] for line in said(sample) if line.startswith("tick ")] == [
            f"tick {number}" for number in range(1, len(told) + 1)
        ]


async def hang_up(sample: OpenSample, services: DemoServices) -> None:
    services.ticker.hang_up(1001, "gone for tea")
    await heard(sample, 'the connection was closed with 1001 "gone for tea"')


async def drop(sample: OpenSample, services: DemoServices) -> None:
    sample.engine.sockets.drop(PLUGIN, "ticks")
    await heard(sample, "the connection broke: ")
    await heard(sample, 'the connection was closed with 1006 ""')


@pytest.mark.parametrize("end", [hang_up, drop])
async def test_it_comes_back_some_seconds_after_the_connection_ended(
    samples: SampleBench, services: DemoServices, end: Callable[[OpenSample, DemoServices], Awaitable[None]]
) -> None:
    clock = VirtualClock()
    samples.configure(PLUGIN, reconnect_seconds="7")
    async with samples.open(PLUGIN, clock=clock) as sample:
        await following(sample)
        await end(sample, services)
        assert schedules(sample) == [("reconnect", b"1")]
        await clock.advance(6)
        assert sample.engine.sockets.list(PLUGIN) == ()
        await clock.advance(1)
        assert [item.connection_id for item in sample.engine.sockets.list(PLUGIN)] == ["ticks"]
        assert schedules(sample) == []
        await following(sample, times=2)


async def test_a_ticker_that_is_down_is_tried_again_after_longer_and_longer_times(
    samples: SampleBench, services: DemoServices
) -> None:
    clock = VirtualClock()
    samples.configure(PLUGIN, url="ws://127.0.0.1:1/v1/ticks")
    async with samples.open(PLUGIN, clock=clock) as sample:
        assert sample.info.state is PluginState.READY
        delays = []
        for attempt in range(1, 9):
            [waiting] = sample.engine.schedules.list(PLUGIN)
            assert (waiting.schedule_id, waiting.payload) == ("reconnect", b"%d" % attempt)
            assert waiting.next_ns is not None
            delays.append((waiting.next_ns - clock.now_ns()) // 10**9)
            await clock.advance(delays[-1])
    assert delays == [5, 10, 20, 40, 80, 160, 300, 300]


async def test_a_refused_token_is_logged_and_does_not_fail_the_plugin(samples: SampleBench) -> None:
    samples.configure(PLUGIN, token="wrong")
    async with samples.open(PLUGIN) as sample:
        assert sample.info.state is PluginState.READY
        assert any("failed to connect to WebSocket server: " in line for line in said(sample))
        assert schedules(sample) == [("reconnect", b"1")]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"url": None}, "setting url is missing: see [PluginConfig.lyre-ticker] in the settings file"),
        ({"url": "http://127.0.0.1/"}, "setting url must be an address such as wss://"),
        ({"token": None}, "setting token is missing"),
        ({"reconnect_seconds": "soon"}, "setting reconnect_seconds must be a whole number"),
    ],
)
async def test_settings_that_cannot_work_keep_the_plugin_from_loading(
    samples: SampleBench, changes: dict[str, str | None], text: str
) -> None:
    samples.configure(PLUGIN, **changes)
    async with samples.open(PLUGIN) as sample:
        assert sample.info.state is PluginState.FAILED
        assert text in str(sample.info.error)


async def test_an_end_that_came_while_it_was_being_replaced_leaves_one_connection(
    samples: SampleBench, services: DemoServices
) -> None:
    async with samples.open(PLUGIN) as sample:
        await following(sample)
        await asyncio.gather(
            *(sample.call("OnInit", {"config": samples.settings.config_for(PLUGIN)}) for _ in range(3))
        )
        assert len(sample.engine.sockets.list(PLUGIN)) == 1
        # A call whose connection was replaced before it could subscribe plans another attempt; none is told of an end.
        assert not [line for line in said(sample) if "the connection was closed" in line]
