"""OnInit: once per version, its refusal, and what stays possible after it."""

from __future__ import annotations

from dataclasses import replace

from engine import Engine, Outcome, PluginState
from engine.contracts import api_pb2 as api
from engine.events import CallFinished
from tests.engine.guests import answer, plugin_wat, string_field
from tests.engine.harness import PluginHarness, manifest_of

ON_INIT = "lifecycle_management_on_init"
METHOD = "MetadataAgent.GetArtistMBID"
BOTH = ("MetadataAgent", "LifecycleManagement")


def with_on_init(body: str = "(i64.const 0)", fields: str = "") -> str:
    return plugin_wat({ON_INIT: body}, capabilities=BOTH, fields=fields)


def init_calls(harness: PluginHarness) -> list[CallFinished]:
    return [event for event in harness.of(CallFinished) if event.result.method == "LifecycleManagement.OnInit"]


async def reload(engine: Engine, harness: PluginHarness, wat: str, **members: str) -> PluginState:
    harness.write(wat, manifest=manifest_of("probe", BOTH, **members))
    return (await engine.refresh("probe")).state


async def test_on_init_gets_the_plugins_own_configuration(harness: PluginHarness) -> None:
    harness.write(with_on_init(), manifest=manifest_of("probe", BOTH))
    harness.settings = replace(harness.settings, plugin_config={"probe": {"api_key": "k"}, "other": {"x": "y"}})
    async with harness.engine() as engine:
        assert (await engine.ready("probe")).state is PluginState.READY
    [event] = init_calls(harness)
    assert isinstance(event.result.request, api.InitRequest)
    assert dict(event.result.request.config) == {"api_key": "k"}
    assert event.result.cause == "load"


async def test_on_init_runs_once_for_a_version_and_again_for_another(harness: PluginHarness) -> None:
    wat = with_on_init()
    harness.write(wat, manifest=manifest_of("probe", BOTH))
    async with harness.engine() as engine:
        await engine.ready("probe")
        await reload(engine, harness, wat)
        await engine.scan()
        assert len(init_calls(harness)) == 1
        await reload(engine, harness, wat, version="1.1.0")
        assert len(init_calls(harness)) == 2


async def test_a_changed_module_counts_as_a_new_version_unless_set_otherwise(harness: PluginHarness) -> None:
    first, second = with_on_init(), with_on_init(fields='(func (export "extra"))')
    for is_new_version, expected in ((True, 2), (False, 1)):
        workbench = replace(harness.settings.workbench, new_version_on_module_change=is_new_version)
        harness.settings = replace(harness.settings, workbench=workbench)
        harness.events.clear()
        harness.write(first, manifest=manifest_of("probe", BOTH))
        async with harness.engine() as engine:
            await engine.ready("probe")
            await reload(engine, harness, second)
        assert len(init_calls(harness)) == expected


async def test_a_refusal_at_first_load_keeps_the_reason_and_on_init_callable(harness: PluginHarness) -> None:
    body, data = answer(string_field(1, "Missing API key in configuration"))
    harness.write(with_on_init(body, data), manifest=manifest_of("probe", BOTH))
    async with harness.engine() as engine:
        info = await engine.ready("probe")
        assert info.state is PluginState.FAILED
        assert info.error == "OnInit failed: Missing API key in configuration"
        assert (await engine.call("probe", METHOD)).outcome is Outcome.LOAD_FAILED
        again = await engine.call("probe", "OnInit", {"config": {"api_key": "k"}})
        assert (again.outcome, again.error) == (Outcome.ERROR, "Missing API key in configuration")


async def test_a_good_on_init_by_hand_lets_a_refused_plugin_in(harness: PluginHarness) -> None:
    # Refuses an empty configuration: a request of no bytes.
    body, data = answer(string_field(1, "no configuration"))
    choose = f"(if (result i64) (local.get $len) (then (i64.const 0)) (else {body}))"
    harness.write(with_on_init(choose, data), manifest=manifest_of("probe", BOTH))
    async with harness.engine() as engine:
        assert (await engine.ready("probe")).state is PluginState.FAILED
        assert (await engine.call("probe", "OnInit", {"config": {"a": "b"}})).ok
        assert engine.plugin("probe").state is PluginState.READY
        assert (await engine.call("probe", METHOD)).outcome is Outcome.NOT_IMPLEMENTED


async def test_a_refusal_at_reload_leaves_the_old_version_serving(harness: PluginHarness) -> None:
    harness.write(with_on_init(), manifest=manifest_of("probe", BOTH))
    body, data = answer(b"no", error=True)
    async with harness.engine() as engine:
        await engine.ready("probe")
        assert await reload(engine, harness, with_on_init(body, data)) is PluginState.STALE
        assert engine.plugin("probe").generation == 1
        assert (await engine.call("probe", METHOD)).outcome is Outcome.NOT_IMPLEMENTED


async def test_a_trap_in_on_init_keeps_the_plugin_out(harness: PluginHarness) -> None:
    harness.write(with_on_init("(unreachable)"), manifest=manifest_of("probe", BOTH))
    async with harness.engine() as engine:
        info = await engine.ready("probe")
        assert info.state is PluginState.FAILED
        assert info.error is not None
        assert info.error.startswith("OnInit failed: ")
