"""The pool: one call per instance, spares, limits, expiry, closing (spec behaviour section 13)."""

from __future__ import annotations

import asyncio

import pytest

from engine import Outcome
from engine.events import InstanceDiscarded, InstanceStarted, PoolChanged
from tests.engine.guests import POLL_ONEOFF, plugin_wat, sleep
from tests.engine.harness import PluginHarness
from tests.waiting import wait_until

pytestmark = pytest.mark.both_paths

MBID = "metadata_agent_get_artist_mbid"
METHOD = "MetadataAgent.GetArtistMBID"
SPINNING = "(loop $l (br $l)) (i64.const 0)"


def discarded(harness: PluginHarness, reason: str) -> int:
    return sum(event.reason == reason for event in harness.of(InstanceDiscarded))


async def test_a_call_beyond_the_limit_waits_and_then_is_told_busy(harness: PluginHarness) -> None:
    harness.pool(max_in_use=2, wait_s=0.05)
    harness.write(plugin_wat({MBID: SPINNING}))
    async with harness.engine() as engine:
        await engine.ready("probe")
        running = [asyncio.create_task(engine.call("probe", METHOD, timeout_s=1)) for _ in range(2)]
        await asyncio.to_thread(wait_until, lambda: any(e.busy == 2 for e in harness.of(PoolChanged)), what="two calls")
        third = await engine.call("probe", METHOD)
        assert third.outcome is Outcome.BUSY
        assert third.error == "timeout waiting for available instance after 0.05s"
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def test_a_waiting_call_gets_the_slot_that_becomes_free(harness: PluginHarness) -> None:
    nap, data = sleep(0.05)
    harness.pool(max_in_use=1)
    harness.write(plugin_wat({MBID: f"{nap} (i64.const 0)"}, imports=POLL_ONEOFF, fields=data))
    async with harness.engine() as engine:
        results = await asyncio.gather(*(engine.call("probe", METHOD) for _ in range(4)))
        assert {result.outcome for result in results} == {Outcome.OK}
        assert max(event.busy for event in harness.of(PoolChanged)) == 1


async def test_a_waiting_call_can_be_cancelled_and_gives_up_its_place(harness: PluginHarness) -> None:
    harness.pool(max_in_use=1)
    harness.write(plugin_wat({MBID: SPINNING}))
    async with harness.engine() as engine:
        await engine.ready("probe")
        first = asyncio.create_task(engine.call("probe", METHOD))
        second = asyncio.create_task(engine.call("probe", METHOD, timeout_s=0.05))
        assert (await second).outcome is Outcome.TIMEOUT
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        assert (await engine.call("probe", METHOD, timeout_s=0.05)).outcome is Outcome.TIMEOUT


async def test_spares_are_refilled_after_use_up_to_the_limit(harness: PluginHarness) -> None:
    harness.pool(max_idle=3)
    harness.write(plugin_wat())
    async with harness.engine() as engine:
        first = await engine.call("probe", METHOD)
        assert first.is_warm  # the instance that checked the version serves its first call
        await asyncio.to_thread(
            wait_until, lambda: any(event.idle == 3 for event in harness.of(PoolChanged)), what="three spares"
        )
        assert len(harness.of(InstanceStarted)) == 3
        assert (await engine.call("probe", METHOD)).is_warm
    assert max(event.idle for event in harness.of(PoolChanged)) == 3


async def test_spares_of_all_plugins_share_one_budget(harness: PluginHarness) -> None:
    harness.pool(max_idle=4, max_idle_total=5)
    for name in ("one", "two", "three"):
        harness.write(plugin_wat(), folder=name)
    async with harness.engine() as engine:
        for name in ("one", "two", "three"):
            await engine.call(name, METHOD)
        await asyncio.to_thread(
            wait_until, lambda: sum(_idle(harness, name) for name in ("one", "two", "three")) == 5, what="five spares"
        )
        assert (await engine.call("three", METHOD)).outcome is Outcome.NOT_IMPLEMENTED


async def test_an_old_spare_is_dropped_and_not_replaced_before_the_next_call(harness: PluginHarness) -> None:
    harness.pool(idle_s=0.05)
    harness.write(plugin_wat())
    async with harness.engine() as engine:
        await engine.ready("probe")
        await asyncio.to_thread(wait_until, lambda: discarded(harness, "expired") == 1, what="an expired spare")
        assert _idle(harness, "probe") == 0
        assert not harness.of(InstanceStarted)
        assert not (await engine.call("probe", METHOD)).is_warm


async def test_used_and_broken_instances_are_thrown_away(harness: PluginHarness) -> None:
    harness.write(plugin_wat({MBID: "(unreachable)"}))
    async with harness.engine() as engine:
        await engine.call("probe", METHOD)
        await engine.call("probe", "GetArtistURL")
        assert (discarded(harness, "broken"), discarded(harness, "used")) == (1, 1)


async def test_closing_drops_the_spares(harness: PluginHarness) -> None:
    harness.write(plugin_wat())
    async with harness.engine() as engine:
        await engine.ready("probe")
    assert discarded(harness, "closed") == 1


def _idle(harness: PluginHarness, plugin: str) -> int:
    figures = [event.idle for event in harness.of(PoolChanged) if event.plugin == plugin]
    return figures[-1] if figures else 0
