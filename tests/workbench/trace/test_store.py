from __future__ import annotations

from collections.abc import Iterable

from engine.calls import CallId, HostCall, Outcome
from engine.contracts.host.http_pb2 import HttpResponse
from engine.events import CallFinished, EngineWarned, Event, EventBus, PoolChanged
from tests.workbench.trace import facts
from workbench.trace.records import MAX_HOST_CALLS, MAX_LIVE_LINES, START_METHOD, CallRecord
from workbench.trace.store import StoreChange, TraceStore


def filled(events: Iterable[Event], store: TraceStore | None = None) -> TraceStore:
    """A store that has drained `events`, published through a bus."""
    store = store or TraceStore()
    bus = EventBus()
    unsubscribe = bus.subscribe(store.accept)
    for event in events:
        bus.publish(event)
    unsubscribe()
    while store.waiting:
        store.drain()
    return store


def only_call(store: TraceStore) -> CallRecord:
    (record,) = store.calls()
    return record


def test_a_running_call_shows_before_it_ends() -> None:
    call = facts.host_call()
    store = filled([facts.started(1), facts.host_started(1, call), facts.wrote("working", call_id=1)])
    record = only_call(store)
    assert record.is_running
    assert record.status == "running"
    assert record.duration_ns is None
    assert [row.is_running for row in record.host_calls] == [True]
    assert [line.text for line in record.output] == ["working"]


def test_a_finished_call_has_its_result_and_its_host_calls() -> None:
    refused = facts.host_call(error="not allowed")
    trapped = facts.host_call(error="bad cron", is_trap=True)
    events = facts.whole_call(
        1, outcome=Outcome.TRAP, error="stopped", host_calls=[facts.host_call(), refused, trapped]
    )
    record = only_call(filled(events))
    assert record.status == "trap"
    assert record.duration_ns == 2_410_000
    assert [row.status for row in record.host_calls] == ["ok", "refused", "trap"]
    assert all(row.duration_ns == 1_500_000 for row in record.host_calls)


def test_a_call_whose_start_was_lost_is_rebuilt_from_its_result() -> None:
    answer = facts.result(3, host_calls=[facts.host_call()], logs=[facts.log_line("hi")])
    record = only_call(filled([facts.finished(answer)]))
    assert record.request == answer.request
    assert [row.status for row in record.host_calls] == ["ok"]
    assert record.time_ns == facts.started(3).time_ns


def test_a_call_whose_end_was_lost_does_not_run_for_ever() -> None:
    store = TraceStore(max_waiting=2)
    call = facts.host_call()
    filled([facts.started(1), facts.host_started(1, call)], store)
    events: list[Event] = [facts.finished(facts.result(1, outcome=Outcome.TIMEOUT)), facts.started(2), facts.started(3)]
    filled(events, store)
    record = store.find_call(CallId(1))
    assert record is not None
    assert (record.is_running, record.status, record.duration_ns) == (False, "timeout", 2_410_000)
    assert record.host_calls[0].status == "unknown"
    assert store.dropped_events == 1


def test_a_host_call_whose_end_was_lost_is_completed_by_the_result() -> None:
    seen, unseen = facts.host_call(), facts.host_call(error="no")
    answer = facts.result(1, host_calls=[seen])
    store = filled([facts.started(1), facts.host_started(1, seen), facts.host_started(1, unseen)])
    filled([facts.finished(answer)], store)
    assert [row.status for row in only_call(store).host_calls] == ["ok", "unknown"]


def test_host_calls_at_the_start_of_instances_share_a_row_of_their_own() -> None:
    events: list[Event] = [facts.host_finished(None, facts.host_call()) for _ in range(2)]
    events.append(facts.host_finished(None, facts.host_call(error="no"), plugin="other"))
    store = filled(events)
    first, second = store.calls()
    assert (first.method, first.plugin, len(first.host_calls), first.status) == (START_METHOD, "lyre", 2, "ok")
    assert (second.plugin, second.status, second.is_running) == ("other", "refused", False)
    assert first.duration_ns == 3_000_000


def test_host_calls_beyond_the_bound_are_counted() -> None:
    events: list[Event] = [facts.started(1)]
    for _ in range(MAX_HOST_CALLS + 5):
        call = facts.host_call()
        events += [facts.host_started(1, call), facts.host_finished(1, call)]
    store = filled(events)
    record = only_call(store)
    assert (len(record.host_calls), record.host_calls_left_out) == (MAX_HOST_CALLS, 5)
    filled([facts.finished(facts.result(1, dropped_host_calls=MAX_HOST_CALLS + 9))], store)
    assert record.host_calls_left_out == 9


def test_output_of_a_running_call_is_bounded() -> None:
    events: list[Event] = [facts.started(1)]
    events += [facts.wrote(f"line {number}", call_id=1) for number in range(MAX_LIVE_LINES + 3)]
    record = only_call(filled(events))
    assert len(record.output) == MAX_LIVE_LINES
    assert record.output[0].text == "line 3"


def test_old_calls_make_room_and_are_counted() -> None:
    store = TraceStore(max_events=3)
    for number in range(5):
        filled(facts.whole_call(number), store)
    assert [record.call_id for record in store.calls()] == [2, 3, 4]
    assert store.evicted_calls == 2
    assert store.find_call(CallId(1)) is None
    assert store.call(0) is None


def test_heavy_calls_make_room_sooner() -> None:
    store = TraceStore(max_bytes=1 << 20)
    heavy = facts.host_call(response=HttpResponse(body=b"x" * 200_000))
    for number in range(20):
        filled(facts.whole_call(number, host_calls=[heavy]), store)
    assert 1 <= len(store.calls()) <= 3


