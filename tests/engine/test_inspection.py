"""Inspecting a folder: what a load would refuse is found, in the same words, and all of it at once."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.errors import EngineClosed, EngineError, ManifestError
from engine.events import HostCallStarted, InstanceStarted, PluginStateChanged
from engine.inspection import Inspection, Step
from tests.engine.guests import host_import, plugin_wat
from tests.engine.harness import PluginHarness, manifest_of
from tests.engine.refused_modules import NAVIDROME_060, REFUSALS, wat_with_types
from tests.waiting import wait_until

EVERYTHING = (Step.MANIFEST, Step.MODULE, Step.START)
SPINS = "(loop $l (br $l))"
START_WORDS = "the module cannot be started: "
CONFIG = {"config": {"reason": "r"}}


async def inspect(harness: PluginHarness, folder: Path, *, may_start: bool = True) -> Inspection:
    """Inspect with an engine that loads nothing by itself."""
    async with harness.engine(preload=False) as engine:
        return await engine.inspect(folder, may_start=may_start)


def summaries(inspection: Inspection) -> list[str]:
    return [error.summary for error in inspection.errors]


def only(inspection: Inspection) -> EngineError:
    (error,) = inspection.errors
    return error


@pytest.mark.parametrize(("module", "members"), [case[1:3] for case in REFUSALS], ids=[c[0] for c in REFUSALS])
async def test_what_loading_refuses_is_found_in_the_same_words(
    harness: PluginHarness, module: str | bytes, members: dict[str, Any]
) -> None:
    folder = harness.write(module, manifest=manifest_of("probe", **members))
    async with harness.engine() as engine:
        info = await engine.ready("probe")
        inspection = await engine.inspect(folder)
    assert info.error is not None
    same = [error for error in inspection.errors if info.error.endswith(error.summary.removeprefix(START_WORDS))]
    assert [error.hint for error in same] == [info.hint]


async def test_a_good_plugin_has_no_errors_and_is_not_loaded(harness: PluginHarness) -> None:
    before = harness.live_stores()
    both = ("MetadataAgent", "LifecycleManagement")
    wat = plugin_wat({"lifecycle_management_on_init": "(unreachable)"}, capabilities=both)
    folder = harness.write(wat, manifest=manifest_of("probe", both)).rename(harness.root / "elsewhere")
    async with harness.engine() as engine:
        inspection = await engine.inspect(folder)
        assert engine.plugins() == ()
    assert (inspection.errors, inspection.notes, inspection.missing_module) == ((), (), None)
    assert inspection.steps == EVERYTHING
    assert inspection.manifest is not None
    assert inspection.manifest.name == "probe"
    assert harness.live_stores() == before
    assert not [*harness.of(InstanceStarted), *harness.of(PluginStateChanged)]


async def test_everything_that_is_wrong_is_told_at_once(harness: PluginHarness) -> None:
    wat = plugin_wat(
        imports=host_import("get") + host_import("get_confg") + '(import "mystery" "f" (func))',
        drop=["memory", "metadata_agent_get_artist_mbid", "metadata_agent_get_album_info", "malloc"],
    )
    folder = harness.write(wat, manifest=manifest_of("probe", ["MetadataAgent", "Scrobbler"]))
    assert summaries(await inspect(harness, folder)) == [
        '"get" is not exported in module "env"',
        '"get_confg" is not exported in module "env"',
        '"f" is not exported in module "mystery"',
        "memory is not exported",
        "metadata_agent_get_artist_mbid is not exported",
        "metadata_agent_get_album_info is not exported",
        "scrobbler_api_version is not exported",
        "malloc is not exported",
    ]


async def test_a_wrong_version_is_told_for_each_capability_beside_what_is_missing(harness: PluginHarness) -> None:
    both = ("MetadataAgent", "Scrobbler")
    versions = ["metadata_agent_api_version", "scrobbler_api_version"]
    fields = "".join(f'(func (export "{name}") (result i64) (i64.const 2))' for name in versions)
    wat = plugin_wat(capabilities=both, drop=[*versions, "scrobbler_scrobble"], fields=fields)
    inspection = await inspect(harness, harness.write(wat, manifest=manifest_of("probe", both)))
    mismatch = "API version mismatch, host: 1, plugin: 2"
    assert summaries(inspection) == ["scrobbler_scrobble is not exported", mismatch, mismatch]
    assert ["MetadataAgent" in (error.hint or "") for error in inspection.errors] == [False, True, False]


async def test_what_one_change_would_mend_is_told_once(harness: PluginHarness) -> None:
    imports = "".join(map(host_import, ["get_string", "set_string", "get_int", "get_config"]))
    imports += '(import "mystery" "f" (func)) (import "mystery" "g" (func))'
    folder = harness.write(plugin_wat(imports=imports))
    (folder / "manifest.json").write_text(json.dumps(manifest_of("probe"), indent=2))
    errors = (await inspect(harness, folder)).errors
    assert [error.summary.split('"')[1] for error in errors] == ["get_string", "get_config", "f"]
    places = [error.place for error in errors]
    assert [str(place) for place in places] == [
        f"{folder}/manifest.json:9:3 (/permissions)",
        f"{folder}/manifest.json:9:3 (/permissions)",
        f"{folder}/plugin.wasm (mystery.f)",
    ]


async def test_a_missing_permission_is_judged_under_the_settings(harness: PluginHarness) -> None:
    manifest = manifest_of("probe")
    del manifest["permissions"]
    folder = harness.write(plugin_wat(imports=host_import("get_config")), manifest=manifest)
    assert (await inspect(harness, folder)).errors == ()
    strict = replace(harness.settings.workbench, undeclared_permissions="refuse")
    harness.settings = replace(harness.settings, workbench=strict)
    assert "ConfigService" in (only(await inspect(harness, folder)).hint or "")


@pytest.mark.parametrize(
    "module",
    [NAVIDROME_060, '(module (memory (export "memory") 1) (func (export "nd_get_artist_mbid")))'],
    ids=["by its imports", "by its exports"],
)
async def test_a_module_for_a_later_navidrome_is_told_once_and_no_more(harness: PluginHarness, module: str) -> None:
    error = only(await inspect(harness, harness.write(module)))
    assert "Navidrome 0.60" in (error.hint or "")


async def test_a_flood_of_problems_is_cut(harness: PluginHarness) -> None:
    imports = "".join(f'(import "mystery{number}" "f" (func))' for number in range(150))
    inspection = await inspect(harness, harness.write(plugin_wat(imports=imports)))
    assert len(inspection.errors) == 100
    assert inspection.notes == ("more is wrong with the module than the 100 problems told",)


async def test_a_manifest_that_cannot_be_used_does_not_hide_a_broken_module(harness: PluginHarness) -> None:
    folder = harness.write(plugin_wat(imports=host_import("get") + '(import "mystery" "f" (func))', initialize=SPINS))
    (folder / "manifest.json").write_text("{}")
    inspection = await inspect(harness, folder)
    first, second = inspection.errors
    assert isinstance(first, ManifestError)
    assert second.summary == '"f" is not exported in module "mystery"'
    assert (inspection.steps, inspection.manifest) == ((Step.MANIFEST, Step.MODULE), None)
    assert inspection.notes == ("the module was not held against the manifest, which cannot be used",)


async def test_a_module_that_is_not_built_is_no_error(harness: PluginHarness) -> None:
    folder = harness.write(plugin_wat())
    (folder / "plugin.wasm").unlink()
    inspection = await inspect(harness, folder)
    assert (inspection.errors, inspection.steps) == ((), (Step.MANIFEST,))
    assert inspection.missing_module is not None
    assert str(folder / "plugin.wasm") in (inspection.missing_module.hint or "")


@pytest.mark.parametrize("kind", ["a folder", "a pipe", "a broken link"])
async def test_a_module_that_is_no_file_is_an_error(harness: PluginHarness, kind: str) -> None:
    folder = harness.write(plugin_wat())
    module = folder / "plugin.wasm"
    module.unlink()
    make_odd(module, kind)
    inspection = await inspect(harness, folder)
    assert only(inspection).summary.startswith("no plugin.wasm found: ")
    assert inspection.missing_module is None


def make_odd(path: Path, kind: str) -> None:
    if kind == "a folder":
        path.mkdir()
    elif kind == "a pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("nowhere")


@pytest.mark.parametrize(
    "wat",
    [
        plugin_wat(
            imports=host_import("get_config"),
            initialize="(drop (call $get_config (i32.const 0) (i32.const 0)))",
        ),
        wat_with_types(
            "metadata_agent_api_version", "(result i64)", "(call $get_config (i32.const 0) (i32.const 0))"
        ).replace("(module", "(module " + host_import("get_config"), 1),
    ],
    ids=["in _initialize", "in a version export"],
)
async def test_a_host_call_while_it_starts_is_not_carried_out_and_leaves_the_start_open(
    harness: PluginHarness, wat: str
) -> None:
    inspection = await inspect(harness, harness.write(wat, manifest=manifest_of("probe", permissions=CONFIG)))
    assert inspection.errors == ()
    (note,) = inspection.notes
    assert "env.get_config" in note
    assert not harness.of(HostCallStarted)


async def test_nothing_runs_when_nothing_may(harness: PluginHarness) -> None:
    inspection = await inspect(harness, harness.write(plugin_wat(initialize="(unreachable)")), may_start=False)
    assert (inspection.errors, inspection.steps) == ((), (Step.MANIFEST, Step.MODULE))


async def test_a_start_without_an_end_is_ended_at_the_limit_of_a_start(harness: PluginHarness) -> None:
    harness.limit(start_timeout_s=0.2)
    error = only(await inspect(harness, harness.write(plugin_wat(initialize=SPINS))))
    assert error.summary == "the module cannot be started: starting an instance took longer than 0.2 s"


async def test_closing_the_engine_ends_an_inspection(harness: PluginHarness) -> None:
    before = harness.live_stores()
    folder = harness.write(plugin_wat(initialize=SPINS)).rename(harness.root / "elsewhere")
    async with harness.engine() as engine:
        inspecting = asyncio.create_task(engine.inspect(folder))
        await asyncio.to_thread(wait_until, lambda: harness.live_stores() > before, what="a new instance")
    with pytest.raises(EngineClosed):
        await inspecting
    assert harness.live_stores() == before


async def test_giving_up_ends_a_start_that_spins(harness: PluginHarness) -> None:
    before = harness.live_stores()
    folder = harness.write(plugin_wat(initialize=SPINS)).rename(harness.root / "elsewhere")
    async with harness.engine() as engine:
        inspecting = asyncio.create_task(engine.inspect(folder))
        await asyncio.to_thread(wait_until, lambda: harness.live_stores() > before, what="a new instance")
        inspecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await inspecting
        assert harness.live_stores() == before
