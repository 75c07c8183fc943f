"""Work that must not be left half done outlives the cancellation of whoever awaits it."""

from __future__ import annotations

import asyncio
import threading

import pytest

from workbench.devloop.finishing import to_the_end


async def test_a_result_and_a_failure_come_through() -> None:
    assert await to_the_end(asyncio.to_thread(int, "7")) == 7
    with pytest.raises(ValueError, match="invalid literal"):
        await to_the_end(asyncio.to_thread(int, "seven"))


async def test_a_cancellation_waits_for_the_thread_and_is_raised_then() -> None:
    begun, gate, ended = asyncio.Event(), threading.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def work() -> None:
        loop.call_soon_threadsafe(begun.set)
        gate.wait(10)
        ended.set()

    task = asyncio.ensure_future(to_the_end(asyncio.to_thread(work)))
    await begun.wait()
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_a_failure_after_a_cancellation_is_its_cause() -> None:
    begun, gate = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        await gate.wait()
        raise OSError("disk full")

    task = asyncio.ensure_future(to_the_end(work()))
    await begun.wait()
    task.cancel()
    gate.set()
    with pytest.raises(asyncio.CancelledError) as raised:
        await task
    assert isinstance(raised.value.__cause__, OSError)
