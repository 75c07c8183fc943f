"""The top line: views, the current one, a summary where there is room."""

from __future__ import annotations

import pytest
from textual.content import Content

from tests.workbench.tui.harness import WidgetApp, picture
from workbench.tui.widgets.view_bar import View, ViewBar

VIEWS = (View(name="one", key="F3", title="One"), View(name="two", key="F4", title="Two"))


@pytest.mark.parametrize(("column", "name"), [(1, "one"), (6, "one"), (9, "two"), (14, "two")])
async def test_a_click_on_a_view_picks_it(column: int, name: str) -> None:
    app = WidgetApp(lambda: ViewBar(VIEWS))
    async with app.run_test(size=(40, 3), message_hook=app.note) as pilot:
        await pilot.click(ViewBar, offset=(column, 0))
    assert [picked.name for picked in app.sent(ViewBar.ViewPicked)] == [name]


async def test_a_click_beside_the_views_picks_nothing() -> None:
    app = WidgetApp(lambda: ViewBar(VIEWS))
    async with app.run_test(size=(40, 3), message_hook=app.note) as pilot:
        await pilot.click(ViewBar, offset=(30, 0))
    assert app.sent(ViewBar.ViewPicked) == []


@pytest.mark.parametrize(
    ("width", "line"), [(40, " F3 One  F4 Two             2 [/] ready"), (20, " F3 One  F4 Two 2 …")]
)
async def test_the_summary_takes_the_room_that_is_left(width: int, line: str) -> None:
    app = WidgetApp(lambda: ViewBar(VIEWS))
    async with app.run_test(size=(width, 3)) as pilot:
        bar = app.query_one(ViewBar)
        bar.show_summary(Content("2 [/] ready"))
        bar.show_current(frozenset({"two"}))
        await pilot.pause()
        assert picture(app.screen).splitlines()[0] == line
