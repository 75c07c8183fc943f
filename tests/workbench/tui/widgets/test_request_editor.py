"""The request editor: form and JSON text over one draft, the last valid edit wins."""

from __future__ import annotations

from textual.widgets import ContentSwitcher, Input, TextArea

from engine.contracts import api_pb2
from tests.workbench.tui.harness import WidgetApp, picture
from workbench.tui.drafts import MessageDraft
from workbench.tui.widgets.form_line import FormLine
from workbench.tui.widgets.request_editor import RequestEditor


async def edit_json(editor: RequestEditor, text: str) -> None:
    """Replace the JSON text, as if typed, and let the pause in typing be over."""
    if editor.query_one(ContentSwitcher).current != "request-json":
        await editor.action_switch()
    editor.query_one(TextArea).text = text
    editor.finish_typing()


async def shown(app: WidgetApp, draft: MessageDraft) -> RequestEditor:
    editor = app.query_one(RequestEditor)
    await editor.show_draft(api_pb2.ArtistTopSongsRequest, draft)
    return editor


def draft() -> MessageDraft:
    return MessageDraft(api_pb2.ArtistTopSongsRequest)


async def test_what_is_typed_into_the_form_is_in_the_json_text() -> None:
    app = WidgetApp(RequestEditor)
    async with app.run_test(size=(60, 20)) as pilot:
        editor = await shown(app, draft())
        editor.focus_editor()
        await pilot.press("a", "b", "ctrl+t")
        assert '"id": "ab"' in editor.query_one(TextArea).text
        assert editor.request() == {"id": "ab", "artistName": "", "mbid": "", "count": 0}


async def test_what_fits_in_the_json_text_is_in_the_form() -> None:
    app = WidgetApp(RequestEditor)
    async with app.run_test(size=(60, 20)) as pilot:
        editor = await shown(app, draft())
        await edit_json(editor, '{"artistName": "Nina", "count": 3}')
        await editor.action_switch()
        await pilot.pause()
        assert {"Nina", "3"} <= {field.value for field in editor.query(Input)}


async def test_json_that_does_not_fit_stops_sending_and_freezes_the_form() -> None:
    app = WidgetApp(RequestEditor)
    async with app.run_test(size=(70, 20), message_hook=app.note) as pilot:
        editor = await shown(app, draft())
        await edit_json(editor, '{"count": "many"}')
        await pilot.pause()
        assert editor.request() is None
        assert "JSON has an error: line 1" in picture(app.screen)
        await editor.action_switch()
        assert all(line.disabled for line in editor.query(FormLine))
        await edit_json(editor, '{"count": 2}')
        await pilot.pause()
        assert editor.problem is None
        assert "JSON has an error" not in picture(app.screen)
    assert app.sent(RequestEditor.RequestChanged)[-1].problem is None


async def test_a_text_in_error_is_kept_while_the_form_is_looked_at() -> None:
    app = WidgetApp(RequestEditor)
    async with app.run_test(size=(60, 20)):
        editor = await shown(app, draft())
        await edit_json(editor, '{"count": ')
        await editor.action_switch()
        await editor.action_switch()
        assert editor.query_one(TextArea).text == '{"count": '


async def test_a_wrong_field_stops_sending_and_is_left_out_of_the_json_text() -> None:
    app = WidgetApp(RequestEditor)
    async with app.run_test(size=(60, 20)) as pilot:
        written = draft()
        editor = await shown(app, written)
        written.set_text("count", "many")
        assert editor.problem == "count: not a whole number"
        assert editor.request() is None
        await pilot.press("ctrl+t")
        assert "count" not in editor.query_one(TextArea).text


async def test_sending_reads_text_that_was_typed_a_moment_ago() -> None:
    app = WidgetApp(RequestEditor)
    async with app.run_test(size=(60, 20)) as pilot:
        editor = await shown(app, draft())
        await editor.action_switch()
        editor.query_one(TextArea).text = '{"id": "new"}'
        await pilot.pause()
        request = editor.request()
        assert request is not None
        assert request["id"] == "new"


async def test_filling_sets_the_fields_that_the_request_has() -> None:
    app = WidgetApp(RequestEditor)
    async with app.run_test(size=(60, 20)):
        editor = await shown(app, draft())
        assert await editor.fill({"artistName": "Nina", "unknown": 1}) == ("artistName",)
        request = editor.request()
        assert request is not None
        assert request["artistName"] == "Nina"


async def test_pasted_control_characters_do_not_enter_the_text() -> None:
    from textual.events import Paste

    app = WidgetApp(RequestEditor)
    async with app.run_test(size=(60, 20)) as pilot:
        editor = await shown(app, draft())
        await editor.action_switch()
        area = editor.query_one(TextArea)
        area.text = ""
        area.focus()
        await pilot.pause()
        app.post_message(Paste('{"id":\t"\x1b]52;c;x\x07"}\n'))
        await pilot.pause()
        assert area.text == '{"id":  "]52;c;x"}\n'


async def test_edits_of_lines_that_showed_another_request_until_just_now_are_passed_over() -> None:
    app = WidgetApp(RequestEditor)
    async with app.run_test(size=(60, 20)) as pilot:
        editor = await shown(app, draft())
        line = app.query(FormLine).first()
        line.post_message(FormLine.Edited(line, "track.name", "late"))
        line.post_message(FormLine.ItemAdded(line, "track.artists"))
        line.post_message(FormLine.ItemRemoved(line, "track.artists[0]"))
        await pilot.pause()
        assert editor.request() == draft().value()
