"""`Fidelity = "navidrome"`: each habit of the released host, shown beside what the document promises."""

from __future__ import annotations

import asyncio
import time

import pytest

from engine import CallResult, Engine, Outcome
from engine.settings import Fidelity, Settings
from tests.engine.guests import CLOCK_TIME_GET, FD_WRITE, POLL_ONEOFF, plugin_wat, sleep, write_stderr
from tests.engine.harness import PluginHarness
from tests.engine.telling import MBID, METHOD, telling_wat, told

pytestmark = pytest.mark.both_paths

RELEASED_START_NS = 1_640_995_200_000_000_000
RANDOM_GET = '(import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))'
SPINNING = "(loop $l (br $l)) (i64.const 0)"


def fidelity(harness: PluginHarness, chosen: Fidelity) -> None:
    harness.settings = harness.settings.with_fidelity(chosen)


async def calls(harness: PluginHarness, wat: str, chosen: Fidelity, count: int = 1) -> list[CallResult]:
    fidelity(harness, chosen)
    harness.write(wat)
    async with harness.engine() as engine:
        return [await engine.call("probe", METHOD) for _ in range(count)]


def reading(clock_id: int) -> str:
    """A statement that reads a clock, and then the expression for what it said."""
    return f"(drop (call $clock_time_get (i32.const {clock_id}) (i64.const 0) (i32.const {3000 + 8 * clock_id})))"


CLOCKS = telling_wat(
    ["(i64.load (i32.const 3000))", "(i64.load (i32.const 3008))"],
    imports=CLOCK_TIME_GET,
    before=f"{reading(0)} {reading(1)} {reading(0)} {reading(1)}",
)


async def test_the_clock_says_the_time_or_begins_in_2022_and_moves_by_being_read(harness: PluginHarness) -> None:
    before_ns = time.time_ns()
    (real,) = await calls(harness, CLOCKS, Fidelity.DOCUMENT)
    assert before_ns <= told(real)[0] <= time.time_ns()
    first, second = await calls(harness, CLOCKS, Fidelity.NAVIDROME, 2)
    assert told(first) == [RELEASED_START_NS + 10**6, 10**6]
    # The instance is used again, and with it its clocks.
    assert told(second) == [RELEASED_START_NS + 3 * 10**6, 3 * 10**6]


async def test_chance_is_real_or_the_same_in_every_run(harness: PluginHarness) -> None:
    draw = "(drop (call $random_get (i32.const 3000) (i32.const 8)))"
    wat = telling_wat(["(i64.load (i32.const 3000))"], imports=RANDOM_GET, before=draw)
    real = [told(result) for result in await calls(harness, wat, Fidelity.DOCUMENT, 2)]
    assert real[0] != real[1]
    runs = [[told(result) for result in await calls(harness, wat, Fidelity.NAVIDROME, 2)] for _ in range(2)]
    assert runs[0] == runs[1]


async def test_a_sleep_lasts_or_returns_at_once(harness: PluginHarness) -> None:
    nap, data = sleep(3600)
    fidelity(harness, Fidelity.DOCUMENT)
    harness.write(plugin_wat({MBID: f"{nap} (i64.const 0)"}, imports=POLL_ONEOFF, fields=data))
    async with harness.engine() as engine:
        assert (await engine.call("probe", METHOD, timeout_s=0.1)).outcome is Outcome.TIMEOUT
    fidelity(harness, Fidelity.NAVIDROME)
    async with harness.engine() as engine:
        assert (await engine.call("probe", METHOD, timeout_s=5)).outcome is Outcome.OK


async def test_stdout_is_kept_or_dropped_and_stderr_kept_in_any_case(harness: PluginHarness) -> None:
    out, out_data = write_stderr(b"to stdout\n", descriptor=1)
    err, err_data = write_stderr(b"to stderr\n", at=4500)
    wat = plugin_wat({MBID: f"{out} {err} (i64.const 0)"}, imports=FD_WRITE, fields=out_data + err_data)
    (documented,) = await calls(harness, wat, Fidelity.DOCUMENT)
    assert [line.text for line in documented.logs] == ["to stdout", "to stderr"]
    (released,) = await calls(harness, wat, Fidelity.NAVIDROME)
    assert [line.text for line in released.logs] == ["to stderr"]


