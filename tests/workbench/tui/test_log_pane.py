from __future__ import annotations

from collections.abc import Iterable

from engine.events import EngineWarned, Event
from tests.workbench.trace import facts
from tests.workbench.tui.harness import WidgetApp, picture
from workbench.trace.store import TraceStore
from workbench.tui.panes.log_pane import LogPane


def feed(pane: LogPane, store: TraceStore, events: Iterable[Event]) -> None:
    """What the screen does ten times a second."""
    for event in events:
        store.accept(event)
    store.drain()
    pane.advance()


def lines(app: WidgetApp) -> list[str]:
    return picture(app.screen).splitlines()


async def test_guest_output_and_facts_stand_in_order() -> None:
    app = WidgetApp(LogPane)
    store = TraceStore()
    async with app.run_test(size=(80, 8)) as pilot:
        pane = app.query_one(LogPane)
        assert "Nothing was logged yet." in picture(app.screen)
        pane.show_store(store)
        feed(pane, store, [facts.wrote("\x1b[31mred [/] markup"), EngineWarned(time_ns=0, summary="odd", hint="look")])
        await pilot.pause()
        drawn = [line[9:].rstrip() for line in lines(app)]
        assert drawn[0] == "lyre           │     ␛[31mred [/] markup"
        assert drawn[1] == "engine         warn  odd — look"
        assert lines(app)[-1].strip() == "2 entries · following"


async def test_only_warnings_are_shown_on_demand() -> None:
    app = WidgetApp(LogPane)
    store = TraceStore()
    async with app.run_test(size=(80, 8)) as pilot:
        pane = app.query_one(LogPane)
        pane.show_store(store)
        feed(pane, store, [facts.wrote("chatter"), EngineWarned(time_ns=0, summary="odd")])
        pane.lines.focus()
        await pilot.press("w")
        await pilot.pause()
        assert "odd" in lines(app)[0]
        assert "1 of 2 entries shown" in lines(app)[-1]
        await pilot.press("w")
        await pilot.pause()
        assert "chatter" in lines(app)[0]
        await pilot.press("ctrl+l", "w")
        await pilot.pause()
        assert "No entry passes the filter." in lines(app)[0]


async def test_an_entry_is_picked_with_its_event_and_filtered_by_words() -> None:
    app = WidgetApp(LogPane)
    store = TraceStore()
    wanted = facts.wrote("the needle")
    async with app.run_test(size=(80, 8), message_hook=app.note) as pilot:
        pane = app.query_one(LogPane)
        pane.show_store(store)
        feed(pane, store, [wanted, facts.wrote("hay")])
        pane.lines.focus()
        await pilot.press("slash", *"needle", "enter", "enter")
        await pilot.pause()
        assert [message.event for message in app.sent(LogPane.EntryPicked)] == [wanted]


async def test_long_lines_scroll_sideways_and_are_copied_whole() -> None:
    app = WidgetApp(LogPane)
    store = TraceStore()
    async with app.run_test(size=(80, 8)) as pilot:
        pane = app.query_one(LogPane)
        pane.show_store(store)
        feed(pane, store, [facts.wrote("start " + "x" * 3000 + " end")])
        pane.lines.focus()
        await pilot.pause()
        await pilot.pause()
        await pilot.press("right", "y")
        assert pane.lines.max_scroll_x > 900
        assert app.clipboard.endswith("x end")


async def test_the_log_is_cleared_with_the_calls() -> None:
    app = WidgetApp(LogPane)
    store = TraceStore()
    async with app.run_test(size=(80, 8)) as pilot:
        pane = app.query_one(LogPane)
        pane.show_store(store)
        feed(pane, store, [*facts.whole_call(1), facts.wrote("x")])
        pane.lines.focus()
        await pilot.press("ctrl+l")
        await pilot.pause()
        assert lines(app)[-1].strip() == "0 entries · 1 older one forgotten · following"
        assert store.calls() == ()
