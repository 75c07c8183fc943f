"""The form: rows as editors, edits as messages, editors kept when the request changes."""

from __future__ import annotations

import asyncio

from google.protobuf.message import Message
from textual.widgets import Button, Checkbox, Input

from engine.contracts import api_pb2
from tests.workbench.tui.harness import WidgetApp, picture
from workbench.tui.drafts import FieldKind, FieldRow, MessageDraft
from workbench.tui.widgets.form_line import FormLine
from workbench.tui.widgets.message_form import MAX_LINES, MessageForm


def rows_of(message_type: type[Message]) -> tuple[FieldRow, ...]:
    return MessageDraft(message_type).rows()


def line_of(form: MessageForm, path: str) -> FormLine:
    return next(
        line for line in form.query(FormLine) if line.display and line.row is not None and line.row.path == path
    )


async def test_typing_into_a_field_reports_its_path_and_text() -> None:
    app = WidgetApp(MessageForm)
    async with app.run_test(size=(60, 20), message_hook=app.note) as pilot:
        form = app.query_one(MessageForm)
        await form.show_rows(rows_of(api_pb2.ArtistMBIDRequest))
        assert form.focus_path("name")
        await pilot.press("N", "i")
    assert [(edit.path, edit.text) for edit in app.sent(FormLine.Edited)] == [("name", "N"), ("name", "Ni")]


async def test_showing_values_reports_no_edit() -> None:
    app = WidgetApp(MessageForm)
    async with app.run_test(size=(60, 20), message_hook=app.note) as pilot:
        draft = MessageDraft(api_pb2.SchedulerCallbackRequest)
        draft.load({"schedule_id": "s", "payload": "aGk=", "is_recurring": True})
        await app.query_one(MessageForm).show_rows(draft.rows())
        await pilot.pause()
        assert app.query(Checkbox)
        assert "hi" in picture(app.screen)
    assert app.sent(FormLine.Edited) == []


async def test_a_flag_is_a_checkbox() -> None:
    app = WidgetApp(MessageForm)
    async with app.run_test(size=(60, 20), message_hook=app.note) as pilot:
        form = app.query_one(MessageForm)
        await form.show_rows(rows_of(api_pb2.SchedulerCallbackRequest))
        assert form.focus_path("is_recurring")
        await pilot.press("space")
    assert [(edit.path, edit.text) for edit in app.sent(FormLine.Edited)] == [("is_recurring", "true")]


async def test_enter_in_a_field_submits_and_arrows_move_between_fields() -> None:
    app = WidgetApp(MessageForm)
    async with app.run_test(size=(60, 20), message_hook=app.note) as pilot:
        form = app.query_one(MessageForm)
        await form.show_rows(rows_of(api_pb2.ScrobblerNowPlayingRequest))
        assert form.focus_path("username")
        await pilot.press("down")
        # The heading of `track` has nothing to edit.
        focused = app.focused
        assert isinstance(focused, Input)
        assert focused.parent is line_of(form, "track.id")
        await pilot.press("up", "enter")
    assert len(app.sent(MessageForm.Submitted)) == 1


async def test_buttons_add_and_remove_what_their_row_stands_for() -> None:
    app = WidgetApp(MessageForm)
    async with app.run_test(size=(80, 40), message_hook=app.note) as pilot:
        form = app.query_one(MessageForm)
        draft = MessageDraft(api_pb2.ScrobblerNowPlayingRequest)
        draft.add("track.artists")
        await form.show_rows(draft.rows())
        for path in ("track.artists", "track.artists[0]", "track"):
            line_of(form, path).query_one(Button).press()
        await pilot.pause()
    assert [added.path for added in app.sent(FormLine.ItemAdded)] == ["track.artists"]
    assert {removed.path for removed in app.sent(FormLine.ItemRemoved)} == {"track.artists[0]", "track"}


async def test_editors_are_reused_when_another_request_is_shown() -> None:
    app = WidgetApp(MessageForm)
    async with app.run_test(size=(60, 40)):
        form = app.query_one(MessageForm)
        await form.show_rows(rows_of(api_pb2.ScrobblerNowPlayingRequest))
        before = list(form.query(FormLine))
        await form.show_rows(rows_of(api_pb2.ArtistMBIDRequest))
        assert [line.row.path for line in form.query(FormLine) if line.display and line.row] == ["id", "name"]
        await form.show_rows(rows_of(api_pb2.ScrobblerNowPlayingRequest))
        assert list(form.query(FormLine)) == before


async def test_a_renewed_row_shows_the_draft_again_whatever_was_typed() -> None:
    app = WidgetApp(MessageForm)
    async with app.run_test(size=(60, 20)):
        form = app.query_one(MessageForm)
        rows = rows_of(api_pb2.ArtistMBIDRequest)
        await form.show_rows(rows)
        line = line_of(form, "name")
        line.query_one(Input).value = "typed"
        await form.show_rows(rows)
        assert line.query_one(Input).value == ""


async def test_an_error_stands_beside_its_field_and_goes_again() -> None:
    app = WidgetApp(MessageForm)
    async with app.run_test(size=(80, 20)) as pilot:
        form = app.query_one(MessageForm)
        draft = MessageDraft(api_pb2.ArtistTopSongsRequest)
        await form.show_rows(draft.rows())
        draft.set_text("count", "many")
        form.show_errors(draft.rows())
        await pilot.pause()
        line = next(line for line in picture(app.screen).splitlines() if "count" in line)
        assert "not a whole number" in line
        draft.set_text("count", "3")
        form.show_errors(draft.rows())
        await pilot.pause()
        assert "not a whole number" not in picture(app.screen)


async def test_text_with_line_breaks_can_be_seen_but_not_edited_in_the_form() -> None:
    app = WidgetApp(MessageForm)
    async with app.run_test(size=(60, 20)) as pilot:
        form = app.query_one(MessageForm)
        draft = MessageDraft(api_pb2.OnTextMessageRequest)
        draft.load({"message": "two\nlines\x1b[31m"})
        await form.show_rows(draft.rows())
        await pilot.pause()
        assert line_of(form, "message").query_one(Input).disabled
        assert "two␊lines␛[31m" in picture(app.screen)


async def test_a_request_with_too_many_rows_says_where_to_edit_the_rest() -> None:
    app = WidgetApp(MessageForm)
    async with app.run_test(size=(60, 120)) as pilot:
        rows = [
            FieldRow(path=f"f{index}", label=f"f{index}", kind=FieldKind.TEXT, depth=0, type_name="string")
            for index in range(MAX_LINES + 7)
        ]
        await app.query_one(MessageForm).show_rows(rows)
        await pilot.pause()
        assert len(app.query(FormLine)) == MAX_LINES
        assert "7 more rows: edit them in the JSON tab." in picture(app.screen)


async def test_a_request_without_fields_says_so() -> None:
    app = WidgetApp(MessageForm)
    async with app.run_test(size=(60, 10)) as pilot:
        await app.query_one(MessageForm).show_rows(())
        await pilot.pause()
        assert "This request has no fields." in picture(app.screen)


async def test_of_two_requests_shown_at_once_the_later_one_stays() -> None:
    app = WidgetApp(MessageForm)
    async with app.run_test(size=(60, 40)):
        form = app.query_one(MessageForm)
        first = asyncio.ensure_future(form.show_rows(rows_of(api_pb2.ScrobblerNowPlayingRequest)))
        second = asyncio.ensure_future(form.show_rows(rows_of(api_pb2.ArtistMBIDRequest)))
        await asyncio.gather(first, second)
        assert [line.row.path for line in form.query(FormLine) if line.display and line.row] == ["id", "name"]
