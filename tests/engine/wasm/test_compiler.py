"""From a module's file to its code: tiers, sharing, giving up, and what the world is told of it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import pytest
import wasmtime

from engine.calls import PluginId
from engine.clock import SystemClock
from engine.errors import CompileError, LoadSuperseded
from engine.events import (
    CompileCancelled,
    CompileFailed,
    CompileFinished,
    CompileStarted,
    Event,
    EventBus,
)
from engine.limits import Limits
from engine.wasm.compile_cache import CompileCache
from engine.wasm.compile_workers import CompileWorkers
from engine.wasm.compiler import Compiler
from engine.wasm.module import CompiledModule
from engine.wasm.runtime import ENGINE_SETTINGS, Runtime
from engine.wasm.tier import Tier
from tests.engine.wasm.heavy_modules import padded, slow_module
from tests.waiting import wait_until

EventT = TypeVar("EventT", bound=Event)

PROBE = PluginId("probe")
OTHER = PluginId("other")
SMALL = bytes(wasmtime.wat2wasm('(module (func (export "f")))'))
LARGE = padded(SMALL, 100_000)
"""Large enough for a quick tier, and compiled in a moment."""
BOMB = slow_module(100_000)


class CompilerBench:
    """A compiler on an empty cache, with its events recorded."""

    def __init__(self, root: Path, runtime: Runtime) -> None:
        self.root = root
        self.faults: list[str] = []
        self.fallbacks: list[str] = []
        self.events: list[Event] = []
        self.cache = CompileCache(
            root / "cache", runtime, size_limit_bytes=None, on_fault=lambda _path, text: self.faults.append(text)
        )
        self.workers = CompileWorkers(on_fallback=self.fallbacks.append)
        bus = EventBus()
        bus.subscribe(self.events.append)
        self.compiler = Compiler(self.cache, workers=self.workers, limits=Limits(), bus=bus, clock=SystemClock())

    def write(self, data: bytes, name: str = "plugin.wasm") -> Path:
        path = self.root / name
        path.with_suffix(".new").write_bytes(data)
        os.replace(path.with_suffix(".new"), path)
        return path

    def begin(self, data: bytes, plugin: PluginId = PROBE) -> asyncio.Task[CompiledModule]:
        return asyncio.create_task(self.compiler.compile(plugin, self.write(data, f"{plugin}.wasm")))

    def of(self, kind: type[EventT]) -> list[EventT]:
        return [event for event in tuple(self.events) if isinstance(event, kind)]

    async def until(self, predicate: Callable[[], bool], what: str) -> None:
        await asyncio.to_thread(wait_until, predicate, what=what)

    async def until_compiling(self, count: int = 1) -> tuple[int, ...]:
        """The processes, once they have begun."""
        await self.until(lambda: len(self.of(CompileStarted)) == count, "a compilation")
        await self.until(lambda: bool(self.workers.pids), "a compiler process")
        return self.workers.pids

    async def improved(self, compiled: CompiledModule, path: Path, plugin: PluginId = PROBE) -> CompiledModule:
        result: asyncio.Future[CompiledModule] = asyncio.get_running_loop().create_future()
        self.compiler.improve(plugin, path, compiled, result.set_result)
        return await asyncio.wait_for(result, 20)

    def left_behind(self) -> list[str]:
        """What is in the scratch folder."""
        scratch = self.cache.scratch()
        assert scratch is not None
        return [path.name for path in scratch.iterdir()]


@pytest.fixture
async def bench(tmp_path: Path, runtime: Runtime) -> AsyncIterator[CompilerBench]:
    bench = CompilerBench(tmp_path, runtime)
    yield bench
    await bench.compiler.close()
    assert bench.workers.pids == ()
    await asyncio.to_thread(bench.cache.close)


def exports(compiled: CompiledModule) -> list[str]:
    return list(compiled.exports)


# --- tiers


async def test_a_large_module_is_there_quickly_and_optimised_in_the_background(bench: CompilerBench) -> None:
    path = bench.write(LARGE)
    quick = await bench.compiler.compile(PROBE, path)
    better = await bench.improved(quick, path)
    assert (quick.tier, better.tier) == (Tier.QUICK, Tier.OPTIMISED)
    assert exports(quick) == exports(better) == ["f"]
    assert quick.sha256 == better.sha256
    assert [(event.tier, event.is_background) for event in bench.of(CompileStarted)] == [
        ("quick", False),
        ("optimised", True),
    ]
    assert [(event.tier, event.is_cached) for event in bench.of(CompileFinished)] == [
        ("quick", False),
        ("optimised", False),
    ]
    assert (await bench.compiler.compile(PROBE, path)).tier is Tier.OPTIMISED
    assert bench.of(CompileFinished)[-1].is_cached


async def test_a_small_module_is_optimised_at_once(bench: CompilerBench) -> None:
    path = bench.write(SMALL)
    compiled = await bench.compiler.compile(PROBE, path)
    assert compiled.tier is Tier.OPTIMISED
    bench.compiler.improve(PROBE, path, compiled, lambda _: None)
    await asyncio.to_thread(bench.cache.close)
    assert len(bench.of(CompileStarted)) == 1


async def test_quick_code_of_an_earlier_session_serves_at_once_and_is_still_improved(bench: CompilerBench) -> None:
    path = bench.write(LARGE)
    quick = await bench.compiler.compile(PROBE, path)
    bench.events.clear()
    again = await bench.compiler.compile(PROBE, path)
    assert (again.tier, bench.of(CompileStarted)) == (Tier.QUICK, [])
    assert bench.of(CompileFinished)[0].is_cached
    assert (await bench.improved(again, path)).sha256 == quick.sha256


async def test_improving_ends_without_a_word_to_the_plugin_when_the_file_is_another_one(bench: CompilerBench) -> None:
    path = bench.write(LARGE)
    quick = await bench.compiler.compile(PROBE, path)
    bench.write(padded(SMALL, 100_000, salt=1))
    bench.compiler.improve(PROBE, path, quick, lambda _: pytest.fail("it was delivered"))
    await bench.until(lambda: bool(bench.of(CompileCancelled)), "the end of improving")
    assert bench.of(CompileCancelled)[0].reason == "the file holds another module by now"


async def test_another_module_of_the_plugin_ends_improving_the_old_one(bench: CompilerBench) -> None:
    slow = padded(slow_module(10_000), 0)
    path = bench.write(slow)
    quick = await bench.compiler.compile(PROBE, path)
    bench.compiler.improve(PROBE, path, quick, lambda _: pytest.fail("it was delivered"))
    await bench.until_compiling(2)
    assert exports(await bench.compiler.compile(PROBE, bench.write(LARGE))) == ["f"]
    await bench.until(lambda: bool(bench.of(CompileCancelled)), "the end of improving")
    assert bench.of(CompileCancelled)[0].is_background
    assert bench.left_behind() == []


async def test_optimising_that_fails_leaves_the_quick_code_serving(bench: CompilerBench) -> None:
    warm_up = bench.write(LARGE)
    quick = await bench.compiler.compile(PROBE, warm_up)
    foreground = bench.workers.pids
    await bench.improved(quick, warm_up)
    (background,) = set(bench.workers.pids) - set(foreground)
    path = bench.write(slow_module(20_000))
    quick = await bench.compiler.compile(PROBE, path)
    bench.compiler.improve(PROBE, path, quick, lambda _: pytest.fail("it was delivered"))
    await bench.until(lambda: len(bench.of(CompileStarted)) == 4, "the background compilation")
    os.kill(background, signal.SIGTERM)
    await bench.until(lambda: bool(bench.of(CompileFailed)), "the failure")
    failed = bench.of(CompileFailed)[0]
    assert (failed.is_background, failed.tier) == (True, "optimised")
    assert (await bench.compiler.compile(PROBE, path)).tier is Tier.QUICK


# --- sharing


async def test_one_module_of_two_plugins_is_compiled_once(bench: CompilerBench) -> None:
    data = slow_module(10_000)
    first, second = await asyncio.gather(bench.begin(data), bench.begin(data, OTHER))
    assert first is second
    assert {event.plugin for event in bench.of(CompileStarted)} == {PROBE, OTHER}
    assert {event.plugin for event in bench.of(CompileFinished)} == {PROBE, OTHER}
    assert len(bench.workers.pids) == 1


async def test_a_shared_compilation_goes_on_until_nobody_wants_it(bench: CompilerBench) -> None:
    first, second = bench.begin(BOMB), bench.begin(BOMB, OTHER)
    pids = await bench.until_compiling(2)
    bench.compiler.forget(PROBE)
    with pytest.raises(LoadSuperseded):
        await first
    assert bench.workers.pids == pids
    bench.compiler.forget(OTHER)
    with pytest.raises(LoadSuperseded):
        await second
    await bench.until(lambda: bench.workers.pids == (), "the end of the process")
    assert bench.left_behind() == []


# --- giving up


async def test_an_edit_during_a_compilation_ends_it(bench: CompilerBench) -> None:
    first = bench.begin(BOMB)
    (pid,) = await bench.until_compiling()
    path = bench.write(SMALL, "probe.wasm")
    bench.compiler.reconsider(PROBE, path)
    with pytest.raises(LoadSuperseded):
        await asyncio.wait_for(first, 5)
    assert exports(await bench.compiler.compile(PROBE, path)) == ["f"]
    await bench.until(lambda: pid not in bench.workers.pids, "the end of the process")
    cancelled = bench.of(CompileCancelled)
    assert [(event.plugin, event.reason) for event in cancelled] == [(PROBE, "the module has changed since")]


async def test_the_same_module_once_more_ends_nothing(bench: CompilerBench) -> None:
    first = bench.begin(slow_module(10_000))
    await bench.until_compiling()
    bench.compiler.reconsider(PROBE, bench.root / "probe.wasm")
    assert (await first).tier is Tier.QUICK
    assert bench.of(CompileCancelled) == []


async def test_a_module_that_vanished_is_not_compiled_to_the_end(bench: CompilerBench) -> None:
    first = bench.begin(BOMB)
    await bench.until_compiling()
    (bench.root / "probe.wasm").unlink()
    bench.compiler.reconsider(PROBE, bench.root / "probe.wasm")
    with pytest.raises(LoadSuperseded):
        await asyncio.wait_for(first, 5)


async def test_closing_in_the_middle_leaves_no_process_and_no_file(bench: CompilerBench) -> None:
    task = bench.begin(BOMB)
    await bench.until_compiling()
    task.cancel()
    await asyncio.wait((task,))
    await bench.compiler.close()
    assert bench.workers.pids == ()
    assert bench.left_behind() == []
    assert [event.reason for event in bench.of(CompileCancelled)] == ["the engine is closing"]


# --- what goes wrong


@pytest.mark.skipif(sys.platform == "win32", reason="signals of other systems")
async def test_a_compiler_that_is_killed_costs_one_plugin_one_load(bench: CompilerBench) -> None:
    await bench.begin(SMALL)
    first = bench.begin(BOMB)
    (pid,) = await bench.until_compiling(2)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(CompileError, match=r"failed to compile WASM for plugin probe: .*killed from outside"):
        await first
    assert exports(await bench.begin(LARGE)) == ["f"]
    assert bench.fallbacks == []
    assert bench.left_behind() == []


async def test_a_refused_module_is_tried_again_when_it_is_asked_for_again(bench: CompilerBench) -> None:
    bad = SMALL[:-2]
    for _ in range(2):
        with pytest.raises(CompileError, match="failed to compile WASM for plugin probe: failed to parse"):
            await bench.begin(bad)
    assert len(bench.of(CompileFailed)) == 2


async def test_a_cache_that_cannot_be_used_costs_only_what_it_would_save(tmp_path: Path, runtime: Runtime) -> None:
    (tmp_path / "cache").write_text("not a folder")
    bench = CompilerBench(tmp_path, runtime)
    path = bench.write(LARGE)
    for _ in range(2):
        assert (await bench.compiler.compile(PROBE, path)).tier is Tier.QUICK
    assert len(bench.of(CompileStarted)) == 2
    assert bench.faults
    await bench.compiler.close()


async def test_a_cache_folder_that_is_deleted_meanwhile_costs_nothing(bench: CompilerBench) -> None:
    scratch = bench.cache.scratch()
    assert scratch is not None
    first = bench.begin(slow_module(10_000))
    await bench.until_compiling()
    for folder in (scratch, scratch.parent):
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
    assert (await first).tier is Tier.QUICK


async def test_code_that_cannot_be_loaded_is_made_once_more_and_then_refused(
    bench: CompilerBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ENGINE_SETTINGS, "epoch_interruption", False)
    with pytest.raises(CompileError, match="the code that came of it cannot be loaded"):
        await bench.begin(SMALL)
    assert len(bench.faults) == 2
