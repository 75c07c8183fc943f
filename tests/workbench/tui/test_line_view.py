from __future__ import annotations

from collections.abc import Hashable, Sequence

from textual.geometry import Offset
from textual.selection import Selection

from tests.workbench.tui.harness import WidgetApp, picture
from workbench.trace.row_index import RowIndex
from workbench.tui.widgets.line_view import LineView
from workbench.tui.widgets.row_strips import Piece


class Numbers(LineView):
    """Rows that say their key; tests change `suffix` to change what a row says."""

    HAS_HEADER = True

    def __init__(self) -> None:
        super().__init__(placeholder="nothing here")
        self.suffix = ""
        self.painted: list[int] = []

    def header(self, width: int) -> Sequence[Piece]:
        return [("NUMBER", "line-view--header")]

    def pieces(self, key: int, width: int) -> Sequence[Piece]:
        self.painted.append(key)
        return [("row ", ""), (f"{key}{self.suffix}", "")]

    def revision(self, key: int) -> Hashable:
        return self.suffix


class Sideways(Numbers):
    """Rows that are wider than the screen."""

    HAS_HEADER = False
    SCROLLS_SIDEWAYS = True
    DEFAULT_CSS = "Sideways { overflow-x: auto; }"

    def pieces(self, key: int, width: int) -> Sequence[Piece]:
        return [("0123456789" * 5, "")]


def rows(app: WidgetApp) -> list[str]:
    """What is drawn, without the scroll bar."""
    return [line[:20].rstrip() for line in picture(app.screen).splitlines()]


def numbers(view: LineView, start: int, stop: int) -> None:
    for key in range(start, stop):
        view.index.append(key)
    view.sync()


SIZE = (30, 6)  # a header and five rows


async def test_the_newest_rows_are_followed_under_a_header() -> None:
    app = WidgetApp(Numbers)
    async with app.run_test(size=SIZE) as pilot:
        view = app.query_one(Numbers)
        assert rows(app)[:2] == ["NUMBER", "nothing here"]
        numbers(view, 0, 100)
        await pilot.pause()
        assert rows(app) == ["NUMBER", "row 95", "row 96", "row 97", "row 98", "row 99"]
        assert view.cursor_key == 99
        numbers(view, 100, 150)
        await pilot.pause()
        assert rows(app)[-1] == "row 149"


async def test_only_visible_rows_are_ever_formatted() -> None:
    app = WidgetApp(Numbers)
    async with app.run_test(size=SIZE) as pilot:
        view = app.query_one(Numbers)
        numbers(view, 0, 100_000)
        await pilot.pause()
        assert len(view.painted) < 20


async def test_moving_up_ends_following_and_end_follows_again() -> None:
    app = WidgetApp(Numbers)
    async with app.run_test(size=SIZE, message_hook=app.note) as pilot:
        view = app.query_one(Numbers)
        view.focus()
        numbers(view, 0, 100)
        await pilot.press("up")
        numbers(view, 100, 120)
        await pilot.pause()
        assert rows(app)[-1] == "row 99"
        assert view.cursor_key == 98
        assert not view.is_following
        await pilot.press("end")
        numbers(view, 120, 130)
        await pilot.pause()
        assert rows(app)[-1] == "row 129"
        assert [message.is_following for message in app.sent(LineView.FollowChanged)] == [False, True]


async def test_rows_stay_where_they_are_while_older_ones_are_evicted() -> None:
    app = WidgetApp(Numbers)
    async with app.run_test(size=SIZE) as pilot:
        view = app.query_one(Numbers)
        view.focus()
        numbers(view, 0, 100)
        await pilot.press("pageup")
        await pilot.pause()
        before = rows(app)
        view.index.remove_before(40)
        numbers(view, 100, 140)
        await pilot.pause()
        assert rows(app) == before
        view.index.remove_before(120)
        view.sync()
        await pilot.pause()
        assert rows(app)[1] == "row 120"
        assert view.cursor_key == 120


async def test_rows_that_appear_above_do_not_move_the_view() -> None:
    app = WidgetApp(Numbers)
    async with app.run_test(size=SIZE) as pilot:
        view = app.query_one(Numbers)
        view.focus()
        for key in range(0, 1000, 10):
            view.index.append(key)
        view.sync()
        await pilot.press("pageup")
        await pilot.pause()
        before = rows(app)
        view.index.replace(100, 110, [100, 101, 102, 103])
        view.sync()
        await pilot.pause()
        assert rows(app) == before


async def test_the_cursor_moves_by_rows_pages_and_to_the_ends() -> None:
    app = WidgetApp(Numbers)
    async with app.run_test(size=SIZE, message_hook=app.note) as pilot:
        view = app.query_one(Numbers)
        view.focus()
        numbers(view, 0, 50)
        await pilot.press("home")
        assert view.cursor_key == 0
        await pilot.press("down", "pagedown")
        assert view.cursor_key == 5
        await pilot.pause()
        assert "row 5" in rows(app)
        await pilot.press("k", "enter")
        assert [message.key for message in app.sent(LineView.RowPicked)] == [4]
        await pilot.press("f")
        assert view.is_following
        assert view.cursor_key == 49


