from __future__ import annotations

import json
from collections.abc import Iterable

import pytest

from engine.calls import Outcome
from engine.contracts.api_pb2 import ArtistMBIDResponse
from engine.events import Event
from tests.workbench.trace import facts
from tests.workbench.tui.harness import WidgetApp, picture
from workbench.trace.message_lines import MAX_TEXT
from workbench.trace.records import CallRecord, HostCallRow
from workbench.trace.store import TraceStore
from workbench.tui.panes.trace_pane import TracePane
from workbench.tui.widgets.filter_bar import FilterBar
from workbench.tui.widgets.line_view import LineView
from workbench.tui.widgets.trace_lines import TraceLines


class CopyingLines(TraceLines):
    """Keeps what is copied, before it is cut to what terminals take."""

    def __init__(self) -> None:
        super().__init__(placeholder="", id="trace-lines")
        self.copied: list[str] = []

    def copy_text(self, text: str) -> None:
        self.copied.append(text)


class CopyingPane(TracePane):
    def make_lines(self) -> LineView:
        return CopyingLines()


def feed(pane: TracePane, store: TraceStore, events: Iterable[Event]) -> None:
    """What the screen does ten times a second."""
    for event in events:
        store.accept(event)
    store.drain()
    pane.advance()


def lines(app: WidgetApp) -> list[str]:
    return picture(app.screen).splitlines()


async def test_calls_and_their_host_calls_are_drawn_in_columns() -> None:
    app = WidgetApp(TracePane)
    store = TraceStore()
    async with app.run_test(size=(80, 10)) as pilot:
        pane = app.query_one(TracePane)
        assert "No calls yet. Send a request" in picture(app.screen)
        pane.show_store(store)
        calls = [facts.host_call(), facts.host_call(error="no")]
        feed(pane, store, facts.whole_call(1, plugin="a-plugin-with-a-long-name", host_calls=calls))
        feed(pane, store, [facts.started(2, method="Scrobbler.NowPlaying")])
        await pilot.pause()
        drawn = [line[9:78].rstrip() for line in lines(app)]
        assert drawn[0] == "PLUGIN      METHOD                                TOOK OUTCOME"
        assert drawn[1] == "a-plugin-w… MetadataAgent.GetArtistMBID        2.41 ms ok"
        assert drawn[2] == "            ├─ HttpService.Get                 1.50 ms ok"
        assert drawn[3] == "            └─ HttpService.Get                 1.50 ms refused"
        assert drawn[4].startswith("lyre        Scrobbler.NowPlaying")
        assert drawn[4].endswith("s running")
        assert lines(app)[-1].strip() == "2 calls · following"


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (80, "SchedulerCall….OnSchedulerCallback"),
        (86, "SchedulerCallback.OnSchedulerCallback"),
        (57, "OnScheduler…"),
        (65, "OnSchedulerCallback"),
    ],
)
async def test_where_a_method_does_not_fit_its_service_is_cut_first(width: int, shown: str) -> None:
    app = WidgetApp(TracePane)
    store = TraceStore()
    async with app.run_test(size=(width, 8)) as pilot:
        pane = app.query_one(TracePane)
        pane.show_store(store)
        feed(pane, store, facts.whole_call(1, method="SchedulerCallback.OnSchedulerCallback"))
        await pilot.pause()
        assert f" {shown} " in lines(app)[1]


async def test_columns_fit_wide_and_very_narrow_windows() -> None:
    app = WidgetApp(TracePane)
    store = TraceStore()
    async with app.run_test(size=(160, 8)) as pilot:
        pane = app.query_one(TracePane)
        pane.show_store(store)
        feed(pane, store, facts.whole_call(1, outcome=Outcome.NOT_IMPLEMENTED))
        await pilot.pause()
        assert lines(app)[1].endswith("2.41 ms not_implemented")
        await pilot.resize_terminal(50, 8)
        await pilot.pause()
        assert "lyre" not in lines(app)[1]
        assert lines(app)[1].endswith("2.41 ms not_implemented")


async def test_a_picked_row_is_told_with_its_call_or_host_call() -> None:
    app = WidgetApp(TracePane)
    store = TraceStore()
    async with app.run_test(size=(80, 10), message_hook=app.note) as pilot:
        pane = app.query_one(TracePane)
        pane.show_store(store)
        feed(pane, store, facts.whole_call(1, host_calls=[facts.host_call()]))
        pane.lines.focus()
        await pilot.press("enter", "up", "enter")
        subjects = [message.subject for message in app.sent(TracePane.RowPicked)]
        assert [type(subject) for subject in subjects] == [HostCallRow, CallRecord]
        highlighted = [message.subject for message in app.sent(TracePane.RowHighlighted)]
        assert subjects[1] in highlighted


