from __future__ import annotations

import sys
from collections.abc import Iterable
from types import FrameType

import pytest

from engine.calls import Outcome
from engine.events import EngineWarned, Event
from tests.workbench.trace import facts
from workbench.trace.describe import Level
from workbench.trace.masking import mask_text
from workbench.trace.records import MAX_HOST_CALLS, CallRecord
from workbench.trace.store import TraceStore
from workbench.trace.view import LogView, TraceView, parse_terms


def feed(store: TraceStore, events: Iterable[Event]) -> TraceStore:
    for event in events:
        store.accept(event)
    while store.waiting:
        store.drain()
    return store


def shown(view: TraceView) -> list[str]:
    rows = []
    for key in view.index:
        cells = view.cells(key)
        assert cells is not None
        rows.append(f"{cells.branch}{cells.plugin} {cells.method.rpartition('.')[2]} {cells.status}")
    return rows


def entries(view: LogView) -> list[str]:
    found = []
    for key in view.index:
        cells = view.cells(key)
        assert cells is not None
        found.append(f"{cells.plugin} {cells.level}: {cells.text}")
    return found


def test_host_calls_stand_beneath_their_call_although_others_came_between() -> None:
    store = TraceStore()
    view = TraceView(store)
    call = facts.host_call()
    feed(store, [facts.started(1), facts.started(2, plugin="other")])
    feed(store, [facts.host_started(1, call), facts.host_finished(1, call)])
    feed(store, [facts.finished(facts.result(1, host_calls=[call]))])
    assert shown(view) == ["lyre GetArtistMBID ok", "└─ lyre Get ok", "other GetArtistMBID running"]


def test_the_last_host_call_has_the_corner() -> None:
    store = TraceStore()
    view = TraceView(store)
    feed(store, facts.whole_call(1, host_calls=[facts.host_call(), facts.host_call(error="no")]))
    assert shown(view)[1:] == ["├─ lyre Get ok", "└─ lyre Get refused"]


def test_a_new_view_shows_what_the_store_holds() -> None:
    store = feed(TraceStore(), facts.whole_call(1))
    assert shown(TraceView(store)) == ["lyre GetArtistMBID ok"]


def test_evicted_calls_leave_with_all_their_rows() -> None:
    store = TraceStore(max_events=2)
    view = TraceView(store)
    for number in range(4):
        feed(store, facts.whole_call(number, host_calls=[facts.host_call()]))
    assert len(view.index) == 4
    assert view.index.removed_before == 4
    assert all(view.cells(key) is not None for key in view.index)


def test_a_filter_shows_whole_calls_that_match_and_single_host_calls_under_theirs() -> None:
    store = TraceStore()
    view = TraceView(store)
    cached = facts.host_call(method="CacheService.GetString")
    feed(store, facts.whole_call(1, host_calls=[facts.host_call(), cached]))
    feed(store, facts.whole_call(2, plugin="other", outcome=Outcome.TRAP, error="x", host_calls=[facts.host_call()]))
    view.set_filter("CACHE")
    assert shown(view) == ["lyre GetArtistMBID ok", "└─ lyre GetString ok"]
    view.set_filter("other trap")
    assert shown(view) == ["other GetArtistMBID trap", "└─ other Get ok"]
    view.set_filter("nothing like it")
    assert shown(view) == []
    view.set_filter("")
    assert len(shown(view)) == 5


def test_a_filter_follows_calls_as_they_change() -> None:
    store = TraceStore()
    view = TraceView(store, "running")
    feed(store, [facts.started(1), facts.started(2)])
    assert len(view.index) == 2
    feed(store, [facts.finished(facts.result(1))])
    assert shown(view) == ["lyre GetArtistMBID running"]


def test_host_calls_without_a_row_are_told_in_one() -> None:
    store = TraceStore()
    view = TraceView(store)
    events: list[Event] = [facts.started(1)]
    for _ in range(MAX_HOST_CALLS + 3):
        events.append(facts.host_started(1, facts.host_call()))
    feed(store, events)
    last = view.index.last
    assert last is not None
    cells = view.cells(last)
    assert cells is not None
    assert cells.method == "… 3 more host calls"
    assert isinstance(view.subject(last), CallRecord)


