"""The call pane: what is sent, what is refused beforehand, what is shown of the answer."""

from __future__ import annotations

from textual import events
from textual.widgets import Button, Input, Select, TextArea

from engine.calls import Outcome
from engine.contracts.registry import CAPABILITIES
from engine.errors import InvalidRequest, Place
from engine.events import PluginState
from tests.workbench.tui.harness import WidgetApp, picture
from tests.workbench.tui.values import FOLDER, HOSTILE, USED, answer, status
from workbench.demo.presets import PRESETS
from workbench.tui.panes.call_pane import CallPane

BIOGRAPHY = "MetadataAgent.GetArtistBiography"


def pane_app() -> WidgetApp:
    return WidgetApp(lambda: CallPane(presets=PRESETS))


async def test_the_first_method_that_the_plugin_declares_is_chosen() -> None:
    app = pane_app()
    async with app.run_test(size=(80, 24)):
        pane = app.query_one(CallPane)
        await pane.show_plugin(status(about={"capabilities": ("Scrobbler",)}))
        assert app.query_one("#call-method", Select).value == "Scrobbler.IsAuthorized"


async def test_every_method_of_every_capability_can_be_chosen_and_undeclared_ones_say_so() -> None:
    app = pane_app()
    async with app.run_test(size=(80, 24)) as pilot:
        pane = app.query_one(CallPane)
        await pane.show_plugin(status(about={"capabilities": ("LifecycleManagement",)}))
        assert set(pane.methods) == {
            method.full_name for service in CAPABILITIES.values() for method in service.methods.values()
        }
        for name in pane.methods:
            await pane.show_method(name)
        await pane.show_method("Scrobbler.Scrobble")
        await pilot.pause()
        assert 'Not declared: add "Scrobbler" to "capabilities" in manifest.json' in picture(app.screen)
        await pane.show_method("LifecycleManagement.OnInit")
        await pilot.pause()
        assert "Not declared" not in picture(app.screen)


async def test_enter_in_a_field_sends_what_was_typed() -> None:
    app = pane_app()
    async with app.run_test(size=(80, 24), message_hook=app.note) as pilot:
        pane = app.query_one(CallPane)
        await pane.show_plugin(status())
        await pane.show_method(BIOGRAPHY)
        pane.focus_editor()
        await pilot.press("4", "2", "down", "N", "i", "enter")
    (call,) = app.sent(CallPane.CallRequested)
    assert (call.plugin, call.method.full_name) == ("sample", BIOGRAPHY)
    assert call.request == {"id": "42", "name": "Ni", "mbid": ""}


async def test_a_wrong_field_is_not_sent_and_gets_the_cursor() -> None:
    app = pane_app()
    async with app.run_test(size=(80, 24), message_hook=app.note) as pilot:
        pane = app.query_one(CallPane)
        await pane.show_plugin(status())
        await pane.show_method("MetadataAgent.GetSimilarArtists")
        limit = app.query(Input)[3]
        limit.value = "many"
        await pilot.pause()
        assert app.query_one("#call-send", Button).disabled
        pane.send()
        await pilot.pause()
        assert app.focused is limit
        assert "not a whole number" in picture(app.screen)
    assert app.sent(CallPane.CallRequested) == []


async def test_without_a_plugin_nothing_is_sent() -> None:
    app = pane_app()
    async with app.run_test(size=(80, 24), message_hook=app.note) as pilot:
        pane = app.query_one(CallPane)
        await pane.show_plugin(None)
        pane.send()
        await pilot.pause()
        assert app.query_one("#call-send", Button).disabled
    assert app.sent(CallPane.CallRequested) == []


async def test_one_call_at_a_time_and_it_can_be_cancelled() -> None:
    app = pane_app()
    async with app.run_test(size=(80, 24), message_hook=app.note) as pilot:
        pane = app.query_one(CallPane)
        await pane.show_plugin(status())
        await pane.show_method(BIOGRAPHY)
        pane.cancel()
        pane.show_running(BIOGRAPHY)
        pane.send()
        app.query_one("#call-cancel", Button).press()
        await pilot.pause()
        assert f"Calling {BIOGRAPHY}" in picture(app.screen)
    assert app.sent(CallPane.CallRequested) == []
    assert len(app.sent(CallPane.CancelRequested)) == 1


