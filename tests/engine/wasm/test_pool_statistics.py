"""What a pool tells of itself: the moment, the counts, times and memory."""

from __future__ import annotations

import asyncio

import pytest

from engine import Outcome
from engine.errors import UnknownPlugin
from engine.limits import PoolMode
from engine.wasm.pool_statistics import DiscardReason, PoolStatistics
from tests.engine.guests import plugin_wat
from tests.engine.harness import PluginHarness
from tests.waiting import wait_until

MBID = "metadata_agent_get_artist_mbid"
METHOD = "MetadataAgent.GetArtistMBID"
SPINNING = "(loop $l (br $l)) (i64.const 0)"
PAGE = 65536


async def test_a_plugin_that_does_not_serve_has_no_pool(harness: PluginHarness) -> None:
    harness.write(b"garbage")
    async with harness.engine() as engine:
        await engine.ready("probe")
        assert engine.pool_statistics("probe") is None
        with pytest.raises(UnknownPlugin):
            engine.pool_statistics("nobody")


async def test_the_instance_that_checked_the_version_is_the_first_one(harness: PluginHarness) -> None:
    harness.write(plugin_wat())
    async with harness.engine() as engine:
        await engine.ready("probe")
        found = engine.pool_statistics("probe")
        assert found is not None
        assert (found.mode, found.idle, found.busy, found.waiting) == (PoolMode.FRESH, 1, 0, 0)
        assert (found.created, found.warm, found.cold, found.reused) == (1, 0, 0, 0)
        assert found.start.count == 1
        assert found.start.max_ns > 0
        assert found.last_memory_bytes == found.peak_memory_bytes == 4 * PAGE
        assert [(item.is_busy, item.calls, item.memory_bytes) for item in found.instances] == [(False, 0, 4 * PAGE)]


async def test_warm_and_cold_calls_are_told_apart_and_what_became_of_their_instances(harness: PluginHarness) -> None:
    harness.pool(max_idle=0)
    harness.write(plugin_wat({MBID: "(unreachable)"}))
    async with harness.engine() as engine:
        await engine.call("probe", METHOD)
        await engine.call("probe", "GetArtistURL")
        await engine.call("probe", "GetArtistURL")
        found = engine.pool_statistics("probe")
        assert found is not None
        assert (found.created, found.warm, found.cold, found.reused) == (3, 1, 2, 0)
        assert found.discarded == {DiscardReason.BROKEN: 1, DiscardReason.USED: 2}
        assert (found.wait.count, found.start.count, found.instances) == (3, 3, ())


async def test_reuse_is_counted_per_call_and_per_instance(harness: PluginHarness) -> None:
    harness.pool(mode=PoolMode.REUSE)
    harness.write(plugin_wat())
    async with harness.engine() as engine:
        for _ in range(4):
            await engine.call("probe", METHOD)
        found = engine.pool_statistics("probe")
        assert found is not None
        assert (found.mode, found.created, found.warm, found.reused) == (PoolMode.REUSE, 1, 4, 3)
        assert [item.calls for item in found.instances] == [4]


async def test_the_peak_of_memory_outlives_the_instance_that_had_it(harness: PluginHarness) -> None:
    harness.write(plugin_wat({MBID: "(drop (memory.grow (i32.const 6))) (i64.const 0)"}))
    async with harness.engine() as engine:
        await engine.call("probe", METHOD)
        await engine.call("probe", "GetArtistURL")
        found = engine.pool_statistics("probe")
        assert found is not None
        assert found.peak_memory_bytes == 10 * PAGE
        assert found.last_memory_bytes == 4 * PAGE


async def test_calls_under_way_and_in_line_are_seen_and_the_refused_are_counted(harness: PluginHarness) -> None:
    harness.pool(max_in_use=1, wait_s=0.3)
    harness.write(plugin_wat({MBID: SPINNING}))
    async with harness.engine() as engine:

        def now() -> PoolStatistics:
            found = engine.pool_statistics("probe")
            assert found is not None
            return found

        await engine.ready("probe")
        running = asyncio.create_task(engine.call("probe", METHOD))
        await asyncio.to_thread(harness.wait_for_busy)
        waiting = asyncio.create_task(engine.call("probe", METHOD))
        await asyncio.to_thread(wait_until, lambda: now().waiting == 1, what="a call in line")
        assert [item.is_busy for item in now().instances] == [True]
        assert (await waiting).outcome is Outcome.BUSY
        assert (now().refused, now().waiting, now().busy) == (1, 0, 1)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_the_counts_begin_anew_with_every_version(harness: PluginHarness) -> None:
    harness.write(plugin_wat())
    async with harness.engine() as engine:
        await engine.call("probe", METHOD)
        harness.write(plugin_wat(pages=5))
        await engine.refresh("probe")
        found = engine.pool_statistics("probe")
        assert found is not None
        assert (found.created, found.warm, found.last_memory_bytes) == (1, 0, 5 * PAGE)


async def test_what_is_remembered_does_not_grow_with_the_number_of_calls(harness: PluginHarness) -> None:
    harness.write(plugin_wat())
    async with harness.engine() as engine:
        for _ in range(100):
            await engine.call("probe", METHOD)
        found = engine.pool_statistics("probe")
        assert found is not None
        assert found.warm + found.cold == found.wait.count == 100
        assert len(found.instances) <= harness.settings.pool.max_idle + 1
