"""Time as a parameter: the system clock, and a virtual one that moves only when told.

Durations in events and results are always measured with the real performance counter; a `Clock`
decides what *plugins* see and when timers of host services are due.
"""

from __future__ import annotations

import asyncio
import threading
import time
from bisect import insort
from collections.abc import Callable
from typing import Final, Protocol

_SECOND_NS: Final = 1_000_000_000
_ROUND_NS: Final = 1_000_000
"""What a round of callbacks takes in virtual time, so that one which always asks for another cannot hold time still."""

TimerAction = Callable[[], "asyncio.Future[None] | None"]
"""What a timer does, on its loop; the future it may answer is done when everything that it started has ended."""


class Timer(Protocol):
    """Something that will happen once."""

    def cancel(self) -> None:
        """Let it not happen; on the timer's loop only, and harmless when it has happened."""
        ...


class Clock(Protocol):
    """What the engine, its host services and the guests' WASI calls take their time from."""

    def now_ns(self) -> int:
        """Wall time, nanoseconds since the Unix epoch."""
        ...

    def monotonic_ns(self) -> int:
        """Time that never runs backwards, nanoseconds from an arbitrary start."""
        ...

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Let `seconds` of this clock pass unless `stop` is set first; true when it was set."""
        ...

    def call_at(self, due_ns: int, action: TimerAction) -> Timer:
        """Call `action` once the wall time is `due_ns`; at once when it is past. On a running event loop only.

        It is called early when the wall clock is found set back: look at the clock, and ask again if need be.
        """
        ...


class SystemClock:
    """The machine's clock."""

    def __init__(self, *, wall_ns: Callable[[], int] = time.time_ns, recheck_s: float = 5.0) -> None:
        """`wall_ns` tells the wall time; timers look at it every `recheck_s` seconds.

        The event loop's time stands still while the machine sleeps, and knows nothing of a clock that was set.
        """
        self._wall_ns = wall_ns
        self._recheck_s = recheck_s

    @property
    def is_machines(self) -> bool:
        """Whether its wall time is what every other program on this machine sees."""
        return self._wall_ns is time.time_ns

    def now_ns(self) -> int:
        return self._wall_ns()

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        return stop.wait(min(max(0.0, seconds), threading.TIMEOUT_MAX))

    def call_at(self, due_ns: int, action: TimerAction) -> Timer:
        return _SystemTimer(due_ns, action, self._wall_ns, self._recheck_s)


