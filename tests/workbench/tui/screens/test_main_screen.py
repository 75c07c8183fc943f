"""The workbench as a whole: real plugins are listed, called, traced, broken and mended on the screen."""

from __future__ import annotations

import json
import sys

import pytest
from textual.widgets import Input

from engine.calls import LogLine, OutputStream, PluginId
from engine.contracts.codec import to_value
from engine.events import GuestWrote, PluginWarned
from engine.settings import Fidelity
from tests.engine.guests import FD_WRITE, answer, host_import, plugin_wat, string_field, write_stderr
from tests.engine.harness import PluginHarness, manifest_of
from tests.workbench.tui.program import program, save
from tests.workbench.tui.values import HOSTILE
from workbench.tui.panes.call_pane import CallPane
from workbench.tui.panes.plugins_pane import PluginsPane
from workbench.tui.screens.detail import DetailScreen

MBID = "metadata_agent_get_artist_mbid"
SPIN = "(loop $again (br $again)) (unreachable)"


def answering(text: str) -> str:
    """A plugin that writes a line, asks for its config, and answers an MBID."""
    reply, data = answer(string_field(1, text))
    write, written = write_stderr(b"asked for an mbid\n")
    body = f"{write} (drop (call $get_plugin_config (i32.const 0) (i32.const 0))) {reply}"
    imports = FD_WRITE + host_import("get_plugin_config")
    return plugin_wat({MBID: body}, imports=imports, fields=data + written)


def asking(name: str, version: str = "1.0.0") -> dict[str, object]:
    """A manifest that grants the config service."""
    return manifest_of(name, permissions={"config": {"reason": "to read it"}}, version=version)


async def test_a_typed_request_is_answered_and_its_host_calls_are_traced(plugins: PluginHarness) -> None:
    plugins.write(answering("id-1"), folder="probe", manifest=asking("probe"))
    async with program(plugins) as running:
        await running.until(lambda: running.state_of("probe") == "ready", "the plugin")
        await running.press("enter")
        await running.type("42")
        await running.press("enter")
        await running.shows('"mbid": "id-1"', "asked for an mbid", "Navidrome:", "GetPluginConfig")
        await running.press("f4")
        await running.shows("MetadataAgent.GetArtistMBID", "└─ ConfigService.GetPlugin")
        await running.press("enter")
        await running.until(lambda: isinstance(running.app.screen, DetailScreen), "the details")
        await running.press("escape", "f6")
        await running.shows("asked for an mbid")


async def test_a_saved_module_answers_anew_and_a_broken_one_leaves_the_old_serving(plugins: PluginHarness) -> None:
    folder = plugins.write(answering("first"), folder="probe", manifest=asking("probe"))
    async with program(plugins) as running:
        await running.until(lambda: running.state_of("probe") == "ready", "the plugin")
        plugins.write(answering("second"), folder="probe", manifest=asking("probe", version="2.0.0"))
        await running.until(
            lambda: "2.0.0" in {status.info.version for status in running.main.query_one(PluginsPane).statuses},
            "the new version",
        )
        await running.press("enter", "enter")
        await running.shows('"mbid": "second"')
        save(folder / "manifest.json", '{"name": "probe",')
        await running.until(lambda: running.state_of("probe") == "stale", "the failed reload")
        await running.press("f2")
        await running.shows("invalid manifest", "manifest.json:1")
        await running.press("enter", "f5")
        await running.shows('"mbid": "second"')


async def test_a_call_that_spins_is_cancelled_with_one_key(plugins: PluginHarness) -> None:
    plugins.write(plugin_wat({MBID: SPIN}), folder="probe")
    async with program(plugins) as running:
        await running.until(lambda: running.state_of("probe") == "ready", "the plugin")
        await running.press("enter", "enter")
        await running.shows("Calling MetadataAgent.GetArtistMBID")
        plugins_before = running.state_of("probe")
        await running.press("f8")
        await running.shows("cancelled")
        assert running.state_of("probe") == plugins_before


async def test_a_trap_is_an_answer_like_any_other(plugins: PluginHarness) -> None:
    plugins.write(plugin_wat({MBID: "(unreachable)"}), folder="probe")
    async with program(plugins) as running:
        await running.until(lambda: running.state_of("probe") == "ready", "the plugin")
        await running.press("enter", "enter")
        await running.shows(" trap ", "unreachable")
        await running.press("f5")
        await running.until(lambda: not running.main.query_one(CallPane).is_calling, "the second answer")


async def test_an_undeclared_capability_is_refused_with_the_line_to_add(plugins: PluginHarness) -> None:
    plugins.write(plugin_wat(), folder="probe")
    async with program(plugins) as running:
        await running.until(lambda: running.state_of("probe") == "ready", "the plugin")
        await running.main.query_one(CallPane).show_method("Scrobbler.IsAuthorized")
        await running.press("f5")
        await running.shows("load_failed", "capabilities")