def heavy_host_calls(count: int) -> list[HostCall]:
    return [facts.host_call(response=HttpResponse(body=b"x" * 100_000)) for _ in range(count)]


def held_bytes(host_calls: Iterable[HostCall | None]) -> int:
    """What the answers in these host calls really weigh."""
    answers = [host_call.response for host_call in host_calls if host_call is not None]
    return sum(answer.ByteSize() for answer in answers if answer is not None)


def test_a_running_call_keeps_the_messages_of_its_first_host_calls_only() -> None:
    store = TraceStore(max_bytes=1 << 20)
    filled([facts.started(1)], store)
    for call in heavy_host_calls(30):
        filled([facts.host_started(1, call), facts.host_finished(1, call)], store)
    rows = only_call(store).host_calls
    assert [row.host_call is not None and row.host_call.is_shortened for row in rows] == [False] * 2 + [True] * 28
    assert held_bytes(row.host_call for row in rows) < 1 << 18
    assert all(row.host_call is not None and row.host_call.response_bytes > 100_000 for row in rows)


def test_a_result_holds_no_messages_that_its_rows_left_out() -> None:
    store = TraceStore(max_bytes=1 << 20)
    filled(facts.whole_call(1, host_calls=heavy_host_calls(30)), store)
    filled([facts.finished(facts.result(2, host_calls=heavy_host_calls(30)))], store)
    for record in store.calls():
        assert record.result is not None
        assert held_bytes(record.result.host_calls) < 1 << 18
        assert record.result.host_calls == tuple(row.host_call for row in record.host_calls)


def test_rows_that_the_result_dropped_still_weigh() -> None:
    calls = heavy_host_calls(2)
    events: list[Event] = [facts.started(1)]
    for call in calls:
        events += [facts.host_started(1, call), facts.host_finished(1, call)]
    store = filled([*events, facts.finished(facts.result(1, dropped_host_calls=2))])
    assert only_call(store).weight_bytes > 200_000


def test_long_error_texts_of_many_host_calls_are_bounded_too() -> None:
    store = TraceStore(max_bytes=1 << 20)
    calls = [facts.host_call(error="e" * 10_000, notes=["n" * 10_000] * 3) for _ in range(100)]
    filled(facts.whole_call(1, host_calls=calls), store)
    texts = [row.host_call.error or "" for row in only_call(store).host_calls if row.host_call is not None]
    assert sum(map(len, texts)) < 1 << 18
    assert texts[-1] == "e" * 200 + "…"


def test_host_calls_at_a_start_weigh_only_when_they_have_a_row() -> None:
    filled_up = [facts.host_finished(None, facts.host_call()) for _ in range(MAX_HOST_CALLS)]
    store = filled(filled_up)
    before = only_call(store).weight_bytes
    filled([facts.host_finished(None, call) for call in heavy_host_calls(3)], store)
    assert only_call(store).weight_bytes == before
    assert only_call(store).host_calls_left_out == 3


def test_the_log_does_not_hold_the_messages_of_a_failed_call() -> None:
    failed = facts.result(1, outcome=Outcome.TRAP, error="x", host_calls=heavy_host_calls(1))
    store = filled([facts.finished(failed)])
    ((_, entry),) = store.log.numbered()
    assert isinstance(entry, CallFinished)
    assert held_bytes(entry.result.host_calls) == 0
    assert held_bytes(row.host_call for row in only_call(store).host_calls) > 0


def test_an_evicted_call_that_still_runs_comes_back_with_its_result() -> None:
    store = TraceStore(max_events=2)
    filled([facts.started(1), facts.started(2), facts.started(3)], store)
    filled([facts.finished(facts.result(1))], store)
    assert [(record.call_id, record.is_running) for record in store.calls()] == [(3, True), (1, False)]


def test_the_log_keeps_guest_output_and_engine_facts_but_not_what_every_call_does() -> None:
    warned = EngineWarned(time_ns=0, summary="odd")
    failed = facts.finished(facts.result(2, outcome=Outcome.TRAP, error="x"))
    pool = PoolChanged(time_ns=0, plugin=facts.LYRE, idle=1, busy=0, waiting=0, started=1)
    wrote = facts.wrote("hello", call_id=1)
    store = filled([*facts.whole_call(1), wrote, pool, warned, failed])
    assert [event for _, event in store.log.numbered()] == [wrote, warned, failed]


def test_listeners_hear_what_changed_once_for_each_drain() -> None:
    store = TraceStore()
    changes: list[StoreChange] = []
    unsubscribe = store.subscribe(changes.append)
    filled([facts.started(1), facts.started(2)], store)
    filled([facts.wrote("x", call_id=2)], store)
    assert not store.drain()
    unsubscribe()
    filled([facts.started(3)], store)
    assert [change.changed_calls for change in changes] == [(0, 1), (1,)]
    assert [change.new_log for change in changes] == [0, 0]


def test_clearing_forgets_calls_and_log_and_tells_the_listeners() -> None:
    store = filled([*facts.whole_call(1), facts.wrote("x")])
    changes: list[StoreChange] = []
    store.subscribe(changes.append)
    store.clear()
    assert store.calls() == ()
    assert len(store.log) == 0
    assert (changes[0].first_call, changes[0].first_log) == (1, 1)


def test_a_drain_stops_when_its_time_is_up_and_goes_on_later() -> None:
    store = TraceStore()
    for number in range(2500):
        store.accept(facts.started(number))
    assert store.drain(budget_s=0.0)
    assert store.waiting == 1500
    while store.drain():
        pass
    assert (store.waiting, len(store.calls())) == (0, 2500)
