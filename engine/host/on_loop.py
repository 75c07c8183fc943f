"""A guest's thread has something done on the engine's loop and waits for it, as long as its call may go on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from engine.host.base import Host
from engine.host.deadline import Deadline

_T = TypeVar("_T")


class LoopErrand(Generic[_T]):
    """One piece of work for the loop; made and waited for on a guest's thread, done on the loop."""

    def __init__(self, host: Host, name: str, work: Callable[[], Coroutine[Any, Any, _T]]) -> None:
        self._host = host
        self._name = name
        self._work = work
        self._done = threading.Event()
        self._task: asyncio.Task[Any] | None = None
        self._result: _T
        self._error: BaseException | None = None
        self._is_given_up = False

    def run(self, deadline: Deadline, *, undo: Callable[[_T], None] | None = None) -> _T:
        """Do it and answer its result, or raise what it raised; `RequestEnded` when the deadline comes first.

        The work is cancelled then; if it was finished in the same moment, `undo` is called with its result, on the
        loop.
        """
        self._host.loop.call_soon_threadsafe(self._start)
        try:
            deadline.wait_for(self._done)
        except BaseException:
            self._host.loop.call_soon_threadsafe(self._give_up, undo)
            raise
        if self._error is not None:
            raise self._error
        return self._result

    def _start(self) -> None:
        self._task = self._host.spawn(self._name, self._run())

    async def _run(self) -> None:
        try:
            self._result = await self._work()
        except asyncio.CancelledError as exc:
            self._error = ConnectionAbortedError("the engine is closing")
            raise exc
        except Exception as exc:
            # Raised again on the thread that waits: here it would only be logged as a failed task.
            self._error = exc
        finally:
            self._done.set()

    def _give_up(self, undo: Callable[[_T], None] | None) -> None:
        if not self._done.is_set():
            assert self._task is not None, "started by an earlier callback of the loop"
            self._task.cancel()
        elif self._error is None and undo is not None:
            undo(self._result)