async def test_a_typed_filter_shows_only_matching_calls_until_it_is_dropped() -> None:
    app = WidgetApp(TracePane)
    store = TraceStore()
    async with app.run_test(size=(80, 10), message_hook=app.note) as pilot:
        pane = app.query_one(TracePane)
        pane.show_store(store)
        feed(pane, store, facts.whole_call(1))
        feed(pane, store, facts.whole_call(2, outcome=Outcome.TRAP, error="x"))
        pane.lines.focus()
        await pilot.press("slash", *"trap", "enter")
        await pilot.pause()
        assert [message.text for message in app.sent(FilterBar.FilterChanged)][-1] == "trap"
        assert app.focused is pane.lines
        assert lines(app)[1].rstrip().endswith("trap")
        assert "1 row of 2 calls shown" in lines(app)[-1]
        await pilot.press("slash", "escape")
        await pilot.pause()
        assert lines(app)[1].rstrip().endswith("ok")
        assert not app.query_one(FilterBar).display


async def test_a_filter_without_matches_says_so() -> None:
    app = WidgetApp(TracePane)
    store = TraceStore()
    async with app.run_test(size=(80, 10)) as pilot:
        pane = app.query_one(TracePane)
        pane.show_store(store)
        feed(pane, store, facts.whole_call(1))
        pane.lines.focus()
        await pilot.press("slash", *"zz", "enter")
        await pilot.pause()
        assert "No call passes the filter." in picture(app.screen)


async def test_what_was_lost_and_forgotten_is_counted() -> None:
    app = WidgetApp(TracePane)
    store = TraceStore(max_events=3, max_waiting=4)
    async with app.run_test(size=(80, 10)) as pilot:
        pane = app.query_one(TracePane)
        pane.show_store(store)
        feed(pane, store, [facts.started(number) for number in range(5)])
        await pilot.pause()
        assert lines(app)[-1].strip() == "3 calls · 1 older one forgotten · 1 event lost · following"
        pane.lines.follow(False)
        await pilot.pause()
        assert lines(app)[-1].strip().endswith("not following (End)")


async def test_rows_can_be_cleared_and_copied() -> None:
    app = WidgetApp(TracePane)
    store = TraceStore()
    async with app.run_test(size=(80, 10)) as pilot:
        pane = app.query_one(TracePane)
        pane.show_store(store)
        feed(pane, store, facts.whole_call(1))
        pane.lines.focus()
        await pilot.press("y")
        assert app.clipboard.endswith("lyre MetadataAgent.GetArtistMBID 2.41 ms ok")
        await pilot.press("Y")
        assert json.loads(app.clipboard)["response"] == {"mbid": "nina"}
        await pilot.press("ctrl+l")
        await pilot.pause()
        assert "0 calls" in lines(app)[-1]
        assert store.calls() == ()


async def test_a_large_message_is_cut_before_it_is_copied() -> None:
    app = WidgetApp(CopyingPane)
    store = TraceStore()
    async with app.run_test(size=(80, 10)) as pilot:
        pane = app.query_one(TracePane)
        pane.show_store(store)
        large = ArtistMBIDResponse(mbid="x" * 40_000 + "y" * 4_000_000)
        feed(pane, store, [facts.started(1), facts.finished(facts.result(1, response=large))])
        pane.lines.focus()
        await pilot.press("Y")
        assert isinstance(pane.lines, CopyingLines)
        assert "xxx" in pane.lines.copied[0]
        assert len(pane.lines.copied[0]) < 2 * MAX_TEXT


async def test_hostile_names_leave_the_layout_whole() -> None:
    app = WidgetApp(TracePane)
    store = TraceStore()
    names = [
        "[/]",
        "[@click=app.quit]x",
        "\x1b]52;c;x\x07",
        "漢字" * 20,
        "\u202eevil",
        "a\nb\tc",
        "\u200b" * 30,
        "\ud800",
    ]
    async with app.run_test(size=(80, 14)) as pilot:
        pane = app.query_one(TracePane)
        pane.show_store(store)
        feed(pane, store, [facts.started(number, plugin=name, method=name) for number, name in enumerate(names)])
        await pilot.pause()
        drawn = picture(app.screen)
        assert "[@click=ap…" in drawn
        assert "\x1b" not in drawn
        for line in lines(app)[1 : 1 + len(names)]:
            assert "running" in line


async def test_a_pane_that_is_gone_no_longer_follows_the_store() -> None:
    app = WidgetApp(TracePane)
    store = TraceStore()
    async with app.run_test(size=(80, 10)) as pilot:
        pane = app.query_one(TracePane)
        pane.show_store(store)
        index = pane.lines.index
        await pane.remove()
        await pilot.pause()
        store.accept(facts.started(1))
        store.drain()
        assert len(index) == 0
