"""The right to run: at most so many calls of a plugin version at a time, the others in line."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable

from engine.calls import Outcome
from engine.errors import PoolClosed
from engine.wasm.faults import GuestFault
from engine.wasm.scope import CallScope


class CallSlots:
    """`limit` slots, handed on in the order in which they were asked for; belongs to the engine's loop."""

    def __init__(self, limit: int, *, wait_s: float, on_queued: Callable[[], object]) -> None:
        """A call waits at most `wait_s` seconds for its slot; `on_queued` is told when one has got in line."""
        self._limit = limit
        self._wait_s = wait_s
        self._on_queued = on_queued
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._busy = 0
        self._is_closed = False

    @property
    def busy(self) -> int:
        """Slots taken."""
        return self._busy

    @property
    def waiting(self) -> int:
        """Calls in line."""
        return len(self._waiters)

    @property
    def is_free(self) -> bool:
        """Whether the next one who asks need not wait."""
        return self._busy < self._limit and not self._waiters

    async def take(self, scope: CallScope, stopped: asyncio.Future[None]) -> None:
        """Take a slot, to be given back in every case; `stopped` is done when the call is to be given up.

        Raises `GuestFault` (`BUSY` after the wait limit, the scope's reason when stopped) and `PoolClosed`.
        """
        if self._is_closed:
            raise PoolClosed("pool is closing")
        if self.is_free:
            self._busy += 1
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self._on_queued()
        try:
            await asyncio.wait((waiter, stopped), timeout=self._wait_s, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self.give_back()
            raise
        finally:
            with contextlib.suppress(ValueError):
                self._waiters.remove(waiter)
        if waiter.done():
            waiter.result()
            return
        waiter.cancel()
        if stopped.done():
            raise GuestFault(scope.stop_outcome or Outcome.CANCELLED, scope.stop_text)
        raise GuestFault(
            Outcome.BUSY,
            f"timeout waiting for available instance after {self._wait_s:g}s",
            hint=f"{self._limit} calls of this plugin are under way.",
        )

    def give_back(self) -> None:
        """One call is over: its slot goes to the next in line."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)  # the slot changes hands, the count stays
                return
        self._busy -= 1

    def close(self) -> None:
        """Whoever waits or comes later gets `PoolClosed`; slots that are taken come back as ever."""
        self._is_closed = True
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(PoolClosed("pool is closing"))
