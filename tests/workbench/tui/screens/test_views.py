"""The views and the plugin list beside them: who has the room, who has the focus."""

from __future__ import annotations

import pytest
from textual.widgets import Input

from tests.engine.guests import plugin_wat
from tests.engine.harness import PluginHarness
from tests.workbench.tui.program import Program, program
from workbench.tui.panes.call_pane import CallPane
from workbench.tui.panes.plugins_pane import PluginsPane

NARROW, WIDE = (80, 24), (120, 40)


async def started(running: Program) -> None:
    await running.until(lambda: running.state_of("probe") == "ready", "the plugin")


def list_width(running: Program) -> int:
    return running.main.query_one(PluginsPane).region.width


def has_focus(running: Program, name: str) -> bool:
    return running.main.query_one(f"#{name}").has_pseudo_class("focus-within")


@pytest.fixture(autouse=True)
def probe(plugins: PluginHarness) -> None:
    """A plugin in the list."""
    plugins.write(plugin_wat(), folder="probe")


async def test_trace_and_log_have_a_narrow_window_to_themselves(plugins: PluginHarness) -> None:
    async with program(plugins, size=NARROW) as running:
        await started(running)
        for key, name in (("f4", "trace"), ("f6", "log")):
            assert list_width(running) == 32
            await running.press(key)
            await running.until(lambda: list_width(running) == 0, "room")
            assert running.main.query_one(f"#{name}").region.width == 80
            await running.press("f3")
            await running.until(lambda: list_width(running) == 32, "the list beside the call")


async def test_method_and_outcome_of_a_call_can_be_read_in_full_in_a_narrow_window(plugins: PluginHarness) -> None:
    async with program(plugins, size=NARROW) as running:
        await started(running)
        await running.press("f3")
        await running.main.query_one(CallPane).show_method("MetadataAgent.GetArtistBiography")
        await running.press("f5")
        await running.shows("not_implemented")
        await running.press("f4")
        await running.shows(" probe       MetadataAgent.GetArtistBiography ", " not_implemented")


async def test_the_list_comes_beside_the_trace_when_it_is_asked_for_and_goes_again(plugins: PluginHarness) -> None:
    async with program(plugins, size=NARROW) as running:
        await started(running)
        await running.press("f4", "f2")
        await running.until(lambda: list_width(running) == 32 and has_focus(running, "plugins"), "the list")
        assert running.main.query_one("#trace").region.width == 48
        await running.press("f2")
        await running.until(lambda: list_width(running) == 0 and has_focus(running, "trace"), "the trace alone")
        await running.press("f2", "f6")
        await running.until(lambda: list_width(running) == 0 and has_focus(running, "log"), "the log alone")


async def test_a_list_that_was_put_away_beside_the_call_stays_away_there(plugins: PluginHarness) -> None:
    async with program(plugins, size=NARROW) as running:
        await started(running)
        await running.press("enter")
        await running.until(lambda: list_width(running) == 0, "room for the call")
        await running.press("f4", "f2")
        await running.until(lambda: list_width(running) == 32, "the list beside the trace")
        await running.press("f3")
        await running.until(lambda: list_width(running) == 0 and has_focus(running, "call"), "the call alone")
        await running.press("f2")
        await running.until(lambda: list_width(running) == 32 and has_focus(running, "plugins"), "the list")


async def test_a_plugin_opened_from_beside_the_trace_is_called_with_all_the_room(plugins: PluginHarness) -> None:
    async with program(plugins, size=NARROW) as running:
        await started(running)
        await running.press("f4", "f2", "enter")
        await running.until(lambda: list_width(running) == 0 and has_focus(running, "call"), "the call")
        await running.pilot.resize_terminal(*WIDE)
        await running.press("f4")
        assert list_width(running) == 0, "the list was put away, whatever the width"


async def test_a_list_with_the_focus_stays_when_the_window_becomes_narrow(plugins: PluginHarness) -> None:
    async with program(plugins, size=WIDE) as running:
        await started(running)
        await running.press("f4")
        running.main.query_one(PluginsPane).focus_list()  # as a click does, without the key that asks for the list
        await running.until(lambda: has_focus(running, "plugins"), "the list")
        await running.pilot.resize_terminal(*NARROW)
        await running.until(lambda: running.main.has_class("-narrow") and list_width(running) == 32, "the narrow list")
        assert has_focus(running, "plugins")


@pytest.mark.parametrize(("size", "view"), [(NARROW, "f3"), (NARROW, "f4"), (WIDE, "f3"), (WIDE, "f6")])
async def test_letters_typed_after_the_list_was_put_away_edit_nothing(
    plugins: PluginHarness, size: tuple[int, int], view: str
) -> None:
    async with program(plugins, size=size) as running:
        await started(running)
        await running.press(view, "f2")
        await running.until(lambda: has_focus(running, "plugins"), "the list")
        await running.press("f2")
        await running.until(lambda: list_width(running) == 0, "room")
        assert running.main.focused is not None
        assert not isinstance(running.main.focused, Input)
        await running.type("nina")
        assert {field.value for field in running.main.query(Input)} == {""}


async def test_a_request_sent_from_the_trace_shows_its_answer_without_opening_a_field(plugins: PluginHarness) -> None:
    async with program(plugins, size=NARROW) as running:
        await started(running)
        await running.press("f4", "f5")
        await running.shows("not_implemented", "Navidrome:")
        assert has_focus(running, "call-answer")


async def test_the_help_tells_where_the_list_went(plugins: PluginHarness) -> None:
    async with program(plugins, size=(80, 50)) as running:
        await started(running)
        await running.press("f4", "question_mark")
        await running.shows("trace and log have", "F2 brings the plugins beside them")
