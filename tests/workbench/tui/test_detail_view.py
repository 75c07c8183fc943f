from __future__ import annotations

from engine.contracts.host.http_pb2 import HttpRequest
from engine.events import Event
from tests.workbench.trace import facts
from tests.workbench.tui.harness import WidgetApp, picture
from workbench.trace.records import CallRecord
from workbench.trace.store import TraceStore
from workbench.tui.widgets.detail_view import DetailView


def store_with(*events: Event) -> tuple[TraceStore, CallRecord]:
    store = TraceStore()
    for event in events:
        store.accept(event)
    store.drain()
    record = store.call(0)
    assert record is not None
    return store, record


async def test_a_subject_is_shown_from_its_beginning() -> None:
    _, record = store_with(facts.started(1), facts.finished(facts.result(1)))
    app = WidgetApp(DetailView)
    async with app.run_test(size=(60, 24)) as pilot:
        view = app.query_one(DetailView)
        assert "Nothing is picked." in picture(app.screen)
        view.show_subject(record)
        await pilot.pause()
        drawn = picture(app.screen).splitlines()
        assert drawn[0].startswith("MetadataAgent.GetArtistMBID")
        assert any('"name": "Nina Simone"' in line for line in drawn)
        view.focus()
        await pilot.press("end")
        view.show_subject(facts.wrote("one line"))
        await pilot.pause()
        assert picture(app.screen).splitlines()[0].startswith("lyre")
        assert view.cursor_key == 0


async def test_a_running_call_is_shown_as_it_goes_on() -> None:
    store, record = store_with(facts.started(1))
    app = WidgetApp(DetailView)
    async with app.run_test(size=(60, 24)) as pilot:
        view = app.query_one(DetailView)
        view.show_subject(record)
        await pilot.pause()
        assert "outcome  running" in picture(app.screen)
        store.accept(facts.finished(facts.result(1)))
        store.drain()
        view.advance()
        await pilot.pause()
        assert "outcome  ok after 2.41 ms" in picture(app.screen)


async def test_secrets_are_shown_on_demand_and_hidden_again_for_the_next_subject() -> None:
    call = facts.host_call(message=HttpRequest(url="http://a/?token=abcdef"))
    _, record = store_with(facts.finished(facts.result(1, host_calls=[call])))
    app = WidgetApp(DetailView)
    async with app.run_test(size=(60, 24)) as pilot:
        view = app.query_one(DetailView)
        view.focus()
        view.show_subject(record.host_calls[0])
        await pilot.pause()
        assert "token=••••••" in picture(app.screen)
        await pilot.press("m")
        await pilot.pause()
        assert "token=abcdef" in picture(app.screen)
        view.show_subject(record)
        view.show_subject(record.host_calls[0])
        await pilot.pause()
        assert "abcdef" not in picture(app.screen)


async def test_messages_are_shown_as_hex_on_demand() -> None:
    _, record = store_with(facts.finished(facts.result(1)))
    app = WidgetApp(DetailView)
    async with app.run_test(size=(80, 24)) as pilot:
        view = app.query_one(DetailView)
        view.focus()
        view.show_subject(record)
        await pilot.press("x")
        await pilot.pause()
        assert "00000000  0a 01 31 12 0b 4e 69 6e" in picture(app.screen)


async def test_long_lines_are_wrapped_for_the_width_and_copied_whole() -> None:
    text = "word " * 40
    app = WidgetApp(DetailView)
    async with app.run_test(size=(60, 24)) as pilot:
        view = app.query_one(DetailView)
        view.focus()
        view.show_subject(facts.wrote(text.strip()))
        await pilot.pause()
        narrow = len(view.index)
        await pilot.press("end", "y")
        assert app.clipboard == text.strip()
        await pilot.press("Y")
        assert app.clipboard.splitlines()[0] == "lyre"
        await pilot.resize_terminal(120, 24)
        await pilot.pause()
        assert len(view.index) < narrow


async def test_nothing_is_read_while_hidden() -> None:
    _, record = store_with(facts.finished(facts.result(1)))
    app = WidgetApp(DetailView)
    async with app.run_test(size=(60, 24)) as pilot:
        view = app.query_one(DetailView)
        view.display = False
        await pilot.pause()
        view.show_subject(record)
        assert len(view.index) == 0
        view.display = True
        await pilot.pause()
        await pilot.pause()
        assert picture(app.screen).startswith("MetadataAgent.GetArtistMBID")


async def test_a_hostile_entry_is_drawn_inert() -> None:
    app = WidgetApp(DetailView)
    async with app.run_test(size=(60, 24)) as pilot:
        view = app.query_one(DetailView)
        view.show_subject(facts.wrote("[/] \x1b]52;c;x\x07 \u202e" + "漢" * 100))
        await pilot.pause()
        drawn = picture(app.screen)
        assert "[/] ␛]52;c;x␇ \ufffd漢" in drawn
        assert all(len(line) <= 60 for line in drawn.splitlines())