def test_rows_know_their_subject_and_change_their_revision() -> None:
    store = TraceStore()
    view = TraceView(store)
    call = facts.host_call()
    feed(store, [facts.started(1), facts.host_started(1, call)])
    parent, child = view.index
    before = view.revision(child)
    assert view.is_running(child)
    feed(store, [facts.host_finished(1, call)])
    assert view.revision(child) != before
    assert not view.is_running(child)
    assert view.subject(parent) is store.call(0)
    record = store.call(0)
    assert record is not None
    assert view.subject(child) is record.host_calls[0]
    assert view.key_of(record) == parent
    assert view.cells(parent + (99 << 12)) is None


def test_a_closed_view_stays_as_it_is() -> None:
    store = TraceStore()
    view = TraceView(store)
    view.close()
    feed(store, facts.whole_call(1))
    assert len(view.index) == 0


def test_hostile_names_are_inert_in_the_cells() -> None:
    store = TraceStore()
    view = TraceView(store)
    feed(store, [facts.started(1, plugin="\x1b]52;c;x\x07[/]", method="A.\u202eB")])
    assert shown(view) == ["␛]52;c;x␇[/] \ufffdB running"]


def test_the_log_shows_guest_output_and_facts_in_order() -> None:
    store = TraceStore()
    view = LogView(store)
    feed(store, [facts.wrote("hello \x1b[2J"), EngineWarned(time_ns=0, summary="odd", hint="look")])
    assert entries(view) == ["lyre info: hello ␛[2J", "engine warning: odd — look"]


def test_the_log_is_filtered_by_words_and_by_level() -> None:
    store = TraceStore()
    view = LogView(store)
    feed(store, [facts.wrote("hello world"), EngineWarned(time_ns=0, summary="hello odd"), facts.wrote("other")])
    view.set_filter("hello")
    assert len(view.index) == 2
    view.set_lowest(Level.WARNING)
    assert entries(view) == ["engine warning: hello odd"]
    assert view.is_filtered
    view.set_filter("")
    view.set_lowest(Level.INFO)
    feed(store, [facts.wrote("late")])
    assert len(view.index) == 4


def test_evicted_log_entries_leave_the_view() -> None:
    store = TraceStore(max_events=3)
    view = LogView(store)
    for number in range(10):
        feed(store, [facts.wrote(f"line {number}")])
    assert entries(view) == [f"lyre info: line {number}" for number in (7, 8, 9)]


def test_a_long_log_line_is_cut_in_its_cells_and_whole_for_copying() -> None:
    store = TraceStore()
    view = LogView(store)
    feed(store, [facts.wrote("x" * 5000)])
    key = view.index[0]
    cells = view.cells(key)
    assert cells is not None
    assert len(cells.text) == 1001
    assert view.full_text(key) == "x" * 5000


def test_a_filter_hides_secrets_only_in_entries_that_may_pass() -> None:
    store = TraceStore()
    view = LogView(store)
    feed(store, [facts.wrote(f"token=abc{number}") for number in range(50)])
    masked = 0

    def count(frame: FrameType, what: str, _argument: object) -> None:
        nonlocal masked
        masked += what == "call" and frame.f_code is mask_text.__code__

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        view.set_filter("nothing")
        view.set_filter("lyre info")
    finally:
        sys.setprofile(before)
    assert masked == 0
    assert len(view.index) == 50


def test_a_filter_finds_what_is_shown_and_not_what_is_hidden() -> None:
    store = TraceStore()
    view = LogView(store)
    feed(store, [facts.wrote("token=abc1 sent")])
    for text, count in (("abc1", 0), ("token sent", 1), ("••", 1), ("lyre token=•", 1)):
        view.set_filter(text)
        assert len(view.index) == count


@pytest.mark.parametrize(("text", "terms"), [("", ()), ("  a  B ", ("a", "b"))])
def test_a_filter_is_its_words(text: str, terms: tuple[str, ...]) -> None:
    assert parse_terms(text) == terms
