"""Interruptions at awkward moments: before a store exists, during a load, with every thread taken, under a flood."""

from __future__ import annotations

import asyncio
import functools

import pytest

from engine import Engine, Outcome, PluginState
from engine.contracts import api_pb2 as api
from engine.errors import InvalidRequest
from engine.events import GuestWrote, InstanceDiscarded, InstanceStarted, PoolChanged
from tests.engine.guests import (
    CLOCK_TIME_GET,
    FD_WRITE,
    PROC_EXIT,
    answer,
    host_import,
    plugin_wat,
    word,
    write_stderr,
)
from tests.engine.harness import PluginHarness, manifest_of
from tests.waiting import wait_until

pytestmark = pytest.mark.both_paths

MBID = "metadata_agent_get_artist_mbid"
METHOD = "MetadataAgent.GetArtistMBID"
SPINNING = "(loop $l (br $l)) (i64.const 0)"
ON_INIT = "lifecycle_management_on_init"
BOTH = ("MetadataAgent", "LifecycleManagement")


async def test_a_call_stopped_before_its_instance_exists_never_runs(harness: PluginHarness) -> None:
    # Spins in a start function once memory says that this is the second instance; memory cannot, the clock can.
    start = """(func $wait (drop (call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 3000))))
      (start $wait)"""
    harness.pool(max_idle=0)
    harness.write(plugin_wat({MBID: SPINNING}, imports=CLOCK_TIME_GET, fields=start))
    async with harness.engine() as engine:
        await engine.ready("probe")
        for _ in range(5):
            assert (await engine.call("probe", METHOD, timeout_s=0)).outcome is Outcome.TIMEOUT


@pytest.mark.parametrize("timeout_s", [-1.0, float("inf"), float("nan"), 1e300])
async def test_an_absurd_time_limit_is_misuse(harness: PluginHarness, timeout_s: float) -> None:
    harness.write(plugin_wat())
    async with harness.engine() as engine:
        with pytest.raises(InvalidRequest):
            await engine.call("probe", METHOD, timeout_s=timeout_s)


async def give_up_on_refresh(engine: Engine) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(engine.refresh("probe"), 0.05)


async def test_a_refresh_that_its_caller_gives_up_is_ended_in_order(harness: PluginHarness) -> None:
    harness.limit(start_timeout_s=0.4)
    harness.write(plugin_wat())
    async with harness.engine() as engine:
        await engine.ready("probe")
        harness.write(plugin_wat(initialize="(loop $l (br $l))"))
        await give_up_on_refresh(engine)
        await asyncio.to_thread(wait_until, lambda: engine.plugin("probe").state is PluginState.STALE, what="the end")
        assert (await engine.call("probe", METHOD)).outcome is Outcome.NOT_IMPLEMENTED


@pytest.mark.parametrize(
    "spinner",
    [
        plugin_wat(capabilities=BOTH, initialize="(loop $l (br $l))"),
        plugin_wat({ON_INIT: SPINNING}, capabilities=BOTH),
    ],
    ids=["in _initialize", "in OnInit"],
)
async def test_closing_in_the_middle_of_a_load_leaves_no_guest_and_no_store(
    harness: PluginHarness, spinner: str
) -> None:
    before = harness.live_stores()
    harness.write(plugin_wat(), manifest=manifest_of("probe"))
    async with harness.engine() as engine:
        await engine.ready("probe")
        harness.write(spinner, manifest=manifest_of("probe", BOTH))
        refreshing = asyncio.create_task(engine.refresh("probe"))
        await asyncio.to_thread(wait_until, lambda: harness.live_stores() >= before + 2, what="a new instance")
    await asyncio.gather(refreshing, return_exceptions=True)
    await asyncio.to_thread(wait_until, lambda: harness.live_stores() == before, what="all stores to be closed")


def _has_been_busy(harness: PluginHarness, times: int) -> bool:
    return sum(event.busy == 2 for event in harness.of(PoolChanged)) >= times


async def test_draining_versions_never_take_the_threads_of_another_plugin(harness: PluginHarness) -> None:
    harness.pool(max_in_use=2)
    harness.write(plugin_wat({MBID: SPINNING}), folder="spinner")
    harness.write(plugin_wat(), folder="healthy")
    spinning: list[asyncio.Task[object]] = []
    async with harness.engine() as engine:
        for round_number in range(5):
            spinning += [asyncio.create_task(engine.call("spinner", METHOD)) for _ in range(2)]
            await asyncio.to_thread(
                wait_until,
                functools.partial(_has_been_busy, harness, round_number + 1),
                what="two spinning calls",
            )
            await asyncio.wait_for(engine.refresh("spinner"), 5)
            assert (await engine.call("healthy", METHOD, timeout_s=2)).outcome is Outcome.NOT_IMPLEMENTED
    await asyncio.gather(*spinning, return_exceptions=True)


