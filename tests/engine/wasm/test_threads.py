"""The guest threads: on demand, bounded, and never in the way of an exit."""

from __future__ import annotations

import threading

import pytest

from engine.wasm.threads import GuestThreads
from tests.waiting import wait_until


def test_results_and_exceptions_come_back() -> None:
    threads = GuestThreads(name="t", limit=2)
    assert threads.submit(pow, 2, 10).result(5) == 1024
    with pytest.raises(ZeroDivisionError):
        threads.submit(divmod, 1, 0).result(5)
    assert threads.close(5)


def test_threads_are_made_on_demand_and_not_beyond_the_limit() -> None:
    threads = GuestThreads(name="t", limit=3)
    release = threading.Event()
    running = threading.Semaphore(0)

    def work() -> None:
        running.release()
        release.wait(10)

    jobs = [threads.submit(work) for _ in range(5)]
    for _ in range(3):
        assert running.acquire(timeout=30)
    assert not running.acquire(timeout=0.05)
    threads.reserve(1)
    jobs.append(threads.submit(work))
    assert running.acquire(timeout=30)
    release.set()
    for job in jobs:
        job.result(5)
    assert threads.close(5)


def test_an_idle_thread_is_used_again() -> None:
    threads = GuestThreads(name="t", limit=8)
    names = set()
    for _ in range(5):
        names.add(threads.submit(lambda: threading.current_thread().name).result(5))
    wait_until(lambda: len(names) <= 2, what="the same threads over and over")
    assert threads.close(5)


def test_close_refuses_new_work_and_does_not_wait_for_ever() -> None:
    threads = GuestThreads(name="t", limit=1)
    release = threading.Event()
    threads.submit(release.wait, 10)
    assert not threads.close(0.05)
    with pytest.raises(RuntimeError):
        threads.submit(pow, 2, 2)
    release.set()
    assert threads.close(5)


def test_guest_threads_have_room_for_the_wasm_stack() -> None:
    threads = GuestThreads(name="t", limit=1)
    before = threading.stack_size()
    threads.submit(pow, 2, 2).result(5)
    assert threading.stack_size() == before
    assert threads.close(5)