async def test_a_click_puts_the_cursor_and_a_double_click_picks() -> None:
    app = WidgetApp(Numbers)
    async with app.run_test(size=SIZE, message_hook=app.note) as pilot:
        view = app.query_one(Numbers)
        numbers(view, 0, 50)
        await pilot.pause()
        await pilot.click(Numbers, offset=(2, 2))
        assert view.cursor_key == 46
        assert not view.is_following
        await pilot.click(Numbers, offset=(2, 0))
        assert view.cursor_key == 46
        await pilot.click(Numbers, offset=(2, 3), times=2)
        assert [message.key for message in app.sent(LineView.RowPicked)] == [47]
        assert not app.screen.selections


async def test_a_row_is_drawn_anew_when_its_revision_changes() -> None:
    app = WidgetApp(Numbers)
    async with app.run_test(size=SIZE) as pilot:
        view = app.query_one(Numbers)
        numbers(view, 0, 3)
        await pilot.pause()
        view.suffix = " changed"
        view.sync()
        await pilot.pause()
        assert rows(app)[1] == "row 0 changed"


async def test_nothing_is_done_while_hidden_and_everything_when_shown() -> None:
    app = WidgetApp(Numbers)
    async with app.run_test(size=SIZE) as pilot:
        view = app.query_one(Numbers)
        view.display = False
        await pilot.pause()
        view.painted.clear()
        numbers(view, 0, 100)
        await pilot.pause()
        assert view.painted == []
        view.display = True
        await pilot.pause()
        await pilot.pause()
        assert rows(app)[-1] == "row 99"


async def test_a_resized_window_keeps_the_newest_row() -> None:
    app = WidgetApp(Numbers)
    async with app.run_test(size=SIZE) as pilot:
        numbers(app.query_one(Numbers), 0, 100)
        await pilot.resize_terminal(30, 12)
        await pilot.pause()
        assert rows(app)[1:] == [f"row {key}" for key in range(89, 100)]
        await pilot.resize_terminal(30, 4)
        await pilot.pause()
        assert rows(app)[-1] == "row 99"


async def test_selected_text_follows_its_rows_and_ends_following() -> None:
    app = WidgetApp(Numbers)
    async with app.run_test(size=SIZE) as pilot:
        view = app.query_one(Numbers)
        numbers(view, 0, 20)
        await pilot.pause()
        app.screen.selections = {view: Selection(Offset(4, 16), Offset(5, 18))}
        await pilot.pause()
        assert app.screen.get_selected_text() == "16\nrow 17\nrow 1"
        assert not view.is_following
        view.index.remove_before(10)
        view.sync()
        assert app.screen.get_selected_text() == "16\nrow 17\nrow 1"
        app.screen.selections = {view: Selection(None, None)}
        assert app.screen.get_selected_text() == "\n".join(f"row {key}" for key in range(10, 20))


async def test_a_mouse_drag_selects_what_it_passes_over() -> None:
    app = WidgetApp(Numbers)
    async with app.run_test(size=SIZE) as pilot:
        numbers(app.query_one(Numbers), 0, 3)
        await pilot.pause()
        await pilot.mouse_down(Numbers, offset=(4, 1))
        await pilot.hover(Numbers, offset=(5, 2))
        await pilot.mouse_up(Numbers, offset=(5, 2))
        await pilot.pause()
        assert (app.screen.get_selected_text() or "").startswith("0\nrow ")


async def test_a_row_is_copied_inert_and_bounded() -> None:
    app = WidgetApp(Numbers)
    async with app.run_test(size=SIZE) as pilot:
        view = app.query_one(Numbers)
        view.focus()
        numbers(view, 0, 3)
        await pilot.press("y")
        assert app.clipboard == "row 2"
        view.copy_text("é" * 100_000 + "\x1b")
        assert app.clipboard == "é" * 32_768


async def test_an_empty_view_survives_every_key() -> None:
    app = WidgetApp(Numbers)
    async with app.run_test(size=SIZE) as pilot:
        view = app.query_one(Numbers)
        view.focus()
        await pilot.press("up", "down", "pageup", "pagedown", "home", "end", "enter", "y", "f")
        assert view.cursor_key is None


async def test_wide_rows_scroll_sideways() -> None:
    app = WidgetApp(Sideways)
    async with app.run_test(size=SIZE) as pilot:
        view = app.query_one(Sideways)
        view.focus()
        numbers(view, 0, 1)
        await pilot.pause()
        await pilot.press("right", "right")
        view.scroll_to(x=5, animate=False, force=True)
        await pilot.pause()
        assert picture(app.screen).startswith("5678901234")


async def test_another_theme_changes_the_colours_of_rows_that_are_kept() -> None:
    app = WidgetApp(Numbers)
    async with app.run_test(size=SIZE) as pilot:
        view = app.query_one(Numbers)
        numbers(view, 0, 3)
        await pilot.pause()
        before = view.render_line(1)
        app.theme = "textual-light"
        await pilot.pause()
        assert [segment.style for segment in view.render_line(1)] != [segment.style for segment in before]


async def test_another_index_starts_over() -> None:
    app = WidgetApp(Numbers)
    async with app.run_test(size=SIZE) as pilot:
        view = app.query_one(Numbers)
        numbers(view, 0, 50)
        other = RowIndex()
        other.reset([7])
        view.show_index(other)
        await pilot.pause()
        assert rows(app)[1:3] == ["row 7", ""]
