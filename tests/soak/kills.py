"""Processes killed while they compile and cache, one after another on the same folders; each next one starts clean.

`python -m tests.soak.kills FOLDER SEED` is such a process: it says `opened` when its engine is, `clean` when every
plugin has answered, and then brings up one new module after another until it is killed.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

from engine import Engine
from tests.engine.guests import plugin_wat
from tests.engine.harness import PluginHarness
from tests.soak.children import Child
from tests.soak.fault_table import MBID, METHOD
from tests.soak.memory import MemoryCurve
from tests.soak.run import Phase, with_memory

PROGRAM: Final = "tests.soak.kills"
_KEPT: Final = ("kept-one", "kept-two")
_CHANGING: Final = "changing"
_FUNCTIONS: Final = range(200, 1500)
_CACHE_BYTES: Final = 2_000_000
"""A handful of entries: old ones are purged all the time."""
_START_S: Final = 60.0
_LONGEST_LIFE_S: Final = 0.6
_ORPHAN_S: Final = 10.0


def run_kills(folder: Path, *, count: int, seed: int, program: str = PROGRAM, orphan_s: float = _ORPHAN_S) -> Phase:
    """Kill so many processes, and hold the one after the last to the same as all others; `folder` is empty."""
    began = time.perf_counter()
    chance = random.Random(seed)
    faults: list[str] = []
    curve = MemoryCurve()
    harness = PluginHarness(folder)
    for name in (*_KEPT, _CHANGING):
        harness.write(_module(chance), folder=name)
    for number in range(count + 1):
        curve.take(number / count)
        child = Child(program, [str(folder), f"{seed}/{number}"])
        # Some die while they start, after whatever the one before has left; most later, and the last has to be clean.
        is_early = number < count and chance.random() < 0.3
        try:
            _expect(child, "opened")
            if not is_early:
                _expect(child, "clean")
            _live_for(child, chance.uniform(0, _LONGEST_LIFE_S))
        except (TimeoutError, ValueError) as error:
            faults.append(f"process {number}: {error}")
        child.kill()
        status = child.end()
        if status != -signal.SIGKILL:
            faults.append(f"process {number} ended by itself with status {status}: {child.last_words[:600]}")
        if not child.leaves_nobody_behind(orphan_s):
            faults.append(f"process {number} left processes behind")
    return Phase(
        name="kills",
        done=count,
        duration_s=time.perf_counter() - began,
        curve=curve,
        faults=with_memory(faults, curve),
    )


def _expect(child: Child, word: str) -> None:
    try:
        line = child.line(_START_S)
    except TimeoutError:
        raise TimeoutError(f"not {word} within {_START_S:g} s") from None
    if line not in (word, None):
        raise ValueError(str(line))


def _live_for(child: Child, seconds: float) -> None:
    """Let it work on; what it says meanwhile is a complaint, unless it is merely clean."""
    end_s = time.monotonic() + seconds
    while (left_s := end_s - time.monotonic()) > 0:
        try:
            line = child.line(left_s)
        except TimeoutError:
            return
        if line is None:
            return
        if line != "clean":
            raise ValueError(line)


def _module(chance: random.Random) -> str:
    """A plugin that nobody has compiled before, and that takes a moment."""
    functions = "".join(
        f"(func (param i32) (result i32) (i32.add (i32.mul (local.get 0) (i32.const {chance.getrandbits(31)})) "
        f"(i32.const {number})))"
        for number in range(chance.choice(_FUNCTIONS))
    )
    return plugin_wat({MBID: "(i64.const 0)"}, fields=functions)


async def _work(folder: Path, seed: str) -> None:
    """What the process does; it does not end by itself."""
    chance = random.Random(seed)
    harness = PluginHarness(folder)
    harness.settings = replace(
        harness.settings, plugins=replace(harness.settings.plugins, cache_size_bytes=_CACHE_BYTES)
    )
    async with harness.engine() as engine:
        print("opened", flush=True)
        for name in (*_KEPT, _CHANGING):
            await _check(engine, name)
        print("clean", flush=True)
        for _ in itertools.count():
            harness.write(_module(chance), folder=_CHANGING)
            await engine.refresh(_CHANGING)
            await _check(engine, _CHANGING)
            harness.events.clear()


async def _check(engine: Engine, name: str) -> None:
    result = await engine.call(name, METHOD)
    if not result.ok:
        print(f"{name}: {result.outcome}: {result.error}", flush=True)


if __name__ == "__main__":
    asyncio.run(_work(Path(sys.argv[1]), sys.argv[2]))
