"""The compiler as an engine's user meets it: tiers, edits in the middle, waiting, failing, closing."""

from __future__ import annotations

import asyncio
import sys
import threading
from dataclasses import replace

import pytest

from engine import Engine, Outcome, PluginState
from engine.events import (
    CacheFaulted,
    CompileCancelled,
    CompileFinished,
    CompileStarted,
    EngineWarned,
    PluginStateChanged,
    ReloadFailed,
    TierChanged,
)
from tests.engine.guests import answer, plugin_wat, string_field
from tests.engine.harness import PluginHarness
from tests.engine.wasm.heavy_modules import padded, slow_module
from tests.waiting import wait_until

METHOD = "MetadataAgent.GetArtistMBID"
EXPORT = "metadata_agent_get_artist_mbid"
LARGE_BYTES = 100_000
BOMB = slow_module(100_000)


def answering(text: str, *, size: int = LARGE_BYTES) -> bytes:
    """A plugin that answers `text`, large enough for a quick tier unless `size` says otherwise."""
    body, data = answer(string_field(1, text))
    return padded(plugin_wat({EXPORT: body}, fields=data), size)


async def until_tier(engine: Engine, tier: str, plugin: str = "probe") -> None:
    await asyncio.to_thread(wait_until, lambda: engine.plugin(plugin).tier == tier, what=f"the {tier} tier")


async def until_compiling(harness: PluginHarness, count: int = 1) -> None:
    await asyncio.to_thread(wait_until, lambda: len(harness.of(CompileStarted)) == count, what="a compilation")


async def test_quick_code_serves_first_and_optimised_code_takes_its_place_unnoticed(harness: PluginHarness) -> None:
    harness.write(answering("the same"))
    async with harness.engine() as engine:
        first = await engine.ready("probe")
        assert (first.state, first.generation) == (PluginState.READY, 1)
        results = [await engine.call("probe", METHOD)]
        await until_tier(engine, "optimised")
        results += [await engine.call("probe", METHOD) for _ in range(10)]
        assert {str(result.response) for result in results} == {'mbid: "the same"\n'}
        assert {result.generation for result in results} == {1}
        assert engine.plugin("probe").state is PluginState.READY
    assert [event.tier for event in harness.of(CompileFinished)] == ["quick", "optimised"]
    assert [(event.generation, event.tier) for event in harness.of(TierChanged)] == [(1, "optimised")]


async def test_a_call_under_way_is_not_touched_by_the_change_of_tier(harness: PluginHarness) -> None:
    harness.write(padded(plugin_wat({EXPORT: "(loop $for_ever (br $for_ever)) (i64.const 0)"}), LARGE_BYTES))
    async with harness.engine() as engine:
        call = asyncio.create_task(engine.call("probe", METHOD, timeout_s=1.5))
        await until_tier(engine, "optimised")
        assert not call.done()
        assert (await call).outcome is Outcome.TIMEOUT


async def test_a_reload_has_a_tier_of_its_own(harness: PluginHarness) -> None:
    harness.write(answering("one"))
    async with harness.engine() as engine:
        await engine.ready("probe")
        await until_tier(engine, "optimised")
        harness.write(answering("two"))
        await engine.refresh("probe")
        await until_tier(engine, "optimised")
        assert str((await engine.call("probe", METHOD)).response) == 'mbid: "two"\n'
    assert [event.generation for event in harness.of(TierChanged)] == [1, 2]


async def test_nothing_that_serves_has_no_tier(harness: PluginHarness) -> None:
    harness.write(b"")
    async with harness.engine() as engine:
        assert (await engine.ready("probe")).tier is None


async def test_an_edit_in_the_middle_of_the_first_load_never_shows_as_a_failure(harness: PluginHarness) -> None:
    harness.write(BOMB)
    async with harness.engine() as engine:
        await until_compiling(harness)
        waiting = asyncio.create_task(engine.call("probe", METHOD))
        harness.write(answering("edited"))
        info = await asyncio.wait_for(engine.refresh("probe"), 10)
        assert info.state is PluginState.READY
        assert str((await asyncio.wait_for(waiting, 10)).response) == 'mbid: "edited"\n'
    assert [event.reason for event in harness.of(CompileCancelled) if not event.is_background] == [
        "the module has changed since"
    ]
    assert PluginState.FAILED not in [event.state for event in harness.of(PluginStateChanged)]


