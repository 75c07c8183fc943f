"""The plugin list: every state in sight, the cursor stays, actions are asked for by message."""

from __future__ import annotations

import pytest
from textual.widgets import OptionList

from engine.errors import Place
from tests.workbench.tui.harness import WidgetApp, picture
from tests.workbench.tui.values import FOLDER, HOSTILE, status
from workbench.session import PluginStatus
from workbench.tui.panes.plugins_pane import PluginsPane
from workbench.tui.widgets.plugin_text import STATE_MARKS


def names(*statuses: PluginStatus | None) -> list[str]:
    return [status.info.id for status in statuses if status is not None]


@pytest.mark.parametrize("state", STATE_MARKS)
async def test_every_state_stands_beside_its_plugin(state: str) -> None:
    app = WidgetApp(PluginsPane)
    async with app.run_test(size=(40, 20)) as pilot:
        app.query_one(PluginsPane).show_statuses([status("lyre-metadata", state)])
        await pilot.pause()
        first = picture(app.screen).splitlines()[0]
        assert "lyre-metadata" in first
        assert state in first
        assert STATE_MARKS[state][0] in first


async def test_the_facts_below_say_why_what_to_do_and_where() -> None:
    app = WidgetApp(PluginsPane)
    async with app.run_test(size=(60, 20)) as pilot:
        failed = status(
            "bad",
            "failed",
            reason="invalid manifest: field version in PluginManifest: required",
            hint='Add "version".',
            place=Place(file=FOLDER / "manifest.json", line=3, column=5),
            build_command=("go", "build", "-o", "{output}", "."),
        )
        app.query_one(PluginsPane).show_statuses([failed])
        await pilot.pause()
        text = " ".join(picture(app.screen).split())
        assert "field version in PluginManifest: required" in text
        assert 'Add "version".' in text
        assert " manifest.json:3:5: invalid manifest: " in text
        assert "go build -o '{output}' ." in text


@pytest.mark.parametrize(("tier", "is_told"), [("quick", True), ("optimised", False), (None, False)])
async def test_the_facts_tell_while_quick_code_serves(tier: str | None, is_told: bool) -> None:
    app = WidgetApp(PluginsPane)
    async with app.run_test(size=(80, 20)) as pilot:
        app.query_one(PluginsPane).show_statuses([status("a", about={"tier": tier})])
        await pilot.pause()
        assert ("quick code, being optimised" in picture(app.screen)) is is_told


async def test_the_cursor_stays_on_its_plugin_when_others_come_and_go() -> None:
    app = WidgetApp(PluginsPane)
    async with app.run_test(size=(40, 20), message_hook=app.note) as pilot:
        pane = app.query_one(PluginsPane)
        pane.show_statuses([status("a"), status("b"), status("c")])
        pane.focus_list()
        await pilot.press("down")
        pane.show_statuses([status("0"), status("b"), status("c", "failed")])
        await pilot.pause()
        assert names(pane.picked) == ["b"]
        pane.show_statuses([status("0"), status("c")])
        await pilot.pause()
        assert names(pane.picked) == ["0"]
        pane.show_statuses([])
        await pilot.pause()
        assert names(pane.picked) == []
    picked = [event.status.info.id if event.status else None for event in app.sent(PluginsPane.PluginPicked)]
    assert picked == ["a", "b", "0", None]


async def test_keys_ask_for_what_can_be_done() -> None:
    app = WidgetApp(PluginsPane)
    async with app.run_test(size=(40, 20), message_hook=app.note) as pilot:
        pane = app.query_one(PluginsPane)
        pane.show_statuses([status("a", "not trusted", build_command=("make",))])
        pane.focus_list()
        await pilot.press("r", "b", "t", "i", "d", "enter")
    asked = app.sent(PluginsPane.ActionRequested)
    assert [event.action for event in asked] == ["reload", "build", "trust", "init", "detail"]
    assert {event.status.info.id for event in asked} == {"a"}
    assert len(app.sent(PluginsPane.PluginOpened)) == 1


async def test_trust_build_and_on_init_are_offered_only_where_they_make_sense() -> None:
    app = WidgetApp(PluginsPane)
    async with app.run_test(size=(40, 20), message_hook=app.note) as pilot:
        pane = app.query_one(PluginsPane)
        pane.show_statuses([status("a", "ready", about={"capabilities": ("Scrobbler",)})])
        pane.focus_list()
        await pilot.press("t", "b", "i")
    assert app.sent(PluginsPane.ActionRequested) == []


async def test_an_empty_list_says_why_and_takes_no_action() -> None:
    app = WidgetApp(PluginsPane)
    async with app.run_test(size=(40, 20), message_hook=app.note) as pilot:
        pane = app.query_one(PluginsPane)
        pane.show_message("Nothing here.")
        pane.focus_list()
        await pilot.press("r", "enter")
        assert "Nothing here." in picture(app.screen)
    assert app.sent(PluginsPane.ActionRequested) == []


async def test_build_output_is_shown_while_the_plugin_builds_and_goes_with_the_next_build() -> None:
    app = WidgetApp(PluginsPane)
    async with app.run_test(size=(40, 20)) as pilot:
        pane = app.query_one(PluginsPane)
        pane.show_statuses([status("a", "building", build_command=("make",))])
        pane.show_build_output([("a", "main.go:3: [red]oops\x1b[0m")])
        await pilot.pause()
        assert "main.go:3: [red]oops␛[0m" in picture(app.screen)
        pane.show_build_output([("a", None)])
        await pilot.pause()
        assert "main.go" not in picture(app.screen)


async def test_hostile_names_and_reasons_are_drawn_as_text() -> None:
    app = WidgetApp(PluginsPane)
    async with app.run_test(size=(60, 20)) as pilot:
        pane = app.query_one(PluginsPane)
        pane.show_statuses([status(HOSTILE, "failed", reason=HOSTILE, hint=HOSTILE, about={"version": HOSTILE})])
        pane.show_build_output([(HOSTILE, HOSTILE)])
        await pilot.pause()
        shown = picture(app.screen)
        assert "[/]" in shown
        assert not set("\x1b\x07\u202e\u200b\t") & set(shown)


async def test_a_resized_list_uses_the_room() -> None:
    app = WidgetApp(PluginsPane)
    async with app.run_test(size=(60, 20)) as pilot:
        app.query_one(PluginsPane).show_statuses([status("a-plugin-with-a-long-name")])
        await pilot.pause()
        assert "1.2.0" in picture(app.screen).splitlines()[0]
        await pilot.resize_terminal(32, 20)
        await pilot.pause()
        assert "1.2.0" not in picture(app.screen).splitlines()[0]
        assert "ready" in picture(app.screen).splitlines()[0]
        assert app.query_one(OptionList).max_scroll_x == 0