async def test_a_flood_of_empty_lines_is_charged_by_the_line(harness: PluginHarness) -> None:
    harness.limit(output_bytes=64 * 1024)
    say, data = write_stderr(b"\n" * 30_000)
    harness.write(plugin_wat({MBID: f"{say} (i64.const 0)"}, imports=FD_WRITE, fields=data))
    async with harness.engine() as engine:
        assert (await engine.call("probe", METHOD)).outcome is Outcome.OUTPUT_LIMIT
    assert len(harness.of(GuestWrote)) <= 1024


async def test_messages_of_host_calls_are_kept_up_to_a_bound(harness: PluginHarness) -> None:
    wat = plugin_wat(
        {
            MBID: """(loop $l (drop (call $has (i32.const 65536) (i32.const 1048580)))
              (local.set $a (i32.add (local.get $a) (i32.const 1)))
              (br_if $l (i32.lt_u (local.get $a) (i32.const 12)))) (i64.const 0)"""
        },
        imports=host_import("has"),
        pages=40,
        fields='(data (i32.const 65536) "\\0a\\80\\80\\40")',
    )
    harness.write(wat, manifest=manifest_of("probe", permissions={"cache": {"reason": "r"}}))
    async with harness.engine() as engine:
        result = await engine.call("probe", METHOD)
    kept = [item for item in result.host_calls if not item.is_shortened]
    assert len(result.host_calls) == 12
    assert 0 < len(kept) < 12
    assert all(item.request is None and item.request_bytes > 1_000_000 for item in result.host_calls[len(kept) :])


async def test_a_host_request_above_the_limit_stops_the_guest(harness: PluginHarness) -> None:
    harness.limit(host_request_bytes=1000)
    wat = plugin_wat(
        {MBID: "(drop (call $has (i32.const 0) (i32.const 1001))) (i64.const 0)"}, imports=host_import("has")
    )
    harness.write(wat, manifest=manifest_of("probe", permissions={"cache": {"reason": "r"}}))
    async with harness.engine() as engine:
        result = await engine.call("probe", METHOD)
    assert result.error == "CacheService.Has: the request has 1001 bytes, the limit is 1000 bytes"


@pytest.mark.parametrize("code", [0, 1, 126, 255, -1])
async def test_every_exit_code_is_an_exit(harness: PluginHarness, code: int) -> None:
    harness.write(plugin_wat({MBID: f"(call $proc_exit (i32.const {code})) (i64.const 0)"}, imports=PROC_EXIT))
    async with harness.engine() as engine:
        result = await engine.call("probe", METHOD)
    assert (result.outcome, result.error) == (Outcome.EXIT, f"unexpected exit_code: {code & 0xFFFFFFFF}")


async def test_words_spoken_long_before_do_not_explain_another_trap(harness: PluginHarness) -> None:
    say, data = write_stderr(b"recovered from panic: an old story\nruntime: out of memory, retrying\n")
    divide = "(i64.extend_i32_u (i32.div_u (i32.const 1) (local.get $a)))"
    harness.write(plugin_wat({MBID: f"{say} {divide}"}, imports=FD_WRITE, fields=data))
    async with harness.engine() as engine:
        result = await engine.call("probe", METHOD)
    assert result.outcome is Outcome.TRAP
    assert result.trap is not None
    assert (result.trap.code, result.trap.panic) == ("integer_division_by_zero", None)


async def test_a_stale_refusal_is_not_told_in_place_of_the_newest_reason(harness: PluginHarness) -> None:
    body, data = answer(b"no", error=True)
    harness.write(plugin_wat({ON_INIT: body}, capabilities=BOTH, fields=data), manifest=manifest_of("probe", BOTH))
    async with harness.engine() as engine:
        assert (await engine.ready("probe")).state is PluginState.FAILED
        harness.write(b"garbage", manifest=manifest_of("probe", BOTH))
        info = await engine.refresh("probe")
        assert (await engine.call("probe", METHOD)).error == info.error


async def test_an_endless_error_text_is_cut(harness: PluginHarness) -> None:
    harness.write(plugin_wat({MBID: f"(i64.const {word(65536, 200_000, error=True)})"}, pages=8))
    async with harness.engine() as engine:
        result = await engine.call("probe", METHOD)
    assert result.outcome is Outcome.ERROR
    assert result.error is not None
    assert len(result.error) < 20_000
    assert result.response_bytes == 200_000


async def test_instances_started_are_all_discarded_in_the_end(harness: PluginHarness) -> None:
    harness.write(plugin_wat())
    async with harness.engine() as engine:
        await asyncio.gather(*(engine.call("probe", METHOD) for _ in range(20)))
        response = (await engine.call("probe", METHOD)).response
        assert response is None or isinstance(response, api.ArtistMBIDResponse)
    started = {event.instance_id for event in harness.of(InstanceStarted)}
    discarded = {event.instance_id for event in harness.of(InstanceDiscarded)}
    assert started <= discarded
