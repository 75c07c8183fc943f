"""The instance pool of one plugin version (spec behaviour section 13): started, unused instances, one call each.

Belongs to the engine's loop; instances start and close on guest threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from engine.calls import Outcome
from engine.errors import PoolClosed
from engine.settings import PoolSettings
from engine.tasks import Tasks
from engine.wasm.faults import GuestFault
from engine.wasm.instance import Instance
from engine.wasm.scope import CallScope
from engine.wasm.threads import GuestThreads

_THREADS_BESIDE_CALLS: Final = 2
"""One starts a spare while another closes a used instance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """An instance handed to one call, and what getting it took."""

    instance: Instance
    queue_ns: int
    start_ns: int
    is_warm: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolFigures:
    """A pool at one moment."""

    idle: int
    busy: int
    waiting: int
    started: int


class SpareBudget:
    """How many idle instances all pools together may still keep."""

    def __init__(self, limit: int) -> None:
        self._free = limit

    def take(self) -> bool:
        """Reserve room for one; false when there is none."""
        if self._free <= 0:
            return False
        self._free -= 1
        return True

    def give_back(self) -> None:
        """One idle instance went."""
        self._free += 1


class PoolObserver:
    """Told what happens in a pool; the engine turns it into events."""

    def started(self, instance: Instance) -> None:
        """An instance is ready."""

    def discarded(self, instance: Instance, reason: str) -> None:
        """An instance is gone: `used`, `expired`, `broken` or `closed`."""

    def changed(self, figures: PoolFigures) -> None:
        """The figures moved."""


