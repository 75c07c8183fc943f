"""`python -m tests.benchmarks.fleet`: an engine on a folder of plugins, in a process whose memory is its own.

Says in one line of JSON when all plugins are ready, and how much it holds; with `--calls`, makes so many and says in a
second line what it held when warm and at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from engine import Engine, EventBus, Settings
from engine.calls import Outcome
from engine.events import PluginState
from tests.soak.memory import MemoryCurve, resident_bytes
from workbench.trace.store import TraceStore

AT_ONCE: Final = 4
"""Calls under way at a time."""
KEPT_EVENTS: Final = 500
"""Of the trace, so that it is full long before the warm-up ends."""
_LOOKS: Final = 50
"""Samples of memory over a run."""
_METHOD: Final = "GetArtistMBID"
_ANSWERS: Final = (Outcome.OK, Outcome.NOT_FOUND, Outcome.NOT_IMPLEMENTED)
_REQUEST: Final[Mapping[str, object]] = {"name": ""}
"""Answered by every plugin of the fleet without the help of a service, each in its own way."""


def fleet_settings(plugins: Path, home: Path) -> Settings:
    """Default settings, but that no compiled code is purged: that of 20 plugins is more than Navidrome's limit."""
    settings = Settings.load(environ={"HOME": str(home)}, plugins_folder=plugins)
    return replace(settings, plugins=replace(settings.plugins, cache_size_bytes=None))


async def run(plugins: Path, home: Path, calls: int) -> None:
    """Open, say so, call, say so."""
    bus = EventBus()
    async with Engine(fleet_settings(plugins, home), bus=bus) as engine:
        names = [info.id for info in engine.plugins()]
        infos = [await engine.ready(name) for name in names]
        not_ready = [f"{info.id}: {info.error}" for info in infos if info.state is not PluginState.READY]
        if not_ready:
            raise SystemExit("not ready: " + "; ".join(not_ready))
        print(json.dumps({"ready": len(infos), "resident": resident_bytes()}), flush=True)
        if calls:
            curve = await _many(engine, bus, names[0], calls)
            print(json.dumps({"warm": curve.warm_bytes, "end": curve.end_bytes}), flush=True)


async def _many(engine: Engine, bus: EventBus, plugin: str, calls: int) -> MemoryCurve:
    """Calls one after the other on each of a few lanes, traced, with looks at the memory between."""
    store = TraceStore(max_events=KEPT_EVENTS)
    bus.subscribe(store.accept)
    curve = MemoryCurve()
    rounds = min(_LOOKS, calls)
    for number in range(1, rounds + 1):
        due = iter(range(calls * (number - 1) // rounds, calls * number // rounds))
        await asyncio.gather(*(_lane(engine, plugin, due) for _ in range(AT_ONCE)))
        store.drain()
        curve.take(number / rounds)
    return curve


async def _lane(engine: Engine, plugin: str, due: Iterator[int]) -> None:
    for _ in due:  # shared with the other lanes
        result = await engine.call(plugin, _METHOD, _REQUEST)
        if result.outcome not in _ANSWERS:
            raise SystemExit(f"{plugin} answered with {result.outcome}: {result.error}")


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.fleet", description="One engine, many plugins.")
    parser.add_argument("plugins", type=Path, help="folder of plugins")
    parser.add_argument("home", type=Path, help="folder for the cache and the rest")
    parser.add_argument("--calls", type=int, default=0, help="calls of the first plugin, each in a new instance")
    chosen = parser.parse_args()
    asyncio.run(run(chosen.plugins, chosen.home, chosen.calls))


if __name__ == "__main__":
    main()
