"""Switching plugins off and on: listed and never loaded, remembered for the folders that were opened."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine import Outcome
from engine.errors import SettingsError
from engine.events import CompileStarted, EngineWarned, PluginState, PluginStateChanged
from engine.plugins.enabled import DISABLED_FILE, DisabledPlugins
from tests.engine.guests import plugin_wat
from tests.engine.harness import PluginHarness


async def test_a_plugin_that_is_switched_off_serves_no_call_and_comes_back(harness: PluginHarness) -> None:
    harness.write(plugin_wat())
    async with harness.engine() as engine:
        await engine.ready("probe")
        assert (await engine.set_enabled("probe", is_enabled=False)).state is PluginState.DISABLED
        result = await engine.call("probe", "GetArtistMBID")
        assert (result.outcome, result.error) == (Outcome.LOAD_FAILED, "plugin is disabled: probe")
        assert (await engine.refresh("probe")).state is PluginState.DISABLED
        assert (await engine.ready("probe")).generation == 0
        await engine.set_enabled("probe", is_enabled=True)
        assert (await engine.ready("probe")).state is PluginState.READY
        assert (await engine.call("probe", "GetArtistMBID")).outcome is Outcome.NOT_IMPLEMENTED


async def test_it_stays_off_in_the_next_engine_and_nothing_of_it_is_loaded(harness: PluginHarness) -> None:
    harness.write(plugin_wat())
    async with harness.engine(preload=False) as engine:
        await engine.set_enabled("probe", is_enabled=False)
    async with harness.engine() as engine:
        (info,) = engine.plugins()
        assert (info.id, info.version, info.state) == ("probe", "1.0.0", PluginState.DISABLED)
    assert harness.of(CompileStarted) == []
    assert {event.state for event in harness.of(PluginStateChanged)} == {PluginState.DISCOVERED, PluginState.DISABLED}


async def test_a_load_under_way_does_not_bring_back_what_was_switched_off(harness: PluginHarness) -> None:
    harness.write(plugin_wat())
    async with harness.engine() as engine:
        await engine.set_enabled("probe", is_enabled=False)  # opening has only begun to load it
    states = [event.state for event in harness.of(PluginStateChanged)]
    assert states[-1] is PluginState.DISABLED
    assert PluginState.READY not in states


async def test_another_programs_choice_is_taken_up_by_a_scan(harness: PluginHarness) -> None:
    harness.write(plugin_wat())
    store = DisabledPlugins(harness.settings.data_folder / DISABLED_FILE)
    async with harness.engine() as engine:
        await engine.ready("probe")
        for is_disabled, state in ((True, PluginState.DISABLED), (False, PluginState.READY)):
            store.set_disabled(harness.folder, "probe", is_disabled=is_disabled)
            await engine.scan()
            assert (await engine.ready("probe")).state is state


async def test_a_damaged_file_switches_nothing_off_and_is_reported(harness: PluginHarness) -> None:
    harness.write(plugin_wat())
    file = harness.settings.data_folder / DISABLED_FILE
    file.parent.mkdir(parents=True)
    for text in ("{", "[]", '{"version": 9}', json.dumps({"version": 1, "disabled": {str(harness.folder): "probe"}})):
        file.write_text(text)
        async with harness.engine(preload=False) as engine:
            assert engine.plugin("probe").state is PluginState.DISCOVERED
    assert sum("no plugin counts as disabled" in event.summary for event in harness.of(EngineWarned)) == 4


async def test_a_choice_that_cannot_be_stored_is_an_error(harness: PluginHarness) -> None:
    harness.write(plugin_wat())
    harness.settings.data_folder.write_text("a file in the way")
    async with harness.engine(preload=False) as engine:
        with pytest.raises(SettingsError, match="cannot remember"):
            await engine.set_enabled("probe", is_enabled=False)
        assert engine.plugin("probe").state is PluginState.DISCOVERED


def test_choices_are_kept_apart_by_folder_and_found_through_links(tmp_path: Path) -> None:
    store = DisabledPlugins(tmp_path / "data" / "disabled.json")
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    store.set_disabled(tmp_path / "link", "one", is_disabled=True)
    store.set_disabled(tmp_path / "other", "two", is_disabled=True)
    store.set_disabled(tmp_path / "other", "three", is_disabled=True)
    store.set_disabled(tmp_path / "other", "two", is_disabled=False)
    assert store.names(tmp_path / "real") == {"one"}
    assert store.names(tmp_path / "other") == {"three"}
    assert (tmp_path / "data" / "disabled.json").stat().st_mode & 0o777 == 0o600
