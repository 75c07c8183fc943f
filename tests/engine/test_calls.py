"""Capability calls end to end: every outcome, what comes with it, and that the engine goes on."""

from __future__ import annotations

import asyncio

import pytest

from engine import CallResult, Outcome, VirtualClock
from engine.contracts import api_pb2 as api
from engine.errors import EngineClosed, InvalidRequest, NotFound, UnknownMethod, UnknownPlugin
from engine.events import CallFinished, CallStarted, GuestWrote, HostCallFinished
from tests.engine.guests import (
    CLOCK_TIME_GET,
    FD_WRITE,
    POLL_ONEOFF,
    PROC_EXIT,
    answer,
    host_import,
    plugin_wat,
    sleep,
    string_field,
    word,
    write_stderr,
)
from tests.engine.harness import PluginHarness, manifest_of

pytestmark = pytest.mark.both_paths

MBID = "metadata_agent_get_artist_mbid"
METHOD = "MetadataAgent.GetArtistMBID"


async def call_once(harness: PluginHarness, wat: str, *, timeout_s: float | None = None) -> CallResult:
    harness.write(wat)
    async with harness.engine() as engine:
        return await engine.call("probe", METHOD, {"id": "1", "name": "Nina Simone"}, timeout_s=timeout_s)


async def test_an_answer_is_decoded_and_timed(harness: PluginHarness) -> None:
    body, data = answer(string_field(1, "mbid-1"))
    result = await call_once(harness, plugin_wat({MBID: body}, fields=data))
    assert result.outcome is Outcome.OK
    assert isinstance(result.response, api.ArtistMBIDResponse)
    assert result.response.mbid == "mbid-1"
    assert result.error is None
    assert result.timings.guest_ns > 0
    assert result.memory_bytes == 4 * 65536
    assert (result.version, result.generation) == ("1.0.0", 1)


async def test_the_request_arrives_in_guest_memory(harness: PluginHarness) -> None:
    # The guest answers its own request, whose field 1 is "1" and which reads as a response with that field.
    echo = "(i64.or (i64.shl (i64.extend_i32_u (local.get $ptr)) (i64.const 32)) (i64.extend_i32_u (local.get $len)))"
    result = await call_once(harness, plugin_wat({MBID: echo}))
    assert isinstance(result.response, api.ArtistMBIDResponse)
    assert result.response.mbid == "1"


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        (b"plugin:not_found", Outcome.NOT_FOUND),
        (b"plugin:not_implemented", Outcome.NOT_IMPLEMENTED),
        (b"plugin:not_found: really", Outcome.ERROR),
        (b"the service is down", Outcome.ERROR),
        (b"", Outcome.ERROR),
    ],
)
async def test_a_flagged_error_text_decides_the_outcome(harness: PluginHarness, text: bytes, outcome: Outcome) -> None:
    body, data = answer(text, error=True)
    result = await call_once(harness, plugin_wat({MBID: body}, fields=data))
    assert result.outcome is outcome
    assert result.error == text.decode()


async def test_an_error_field_counts_as_an_error(harness: PluginHarness) -> None:
    body, data = answer(string_field(1, "refused"))
    wat = plugin_wat({"scrobbler_scrobble": body}, capabilities=("Scrobbler",), fields=data)
    harness.write(wat, manifest=manifest_of("probe", ["Scrobbler"]))
    async with harness.engine() as engine:
        result = await engine.call("probe", "Scrobble", {"username": "ada"})
    assert (result.outcome, result.error) == (Outcome.ERROR, "refused")


async def test_invalid_utf8_from_the_guest_is_repaired_and_marked(harness: PluginHarness) -> None:
    body, data = answer(string_field(1, b"caf\xe9"))
    result = await call_once(harness, plugin_wat({MBID: body}, fields=data))
    assert isinstance(result.response, api.ArtistMBIDResponse)
    assert result.response.mbid == "caf\ufffd"
    assert result.is_repaired


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("undecodable bytes", answer(b"\xff\xff\xff")[0]),
        ("a pointer beyond memory", f"(i64.const {word(0x7FFF0000, 16)})"),
        ("a pointer in the upper half", f"(i64.const {word(0xFFFFFFF0, 16)})"),
        ("a length beyond memory", f"(i64.const {word(0, 0x01000000)})"),
    ],
)
async def test_a_reply_that_cannot_be_read_is_a_bad_reply(harness: PluginHarness, name: str, body: str) -> None:
    result = await call_once(harness, plugin_wat({MBID: body}, fields=answer(b"\xff\xff\xff")[1]))
    assert result.outcome is Outcome.BAD_REPLY, name
    assert result.error


