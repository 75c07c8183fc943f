"""Loading: every way a module can be refused, told in the author's terms, beside a healthy plugin."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine import Engine, Event, Outcome, PluginState
from engine.events import CompileFinished, CompileStarted, EngineOpened, EventBus, PluginStateChanged
from tests.engine.guests import host_import, plugin_wat
from tests.engine.harness import PluginHarness, manifest_of
from tests.engine.refused_modules import NAVIDROME_060, REFUSALS

pytestmark = pytest.mark.both_paths

METHOD = "MetadataAgent.GetArtistMBID"


@pytest.mark.parametrize(
    ("module", "members", "text", "hint"), [case[1:] for case in REFUSALS], ids=[c[0] for c in REFUSALS]
)
async def test_a_module_that_cannot_serve_is_refused_with_its_reason(
    harness: PluginHarness, module: str | bytes, members: dict[str, Any], text: str, hint: str | None
) -> None:
    harness.write(module, manifest=manifest_of("probe", **members))
    harness.write(plugin_wat(), folder="healthy")
    async with harness.engine() as engine:
        info = await engine.ready("probe")
        assert info.state is PluginState.FAILED
        assert info.error is not None
        assert text in info.error
        if hint is not None:
            assert info.hint is not None
            assert hint in info.hint
        result = await engine.call("probe", METHOD)
        assert (result.outcome, result.error) == (Outcome.LOAD_FAILED, info.error)
        assert (await engine.call("healthy", METHOD)).outcome is Outcome.NOT_IMPLEMENTED


async def test_a_folder_without_a_module_is_not_built_and_loads_once_it_is(harness: PluginHarness) -> None:
    folder = harness.write(plugin_wat())
    module = (folder / "plugin.wasm").read_bytes()
    (folder / "plugin.wasm").unlink()
    async with harness.engine() as engine:
        assert (await engine.ready("probe")).state is PluginState.NOT_BUILT
        (folder / "plugin.wasm").write_bytes(module)
        assert (await engine.refresh("probe")).state is PluginState.READY


async def test_a_broken_manifest_is_listed_under_its_folder_with_the_place(harness: PluginHarness) -> None:
    folder = harness.write(plugin_wat())
    (folder / "manifest.json").write_text('{\n  "name": "probe",\n  "capabilities": [MetadataAgent]\n}')
    async with harness.engine() as engine:
        info = await engine.ready("probe")
        assert info.state is PluginState.FAILED
        assert info.place is not None
        assert info.place.line == 3


async def test_the_second_plugin_of_a_name_says_who_has_it(harness: PluginHarness) -> None:
    harness.write(plugin_wat(), folder="a", manifest=manifest_of("same"))
    harness.write(plugin_wat(), folder="b", manifest=manifest_of("same"))
    async with harness.engine() as engine:
        assert (await engine.ready("a")).state is PluginState.READY
        second = await engine.ready("b")
        assert second.error == 'duplicate plugin name "same" (already provided by folder "a")'
        assert (await engine.call("same", METHOD)).outcome is Outcome.NOT_IMPLEMENTED


async def test_the_second_start_finds_the_compiled_code(harness: PluginHarness) -> None:
    harness.write(plugin_wat())
    for _ in range(2):
        async with harness.engine() as engine:
            assert (await engine.ready("probe")).state is PluginState.READY
    assert len(harness.of(CompileStarted)) == 1
    assert [event.is_cached for event in harness.of(CompileFinished)] == [False, True]


async def test_plugins_load_on_demand_when_asked_to(harness: PluginHarness) -> None:
    harness.write(plugin_wat())
    async with harness.engine(preload=False) as engine:
        assert engine.plugin("probe").state is PluginState.DISCOVERED
        assert not harness.of(CompileStarted)
        assert (await engine.call("probe", METHOD)).outcome is Outcome.NOT_IMPLEMENTED
        assert engine.plugin("probe").state is PluginState.READY


async def test_a_disabled_plugin_system_lists_nothing(harness: PluginHarness) -> None:
    harness.write(plugin_wat())
    harness.disable_plugins()
    async with harness.engine() as engine:
        assert engine.plugins() == ()


async def test_folders_named_from_the_current_one_are_told_as_absolute_paths(
    harness: PluginHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(harness.root)
    told: list[Event] = []
    bus = EventBus()
    bus.subscribe(told.append)
    async with Engine(harness.settings, folders=(Path("plugins"), Path("../elsewhere")), bus=bus):
        pass
    [opened] = [event for event in told if isinstance(event, EngineOpened)]
    assert opened.folders == (harness.folder, harness.root.parent / "elsewhere")


async def test_folders_come_and_go_with_a_scan(harness: PluginHarness) -> None:
    folder = harness.write(plugin_wat())
    async with harness.engine() as engine:
        await engine.ready("probe")
        harness.write(plugin_wat(), folder="second")
        await engine.scan()
        assert (await engine.ready("second")).state is PluginState.READY
        folder.rename(harness.folder / "moved")
        await engine.scan()
        assert (await engine.ready("probe")).folder == "moved"
        states = [event.state for event in harness.of(PluginStateChanged) if event.plugin == "probe"]
        assert PluginState.REMOVED in states
        assert [info.folder for info in engine.plugins()] == ["moved", "second"]


async def test_a_manifest_in_words_of_a_later_navidrome_is_told_so(harness: PluginHarness) -> None:
    folder = harness.write(plugin_wat())
    (folder / "manifest.json").write_text(
        json.dumps({"name": "probe", "author": "a", "version": "1", "description": "d"})
    )
    async with harness.engine() as engine:
        info = await engine.ready("probe")
        assert info.error is not None
        assert "capabilities" in info.error
        assert info.hint is not None
        assert "0.60" in info.hint


async def test_a_scan_tries_a_failed_plugin_again(harness: PluginHarness) -> None:
    harness.write(b"garbage")
    async with harness.engine() as engine:
        assert (await engine.ready("probe")).state is PluginState.FAILED
        harness.write(plugin_wat())
        await engine.scan()
        assert (await engine.ready("probe")).state is PluginState.READY


async def test_a_name_kept_by_a_serving_plugin_is_not_given_to_another_folder(harness: PluginHarness) -> None:
    folder = harness.write(plugin_wat(), folder="b", manifest=manifest_of("same"))
    async with harness.engine() as engine:
        await engine.ready("same")
        (folder / "manifest.json").write_text("{")
        harness.write(plugin_wat(), folder="c", manifest=manifest_of("same"))
        await engine.scan()
        await engine.ready("./c")
        by_folder = {info.folder: info for info in engine.plugins()}
        assert (by_folder["b"].id, by_folder["c"].id) == ("same", "./c")
        assert by_folder["c"].error is not None
        assert "duplicate plugin name" in by_folder["c"].error


async def test_the_failing_capability_is_named_and_versions_come_before_methods(harness: PluginHarness) -> None:
    version = "scrobbler_api_version"
    wat = plugin_wat(
        capabilities=("MetadataAgent", "Scrobbler"),
        drop=[version, "scrobbler_scrobble"],
        fields=f'(func (export "{version}") (result i64) (i64.const 2))',
    )
    harness.write(wat, manifest=manifest_of("probe", ["MetadataAgent", "Scrobbler"]))
    async with harness.engine() as engine:
        info = await engine.ready("probe")
        assert info.error == (
            "baseCapability: failed to load instance for probe_Scrobbler: API version mismatch, host: 1, plugin: 2"
        )


async def test_an_unknown_wasi_function_is_told_like_any_other_import(harness: PluginHarness) -> None:
    harness.write(plugin_wat(imports='(import "wasi_snapshot_preview1" "fd_teleport" (func))'))
    async with harness.engine() as engine:
        info = await engine.ready("probe")
        assert info.error is not None
        assert '"fd_teleport" is not exported in module "wasi_snapshot_preview1"' in info.error


async def test_a_plugin_for_a_later_navidrome_is_known_by_its_module_too(harness: PluginHarness) -> None:
    folder = harness.write(NAVIDROME_060)
    (folder / "manifest.json").write_text(
        json.dumps({"name": "probe", "author": "a", "version": "1", "description": "d"})
    )
    async with harness.engine() as engine:
        info = await engine.ready("probe")
        assert info.hint is not None
        assert info.hint.startswith("This is a plugin for Navidrome 0.60 or later")


async def test_a_missing_permission_points_to_its_place_in_the_manifest(harness: PluginHarness) -> None:
    folder = harness.write(plugin_wat(imports=host_import("get_config")))
    (folder / "manifest.json").write_text(json.dumps(manifest_of("probe"), indent=2))
    async with harness.engine() as engine:
        info = await engine.ready("probe")
        assert info.place is not None
        assert info.place.file == folder / "manifest.json"
        assert (info.place.line, info.place.pointer) == (9, "/permissions")
