"""The end of one request of a plugin: a point of time, and the call's stop event.

Owns every wait of the network code. Nothing else in this package blocks, so the total time limit holds
however slowly a server drips, and a cancelled call leaves a blocked connect, read or write at once.
"""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable

_SLICE_S = 0.02
"""Longest time a cancel goes unnoticed. A `threading.Event` cannot be polled together with a socket, and a
thread per request that turns one into the other costs more than fifty short polls a second."""


class RequestEnded(Exception):
    """The time limit passed or the call was stopped; `str()` is the text for the guest.

    Not an `OSError` on purpose: code that maps or retries network failures must let it through.
    """


class Deadline:
    """Waits on behalf of one request; made when it starts, used by one thread.

    `activity` says what the request is doing, for the text of a time limit: whoever starts something new sets it.
    """

    def __init__(self, *, timeout_s: float, stop: threading.Event, stop_reason: Callable[[], str]) -> None:
        """Start the clock: the request ends `timeout_s` seconds of real time from now."""
        self.activity = "starting"
        self._timeout_s = timeout_s
        self._end_s = time.monotonic() + timeout_s
        self._stop = stop
        self._stop_reason = stop_reason

    def remaining_s(self) -> float:
        """Seconds left, more than zero; raises `RequestEnded` when there are none or the call was stopped."""
        if self._stop.is_set():
            raise RequestEnded(self._stop_reason())
        remaining_s = self._end_s - time.monotonic()
        if remaining_s <= 0:
            limit = f"{round(self._timeout_s * 1000)} ms"
            raise RequestEnded(f"context deadline exceeded: the time limit of {limit} passed while {self.activity}")
        return remaining_s

    def check(self) -> None:
        """Raise `RequestEnded` when the time is up or the call was stopped."""
        self.remaining_s()

    def poll(self, poller: select.poll, *, limit_s: float | None = None) -> list[int]:
        """Wait until sockets of `poller` are ready and return them; an empty list when `limit_s` passed first."""
        give_up_s = None if limit_s is None else time.monotonic() + limit_s
        while True:
            slice_s = min(_SLICE_S, self.remaining_s())
            if give_up_s is not None:
                slice_s = min(slice_s, max(0.0, give_up_s - time.monotonic()))
            ready = poller.poll(slice_s * 1000)
            if ready or (give_up_s is not None and time.monotonic() >= give_up_s):
                return [descriptor for descriptor, _ in ready]

    def wait_for(self, done: threading.Event) -> None:
        """Wait until another thread sets `done`."""
        while not done.wait(min(_SLICE_S, self.remaining_s())):
            pass

    def acquire(self, slots: threading.Semaphore) -> None:
        """Take a slot of `slots`, waiting for one if need be."""
        while not slots.acquire(timeout=min(_SLICE_S, self.remaining_s())):
            pass