async def test_dropped_output_is_charged_to_nobody(harness: PluginHarness) -> None:
    harness.limit(output_bytes=1_000)
    say, data = write_stderr(b"x" * 500, descriptor=1)
    wat = plugin_wat({MBID: f"{say} {say} {say} (i64.const 0)"}, imports=FD_WRITE, fields=data)
    assert (await calls(harness, wat, Fidelity.DOCUMENT))[0].outcome is Outcome.OUTPUT_LIMIT
    assert (await calls(harness, wat, Fidelity.NAVIDROME))[0].outcome is Outcome.OK


async def test_memory_is_new_or_as_the_last_call_left_it(harness: PluginHarness) -> None:
    count = "(i64.store (i32.const 3000) (i64.add (i64.load (i32.const 3000)) (i64.const 1)))"
    wat = telling_wat(["(i64.load (i32.const 3000))"], imports="", before=count)
    assert [told(result) for result in await calls(harness, wat, Fidelity.DOCUMENT, 3)] == [[1], [1], [1]]
    assert [told(result) for result in await calls(harness, wat, Fidelity.NAVIDROME, 3)] == [[1], [2], [3]]


async def spin(engine: Engine, harness: PluginHarness) -> asyncio.Task[CallResult]:
    running = asyncio.create_task(engine.call("probe", METHOD))
    await asyncio.to_thread(harness.wait_for_busy)
    return running


async def test_without_a_time_limit_a_call_still_ends_when_it_is_cancelled(harness: PluginHarness) -> None:
    harness.write(plugin_wat({MBID: SPINNING}))
    fidelity(harness, Fidelity.NAVIDROME)
    async with harness.engine() as engine:
        await engine.ready("probe")
        running = await spin(engine, harness)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert (await engine.call("probe", METHOD, timeout_s=0.1)).outcome is Outcome.TIMEOUT


@pytest.mark.parametrize("where", ["in a loop", "in sleeps that never end"])
async def test_without_a_time_limit_a_call_still_ends_with_the_engine(harness: PluginHarness, where: str) -> None:
    nap, data = sleep(3600)
    body = SPINNING if where == "in a loop" else f"(loop $l {nap} (br $l)) (i64.const 0)"
    harness.write(plugin_wat({MBID: body}, imports=POLL_ONEOFF, fields=data))
    fidelity(harness, Fidelity.NAVIDROME)
    async with harness.engine() as engine:
        await engine.ready("probe")
        running = await spin(engine, harness)
    assert (await running).outcome is Outcome.CANCELLED


async def test_a_start_that_never_ends_is_given_up_in_any_case(harness: PluginHarness) -> None:
    harness.limit(start_timeout_s=0.2)
    fidelity(harness, Fidelity.NAVIDROME)
    harness.write(plugin_wat(initialize="(loop $l (br $l))"))
    async with harness.engine() as engine:
        info = await engine.ready("probe")
    assert info.error is not None
    assert "longer than 0.2 s" in info.error


def test_what_somebody_has_set_holds_in_any_fidelity() -> None:
    environ = {"HOME": "/home/me", "ND_WORKBENCH_POOL_MODE": "fresh", "ND_WORKBENCH_LIMITS_CALLTIMEOUT": "7s"}
    plain = Settings.load(environ={"HOME": "/home/me"})
    assert plain.with_fidelity(Fidelity.NAVIDROME).with_fidelity(Fidelity.DOCUMENT).limits == plain.limits
    chosen = Settings.load(environ=environ).with_fidelity(Fidelity.NAVIDROME)
    assert (chosen.pool.mode, chosen.limits.call_timeout_s) == ("fresh", 7)
