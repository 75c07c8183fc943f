"""Waiting for what an engine reports."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from engine import Event, EventBus

EventT = TypeVar("EventT", bound=Event)

_LIMIT_S: Final = 120.0


class Facts(Generic[EventT]):
    """The events of one type on a bus, to be awaited in the order in which they come. Belongs to one event loop."""

    def __init__(self, bus: EventBus, kind: type[EventT]) -> None:
        self._kind = kind
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Queue[EventT] = asyncio.Queue()
        self.stop = bus.subscribe(self._take)

    async def next(self, wanted: Callable[[EventT], bool] = lambda _event: True) -> EventT:
        """The next event that is wanted, passing over others; `TimeoutError` when there is none for two minutes."""
        async with asyncio.timeout(_LIMIT_S):
            while True:
                event = await self._waiting.get()
                if wanted(event):
                    return event

    def come(self) -> list[EventT]:
        """Those that have come and were not awaited, oldest first."""
        return [self._waiting.get_nowait() for _ in range(self._waiting.qsize())]

    def _take(self, event: Event) -> None:
        if isinstance(event, self._kind):
            self._loop.call_soon_threadsafe(self._waiting.put_nowait, event)
