"""The end of a request: time, cancel, and how waiting notices them."""

from __future__ import annotations

import select
import socket
import threading
import time

import pytest

from engine.host.deadline import Deadline, RequestEnded


def test_the_text_names_the_limit_and_what_was_going_on() -> None:
    deadline = Deadline(timeout_s=0, stop=threading.Event(), stop_reason=lambda: "")
    deadline.activity = "reading the body"
    with pytest.raises(RequestEnded) as ended:
        deadline.check()
    assert str(ended.value) == ("context deadline exceeded: the time limit of 0 ms passed while reading the body")


def test_a_stop_comes_before_the_time_limit() -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(RequestEnded, match=r"^context canceled$"):
        Deadline(timeout_s=0, stop=stop, stop_reason=lambda: "context canceled").check()


def test_the_remaining_time_shrinks_and_stays_positive() -> None:
    deadline = Deadline(timeout_s=5, stop=threading.Event(), stop_reason=lambda: "")
    first = deadline.remaining_s()
    assert 0 < deadline.remaining_s() <= first <= 5


def test_polling_returns_ready_sockets_or_gives_up() -> None:
    deadline = Deadline(timeout_s=5, stop=threading.Event(), stop_reason=lambda: "")
    near, far = socket.socketpair()
    with near, far:
        poller = select.poll()
        poller.register(near, select.POLLIN)
        begin = time.monotonic()
        assert deadline.poll(poller, limit_s=0.06) == []
        assert 0.05 < time.monotonic() - begin < 1
        far.send(b"x")
        assert deadline.poll(poller) == [near.fileno()]


def test_waiting_for_an_event_ends_with_it_or_with_the_deadline() -> None:
    done = threading.Event()
    with pytest.raises(RequestEnded):
        Deadline(timeout_s=0.05, stop=threading.Event(), stop_reason=lambda: "").wait_for(done)
    done.set()
    Deadline(timeout_s=5, stop=threading.Event(), stop_reason=lambda: "").wait_for(done)