class InstancePool:
    """At most `max_in_use` calls at a time; spares are refilled in the background after first use."""

    def __init__(
        self,
        *,
        make: Callable[[], Instance],
        spare_scope: Callable[[], CallScope],
        threads: GuestThreads,
        settings: PoolSettings,
        budget: SpareBudget,
        observer: PoolObserver,
        tasks: Tasks,
    ) -> None:
        """`make` builds an instance that is not started; `spare_scope` gives the scope a spare starts under."""
        self._make = make
        self._spare_scope = spare_scope
        self._threads = threads
        self._settings = settings
        self._budget = budget
        self._observer = observer
        self._tasks = tasks
        self._spares: deque[tuple[float, Instance]] = deque()
        self._starting_scopes: set[CallScope] = set()
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._busy = 0
        self._started = 0
        self._is_filling = False
        self._is_closed = False
        self._reserved = settings.max_in_use + _THREADS_BESIDE_CALLS
        threads.reserve(self._reserved)
        self._expiry: asyncio.TimerHandle | None = None

    @property
    def figures(self) -> PoolFigures:
        return PoolFigures(idle=len(self._spares), busy=self._busy, waiting=len(self._waiters), started=self._started)

    async def acquire(self, scope: CallScope, stopped: asyncio.Future[None]) -> Lease:
        """A started instance for one call; `release` it in every case.

        `stopped` is done when the call is to be given up. Raises `GuestFault` (`BUSY` after the wait limit, the
        scope's reason when stopped, or why starting failed) and `PoolClosed`.
        """
        begin = time.perf_counter_ns()
        await self._take_slot(scope, stopped)
        queue_ns = time.perf_counter_ns() - begin
        try:
            if self._spares:
                _, instance = self._spares.popleft()
                self._budget.give_back()
                return Lease(instance=instance, queue_ns=queue_ns, start_ns=0, is_warm=True)
            instance = await self._start(scope)
        except BaseException:
            self._free_slot()
            self._return_threads_when_drained()
            raise
        finally:
            self._changed()
        return Lease(instance=instance, queue_ns=queue_ns, start_ns=instance.start_ns, is_warm=False)

    def release(self, lease: Lease, *, is_broken: bool) -> None:
        """The call is over: the instance is thrown away, the slot goes to the next in line."""
        self._free_slot()
        self._discard(lease.instance, "broken" if is_broken else "used")
        self._changed()
        self._return_threads_when_drained()
        if not self._is_closed and not self._is_filling:
            self._is_filling = True
            self._tasks.spawn("pool refill", self._fill())

    def adopt(self, instance: Instance) -> None:
        """Keep an instance that was started to check a new version, so that its first call is warm."""
        if self._is_closed or not self._budget.take():
            self._discard(instance, "closed")
            return
        self._keep(instance)

    def close(self) -> None:
        """Refuse new and waiting calls (`PoolClosed`), drop the spares; used instances go on release."""
        self._is_closed = True
        if self._expiry is not None:
            self._expiry.cancel()
        for scope in self._starting_scopes:
            scope.interrupt(Outcome.CANCELLED, "pool is closing")
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(PoolClosed("pool is closing"))
        while self._spares:
            _, instance = self._spares.popleft()
            self._budget.give_back()
            self._discard(instance, "closed")
        self._changed()
        self._return_threads_when_drained()

    def _return_threads_when_drained(self) -> None:
        if self._is_closed and self._busy == 0:
            self._threads.give_back(self._reserved)
            self._reserved = 0

    # --- slots

    async def _take_slot(self, scope: CallScope, stopped: asyncio.Future[None]) -> None:
        if self._is_closed:
            raise PoolClosed("pool is closing")
        if self._busy < self._settings.max_in_use and not self._waiters:
            self._busy += 1
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self._changed()
        try:
            await asyncio.wait((waiter, stopped), timeout=self._settings.wait_s, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._free_slot()
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
            f"timeout waiting for available instance after {self._settings.wait_s:g}s",
            hint=f"{self._settings.max_in_use} calls of this plugin are under way.",
        )

    def _free_slot(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)  # the slot changes hands, the count stays
                return
        self._busy -= 1

    # --- instances

    async def _start(self, scope: CallScope) -> Instance:
        instance = await self._threads.run(
            lambda: self._start_on_thread(scope),
            interrupt=lambda: scope.interrupt(Outcome.CANCELLED, "the engine is closing"),
            discard=Instance.close,
        )
        self._started += 1
        self._observer.started(instance)
        return instance

    def _start_on_thread(self, scope: CallScope) -> Instance:
        instance = self._make()
        try:
            instance.start(scope)
        except BaseException:
            instance.close()
            raise
        return instance

    async def _fill(self) -> None:
        """Start spares until there are enough; a failure ends it until the next call shows the same error."""
        try:
            while len(self._spares) < self._settings.max_idle and self._budget.take():
                instance = await self._start_spare()
                if instance is None:
                    return
                if self._is_closed:
                    self._budget.give_back()
                    self._discard(instance, "closed")
                    return
                self._keep(instance)
        finally:
            self._is_filling = False

    async def _start_spare(self) -> Instance | None:
        """Start one under a scope and a time limit of its own; None, with its budget returned, when that fails."""
        scope = self._spare_scope()
        self._starting_scopes.add(scope)
        timer = asyncio.get_running_loop().call_later(
            scope.limits.call_timeout_s, scope.interrupt, Outcome.TIMEOUT, "starting an instance took too long"
        )
        instance: Instance | None = None
        try:
            instance = await self._start(scope)
        except GuestFault:
            return None
        finally:
            timer.cancel()
            self._starting_scopes.discard(scope)
            if instance is None:
                self._budget.give_back()
        return instance

    def _keep(self, instance: Instance) -> None:
        loop = asyncio.get_running_loop()
        self._spares.append((loop.time() + self._settings.idle_s, instance))
        if self._expiry is None:
            self._expiry = loop.call_at(self._spares[0][0], self._expire)
        self._changed()

    def _expire(self) -> None:
        """Drop spares that are too old; they are replaced after the next call, not before."""
        loop = asyncio.get_running_loop()
        self._expiry = None
        while self._spares and self._spares[0][0] <= loop.time():
            _, instance = self._spares.popleft()
            self._budget.give_back()
            self._discard(instance, "expired")
        if self._spares:
            self._expiry = loop.call_at(self._spares[0][0], self._expire)
        self._changed()

    def _discard(self, instance: Instance, reason: str) -> None:
        # Closing unmaps memory and waits for the instance's lock: not on the loop's time.
        try:
            self._threads.submit(instance.close)
        except RuntimeError:
            instance.close()
        self._observer.discarded(instance, reason)

    def _changed(self) -> None:
        self._observer.changed(self.figures)
