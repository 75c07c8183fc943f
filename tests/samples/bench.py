"""Engines on single sample plugins, with the settings of the demo."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar

from engine import Engine, Event, EventBus, Settings
from engine.calls import CallResult, PluginId
from engine.clock import Clock
from engine.plugins.info import PluginInfo
from workbench.demo.services import DemoServices, demo_settings

EventT = TypeVar("EventT", bound=Event)

GO_SAMPLES: Final = ("lyre-metadata", "lyre-scrobbler", "lyre-ticker", "lyre-toolbox", "misbehaver")
SAMPLES: Final = ("hello-wat", *GO_SAMPLES)


class OpenSample:
    """One loaded sample plugin."""

    def __init__(self, engine: Engine, plugin: str, info: PluginInfo, events: Sequence[Event]) -> None:
        self.engine = engine
        self.plugin = PluginId(plugin)
        self.info = info
        self._events = events

    def of(self, kind: type[EventT]) -> list[EventT]:
        """The events of one type since the engine was made, in order; from any thread."""
        return [event for event in tuple(self._events) if isinstance(event, kind)]

    async def call(
        self, method: str, request: Mapping[str, object] | None = None, *, timeout_s: float = 30
    ) -> CallResult:
        """Call a method of the plugin."""
        return await self.engine.call(self.plugin, method, request, timeout_s=timeout_s)


class SampleBench:
    """Opens sample plugins one at a time."""

    def __init__(self, folder: Path, services: DemoServices, *, cache_folder: Path, data_folder: Path) -> None:
        self.folder = folder
        self.services = services
        base = Settings.load(environ={"HOME": str(data_folder)}, plugins_folder=folder)
        self.settings = demo_settings(base.with_folders(data=data_folder, cache=cache_folder), services)

    def configure(self, plugin: str, **values: str | None) -> None:
        """Change settings of a plugin; None takes one away."""
        merged = {**self.settings.config_for(plugin), **values}
        kept = {name: value for name, value in merged.items() if value is not None}
        self.settings = self.settings.with_plugin_config(plugin, kept)

    def limit_memory(self, memory_bytes: int) -> None:
        """Change the memory limit of instances."""
        self.settings = replace(self.settings, limits=replace(self.settings.limits, memory_bytes=memory_bytes))

    @asynccontextmanager
    async def open(self, plugin: str, *, clock: Clock | None = None) -> AsyncIterator[OpenSample]:
        """An engine on this plugin alone, which is loaded or has failed."""
        events: list[Event] = []
        bus = EventBus()
        bus.subscribe(events.append)
        async with Engine(self.settings, folders=(self.folder / plugin,), clock=clock, bus=bus) as engine:
            yield OpenSample(engine, plugin, await engine.ready(PluginId(plugin)), events)