async def test_on_init_can_be_run_by_hand_on_a_plugin_that_failed(plugins: PluginHarness) -> None:
    refusal, data = answer(b"no key", error=True)
    wat = plugin_wat({"lifecycle_management_on_init": refusal}, capabilities=("LifecycleManagement",), fields=data)
    plugins.write(wat, folder="probe", manifest=manifest_of("probe", ("LifecycleManagement",)))
    async with program(plugins, size=(120, 40)) as running:
        await running.until(lambda: running.state_of("probe") == "failed", "the failure")
        await running.shows("no key")
        await running.press("i", "f3")
        await running.shows("LifecycleManagement.OnInit", " error ", "no key")


async def test_on_init_by_hand_gets_the_configuration_and_keeps_it_out_of_the_form(plugins: PluginHarness) -> None:
    wat = plugin_wat({"lifecycle_management_on_init": "(i64.const 0)"}, capabilities=("LifecycleManagement",))
    plugins.write(wat, folder="probe", manifest=manifest_of("probe", ("LifecycleManagement",)))
    plugins.settings = plugins.settings.with_plugin_config("probe", {"api_token": "s3cr3t-value"})
    async with program(plugins, size=(160, 50)) as running:
        await running.until(lambda: running.state_of("probe") == "ready", "the plugin")
        await running.press("i")
        await running.shows("LifecycleManagement.OnInit", " ok ")
        assert "s3cr3t-value" not in running.picture()
        bridge = running.app.bridge
        assert bridge is not None
        requests = [json.dumps(to_value(call.request)) for call in bridge.store.calls() if call.request is not None]
        assert requests == ['{"config": {"api_token": "s3cr3t-value"}}'] * 2


async def test_a_build_command_runs_only_after_it_was_shown_and_agreed_to(plugins: PluginHarness) -> None:
    folder = plugins.folder / "made"
    folder.mkdir()
    save(folder / "manifest.json", json.dumps(manifest_of("made")))
    save(folder / "plugin.txt", plugin_wat())
    code = (
        "import sys, wasmtime; print('hello from the build');"
        "open(sys.argv[1], 'wb').write(wasmtime.wat2wasm(open('plugin.txt').read()))"
    )
    command = json.dumps([sys.executable, "-c", code, "{output}"])
    save(folder / "workbench.toml", f'[build]\ncommand = {command}\nsources = ["*.txt"]\n')
    async with program(plugins, size=(120, 40)) as running:
        await running.until(lambda: running.state_of("made") == "not trusted", "the question")
        await running.press("t")
        await running.shows("Build made?", "hello from the build")
        await running.press("n")
        assert running.state_of("made") == "not trusted"
        await running.press("t")
        await running.shows("Build made?")
        await running.press("y")
        await running.until(lambda: running.state_of("made") == "ready", "the built plugin")


async def test_a_failed_build_shows_its_output(plugins: PluginHarness) -> None:
    folder = plugins.folder / "made"
    folder.mkdir()
    save(folder / "manifest.json", json.dumps(manifest_of("made")))
    save(folder / "plugin.wat", "(module (func $oops")
    async with program(plugins) as running:
        await running.until(lambda: running.state_of("made") == "build failed", "the failed build")
        await running.shows("build failed", "plugin.wat:1")


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (120, 40), (200, 60)])
async def test_each_view_is_reached_by_its_key_and_shown_in_full(plugins: PluginHarness, size: tuple[int, int]) -> None:
    plugins.write(plugin_wat(), folder="probe")
    async with program(plugins, size=size) as running:
        await running.until(lambda: running.state_of("probe") == "ready", "the plugin")
        for key, name in (("f3", "call"), ("f4", "trace"), ("f6", "log"), ("f4", "trace"), ("f3", "call")):
            await running.press(key)
            pane = running.main.query_one(f"#{name}")
            assert pane.region.height >= 10
            assert pane.has_pseudo_class("focus-within"), f"{name} has no focus at {size}"
            is_roomy = size[0] >= 100 and size[1] >= 32
            assert (running.main.query_one("#call").region.height > 0) == (is_roomy or name == "call")


async def test_the_plugin_list_makes_room_in_a_narrow_window_and_comes_back(plugins: PluginHarness) -> None:
    plugins.write(plugin_wat(), folder="probe")
    async with program(plugins) as running:
        pane = running.main.query_one(PluginsPane)
        await running.until(lambda: running.state_of("probe") == "ready", "the plugin")
        assert pane.region.width > 0
        await running.press("enter")
        await running.until(lambda: pane.region.width == 0, "room")
        assert running.main.query_one("#call").region.width == 80
        await running.press("f2")
        await running.until(lambda: pane.region.width > 0 and pane.has_pseudo_class("focus-within"), "the list")
        await running.pilot.resize_terminal(120, 40)
        await running.until(lambda: running.main.query_one("#lower").region.height > 0, "the wide layout")


