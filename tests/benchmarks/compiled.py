"""Waiting for optimised code, which comes in the background and would disturb what is measured meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine import Engine, EventBus, Settings
from engine.events import CompileFinished
from engine.wasm.tier import Tier
from tests.benchmarks.facts import Facts


async def compile_all(settings: Settings, folders: Sequence[Path]) -> None:
    """Fill the compile cache of these settings with the optimised code of every plugin."""
    bus = EventBus()
    compiled = Facts(bus, CompileFinished)
    async with Engine(settings, folders=folders, bus=bus) as engine:
        for _ in engine.plugins():
            await next_optimised(compiled)


async def next_optimised(compiled: Facts[CompileFinished]) -> CompileFinished:
    """The next optimised code that is at hand, from the compiler or the cache."""
    return await compiled.next(lambda event: event.tier == Tier.OPTIMISED)