async def test_an_answer_is_shown_with_outcome_timings_verdict_output_and_host_calls() -> None:
    app = pane_app()
    async with app.run_test(size=(160, 30)) as pilot:
        pane = app.query_one(CallPane)
        await pane.show_plugin(status())
        pane.show_running(BIOGRAPHY)
        pane.show_answer(answer(), USED)
        await pilot.pause()
        shown = picture(app.screen)
        assert " ok " in shown
        assert "queue 5.00 ms" in shown
        assert "memory 64.0 KiB" in shown
        assert "Navidrome: the answer is used as it is" in shown
        assert '"biography": "Born somewhere."' in shown
        assert "asked for Nina" in shown
        assert "CacheService.Has  ok" in shown
        assert not app.query_one("#call-send", Button).disabled


async def test_a_call_that_the_engine_refuses_says_why_and_can_be_sent_again() -> None:
    app = pane_app()
    async with app.run_test(size=(80, 24)) as pilot:
        pane = app.query_one(CallPane)
        await pane.show_plugin(status())
        pane.show_running(BIOGRAPHY)
        pane.show_refusal(InvalidRequest("name: expected a string, got 3", hint="Write it in quotes."))
        await pilot.pause()
        shown = picture(app.screen)
        assert "name: expected a string, got 3" in shown
        assert "Write it in quotes." in shown
        assert not app.query_one("#call-send", Button).disabled


async def test_fill_puts_known_values_in_and_takes_the_next_ones_when_asked_again() -> None:
    app = pane_app()
    async with app.run_test(size=(80, 24), message_hook=app.note) as pilot:
        pane = app.query_one(CallPane)
        await pane.show_plugin(status())
        await pane.show_method(BIOGRAPHY)
        pane.focus_editor()
        await pilot.press("f7", "enter")
        pane.show_answer(answer(), USED)
        await pilot.press("f7", "enter")
    names = [call.request["name"] for call in app.sent(CallPane.CallRequested)]
    assert names == [preset.values["api.ArtistBiographyRequest"]["name"] for preset in PRESETS[:2]]


async def test_what_was_written_and_chosen_is_there_again_after_a_look_at_another_plugin() -> None:
    app = pane_app()
    async with app.run_test(size=(80, 24)) as pilot:
        pane = app.query_one(CallPane)
        await pane.show_plugin(status("one"))
        await pane.show_method(BIOGRAPHY)
        pane.focus_editor()
        await pilot.press("k")
        await pane.show_plugin(status("two", about={"capabilities": ("Scrobbler",)}))
        assert app.query_one("#call-method", Select).value == "Scrobbler.IsAuthorized"
        await pane.show_plugin(status("one"))
        assert app.query_one("#call-method", Select).value == BIOGRAPHY
        assert "k" in {field.value for field in app.query(Input)}


async def test_a_plugin_out_of_service_says_so_before_the_call() -> None:
    app = pane_app()
    async with app.run_test(size=(80, 24)) as pilot:
        failed = status("x", "failed", reason="OnInit failed: no key", about={"state": PluginState.FAILED})
        await app.query_one(CallPane).show_plugin(failed)
        await pilot.pause()
        assert "x: failed: OnInit failed: no key" in picture(app.screen)
        assert not app.query_one("#call-send", Button).disabled


async def test_an_older_version_that_answers_is_named_before_the_call() -> None:
    app = pane_app()
    async with app.run_test(size=(120, 24)) as pilot:
        broken = status("x", "build failed", reason="plugin.wat: odd", place=Place(file=FOLDER / "plugin.wat", line=7))
        await app.query_one(CallPane).show_plugin(broken)
        await pilot.pause()
        assert "build failed; load 1, version 1.2.0, still serves: plugin.wat:7: odd" in picture(app.screen)


async def test_another_method_takes_over_what_was_typed_into_fields_of_the_same_name() -> None:
    app = pane_app()
    async with app.run_test(size=(80, 24), message_hook=app.note) as pilot:
        pane = app.query_one(CallPane)
        await pane.show_plugin(status())
        await pane.show_method(BIOGRAPHY)
        pane.focus_editor()
        await pilot.press("4", "2")
        await pane.show_method("MetadataAgent.GetArtistURL")
        pane.send()
        await pilot.press("down", "x")
        await pane.show_method(BIOGRAPHY)
        pane.focus_editor()
        await pilot.press("end", "3")
        await pane.show_method("MetadataAgent.GetArtistURL")
        pane.send()
        await pilot.pause()
    first, second = app.sent(CallPane.CallRequested)
    assert first.request["id"] == "42"
    assert (second.request["id"], second.request["name"]) == ("42", "x"), "an edited request is left as it is"


