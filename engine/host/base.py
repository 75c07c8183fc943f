"""What a host service is to the engine: a class with one method per rpc of its `.proto` service.

A service is one object for the whole engine; everything about the calling plugin comes in the
`HostScope`. Adding a service is one `.proto`, one subclass and its name in `engine/host/__init__.py`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Mapping
from typing import Any, ClassVar, Protocol

from google.protobuf.message import Message

from engine.calls import CallId, CallResult, PluginId
from engine.clock import Clock
from engine.contracts.naming import snake
from engine.contracts.registry import HOST_SERVICES
from engine.errors import EngineError
from engine.events import EventBus
from engine.plugins.permissions import Permissions


class HostTrap(EngineError):
    """Stops the guest's export with this text; for failures that the response has no field for."""


class HostScope(Protocol):
    """The capability call that a host call happens in, as far as a service may know it."""

    @property
    def plugin(self) -> PluginId: ...

    @property
    def call_id(self) -> CallId | None:
        """None while an instance is being started."""
        ...

    @property
    def initialising(self) -> int | None:
        """The generation whose OnInit this is, run because of a load; None in every other call."""
        ...

    @property
    def permissions(self) -> Permissions:
        """What the manifest of the version that is calling grants."""
        ...

    @property
    def config(self) -> Mapping[str, str]:
        """This plugin's own `PluginConfig` section."""
        ...

    @property
    def stop(self) -> threading.Event:
        """Set when the call is cancelled, timed out or the engine closes: blocking services end at once."""
        ...

    @property
    def stop_reason(self) -> str:
        """Why `stop` was set: `context canceled` or a text with `deadline exceeded`."""
        ...

    def remaining_s(self) -> float | None:
        """Seconds of real time until the call's deadline; None without one."""
        ...

    def note(self, text: str) -> None:
        """Add a line to the trace of this host call: a redirect, a route, a hint."""
        ...

    def refused(self, *, target: str, reason: str, hint: str) -> None:
        """Report that the manifest does not allow `target`; `hint` names the line that would."""
        ...


class Host(Protocol):
    """What a service that acts by itself, outside any call, may use of the engine."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The engine's loop; timers and sockets live there."""
        ...

    @property
    def clock(self) -> Clock: ...

    @property
    def bus(self) -> EventBus: ...

    def spawn(self, name: str, work: Coroutine[Any, Any, object]) -> asyncio.Task[Any]:
        """Run a coroutine in the background; on the loop only. Cancelled when the engine closes."""
        ...

    async def deliver(self, plugin: PluginId, method: str, request: Message, *, cause: str) -> CallResult:
        """Call a capability method of a plugin, waiting for it to be loaded; never raises for what the plugin does.

        `method` is `Service.Method`, `cause` says which timer or socket it was. Raises `UnknownPlugin` for a plugin
        that is gone.
        """
        ...


class HostService:
    """Base of the host services.

    A subclass names its `.proto` service and has one method per rpc, in snake case:
    `def get_string(self, request: GetRequest, scope: HostScope) -> GetStringResponse`.
    Methods run on guest threads, several at once. They answer failures in the response's `error` field
    where it has one, and raise `HostTrap` otherwise. Any other exception stops the guest as well.
    """

    service: ClassVar[str]

    def __init_subclass__(cls) -> None:
        missing = [name for name in HOST_SERVICES[cls.service].methods if not hasattr(cls, snake(name))]
        if missing:
            raise TypeError(f"{cls.__name__} does not implement {', '.join(missing)} of {cls.service}")

    def call(self, method: str, request: Message, scope: HostScope) -> Message:
        """Run the rpc named `method` (as in the `.proto` file)."""
        answer = getattr(self, snake(method))(request, scope)
        assert isinstance(answer, Message)
        return answer

    def start(self, host: Host) -> None:
        """The engine is open; called once, on its loop, before any call."""

    def prepare(self) -> None:
        """A plugin that may use the service has been loaded; called on the loop, with each load.

        What the first call would have to wait for may begin in the background.
        """

    def init_finished(self, plugin: PluginId, generation: int, *, ok: bool) -> None:
        """OnInit of this generation ended, on the loop (spec section 20).

        After a good one, what an earlier OnInit had made and this one did not make again goes; after a failed one,
        what this one made goes.
        """

    def forget(self, plugin: PluginId) -> None:
        """Drop everything kept for a plugin that was removed."""

    def close(self) -> None:
        """Release what the service holds; no call follows."""
