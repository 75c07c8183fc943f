"""One long run: two plugins, their callbacks first, their frames then, with the figures of both."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine import Engine, EventBus, VirtualClock
from tests.engine.harness import PluginHarness
from tests.soak.callbacks import CallbackLedger, run_callbacks
from tests.soak.frames import EchoCheck, run_frames
from tests.soak.memory import GROWTH_LIMIT_BYTES, MemoryCurve
from tests.soak.plugin import CHAIN_ID, manifest, soak_wat

PLUGINS: Final = ("soak-one", "soak-two")
_PERIODS_S: Final = range(1, 8)
_RECURRING: Final = 3
_SHOWN_FAULTS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One part of a run."""

    name: str
    done: int
    """Callbacks, frames, faults and so on, over all plugins."""
    duration_s: float
    curve: MemoryCurve
    faults: tuple[str, ...]


async def soak(folder: Path, *, callbacks: int, frames: int, seed: int) -> tuple[Phase, ...]:
    """Run both halves with so many callbacks and frames for each plugin; `folder` is empty and takes everything."""
    chance = random.Random(seed)
    harness = PluginHarness(folder)
    clock = VirtualClock()
    periods_s: dict[tuple[str, str], int] = {}
    check = EchoCheck(seed=f"{seed}", count=frames, clients=len(PLUGINS))
    async with check.serving():
        for plugin in PLUGINS:
            recurring = {f"every-{period_s}": period_s for period_s in chance.sample(_PERIODS_S, _RECURRING)}
            chain_s = chance.choice(_PERIODS_S)
            wat = soak_wat(periods_s=recurring, chain_s=chain_s, url=f"{check.url}/{plugin}")
            harness.write(wat, folder=plugin, manifest=manifest(plugin))
            periods_s |= {(plugin, name): period_s for name, period_s in {**recurring, CHAIN_ID: chain_s}.items()}
        ledger = CallbackLedger(periods_s=periods_s, start_ns=clock.now_ns())
        bus = EventBus()
        bus.subscribe(ledger.record)
        bus.subscribe(check.record)
        async with Engine(harness.settings, clock=clock, bus=bus) as engine:
            for plugin in PLUGINS:
                info = await engine.ready(plugin)
                assert info.error is None, info.error
            started = time.perf_counter()
            done, curve = await run_callbacks(engine, clock, ledger, count=callbacks)
            first = Phase(
                name="callbacks",
                done=done,
                duration_s=time.perf_counter() - started,
                curve=curve,
                faults=with_memory(ledger.faults, curve),
            )
            started = time.perf_counter()
            await run_frames(engine, check, PLUGINS)
            duration_s = time.perf_counter() - started
    # The engine is closed: no callback is to come any more.
    check.settle()
    second = Phase(
        name="frames",
        done=check.returned,
        duration_s=duration_s,
        curve=check.curve,
        faults=with_memory(check.faults, check.curve),
    )
    return first, second


def with_memory(faults: list[str], curve: MemoryCurve) -> tuple[str, ...]:
    """What went wrong, and memory that did not stay flat."""
    shown = faults[:_SHOWN_FAULTS]
    if len(faults) > len(shown):
        shown.append(f"and {len(faults) - len(shown)} more")
    if curve.growth_bytes > GROWTH_LIMIT_BYTES:
        shown.append(f"memory grew from {curve.warm_bytes:,} to {curve.end_bytes:,} bytes")
    return tuple(shown)