async def test_out_of_range_replies_are_told_in_the_words_of_the_calling_convention(harness: PluginHarness) -> None:
    result = await call_once(harness, plugin_wat({MBID: f"(i64.const {word(4_000_000, 3)})"}))
    assert result.error == "Memory.Read(4000000, 3) out of range of memory size 262144"


async def test_a_trap_carries_code_frames_and_the_guests_last_words(harness: PluginHarness) -> None:
    say, data = write_stderr(b"loading\npanic: no such artist\n")
    wat = plugin_wat({MBID: f"{say} (unreachable)"}, imports=FD_WRITE, fields=data)
    result = await call_once(harness, wat)
    assert result.outcome is Outcome.TRAP
    assert result.error == "panic: no such artist"
    assert result.trap is not None
    assert result.trap.code == "unreachable"
    assert result.trap.frames
    assert [line.text for line in result.logs] == ["loading", "panic: no such artist"]


async def test_an_exit_is_its_own_outcome(harness: PluginHarness) -> None:
    wat = plugin_wat({MBID: "(call $proc_exit (i32.const 3)) (i64.const 0)"}, imports=PROC_EXIT)
    result = await call_once(harness, wat)
    assert (result.outcome, result.error) == (Outcome.EXIT, "unexpected exit_code: 3")


async def test_an_endless_loop_ends_at_the_time_limit(harness: PluginHarness) -> None:
    result = await call_once(harness, plugin_wat({MBID: "(loop $l (br $l)) (i64.const 0)"}), timeout_s=0.1)
    assert result.outcome is Outcome.TIMEOUT
    assert result.error is not None
    assert "deadline exceeded" in result.error


async def test_a_sleeping_guest_is_woken_by_the_time_limit(harness: PluginHarness) -> None:
    nap, data = sleep(60)
    result = await call_once(
        harness, plugin_wat({MBID: f"{nap} (i64.const 0)"}, imports=POLL_ONEOFF, fields=data), timeout_s=0.1
    )
    assert result.outcome is Outcome.TIMEOUT


async def test_a_guest_that_loops_in_malloc_or_free_ends_at_the_time_limit(harness: PluginHarness) -> None:
    wat = plugin_wat(
        drop=["malloc"], fields='(func (export "malloc") (param i32) (result i32) (loop $l (br $l)) (i32.const 0))'
    )
    result = await call_once(harness, wat, timeout_s=0.1)
    assert result.outcome is Outcome.TIMEOUT


async def test_a_call_can_be_cancelled_while_another_runs_on(harness: PluginHarness) -> None:
    nap, data = sleep(0.3)
    harness.write(plugin_wat({MBID: "(loop $l (br $l)) (i64.const 0)"}), folder="spinner")
    harness.write(plugin_wat({MBID: f"{nap} (i64.const 0)"}, imports=POLL_ONEOFF, fields=data), folder="sleeper")
    async with harness.engine() as engine:
        spinning = asyncio.create_task(engine.call("spinner", METHOD))
        sleeping = asyncio.create_task(engine.call("sleeper", METHOD))
        await engine.ready("spinner")
        await engine.ready("sleeper")
        spinner = next(event for event in harness.of(CallStarted) if event.plugin == "spinner")
        assert engine.cancel(spinner.call_id)
        assert (await spinning).outcome is Outcome.CANCELLED
        assert (await sleeping).outcome is Outcome.OK
        assert not engine.cancel(spinner.call_id)


async def test_a_caller_that_gives_up_leaves_an_ordered_end_behind(harness: PluginHarness) -> None:
    harness.write(plugin_wat({MBID: "(loop $l (br $l)) (i64.const 0)"}))
    async with harness.engine() as engine:
        await engine.ready("probe")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(engine.call("probe", METHOD), 0.05)
    assert [event.result.outcome for event in harness.of(CallFinished)] == [Outcome.CANCELLED]


