from __future__ import annotations

import threading

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