async def test_help_tells_what_the_pane_in_focus_does_and_its_keys(plugins: PluginHarness) -> None:
    plugins.write(plugin_wat(), folder="probe")
    async with program(plugins, size=(120, 60)) as running:
        await running.until(lambda: running.state_of("probe") == "ready", "the plugin")
        await running.press("question_mark")
        await running.shows("Help", "Every plugin in the folders", "Read this plugin from disk again")
        await running.press("escape", "f4", "question_mark")
        await running.shows("Every capability call with the host calls")


async def test_the_palette_offers_every_plugin_and_method_whatever_they_are_called(plugins: PluginHarness) -> None:
    plugins.write(plugin_wat(), folder="odd", manifest=manifest_of("[@click=app.quit] [bold]odd"))
    async with program(plugins, size=(120, 40)) as running:
        await running.until(lambda: running.state_of("[@click=app.quit] [bold]odd") == "ready", "the plugin")
        await running.press("f2", "ctrl+p")
        await running.shows("Search for commands")
        await running.type("odd")
        await running.shows("Go to [@click=app.quit] [bold]odd")
        await running.press("escape")
        await running.press("ctrl+p")
        await running.type("getalbuminfo")
        await running.shows("Call MetadataAgent.GetAlbumInfo")
        await running.press("enter", "enter")
        await running.until(
            lambda: "MetadataAgent.GetAlbumInfo" in running.picture() and not running.app.screen.is_modal, "the method"
        )


async def test_a_flood_of_hostile_output_leaves_the_screen_in_order(plugins: PluginHarness) -> None:
    plugins.write(plugin_wat(), folder="probe")
    async with program(plugins) as running:
        await running.until(lambda: running.state_of("probe") == "ready", "the plugin")
        bridge = running.app.bridge
        assert bridge is not None
        line = LogLine(stream=OutputStream.STDERR, text=HOSTILE, time_ns=0)
        for _ in range(20_000):
            bridge.store.accept(GuestWrote(time_ns=0, plugin=PluginId(HOSTILE), call_id=None, line=line))
        bridge.store.accept(PluginWarned(time_ns=0, plugin=PluginId("probe"), summary="the last of them"))
        await running.press("f6")
        await running.shows("the last of them")
        assert not set("\x1b\x07\u202e\u200b\t") & set(running.picture())
        await running.press("f3")
        await running.type("42")
        assert "42" in {field.value for field in running.main.query(Input)}


async def test_stray_output_is_shown_in_the_log(plugins: PluginHarness) -> None:
    async with program(plugins) as running:
        assert running.app.bridge is not None
        running.app.bridge.note("thread panicked in native code \x1b[2J")
        await running.press("f2", "f6")
        await running.shows("thread panicked in native code ␛[2J")


async def test_habits_other_than_the_documented_ones_are_named_at_the_top(plugins: PluginHarness) -> None:
    plugins.write(answering("id-1"), folder="probe", manifest=asking("probe"))
    async with program(plugins) as running:
        await running.shows("1 ready")
        assert "fidelity" not in running.picture()
    plugins.settings = plugins.settings.with_fidelity(Fidelity.NAVIDROME)
    async with program(plugins) as running:
        await running.shows("navidrome fidelity, 1 ready")


async def test_an_empty_folder_says_what_to_do(plugins: PluginHarness) -> None:
    async with program(plugins) as running:
        await running.shows("No plugin was found")
        await running.press("r", "b", "t", "i", "d", "f5", "f7", "f8")
        assert running.app.is_running


async def test_a_window_that_is_too_small_is_named_as_such_and_still_works(plugins: PluginHarness) -> None:
    plugins.write(plugin_wat(), folder="probe")
    async with program(plugins, size=(50, 12)) as running:
        await running.until(lambda: running.state_of("probe") == "ready", "the plugin")
        await running.shows("This window is 50 by 12")
        await running.press("enter", "enter")
        await running.shows("not_implemented")
        await running.pilot.resize_terminal(80, 24)
        await running.until(lambda: "This window is" not in running.picture(), "the larger window")


@pytest.mark.parametrize("theme", ["textual-light", "nord", "ansi-dark", "ansi-light"])
async def test_every_kind_of_theme_draws_the_workbench(plugins: PluginHarness, theme: str) -> None:
    plugins.write(plugin_wat(), folder="probe")
    async with program(plugins, size=(160, 50)) as running:
        running.app.theme = theme
        await running.until(lambda: running.state_of("probe") == "ready", "the plugin")
        await running.press("enter", "enter")
        await running.shows("not_implemented")
        before = running.picture()
        running.app.theme = "textual-dark"
        await running.pilot.pause()
        assert running.picture() == before, "a theme changes colours, not the layout"