async def test_closing_the_engine_ends_calls_and_reports_them(harness: PluginHarness) -> None:
    harness.write(plugin_wat({MBID: "(loop $l (br $l)) (i64.const 0)"}))
    engine = harness.engine()
    async with engine:
        await engine.ready("probe")
        running = asyncio.create_task(engine.call("probe", METHOD))
        await asyncio.sleep(0)
    assert (await running).outcome is Outcome.CANCELLED
    with pytest.raises(EngineClosed):
        await engine.call("probe", METHOD)


async def test_an_answer_above_the_limit_is_refused_without_reading_it(harness: PluginHarness) -> None:
    harness.limit(response_bytes=1000)
    result = await call_once(harness, plugin_wat({MBID: f"(i64.const {word(0, 1001)})"}))
    assert result.outcome is Outcome.RESPONSE_LIMIT
    assert result.error is not None
    assert "1001" in result.error


async def test_a_flood_of_output_stops_the_guest_and_keeps_the_last_lines(harness: PluginHarness) -> None:
    harness.limit(output_bytes=10_000)
    say, data = write_stderr(b"flood\n" * 50)
    result = await call_once(
        harness, plugin_wat({MBID: f"(loop $l {say} (br $l)) (i64.const 0)"}, imports=FD_WRITE, fields=data)
    )
    assert result.outcome is Outcome.OUTPUT_LIMIT
    assert result.error is not None
    assert "10000" in result.error
    assert result.logs[-1].text == "flood"


async def test_memory_that_cannot_grow_is_told_as_the_limit(harness: PluginHarness) -> None:
    harness.limit(memory_bytes=32 * 65536)
    grow = (
        "(loop $l (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then (unreachable))) (br $l)) (i64.const 0)"
    )
    result = await call_once(harness, plugin_wat({MBID: grow}))
    assert result.outcome is Outcome.MEMORY_LIMIT
    assert result.error is not None
    assert "inferred" in result.error


async def test_a_module_that_wants_more_memory_than_allowed_does_not_load(harness: PluginHarness) -> None:
    harness.limit(memory_bytes=2 * 65536)
    result = await call_once(harness, plugin_wat(pages=16))
    assert result.outcome is Outcome.LOAD_FAILED
    assert result.error is not None
    assert "memory" in result.error


async def test_too_many_host_calls_stop_the_guest(harness: PluginHarness) -> None:
    harness.limit(host_calls=5)
    wat = plugin_wat(
        {MBID: "(loop $l (drop (call $get_config (i32.const 0) (i32.const 0))) (br $l)) (i64.const 0)"},
        imports=host_import("get_config"),
    )
    harness.write(wat, manifest=manifest_of("probe", permissions={"config": {"reason": "to count"}}))
    async with harness.engine() as engine:
        result = await engine.call("probe", METHOD)
    assert result.outcome is Outcome.HOSTCALL_LIMIT
    assert len(result.host_calls) == 5


async def test_endless_recursion_is_a_trap(harness: PluginHarness) -> None:
    wat = plugin_wat({MBID: "(call $deep) (i64.const 0)"}, fields="(func $deep (call $deep))")
    result = await call_once(harness, wat)
    assert result.outcome is Outcome.TRAP
    assert result.trap is not None
    assert result.trap.code == "stack_overflow"


async def test_every_call_gets_memory_that_no_call_has_touched(harness: PluginHarness) -> None:
    count = """(i32.store (i32.const 3000) (i32.add (i32.load (i32.const 3000)) (i32.const 1)))
      (if (i32.gt_u (i32.load (i32.const 3000)) (i32.const 1)) (then (unreachable))) (i64.const 0)"""
    harness.write(plugin_wat({MBID: count}))
    async with harness.engine() as engine:
        outcomes = {(await engine.call("probe", METHOD)).outcome for _ in range(30)}
    assert outcomes == {Outcome.OK}