class _SystemTimer:
    """Sleeps on the event loop in slices and looks at the wall clock after each."""

    def __init__(self, due_ns: int, action: TimerAction, wall_ns: Callable[[], int], recheck_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._due_ns = due_ns
        self._action = action
        self._wall_ns = wall_ns
        self._recheck_s = recheck_s
        self._seen_ns = wall_ns()
        self._handle: asyncio.Handle = self._sleep()

    def cancel(self) -> None:
        self._handle.cancel()

    def _sleep(self) -> asyncio.Handle:
        left_s = (self._due_ns - self._seen_ns) / _SECOND_NS
        if left_s <= 0:
            return self._loop.call_soon(self._check)
        return self._loop.call_later(min(left_s, self._recheck_s), self._check)

    def _check(self) -> None:
        before_ns, self._seen_ns = self._seen_ns, self._wall_ns()
        if self._due_ns <= self._seen_ns or self._seen_ns < before_ns:
            self._action()
        else:
            self._handle = self._sleep()


class VirtualClock:
    """A clock that stands still until it is moved, or somebody waits on it. Its timers belong to one event loop.

    Safe from any thread, but for `advance` and `call_at`. A wait moves the clock at once, so a guest that sleeps an
    hour goes on immediately.
    """

    def __init__(self, start_ns: int = 1_767_225_600_000_000_000) -> None:
        """`start_ns` is the first wall time; the default is 2026-01-01T00:00:00Z."""
        self._lock = threading.Lock()
        self._wall_ns = start_ns
        # Not zero: the Go runtime takes a monotonic clock that reads zero for a broken one, and ends itself.
        self._monotonic_ns = 1_000_000_000
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timers: list[_VirtualTimer] = []
        """In the order they are due."""
        self._under_way: set[asyncio.Future[None]] = set()
        self._is_advancing = False

    def now_ns(self) -> int:
        with self._lock:
            return self._wall_ns

    def monotonic_ns(self) -> int:
        with self._lock:
            return self._monotonic_ns

    async def advance(self, seconds: float) -> None:
        """Let time pass: from one timer to the next, and at each until everything that it started has ended.

        On the loop of the timers; one at a time. `ValueError` for a negative step.
        """
        end_ns = self.now_ns() + _step_ns(seconds)
        if self._is_advancing:
            raise RuntimeError("the clock is being advanced already")
        self._is_advancing = True
        try:
            await self._quiet()
            while (due_ns := self._next_due_ns()) is not None and due_ns <= end_ns:
                self._move(due_ns)
                self._fire()
                await self._quiet()
            self._move(end_ns)
        finally:
            self._is_advancing = False

    def jump(self, seconds: float) -> None:
        """Move at once, as if the machine had slept: each timer that came due happens now, once.

        `ValueError` for a negative step.
        """
        step_ns = _step_ns(seconds)
        with self._lock:
            self._wall_ns += step_ns
            self._monotonic_ns += step_ns
            is_due = bool(self._timers) and self._timers[0].due_ns <= self._wall_ns
            loop = self._loop
        if is_due and loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._fire)

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        if stop.is_set():
            return True
        self.jump(max(0.0, seconds))
        return False

    def call_at(self, due_ns: int, action: TimerAction) -> Timer:
        loop = asyncio.get_running_loop()
        with self._lock:
            self._loop = loop
            is_due = due_ns <= self._wall_ns
            if is_due and self._is_advancing:
                due_ns = self._wall_ns + _ROUND_NS
            timer = _VirtualTimer(self, due_ns, action)
            insort(self._timers, timer, key=lambda other: other.due_ns)
        if is_due and not self._is_advancing:
            loop.call_soon(self._fire)
        return timer

    def forget(self, timer: _VirtualTimer) -> None:
        """Let a timer not happen; `Timer.cancel` calls it."""
        with self._lock:
            if timer in self._timers:
                self._timers.remove(timer)

    async def _quiet(self) -> None:
        """Wait until all that timers started has ended."""
        for _ in range(2):
            # One turn of the loop for what was handed to it so far, and one for what that asked for as it ended.
            await asyncio.sleep(0)
            while pending := [work for work in self._under_way if not work.done()]:
                await asyncio.wait(pending)

    def _next_due_ns(self) -> int | None:
        with self._lock:
            return self._timers[0].due_ns if self._timers else None

    def _move(self, to_ns: int) -> None:
        """Move forward to an instant; a guest that slept may have moved the clock beyond it."""
        with self._lock:
            step_ns = max(0, to_ns - self._wall_ns)
            self._wall_ns += step_ns
            self._monotonic_ns += step_ns

    def _fire(self) -> None:
        """Let everything happen that is due by now; what it asks for in turn is another round."""
        with self._lock:
            now_ns = self._wall_ns
            due = [timer for timer in self._timers if timer.due_ns <= now_ns]
            del self._timers[: len(due)]
        for timer in due:
            work = timer.happen()
            if work is not None:
                self._under_way.add(work)
                work.add_done_callback(self._under_way.discard)


class _VirtualTimer:
    """A timer of a virtual clock."""

    def __init__(self, clock: VirtualClock, due_ns: int, action: TimerAction) -> None:
        self.due_ns = due_ns
        self._clock = clock
        self._action: TimerAction | None = action

    def happen(self) -> asyncio.Future[None] | None:
        """Do what the timer is for, unless it was cancelled meanwhile."""
        action, self._action = self._action, None
        return None if action is None else action()

    def cancel(self) -> None:
        self._action = None
        self._clock.forget(self)


def _step_ns(seconds: float) -> int:
    if seconds < 0:
        raise ValueError("a clock cannot be moved by a negative time")
    return round(seconds * _SECOND_NS)
