"""Programs for `test_survival.py`, each in a process of its own: the last line of output is `survived`."""

from __future__ import annotations

import asyncio
import faulthandler
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

from engine import Engine, Outcome
from engine.events import CallStarted, CompileFinished, CompileStarted
from engine.settings import CallPathSetting
from tests.engine.guests import plugin_wat
from tests.engine.harness import PluginHarness
from tests.waiting import wait_until

METHOD = "MetadataAgent.GetArtistMBID"
MBID = "metadata_agent_get_artist_mbid"
SPINNING = plugin_wat({MBID: "(loop $l (br $l)) (i64.const 0)"})


def exit_with_a_spinning_guest(harness: PluginHarness) -> None:
    """The interpreter ends while a guest loops on a thread and nobody closed anything."""
    harness.write(SPINNING)

    async def work() -> None:
        engine = await harness.engine().__aenter__()
        asyncio.get_running_loop().create_task(engine.call("probe", METHOD))
        await asyncio.to_thread(wait_until, lambda: bool(harness.of(CallStarted)), what="a call")
        await engine.ready("probe")

    loop = asyncio.new_event_loop()
    loop.run_until_complete(work())


def exit_without_closing(harness: PluginHarness) -> None:
    """Stores, linkers and the engine are still alive when the interpreter ends."""
    harness.write(plugin_wat())

    async def work() -> Engine:
        engine = await harness.engine().__aenter__()
        await engine.call("probe", METHOD)
        return engine

    loop = asyncio.new_event_loop()
    globals()["kept"] = loop.run_until_complete(work())


def faults_after_faulthandler(harness: PluginHarness) -> None:
    """faulthandler, enabled by somebody else after the engine, must not take the guests' faults."""
    bodies = ("(i64.load (i32.const -8))", "(call $deep) (i64.const 0)")
    for index, body in enumerate(bodies):
        harness.write(plugin_wat({MBID: body}, fields="(func $deep (call $deep))"), folder=f"p{index}")

    async def work() -> None:
        async with harness.engine() as engine:
            for index in range(len(bodies)):
                await engine.ready(f"p{index}")
            faulthandler.enable()
            for index in range(len(bodies)):
                assert (await engine.call(f"p{index}", METHOD)).outcome is Outcome.TRAP

    asyncio.run(work())


def close_under_load(harness: PluginHarness) -> None:
    """The engine closes while every thread is inside a guest."""
    harness.write(SPINNING)

    async def work() -> None:
        async with harness.engine() as engine:
            await engine.ready("probe")
            calls = [asyncio.ensure_future(engine.call("probe", METHOD)) for _ in range(10)]
            await asyncio.to_thread(harness.wait_for_busy)
        assert {(await call).outcome for call in calls} == {Outcome.CANCELLED}

    for _ in range(5):
        asyncio.run(work())
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("guest")]


def child_after_compile(harness: PluginHarness) -> None:
    """Child processes started after a parallel compilation work, as builds are."""
    harness.write(plugin_wat())

    async def work() -> None:
        async with harness.engine() as engine:
            await engine.ready("probe")
            child = [sys.executable, "-c", "import wasmtime; wasmtime.Module(wasmtime.Engine(), '(module)')"]
            assert await asyncio.to_thread(subprocess.call, child) == 0

    asyncio.run(work())


def exit_while_compiling(harness: PluginHarness) -> None:
    """The engine closes, and the interpreter ends, in the middle of a long compilation."""
    functions = "".join(
        f"(func (param i32) (result i32) {'(i32.add (local.get 0) (i32.const 1)) drop ' * 20} local.get 0)"
        for _ in range(20_000)
    )
    harness.write(plugin_wat(fields=functions))

    async def work() -> float:
        async with harness.engine():
            await asyncio.to_thread(wait_until, lambda: bool(harness.of(CompileStarted)), what="a compilation")
            begin = time.perf_counter()
        return time.perf_counter() - begin

    assert asyncio.run(work()) < 5
    assert not harness.of(CompileFinished)


def many_engines(harness: PluginHarness) -> None:
    """Several engines in one process keep their stores, types and modules apart."""
    harness.write(plugin_wat({MBID: "(i64.const 0)"}))

    async def work() -> None:
        async with harness.engine() as first, harness.engine() as second:
            results = await asyncio.gather(*(engine.call("probe", METHOD) for engine in (first, second) * 20))
            assert all(result.ok for result in results)

    for _ in range(3):
        asyncio.run(work())


PROGRAMS: dict[str, Callable[[PluginHarness], None]] = {
    "exit-with-a-spinning-guest": exit_with_a_spinning_guest,
    "exit-without-closing": exit_without_closing,
    "faults-after-faulthandler": faults_after_faulthandler,
    "close-under-load": close_under_load,
    "child-after-compile": child_after_compile,
    "exit-while-compiling": exit_while_compiling,
    "many-engines": many_engines,
}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](PluginHarness(Path(sys.argv[2]), call_path=cast("CallPathSetting", sys.argv[3])))
    print("survived", flush=True)
