"""The clocks: what the virtual one does with its timers, and how the system's copes with a wall clock that jumps."""

from __future__ import annotations

import asyncio
import threading

import pytest

from engine.clock import SystemClock, VirtualClock

SECOND_NS = 1_000_000_000


def at(clock: VirtualClock, seconds: float, started: list[float], work: float | None = None) -> None:
    """Note the time at which a timer goes off; with `work` it then takes so many turns of the loop."""
    start_ns = clock.now_ns()

    async def working() -> None:
        for _ in range(int(work or 0)):
            await asyncio.sleep(0)
        started.append((clock.now_ns() - start_ns) / SECOND_NS)

    def action() -> asyncio.Future[None] | None:
        if work is None:
            started.append((clock.now_ns() - start_ns) / SECOND_NS)
            return None
        return asyncio.ensure_future(working())

    clock.call_at(start_ns + round(seconds * SECOND_NS), action)


async def test_advancing_goes_from_timer_to_timer_and_shows_each_its_own_time() -> None:
    clock, seen = VirtualClock(), list[float]()
    begin_ns = clock.monotonic_ns()
    for seconds in (30, 10, 20, 40):
        at(clock, seconds, seen)
    await clock.advance(30)
    assert seen == [10, 20, 30]
    assert clock.monotonic_ns() - begin_ns == 30 * SECOND_NS
    await clock.advance(10)
    assert seen == [10, 20, 30, 40]


async def test_what_is_due_at_one_instant_ends_before_time_moves_on() -> None:
    clock, seen = VirtualClock(), list[float]()
    at(clock, 1, seen, work=50)
    at(clock, 1, seen, work=3)
    at(clock, 2, seen)
    await clock.advance(2)
    assert seen == [1, 1, 2]


async def test_a_timer_that_always_asks_for_another_at_once_does_not_hold_time_still() -> None:
    clock, count = VirtualClock(), 0

    def again() -> None:
        nonlocal count
        count += 1
        clock.call_at(clock.now_ns(), again)

    clock.call_at(clock.now_ns() + 1, again)
    await clock.advance(0.5)
    assert 490 <= count <= 510


async def test_a_jump_is_a_sleep_of_the_machine_after_which_everything_due_happens_once() -> None:
    clock, seen = VirtualClock(), list[float]()
    for seconds in (1, 2, 3):
        at(clock, seconds, seen)
    await asyncio.to_thread(clock.jump, 2.5)
    await clock.advance(0)
    assert seen == [2.5, 2.5]


async def test_a_timer_whose_time_is_past_needs_no_advance() -> None:
    clock, gone_off = VirtualClock(), asyncio.Event()
    clock.call_at(clock.now_ns() - 1, gone_off.set)
    async with asyncio.timeout(30):
        await gone_off.wait()


async def test_a_cancelled_timer_does_not_happen_even_when_another_cancels_it_at_that_instant() -> None:
    clock, seen = VirtualClock(), list[str]()
    due_ns = clock.now_ns() + SECOND_NS
    clock.call_at(due_ns, lambda: second.cancel())
    second = clock.call_at(due_ns, lambda: seen.append("second"))
    third = clock.call_at(due_ns, lambda: seen.append("third"))
    third.cancel()
    third.cancel()
    await clock.advance(1)
    assert seen == []


async def test_a_wait_during_an_advance_may_outrun_it() -> None:
    clock, seen = VirtualClock(), list[float]()

    def sleeper() -> None:
        assert not clock.wait(threading.Event(), 100)

    clock.call_at(clock.now_ns() + SECOND_NS, sleeper)
    at(clock, 50, seen)
    await clock.advance(2)
    await clock.advance(0)
    assert seen == [101]


async def test_two_advances_at_a_time_are_refused() -> None:
    clock = VirtualClock()
    stuck = asyncio.get_running_loop().create_future()
    clock.call_at(clock.now_ns() + 1, lambda: stuck)
    first = asyncio.ensure_future(clock.advance(1))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="already"):
        await clock.advance(1)
    stuck.set_result(None)
    await first


async def test_time_does_not_run_backwards() -> None:
    with pytest.raises(ValueError, match="negative"):
        VirtualClock().jump(-1)
    with pytest.raises(ValueError, match="negative"):
        await VirtualClock().advance(-1)


class Wall:
    """A wall clock that is set by hand."""

    def __init__(self) -> None:
        self.now_ns = 1_000 * SECOND_NS

    def __call__(self) -> int:
        return self.now_ns


@pytest.mark.parametrize(("step_s", "why"), [(3600, "the machine slept"), (-5, "the clock was set back")])
async def test_a_system_timer_notices_that_the_wall_clock_jumped(step_s: int, why: str) -> None:
    wall = Wall()
    clock = SystemClock(wall_ns=wall, recheck_s=0.01)
    gone_off = asyncio.Event()
    clock.call_at(clock.now_ns() + 1800 * SECOND_NS, gone_off.set)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(gone_off.wait(), 0.05)
    wall.now_ns += step_s * SECOND_NS
    async with asyncio.timeout(30):
        await gone_off.wait()


async def test_a_system_timer_goes_off_not_before_its_time_and_can_be_cancelled() -> None:
    clock, gone_off, seen = SystemClock(), asyncio.Event(), list[int]()
    due_ns = clock.now_ns() + SECOND_NS // 50
    clock.call_at(due_ns, lambda: seen.append(0)).cancel()
    clock.call_at(due_ns, gone_off.set)
    async with asyncio.timeout(30):
        await gone_off.wait()
    assert clock.now_ns() >= due_ns
    assert seen == []


def test_the_monotonic_clock_never_reads_zero() -> None:
    """The Go runtime ends itself on one that does."""
    assert VirtualClock().monotonic_ns() > 0
