"""A `Host` for tests of host services that act by themselves: a real loop, and a plugin that records its callbacks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message

from engine.calls import CallId, CallResult, Outcome, PluginId
from engine.clock import Clock, SystemClock
from engine.errors import UnknownPlugin
from engine.events import Event, EventBus
from engine.tasks import Tasks


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """One call of a capability method."""

    plugin: PluginId
    method: str
    request: Message
    cause: str


class _OpenTasks(Tasks):
    """Tasks that can be looked at."""

    def running(self) -> list[asyncio.Task[Any]]:
        return list(self._tasks)


@dataclass
class FakeHost:
    """Records callbacks in `callbacks` and events in `events`; belongs to the loop it was made on."""

    clock: Clock = field(default_factory=SystemClock)
    bus: EventBus = field(default_factory=EventBus)
    callbacks: list[Callback] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    removed: set[PluginId] = field(default_factory=set)
    """Plugins that are not there any more."""
    behave: Callable[[Callback], Awaitable[None]] | None = None
    """What the plugin does in a callback, after it was recorded."""

    def __post_init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.tasks = _OpenTasks()
        self._changed = asyncio.Condition()
        self.bus.subscribe(self.events.append)

    def spawn(self, name: str, work: Coroutine[Any, Any, object]) -> asyncio.Task[Any]:
        return self.tasks.spawn(name, work)

    async def deliver(self, plugin: PluginId, method: str, request: Message, *, cause: str) -> CallResult:
        if plugin in self.removed:
            raise UnknownPlugin(f"plugin not found: {plugin}")
        callback = Callback(plugin=plugin, method=method.partition(".")[2], request=request, cause=cause)
        self.callbacks.append(callback)
        async with self._changed:
            self._changed.notify_all()
        if self.behave is not None:
            await self.behave(callback)
        return CallResult(
            call_id=CallId(1),
            plugin=plugin,
            version="1.0.0",
            generation=1,
            method=method,
            request=request,
            outcome=Outcome.OK,
        )

    async def settled(self, prefix: str) -> None:
        """Wait until every task whose name begins so has ended."""
        running = [task for task in self.tasks.running() if task.get_name().startswith(prefix)]
        if running:
            await asyncio.wait_for(asyncio.wait(running), 10)

    async def called(self, count: int) -> list[Callback]:
        """The callbacks so far, once there are at least `count`."""
        async with asyncio.timeout(30), self._changed:
            await self._changed.wait_for(lambda: len(self.callbacks) >= count)
        return self.callbacks
