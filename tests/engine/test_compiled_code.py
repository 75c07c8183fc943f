"""`Engine.compile_cache`: the compiled code on disk, as the engine that fills it shows it."""

from __future__ import annotations

import pytest

from engine.errors import EngineClosed
from engine.events import CacheFaulted, CompileFinished
from engine.wasm.cache_entry import CODE_SUFFIX
from tests.engine.guests import plugin_wat
from tests.engine.harness import PluginHarness


@pytest.fixture
def harness(harness: PluginHarness) -> PluginHarness:
    """A folder with one plugin."""
    harness.write(plugin_wat())
    return harness


async def test_the_engine_lists_and_purges_what_it_compiled(harness: PluginHarness) -> None:
    async with harness.engine() as engine:
        await engine.ready("probe")
        [entry] = engine.compile_cache.entries()
        assert (entry.plugin, entry.is_current) == ("probe", True)
        assert entry.module_bytes == (harness.folder / "probe" / "plugin.wasm").stat().st_size
        assert [removed.path for removed in engine.compile_cache.purge(plugin="probe")] == [entry.path]
        assert engine.compile_cache.entries() == ()
        assert (await engine.refresh("probe")).error is None
    assert harness.of(CacheFaulted) == []


async def test_code_comes_from_the_disk_in_the_next_engine_and_that_counts_as_a_hit(harness: PluginHarness) -> None:
    for _ in range(2):
        async with harness.engine() as engine:
            await engine.ready("probe")
            hits = [entry.hits for entry in engine.compile_cache.entries()]
    assert harness.of(CompileFinished)[-1].is_cached
    assert hits == [1]


async def test_damaged_code_is_told_and_compiled_anew(harness: PluginHarness) -> None:
    async with harness.engine() as engine:
        await engine.ready("probe")
    for path in harness.settings.compile_cache_folder.glob(f"*{CODE_SUFFIX}"):
        path.write_bytes(path.read_bytes()[:-1])
    async with harness.engine() as engine:
        info = await engine.ready("probe")
        assert [entry.hits for entry in engine.compile_cache.entries()] == [0]
    assert info.error is None
    assert not harness.of(CompileFinished)[-1].is_cached
    assert ["digest does not match" in fault.error for fault in harness.of(CacheFaulted)] == [True]


async def test_a_closed_engine_leaves_nothing_but_entries_and_answers_no_more(harness: PluginHarness) -> None:
    async with harness.engine() as engine:
        await engine.ready("probe")
    assert {path.suffix for path in harness.settings.compile_cache_folder.iterdir()} == {".cwasm", ".json"}
    with pytest.raises(EngineClosed):
        _ = engine.compile_cache
