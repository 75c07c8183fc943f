"""What the lanes of the development loop share: the engine as they see it, the tools, and how they report."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from weakref import WeakValueDictionary

from engine.clock import Clock
from engine.events import EventBus
from engine.plugins.info import PluginInfo
from engine.tasks import Tasks
from workbench.devloop.builder import Builder
from workbench.devloop.trust import TrustStore


class ReloadTarget(Protocol):
    """What the development loop needs of the engine; `Engine` fits."""

    def plugins(self) -> tuple[PluginInfo, ...]: ...

    async def scan(self) -> object: ...

    async def refresh(self, name: str) -> PluginInfo: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What all lanes share. Belongs to the loop's event loop."""

    target: ReloadTarget
    builder: Builder
    trust: TrustStore
    tasks: Tasks
    bus: EventBus
    clock: Clock
    settle_ns: int
    may_build: Callable[[], bool]
    """False while another workbench builds in these folders."""
    on_reloaded: Callable[[], None]
    """Called after each reload: the plugin may have another name by then, or be gone."""
    _building: MutableMapping[Path, asyncio.Lock] = field(default_factory=WeakValueDictionary)
    """By real folder, as long as somebody holds on to it."""

    def building(self, folder: Path) -> asyncio.Lock:
        """Held while a build runs in the real `folder`; a lane that follows another one there waits for its end."""
        return self._building.setdefault(folder, asyncio.Lock())
