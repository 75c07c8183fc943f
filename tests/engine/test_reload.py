"""Refresh is a transaction: the new version serves, or the old one goes on and the reason is shown."""

from __future__ import annotations

import asyncio

from engine import Engine, Outcome, PluginState
from engine.contracts import api_pb2 as api
from engine.events import ReloadFailed, ReloadFinished, ReloadStarted
from tests.engine.guests import POLL_ONEOFF, answer, plugin_wat, sleep, string_field
from tests.engine.harness import PluginHarness, manifest_of

MBID = "metadata_agent_get_artist_mbid"
METHOD = "MetadataAgent.GetArtistMBID"


def answering(text: str, before: str = "", imports: str = "", fields: str = "") -> str:
    body, data = answer(string_field(1, text))
    return plugin_wat({MBID: before + body}, imports=imports, fields=data + fields)


async def answer_of(engine: Engine) -> str:
    response = (await engine.call("probe", METHOD)).response
    assert isinstance(response, api.ArtistMBIDResponse)
    return response.mbid


async def test_a_refresh_swaps_the_new_version_in(harness: PluginHarness) -> None:
    harness.write(answering("old"))
    async with harness.engine() as engine:
        assert await answer_of(engine) == "old"
        harness.write(answering("new"), manifest=manifest_of("probe", version="1.1.0"))
        info = await engine.refresh("probe")
        assert (info.state, info.generation, info.version) == (PluginState.READY, 2, "1.1.0")
        assert await answer_of(engine) == "new"
    [finished] = harness.of(ReloadFinished)
    assert "version 1.0.0 -> 1.1.0" in finished.changes


async def test_a_module_that_does_not_compile_leaves_the_old_one_serving(harness: PluginHarness) -> None:
    harness.write(answering("old"))
    async with harness.engine() as engine:
        await engine.ready("probe")
        harness.write(b"\x00asm\x01\x00\x00\x00\x01")
        info = await engine.refresh("probe")
        assert (info.state, info.generation) == (PluginState.STALE, 1)
        assert info.error is not None
        assert "failed to compile WASM for plugin probe" in info.error
        assert await answer_of(engine) == "old"
    kinds = [type(event) for event in harness.events if isinstance(event, (ReloadStarted, ReloadFailed))]
    assert kinds == [ReloadStarted, ReloadFailed]


async def test_a_stale_plugin_recovers_with_the_next_good_file(harness: PluginHarness) -> None:
    harness.write(answering("old"))
    async with harness.engine() as engine:
        await engine.ready("probe")
        harness.write(b"garbage")
        await engine.refresh("probe")
        harness.write(answering("mended"))
        info = await engine.refresh("probe")
        assert (info.state, info.error) == (PluginState.READY, None)
        assert await answer_of(engine) == "mended"


async def test_a_broken_manifest_leaves_the_old_version_and_its_permissions(harness: PluginHarness) -> None:
    folder = harness.write(answering("old"))
    async with harness.engine() as engine:
        await engine.ready("probe")
        (folder / "manifest.json").write_text("{")
        info = await engine.refresh("probe")
        assert info.state is PluginState.STALE
        assert info.id == "probe"
        assert await answer_of(engine) == "old"


async def test_a_vanished_module_leaves_the_old_version_serving(harness: PluginHarness) -> None:
    folder = harness.write(answering("old"))
    async with harness.engine() as engine:
        await engine.ready("probe")
        (folder / "plugin.wasm").unlink()
        info = await engine.refresh("probe")
        assert info.state is PluginState.STALE
        assert info.error is not None
        assert info.error.startswith("no plugin.wasm found")
        assert await answer_of(engine) == "old"


async def test_a_call_under_way_finishes_on_the_version_it_started_on(harness: PluginHarness) -> None:
    nap, data = sleep(0.3)
    harness.write(answering("old", before=nap, imports=POLL_ONEOFF, fields=data))
    async with harness.engine() as engine:
        await engine.ready("probe")
        running = asyncio.create_task(answer_of(engine))
        # The call holds its instance as soon as the pool is busy; the refresh then overtakes it.
        await asyncio.to_thread(harness.wait_for_busy)
        harness.write(answering("new"))
        await engine.refresh("probe")
        assert await answer_of(engine) == "new"
        assert await running == "old"


async def test_another_manifest_name_is_a_removal_plus_an_addition(harness: PluginHarness) -> None:
    harness.write(answering("old"))
    async with harness.engine() as engine:
        await engine.ready("probe")
        harness.write(answering("new"), manifest=manifest_of("renamed"))
        info = await engine.refresh("probe")
        assert info.id == "renamed"
        assert (await engine.ready("renamed")).state is PluginState.READY
        assert [item.id for item in engine.plugins()] == ["renamed"]
        assert (await engine.call("probe", METHOD)).plugin == "renamed"  # found by its folder name


async def test_refreshing_a_failed_plugin_tries_again(harness: PluginHarness) -> None:
    harness.write(b"garbage")
    async with harness.engine() as engine:
        assert (await engine.ready("probe")).state is PluginState.FAILED
        harness.write(answering("mended"))
        assert (await engine.refresh("probe")).state is PluginState.READY
        assert await answer_of(engine) == "mended"


async def test_calls_between_the_loads_of_a_broken_plugin_all_hear_why(harness: PluginHarness) -> None:
    harness.write(plugin_wat(drop=("memory",)))

    async def refresh_and_call(engine: Engine) -> str | None:
        await engine.refresh("probe")
        return (await engine.call("probe", METHOD)).error

    async with harness.engine() as engine:
        errors = await asyncio.gather(*(refresh_and_call(engine) for _ in range(40)))
    assert all("memory is not exported" in (error or "") for error in errors), set(errors)


async def test_fewer_permissions_take_effect_with_the_refresh(harness: PluginHarness) -> None:
    wat = plugin_wat(
        {MBID: "(drop (call $get_config (i32.const 0) (i32.const 0))) (i64.const 0)"},
        imports='(import "env" "get_config" (func $get_config (param i32 i32) (result i64)))',
    )
    harness.write(wat, manifest=manifest_of("probe", permissions={"config": {"reason": "r"}}))
    async with harness.engine() as engine:
        assert (await engine.call("probe", METHOD)).outcome is Outcome.OK
        harness.write(wat, manifest=manifest_of("probe", permissions={}))
        info = await engine.refresh("probe")
        assert info.state is PluginState.STALE
        assert info.hint is not None
        assert chr(34) + "config" + chr(34) in info.hint
