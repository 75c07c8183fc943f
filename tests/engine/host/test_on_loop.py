"""Errands of a guest's thread on the loop: results, failures, and giving up."""

from __future__ import annotations

import asyncio
import threading

import pytest

from engine.host.deadline import Deadline, RequestEnded
from engine.host.on_loop import LoopErrand
from tests.engine.host.fake_host import FakeHost


def deadline(stop: threading.Event | None = None) -> Deadline:
    return Deadline(timeout_s=10, stop=stop or threading.Event(), stop_reason=lambda: "context canceled")


class LateDeadline(Deadline):
    """Is told that the work is done, and ends the request all the same."""

    def wait_for(self, done: threading.Event) -> None:
        super().wait_for(done)
        raise RequestEnded("context canceled")


async def test_a_result_and_an_exception_reach_the_thread_that_waits() -> None:
    host = FakeHost()

    async def good() -> int:
        assert threading.current_thread() is threading.main_thread()
        return 7

    async def bad() -> int:
        raise ValueError("no")

    assert await asyncio.to_thread(LoopErrand(host, "good", good).run, deadline()) == 7
    with pytest.raises(ValueError, match="no"):
        await asyncio.to_thread(LoopErrand(host, "bad", bad).run, deadline())


async def test_work_that_nobody_waits_for_any_more_is_cancelled() -> None:
    host, stop = FakeHost(), threading.Event()
    cancelled = asyncio.Event()

    async def endless() -> None:
        stop.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with pytest.raises(RequestEnded):
        await asyncio.to_thread(LoopErrand(host, "endless", endless).run, deadline(stop))
    await asyncio.wait_for(cancelled.wait(), 5)


async def test_a_result_that_comes_in_the_last_moment_is_undone() -> None:
    host = FakeHost()
    undone: asyncio.Queue[int] = asyncio.Queue()
    late = LateDeadline(timeout_s=10, stop=threading.Event(), stop_reason=lambda: "context canceled")

    async def work() -> int:
        return 7

    errand = LoopErrand(host, "work", work)
    with pytest.raises(RequestEnded):
        await asyncio.to_thread(lambda: errand.run(late, undo=undone.put_nowait))
    assert await asyncio.wait_for(undone.get(), 5) == 7


async def test_work_that_is_cancelled_with_the_engine_ends_the_wait() -> None:
    host = FakeHost()
    begun = asyncio.Event()

    async def endless() -> None:
        begun.set()
        await asyncio.Event().wait()

    waiting = asyncio.ensure_future(asyncio.to_thread(LoopErrand(host, "endless", endless).run, deadline()))
    await begun.wait()
    await host.tasks.close()
    with pytest.raises(ConnectionAbortedError, match="the engine is closing"):
        await waiting