async def test_an_edit_in_the_middle_of_a_reload_keeps_the_old_version_serving(harness: PluginHarness) -> None:
    harness.write(answering("old", size=0))
    async with harness.engine() as engine:
        await engine.ready("probe")
        harness.write(BOMB)
        outdated = asyncio.create_task(engine.refresh("probe"))
        await until_compiling(harness, 2)
        assert str((await engine.call("probe", METHOD)).response) == 'mbid: "old"\n'
        harness.write(answering("new", size=0))
        info = await asyncio.wait_for(engine.refresh("probe"), 10)
        assert (info.state, info.error) == (PluginState.READY, None)
        assert (await outdated).state is PluginState.READY
        assert str((await engine.call("probe", METHOD)).response) == 'mbid: "new"\n'
    assert harness.of(ReloadFailed) == []


async def test_a_plugin_that_is_removed_or_switched_off_is_not_compiled_to_the_end(harness: PluginHarness) -> None:
    gone = harness.write(BOMB, folder="gone")
    harness.write(slow_module(100_000, salt=1), folder="off")
    async with harness.engine() as engine:
        await until_compiling(harness, 2)
        for path in gone.iterdir():
            path.unlink()
        gone.rmdir()
        await engine.scan()
        await engine.set_enabled("off", is_enabled=False)
        await asyncio.to_thread(wait_until, lambda: len(harness.of(CompileCancelled)) == 2, what="the end of both")
    assert {event.reason for event in harness.of(CompileCancelled)} == {"the plugin was removed or switched off"}


async def test_a_caller_waits_no_longer_than_the_setting_and_the_compilation_goes_on(harness: PluginHarness) -> None:
    harness.settings = replace(harness.settings, compile_timeout_s=0.001)
    harness.write(answering("in the end"))
    async with harness.engine(preload=False) as engine:
        result = await engine.call("probe", METHOD)
        assert result.outcome is Outcome.LOAD_FAILED
        assert result.error == "timed out waiting for plugin probe to compile"
        assert (await engine.ready("probe")).state is PluginState.READY
        assert (await engine.call("probe", METHOD)).ok
    assert len([event for event in harness.of(CompileStarted) if event.tier == "quick"]) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="the system has no such limit")
async def test_a_module_that_is_a_bomb_for_the_compiler_harms_nobody_else(harness: PluginHarness) -> None:
    harness.limit(compile_cpu_s=0.5)
    harness.write(BOMB, folder="bomb")
    harness.write(answering("well", size=0), folder="healthy")
    async with harness.engine() as engine:
        assert str((await engine.call("healthy", METHOD)).response) == 'mbid: "well"\n'
        info = await engine.ready("bomb")
        assert info.state is PluginState.FAILED
        assert info.error is not None
        assert "failed to compile WASM for plugin bomb: it takes more than 0.5 s of processor time" in info.error


async def test_an_engine_that_closes_in_the_middle_leaves_no_thread_and_no_file(harness: PluginHarness) -> None:
    harness.write(BOMB)
    async with harness.engine():
        await until_compiling(harness)
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith(("compile", "module"))]
    assert [path for path in harness.settings.compile_cache_folder.rglob("*") if path.is_file()] == []


async def test_without_compiler_processes_the_engine_says_so_and_works(
    harness: PluginHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "")
    harness.write(answering("all the same"))
    async with harness.engine() as engine:
        assert str((await engine.call("probe", METHOD)).response) == 'mbid: "all the same"\n'
        await until_tier(engine, "optimised")
    warnings = [event.summary for event in harness.of(EngineWarned)]
    assert len(warnings) == 1
    assert "modules are compiled inside this process, since no compiler process can be started" in warnings[0]


async def test_a_cache_that_cannot_be_used_still_has_both_tiers(harness: PluginHarness) -> None:
    taken_by_a_file = harness.write(answering("uncached")) / "manifest.json"
    harness.settings = replace(harness.settings, cache_folder=taken_by_a_file)
    async with harness.engine() as engine:
        assert str((await engine.call("probe", METHOD)).response) == 'mbid: "uncached"\n'
        await until_tier(engine, "optimised")
    assert harness.of(CacheFaulted)
