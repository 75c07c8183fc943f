"""What the engine is to a host service that acts by itself: a loop, a clock, and a way to call plugins back."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from google.protobuf.message import Message

from engine.calling import Calls
from engine.calls import CallResult, PluginId
from engine.clock import Clock
from engine.contracts.registry import find_method
from engine.events import EventBus
from engine.roster import Roster
from engine.settings import Settings
from engine.tasks import Tasks


class EngineHost:
    """Implements `engine.host.base.Host` over the roster and the calls."""

    def __init__(
        self, roster: Roster, calls: Calls, *, settings: Settings, clock: Clock, bus: EventBus, tasks: Tasks
    ) -> None:
        self._roster = roster
        self._calls = calls
        self._settings = settings
        self._tasks = tasks
        self.loop = asyncio.get_running_loop()
        self.clock = clock
        self.bus = bus

    def spawn(self, name: str, work: Coroutine[Any, Any, object]) -> asyncio.Task[Any]:
        """Run a coroutine in the background; cancelled when the engine closes."""
        return self._tasks.spawn(name, work)

    async def deliver(self, plugin: PluginId, method: str, request: Message, *, cause: str) -> CallResult:
        """Call a plugin back, waiting until it is loaded; raises `UnknownPlugin` when it is gone."""
        slot = self._roster.find(plugin)
        return await self._calls.call(
            slot.id,
            find_method(method),
            request,
            lambda wanted: self._roster.serving(slot, wanted),
            timeout_s=self._settings.limits.call_timeout_s,
            cause=cause,
        )