async def test_host_calls_are_recorded_in_order_with_output_between_them(harness: PluginHarness) -> None:
    say, data = write_stderr(b"between\n")
    nothing = "(i32.const 0) (i32.const 0)"
    wat = plugin_wat(
        {MBID: f"(drop (call $get_config {nothing})) {say} (drop (call $has {nothing})) (i64.const 0)"},
        imports=FD_WRITE + host_import("get_config") + host_import("has"),
        fields=data,
    )
    permissions = {"config": {"reason": "to read"}, "cache": {"reason": "to look"}}
    harness.write(wat, manifest=manifest_of("probe", permissions=permissions))
    async with harness.engine() as engine:
        result = await engine.call("probe", METHOD)
    assert [item.method for item in result.host_calls] == ["ConfigService.GetConfig", "CacheService.Has"]
    kinds = [type(event).__name__ for event in harness.events if isinstance(event, (HostCallFinished, GuestWrote))]
    assert kinds == ["HostCallFinished", "GuestWrote", "HostCallFinished"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("(i32.const -16) (i32.const 64)", "Memory.Read(4294967280, 64) out of range of memory size 262144"),
        ("(i32.const 2048) (i32.const 2)", "cannot decode the request"),
    ],
)
async def test_a_broken_host_request_traps_with_the_reason(harness: PluginHarness, arguments: str, text: str) -> None:
    wat = plugin_wat(
        {MBID: f"(drop (call $has {arguments})) (i64.const 0)"},
        imports=host_import("has"),
        fields='(data (i32.const 2048) "\\ff\\ff")',
    )
    harness.write(wat, manifest=manifest_of("probe", permissions={"cache": {"reason": "to look"}}))
    async with harness.engine() as engine:
        result = await engine.call("probe", METHOD)
        assert result.outcome is Outcome.TRAP
        assert result.error is not None
        assert text in result.error


async def test_a_virtual_clock_rules_inside_the_guest(harness: PluginHarness) -> None:
    nap, data = sleep(3600)
    # Answers the wall time after the sleep: tag and length of field 1, then eight raw bytes.
    body = f"""{nap} (i32.store16 (i32.const 5000) (i32.const 0x080a))
      (drop (call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 5002)))
      (i64.const {word(5000, 10)})"""
    harness.write(plugin_wat({MBID: body}, imports=POLL_ONEOFF + CLOCK_TIME_GET, fields=data))
    clock = VirtualClock(start_ns=0x0102030405060700)
    async with harness.engine(clock=clock) as engine:
        before = clock.now_ns()
        result = await engine.call("probe", METHOD, {"name": "x"})
    assert result.outcome is Outcome.OK
    assert clock.now_ns() - before == 3600 * 10**9


async def test_misuse_raises_and_says_what_is_known(harness: PluginHarness) -> None:
    harness.write(plugin_wat())
    async with harness.engine() as engine:
        with pytest.raises(UnknownPlugin):
            await engine.call("nobody", METHOD)
        with pytest.raises(UnknownMethod):
            await engine.call("probe", "GetArtistMbid")
        with pytest.raises(InvalidRequest) as caught:
            await engine.call("probe", METHOD, {"name": 3})
    assert caught.value.place is not None
    assert caught.value.place.pointer == "name"


async def test_an_undeclared_capability_is_refused_with_the_manifest_line(harness: PluginHarness) -> None:
    harness.write(plugin_wat())
    async with harness.engine() as engine:
        result = await engine.call("probe", "Scrobbler.Scrobble")
    assert result.outcome is Outcome.LOAD_FAILED
    assert result.error == "plugin adapter not registered: probe, capability: Scrobbler"
    assert result.hint is not None
    assert "Scrobbler" in result.hint


async def test_each_call_is_reported_once_with_the_same_id(harness: PluginHarness) -> None:
    harness.write(plugin_wat())
    async with harness.engine() as engine:
        results = await asyncio.gather(*(engine.call("probe", METHOD) for _ in range(25)))
    started = [event.call_id for event in harness.of(CallStarted)]
    finished = [event.call_id for event in harness.of(CallFinished)]
    assert sorted(started) == sorted(finished) == sorted(result.call_id for result in results)
    assert len(set(started)) == 25


async def test_the_typed_adapter_raises_what_navidrome_would_see(harness: PluginHarness) -> None:
    body, data = answer(string_field(1, "mbid-1"))
    harness.write(plugin_wat({MBID: body}, fields=data))
    async with harness.engine() as engine:
        agent = engine.metadata_agent("probe")
        assert await agent.get_artist_mbid("1", "Nina Simone") == "mbid-1"
        with pytest.raises(NotFound):
            await agent.get_artist_url("1", "Nina Simone")
