"""What the engine takes for the sample plugins: compile, cached load, instance, call, host call."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from engine import Engine, Event, EventBus, Settings
from engine.events import CompileFinished, HostCallFinished, InstanceStarted
from tests.benchmarks.compiled import next_optimised
from tests.benchmarks.facts import Facts
from tests.benchmarks.tables import Row

EventT = TypeVar("EventT", bound=Event)

CALLS = 300
COMPILATIONS = 3
LOADS = 15


class Recorder:
    """Keeps the events of some engines."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.bus = EventBus()
        self.bus.subscribe(self.events.append)

    def of(self, kind: type[EventT], plugin: str) -> list[EventT]:
        """The events of a type and plugin, in order."""
        found = [event for event in self.events if isinstance(event, kind)]
        return [event for event in found if getattr(event, "plugin", None) == plugin]

    def figures(self, kind: type[EventT], value: Callable[[EventT], int], plugin: str) -> list[int]:
        """One number of each event of a type and plugin."""
        return [value(event) for event in self.of(kind, plugin)]


async def measure(settings: Settings, folders: tuple[Path, ...], scratch: Path) -> list[tuple[str, list[Row]]]:
    """All tables; compiled code goes to fresh folders below `scratch`."""
    compiling = await _compile_rows(settings, folders, scratch)
    loading = await _load_rows(settings, folders, scratch)
    calling = await _call_rows(settings, folders, scratch)
    return [("Compile (empty cache)", compiling), ("Load from the compile cache", loading), ("Calls", calling)]


async def _compile_rows(settings: Settings, folders: tuple[Path, ...], scratch: Path) -> list[Row]:
    recorder = Recorder()
    plugins: dict[str, int] = {}
    for round_number in range(COMPILATIONS):
        fresh = replace(settings, cache_folder=scratch / f"compile-{round_number}")
        for folder in folders:
            # One plugin at a time: compilations side by side would measure each other.
            compiled = Facts(recorder.bus, CompileFinished)
            async with Engine(fresh, folders=[folder], bus=recorder.bus) as engine:
                for info in engine.plugins():
                    loaded = await engine.ready(info.id)
                    plugins[loaded.id] = loaded.module_bytes
                    await next_optimised(compiled)
            compiled.stop()
    return [row for plugin, size in plugins.items() for row in _tier_rows(recorder, plugin, size)]


def _tier_rows(recorder: Recorder, plugin: str, size: int) -> list[Row]:
    """A row for each tier in which the plugin was compiled: a small module has no quick one."""
    times: dict[str, list[int]] = {}
    for event in recorder.of(CompileFinished, plugin):
        times.setdefault(event.tier, []).append(event.duration_ns)
    return [
        Row(what=f"{plugin} ({size / 1e6:.1f} MB), {tier} tier", samples_ns=samples)
        for tier, samples in sorted(times.items(), reverse=True)
    ]


async def _load_rows(settings: Settings, folders: tuple[Path, ...], scratch: Path) -> list[Row]:
    warm = replace(settings, cache_folder=scratch / "compile-0")
    recorder = Recorder()
    names: set[str] = set()
    for _ in range(LOADS):
        async with Engine(warm, folders=folders, bus=recorder.bus) as engine:
            names |= {info.id for info in engine.plugins()}
            for name in names:
                await engine.ready(name)
    return [
        Row(what=name, samples_ns=recorder.figures(CompileFinished, lambda event: event.duration_ns, name))
        for name in sorted(names)
        if recorder.figures(CompileFinished, lambda event: event.duration_ns, name)
    ]


async def _call_rows(settings: Settings, folders: tuple[Path, ...], scratch: Path) -> list[Row]:
    warm = replace(settings, cache_folder=scratch / "compile-0")
    recorder = Recorder()
    rows: list[Row] = []
    async with Engine(warm, folders=folders, bus=recorder.bus) as engine:
        for plugin in ("hello-wat", "lyre-metadata"):
            guest: list[int] = []
            whole: list[int] = []
            await engine.ready(plugin)
            for _ in range(CALLS):
                begin = time.perf_counter_ns()
                result = await engine.call(plugin, "GetArtistBiography", {"name": "Clara Schumann"})
                whole.append(time.perf_counter_ns() - begin)
                guest.append(result.timings.guest_ns + result.timings.host_ns)
            host = recorder.figures(HostCallFinished, lambda event: event.host_call.duration_ns, plugin)
            starts = recorder.figures(InstanceStarted, lambda event: event.duration_ns, plugin)
            rows += [
                Row(what=f"{plugin}: new instance, started", samples_ns=starts),
                Row(what=f"{plugin}: isolated call, Engine.call to answer", samples_ns=whole),
                Row(what=f"{plugin}: the same, inside guest and host", samples_ns=guest),
                Row(what=f"{plugin}: host calls", samples_ns=host),
            ]
    return rows
