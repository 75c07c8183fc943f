"""The instance pool of one plugin version (spec behaviour section 13): started instances, one call at a time each.

In `PoolMode.FRESH` they are unused spares and serve one call; in `REUSE` they come back and keep their memory.
Belongs to the engine's loop; instances start and close on guest threads.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from engine.calls import Outcome
from engine.limits import PoolMode, PoolSettings
from engine.tasks import Tasks
from engine.wasm.faults import GuestFault
from engine.wasm.instance import Instance
from engine.wasm.pool_statistics import DiscardReason, PoolStatistics, PoolTally
from engine.wasm.scope import CallScope
from engine.wasm.slots import CallSlots
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

    def discarded(self, instance: Instance, reason: DiscardReason) -> None:
        """An instance is gone."""

    def changed(self, figures: PoolFigures) -> None:
        """The figures moved."""


class InstancePool:
    """At most `max_in_use` calls at a time; unused spares are refilled in the background after first use."""

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
        self._is_reusing = settings.mode is PoolMode.REUSE
        # What waits for its next call is not a spare: in `REUSE` every plugin keeps as many as its own limit says.
        self._budget = SpareBudget(sys.maxsize) if self._is_reusing else budget
        self._observer = observer
        self._tasks = tasks
        self._idle: deque[tuple[float, Instance]] = deque()
        """With the loop's time at which each is too old; handed out oldest first, as Navidrome does."""
        self._starting_scopes: set[CallScope] = set()
        self._slots = CallSlots(settings.max_in_use, wait_s=settings.wait_s, on_queued=self._changed)
        self._tally = PoolTally()
        self._started = 0
        self._is_filling = False
        self._is_closed = False
        self._reserved = settings.max_in_use + _THREADS_BESIDE_CALLS
        threads.reserve(self._reserved)
        self._expiry: asyncio.TimerHandle | None = None

    @property
    def figures(self) -> PoolFigures:
        slots = self._slots
        return PoolFigures(idle=len(self._idle), busy=slots.busy, waiting=slots.waiting, started=self._started)

    def statistics(self) -> PoolStatistics:
        """What the pool holds now, and what it did since its version was loaded."""
        slots = self._slots
        return self._tally.statistics(
            mode=self._settings.mode, idle=len(self._idle), busy=slots.busy, waiting=slots.waiting
        )

    async def acquire(self, scope: CallScope, stopped: asyncio.Future[None]) -> Lease:
        """A started instance for one call; `release` it in every case.

        `stopped` is done when the call is to be given up. Raises `GuestFault` (`BUSY` after the wait limit, the
        scope's reason when stopped, or why starting failed) and `PoolClosed`.
        """
        begin = time.perf_counter_ns()
        try:
            await self._slots.take(scope, stopped)
        except BaseException:
            self._tally.refused += 1
            raise
        queue_ns = time.perf_counter_ns() - begin
        try:
            is_warm = bool(self._idle)
            instance = self._take_idle() if is_warm else await self._start(scope)
        except BaseException:
            self._tally.refused += 1
            self._slots.give_back()
            self._return_threads_when_drained()
            raise
        finally:
            self._changed()
        self._tally.note_leased(instance.instance_id, wait_ns=queue_ns, is_warm=is_warm)
        return Lease(
            instance=instance, queue_ns=queue_ns, start_ns=0 if is_warm else instance.start_ns, is_warm=is_warm
        )

    def release(self, lease: Lease, *, is_broken: bool, memory_bytes: int) -> None:
        """The call is over: the slot goes to the next in line, the instance away or back among the idle ones.

        `is_broken` says that the call was stopped; an instance whose guest was is never used again in any mode.
        `memory_bytes` is the linear memory that it has now.
        """
        instance = lease.instance
        self._slots.give_back()
        self._tally.note_returned(instance.instance_id, memory_bytes=memory_bytes)
        if is_broken or instance.is_broken:
            self._discard(instance, DiscardReason.BROKEN)
        elif not self._is_reusing:
            self._discard(instance, DiscardReason.USED)
        elif self._is_closed:
            self._discard(instance, DiscardReason.CLOSED)
        elif len(self._idle) >= self._settings.max_idle:
            self._discard(instance, DiscardReason.SURPLUS)
        else:
            self._keep(instance)
        self._changed()
        self._return_threads_when_drained()
        if not (self._is_closed or self._is_filling or self._is_reusing):
            self._is_filling = True
            self._tasks.spawn("pool refill", self._fill())

    def adopt(self, instance: Instance) -> None:
        """Keep an instance that was started to check a new version, so that its first call is warm."""
        self._tally.note_created(instance.instance_id, start_ns=instance.start_ns, memory_bytes=instance.memory_size())
        if self._is_closed or not self._budget.take():
            self._discard(instance, DiscardReason.CLOSED)
            return
        self._keep(instance)

    def close(self) -> None:
        """Refuse new and waiting calls (`PoolClosed`), drop the spares; used instances go on release."""
        self._is_closed = True
        if self._expiry is not None:
            self._expiry.cancel()
        for scope in self._starting_scopes:
            scope.interrupt(Outcome.CANCELLED, "pool is closing")
        self._slots.close()
        while self._idle:
            self._discard(self._take_idle(), DiscardReason.CLOSED)
        self._changed()
        self._return_threads_when_drained()

    def _return_threads_when_drained(self) -> None:
        if self._is_closed and self._slots.busy == 0:
            self._threads.give_back(self._reserved)
            self._reserved = 0

    # --- instances

    async def _start(self, scope: CallScope) -> Instance:
        instance = await self._threads.run(
            lambda: self._start_on_thread(scope),
            interrupt=lambda: scope.interrupt(Outcome.CANCELLED, "the engine is closing"),
            discard=Instance.close,
        )
        self._started += 1
        self._tally.note_created(instance.instance_id, start_ns=instance.start_ns, memory_bytes=instance.memory_size())
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
            while len(self._idle) < self._settings.max_idle and self._budget.take():
                instance = await self._start_spare()
                if instance is None:
                    return
                if self._is_closed:
                    self._budget.give_back()
                    self._discard(instance, DiscardReason.CLOSED)
                    return
                self._keep(instance)
        finally:
            self._is_filling = False

    async def _start_spare(self) -> Instance | None:
        """Start one under a scope and a time limit of its own; None, with its budget returned, when that fails."""
        scope = self._spare_scope()
        self._starting_scopes.add(scope)
        timer = asyncio.get_running_loop().call_later(
            scope.limits.start_timeout_s, scope.interrupt, Outcome.TIMEOUT, "starting an instance took too long"
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
        self._idle.append((loop.time() + self._settings.idle_s, instance))
        if self._expiry is None:
            self._expiry = loop.call_at(self._idle[0][0], self._expire)
        self._changed()

    def _expire(self) -> None:
        """Drop idle instances that are too old; spares are replaced after the next call, not before."""
        loop = asyncio.get_running_loop()
        self._expiry = None
        while self._idle and self._idle[0][0] <= loop.time():
            self._discard(self._take_idle(), DiscardReason.EXPIRED)
        if self._idle:
            self._expiry = loop.call_at(self._idle[0][0], self._expire)
        self._changed()

    def _take_idle(self) -> Instance:
        _, instance = self._idle.popleft()
        self._budget.give_back()
        return instance

    def _discard(self, instance: Instance, reason: DiscardReason) -> None:
        self._tally.note_discarded(instance.instance_id, reason)
        # Closing unmaps memory and waits for the instance's lock: not on the loop's time.
        try:
            self._threads.submit(instance.close)
        except RuntimeError:
            instance.close()
        self._observer.discarded(instance, reason)

    def _changed(self) -> None:
        self._observer.changed(self.figures)
