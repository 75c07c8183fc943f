from __future__ import annotations

import threading
from dataclasses import replace

from engine.calls import Outcome
from engine.contracts.host.http_pb2 import HttpResponse
from engine.events import EngineWarned
from tests.workbench.trace import facts
from workbench.trace.inbox import EventInbox, LostEnd, weigh


def test_events_come_out_in_order_and_once() -> None:
    inbox = EventInbox(max_events=10, max_bytes=1 << 20)
    events = facts.whole_call(1)
    for event in events:
        inbox.put(event)
    first = inbox.take(1)
    rest = inbox.take(10)
    assert [event for event, _ in (*first.events, *rest.events)] == events
    assert inbox.take(10).events == ()


def test_too_many_events_push_the_oldest_out_and_are_counted() -> None:
    inbox = EventInbox(max_events=2, max_bytes=1 << 20)
    for number in range(5):
        inbox.put(facts.started(number))
    assert [event for event, _ in inbox.take(10).events] == [facts.started(3), facts.started(4)]
    assert inbox.dropped == 3


def test_heavy_events_push_the_oldest_out() -> None:
    heavy = facts.host_call(response=HttpResponse(body=b"x" * 1000))
    inbox = EventInbox(max_events=100, max_bytes=4 * weigh(facts.host_finished(1, heavy)))
    for _ in range(10):
        inbox.put(facts.host_finished(1, heavy))
    assert len(inbox) == 4
    assert inbox.dropped == 6


def test_one_event_that_is_too_heavy_is_still_delivered() -> None:
    inbox = EventInbox(max_events=100, max_bytes=10)
    inbox.put(facts.wrote("x" * 1000))
    assert len(inbox.take(10).events) == 1
    assert inbox.dropped == 0


def test_the_end_of_a_call_is_remembered_when_its_event_is_dropped() -> None:
    inbox = EventInbox(max_events=1, max_bytes=1 << 20)
    answer = facts.result(7, outcome=Outcome.TIMEOUT, error="late")
    inbox.put(facts.finished(answer))
    inbox.put(facts.started(8))
    assert inbox.take(10).lost_ends == (LostEnd(answer.call_id, Outcome.TIMEOUT, answer.duration_ns),)
    assert inbox.take(10).lost_ends == ()


def test_weights_follow_the_payload() -> None:
    small = weigh(EngineWarned(time_ns=0, summary="a"))
    large = weigh(EngineWarned(time_ns=0, summary="a" * 1001))
    assert large - small == 1000
    assert weigh(facts.wrote("x" * 500)) >= 500


def test_the_end_of_a_call_weighs_what_its_host_calls_and_its_output_hold() -> None:
    heavy = facts.host_call(response=HttpResponse(body=b"x" * 100_000), notes=["n" * 10_000])
    bare = weigh(facts.finished(facts.result(1)))
    full = weigh(facts.finished(facts.result(1, host_calls=[heavy], logs=[facts.log_line("y" * 50_000)])))
    assert full - bare >= 160_000


def test_a_host_call_without_its_messages_weighs_its_texts_alone() -> None:
    heavy = facts.host_call(response=HttpResponse(body=b"x" * 100_000), notes=["n" * 1_000])
    light = replace(heavy, request=None, response=None, is_shortened=True)
    for event in (facts.host_finished(1, light), facts.finished(facts.result(1, host_calls=[light]))):
        assert 1_000 <= weigh(event) < 10_000


def test_ends_of_calls_with_large_host_calls_keep_within_the_bytes() -> None:
    inbox = EventInbox(max_events=1_000, max_bytes=1 << 20)
    for number in range(100):
        body = HttpResponse(body=b"x" * 100_000)
        inbox.put(facts.finished(facts.result(number, host_calls=[facts.host_call(response=body)])))
    assert len(inbox) == 10
    assert inbox.dropped == 90


def test_many_threads_lose_nothing() -> None:
    inbox = EventInbox(max_events=100_000, max_bytes=1 << 30)

    def publish(start: int) -> None:
        for number in range(500):
            inbox.put(facts.started(start + number))

    threads = [threading.Thread(target=publish, args=(1000 * number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(inbox.take(10_000).events) == 2000
    assert inbox.dropped == 0
