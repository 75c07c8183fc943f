"""Every row of the fault table, many times, several at once, beside a plugin that has to keep answering."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from engine import Engine, Outcome
from engine.settings import CallPathSetting
from engine.wasm.paths import CallPath
from engine.wasm.selftest import choose
from tests.engine.guests import plugin_wat
from tests.engine.harness import PluginHarness, manifest_of
from tests.soak.census import Census
from tests.soak.fault_table import (
    FAULTS,
    HOST_CALL_LIMIT,
    MBID,
    MEMORY_LIMIT_BYTES,
    METHOD,
    OUTPUT_LIMIT_BYTES,
    RESPONSE_LIMIT_BYTES,
    Fault,
)
from tests.soak.memory import MemoryCurve
from tests.soak.run import Phase, with_memory

CONCURRENT: Final = 8
HEALTHY: Final = "healthy"
TABLE_LIMITS: Final[Mapping[str, Any]] = {
    "memory_bytes": MEMORY_LIMIT_BYTES,
    "response_bytes": RESPONSE_LIMIT_BYTES,
    "host_calls": HOST_CALL_LIMIT,
    "output_bytes": OUTPUT_LIMIT_BYTES,
}
_SAMPLES: Final = 20
_SLOWEST_S: Final = 10.0
"""How long the healthy plugin may take for an answer; it does nothing, but the machine is busy."""
_SETTLING_S: Final = 10.0
_MISBEHAVIOUR: Final = {
    "GetArtistMBID": (Outcome.TRAP, "no idea who"),
    "GetArtistURL": (Outcome.TIMEOUT, ""),
    "GetArtistBiography": (Outcome.RESPONSE_LIMIT, "the limit is"),
    "GetSimilarArtists": (Outcome.MEMORY_LIMIT, "ran out of memory"),
    "GetArtistImages": (Outcome.BAD_REPLY, ""),
    "GetArtistTopSongs": (Outcome.OUTPUT_LIMIT, "of output"),
    "GetAlbumInfo": (Outcome.TIMEOUT, ""),
    "GetAlbumImages": (Outcome.EXIT, "exit_code: 3"),
}
"""The methods of the sample plugin `misbehaver`."""


def misbehaver_faults(module: bytes) -> list[Fault]:
    """The rows of the sample plugin `misbehaver`, which one module has all of."""
    return [
        Fault(
            name="misbehaver",
            module=module,
            method=method,
            request=None,
            outcome=outcome,
            text=text,
            timeout_s=0.3 if outcome is Outcome.TIMEOUT else 60,
        )
        for method, (outcome, text) in _MISBEHAVIOUR.items()
    ]


async def run_faults(
    folder: Path,
    faults: Sequence[Fault] = FAULTS,
    *,
    rounds: int,
    seed: int,
    limits: Mapping[str, Any] = TABLE_LIMITS,
    call_path: CallPathSetting = "auto",
    name: str = "faults",
) -> Phase:
    """Each fault `rounds` times, in an order made from `seed`; `folder` is empty and takes everything."""
    harness = PluginHarness(folder, call_path=call_path)
    harness.limit(**limits)
    for plugin in {fault.name: fault for fault in faults}.values():
        manifest = manifest_of(plugin.name, permissions=dict(plugin.permissions))
        harness.write(plugin.module, folder=plugin.name, manifest=manifest)
        # A configuration that is not empty: an answer that is takes no memory of the guest.
        harness.settings = harness.settings.with_plugin_config(plugin.name, {"key": "value"})
    harness.write(plugin_wat({MBID: "(i64.const 0)"}), folder=HEALTHY)
    path = choose(None if call_path == "auto" else call_path).path
    await _warm_up(harness, faults)
    before = Census.take(path)
    started = time.perf_counter()
    runner = _Runner(faults, forget=harness.events.clear)
    await _run(harness, runner, rounds, random.Random(seed))
    duration_s = time.perf_counter() - started
    leaks = await _leaks(path, before)
    # The last sample when no guest is left: one that eats memory would be taken for growth.
    runner.curve.take(1.0)
    return Phase(
        name=name,
        done=runner.done,
        duration_s=duration_s,
        curve=runner.curve,
        faults=with_memory([*leaks, *runner.faults], runner.curve),
    )


async def _run(harness: PluginHarness, runner: _Runner, rounds: int, chance: random.Random) -> None:
    """Open an engine, run, and let go of it: whoever still held it would hold its modules and their files."""
    async with harness.engine() as engine:
        await runner.run(engine, rounds, chance)


async def _warm_up(harness: PluginHarness, faults: Sequence[Fault]) -> None:
    """Compile everything and start what a process starts once."""
    async with harness.engine() as engine:
        for name in {HEALTHY, *(fault.name for fault in faults)}:
            await engine.ready(name)
        assert (await engine.call(HEALTHY, METHOD)).ok


async def _leaks(path: CallPath, before: Census) -> list[str]:
    """What is still there of the engine, after a time to settle."""
    end_s = time.monotonic() + _SETTLING_S
    while leaks := Census.take(path).gained_over(before):
        if time.monotonic() > end_s:
            return leaks
        await asyncio.sleep(0.05)
    return []


class _Runner:
    """What one run does to an engine, and what it finds."""

    def __init__(self, faults: Sequence[Fault], *, forget: Callable[[], None]) -> None:
        """`forget` drops what the harness recorded, which would look like a leak."""
        self.done = 0
        self.faults: list[str] = []
        self.curve = MemoryCurve()
        self._table = faults
        self._forget = forget
        self._room = asyncio.Semaphore(CONCURRENT)

    async def run(self, engine: Engine, rounds: int, chance: random.Random) -> None:
        for fault in self._table:
            await engine.ready(fault.name)
        order = [*self._table] * rounds
        chance.shuffle(order)
        self._sample(0.0)
        healthy = asyncio.ensure_future(self._stay_healthy(engine))
        try:
            async with asyncio.TaskGroup() as group:
                for number, fault in enumerate(order):
                    await self._room.acquire()
                    group.create_task(self._once(engine, fault))
                    if number % max(1, len(order) // _SAMPLES) == 0:
                        self._sample(number / len(order))
        finally:
            healthy.cancel()
        answers = (await asyncio.gather(healthy, return_exceptions=True))[0]
        if not isinstance(answers, asyncio.CancelledError):
            self.faults.append(f"the healthy plugin ended: {answers!r}")

    def _sample(self, done: float) -> None:
        self._forget()
        self.curve.take(done)

    async def _once(self, engine: Engine, fault: Fault) -> None:
        try:
            if fault.outcome is Outcome.LOAD_FAILED:
                await engine.refresh(fault.name)
            result = await engine.call(fault.name, fault.method, fault.request, timeout_s=fault.timeout_s)
        finally:
            self._room.release()
        self.done += 1
        text = f"{result.error or ''} {result.trap or ''}"
        if result.outcome is not fault.outcome or fault.text not in text:
            self.faults.append(f"{fault.name} {fault.method}: {result.outcome}, not {fault.outcome}: {text[:300]}")

    async def _stay_healthy(self, engine: Engine) -> None:
        """Ask again and again; ends by being cancelled."""
        while True:
            began = time.perf_counter()
            result = await engine.call(HEALTHY, METHOD)
            took_s = time.perf_counter() - began
            if not result.ok or took_s > _SLOWEST_S:
                self.faults.append(f"{HEALTHY}: {result.outcome} after {took_s:.1f} s: {result.error}")


def misbehaver_limits() -> Mapping[str, Any]:
    """Room for the 64 MiB answer, and not so much that eight at once are a burden."""
    return {"memory_bytes": 256 * 1024 * 1024, "output_bytes": OUTPUT_LIMIT_BYTES}
