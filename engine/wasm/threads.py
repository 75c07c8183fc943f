"""The threads that guests run on.

An executor of the engine's own: the event loop's default one is small and shared, and the standard
library's joins its threads at interpreter exit, for ever if a guest never returns.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")

_STACK_BYTES: Final = 4 * 1024 * 1024
"""Above the 512 KiB that wasm may use; some systems give new threads less than that, which is a crash."""
_stack_size_lock = threading.Lock()


class GuestThreads:
    """A pool of daemon threads made on demand, as many as those who use it have reserved; safe from any thread."""

    def __init__(self, *, name: str, limit: int) -> None:
        self._name = name
        self._limit = limit
        self._lock = threading.Lock()
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._waiting = 0
        self._is_closed = False

    def reserve(self, count: int) -> None:
        """Allow so many more threads; a pool reserves one for each guest that may run at once."""
        with self._lock:
            self._limit += count

    def give_back(self, count: int) -> None:
        """Take a reservation back; threads that exist stay."""
        with self._lock:
            self._limit -= count

    def submit(self, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Run `work` on one of the threads; `RuntimeError` after `close`."""
        future: Future[_T] = Future()

        def job() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = work(*args, **kwargs)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        with self._lock:
            if self._is_closed:
                raise RuntimeError("the guest threads are closed")
            self._waiting += 1
            if self._waiting > self._idle and len(self._threads) < self._limit:
                self._start_thread()
            self._jobs.put(job)
        return future

    async def run(
        self,
        work: Callable[[], _T],
        *,
        interrupt: Callable[[], object],
        discard: Callable[[_T], object] | None = None,
    ) -> _T:
        """Run `work` on a thread and await it.

        When the awaiting task is cancelled, `interrupt` is called, the thread is waited for, and a result that nobody
        will see goes to `discard`. A guest is never left behind on its thread.
        """
        future = asyncio.wrap_future(self.submit(work))
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            interrupt()
            await asyncio.wait((future,))
            if future.exception() is None and discard is not None:
                discard(future.result())
            raise

    def close(self, timeout_s: float) -> bool:
        """Refuse new work and join the threads; false when some did not end in time (they are daemons)."""
        with self._lock:
            self._is_closed = True
            threads = list(self._threads)
        for _ in threads:
            self._jobs.put(None)
        end = time.monotonic() + timeout_s
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))
        return not any(thread.is_alive() for thread in threads)

    def _start_thread(self) -> None:
        thread = threading.Thread(target=self._run, name=f"{self._name}-{len(self._threads) + 1}", daemon=True)
        with _stack_size_lock:
            previous = threading.stack_size(_STACK_BYTES)
            try:
                thread.start()
            finally:
                threading.stack_size(previous)
        self._threads.append(thread)

    def _run(self) -> None:
        while True:
            with self._lock:
                self._idle += 1
            job = self._jobs.get()
            with self._lock:
                self._idle -= 1
                if job is not None:
                    self._waiting -= 1
            if job is None:
                return
            job()
            del job  # the last job would keep its instance and messages alive while this thread idles