async def test_json_that_was_typed_just_before_another_method_was_chosen_is_not_lost() -> None:
    app = pane_app()
    async with app.run_test(size=(80, 24)) as pilot:
        pane = app.query_one(CallPane)
        await pane.show_plugin(status())
        await pane.show_method(BIOGRAPHY)
        pane.focus_editor()
        await pilot.press("ctrl+t")
        app.query_one(TextArea).text = '{"name": "Nina"}'
        await pane.show_method("MetadataAgent.GetArtistURL")
        await pilot.press("ctrl+t")
        assert "Nina" in {field.value for field in app.query(Input)}


async def test_keys_typed_right_after_the_choice_of_a_method_go_into_its_form() -> None:
    app = pane_app()
    async with app.run_test(size=(80, 24), message_hook=app.note) as pilot:
        pane = app.query_one(CallPane)
        await pane.show_plugin(status())
        pane.action_choose()
        await pilot.pause()
        # All at once, as from a slow line: nothing is handled in between.
        typed = [
            ("down", None),
            ("down", None),
            ("enter", None),
            ("tab", None),
            ("N", "N"),
            ("i", "i"),
            ("enter", None),
        ]
        for key, character in typed:
            app.post_message(events.Key(key, character).set_sender(app))
        await app.until_sent(CallPane.CallRequested)
    (call,) = app.sent(CallPane.CallRequested)
    assert call.method.full_name == BIOGRAPHY
    assert call.request == {"id": "", "name": "Ni", "mbid": ""}


async def test_tab_after_the_choice_of_a_method_goes_to_its_second_field() -> None:
    app = pane_app()
    async with app.run_test(size=(80, 24), message_hook=app.note) as pilot:
        pane = app.query_one(CallPane)
        await pane.show_plugin(status())
        pane.action_choose()
        await pilot.press("down", "down", "enter", "tab", "N", "i", "enter")
    (call,) = app.sent(CallPane.CallRequested)
    assert (call.method.full_name, call.request["name"]) == (BIOGRAPHY, "Ni")


async def test_the_method_that_was_chosen_before_may_be_chosen_again() -> None:
    app = pane_app()
    async with app.run_test(size=(80, 24), message_hook=app.note) as pilot:
        pane = app.query_one(CallPane)
        await pane.show_plugin(status())
        await pane.show_method(BIOGRAPHY)
        pane.action_choose()
        await pilot.press("enter", "7", "enter")
    (call,) = app.sent(CallPane.CallRequested)
    assert (call.method.full_name, call.request["id"]) == (BIOGRAPHY, "7")


async def test_no_method_cannot_be_chosen() -> None:
    app = pane_app()
    async with app.run_test(size=(80, 24), message_hook=app.note) as pilot:
        pane = app.query_one(CallPane)
        await pane.show_plugin(status())
        await pane.show_method(BIOGRAPHY)
        pane.action_choose()
        await pilot.press("home", "enter")
        assert app.query_one("#call-method", Select).value == BIOGRAPHY
        assert isinstance(app.focused, Input)


async def test_hostile_answers_are_drawn_as_text() -> None:
    app = pane_app()
    async with app.run_test(size=(80, 30)) as pilot:
        pane = app.query_one(CallPane)
        await pane.show_plugin(status(HOSTILE, "failed", reason=HOSTILE))
        pane.show_answer(answer(outcome=Outcome.ERROR, error=HOSTILE, hint=HOSTILE, version=HOSTILE), USED)
        await pilot.pause()
        shown = picture(app.screen)
        assert "[bold]x[/bold]" in shown
        assert not set("\x1b\x07\u202e\u200b\t") & set(shown)


async def test_an_answer_that_belongs_to_something_else_says_so() -> None:
    app = pane_app()
    async with app.run_test(size=(80, 24)) as pilot:
        pane = app.query_one(CallPane)
        await pane.show_plugin(status("one"))
        await pane.show_method(BIOGRAPHY)
        pane.show_running(BIOGRAPHY)
        pane.show_answer(answer(), USED)
        await pilot.pause()
        assert "From one" not in picture(app.screen)
        await pane.show_plugin(status("two"))
        await pilot.pause()
        assert f"From one {BIOGRAPHY}" in picture(app.screen)
        await pane.show_plugin(status("one"))
        await pilot.pause()
        assert "From one" not in picture(app.screen)
