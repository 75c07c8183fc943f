"""Mutants of real modules through load and call, in a process that must outlive all of them.

`python -m tests.soak.fuzz FOLDER SEED FIRST COUNT [MODULE...]` is that process: it says the number of each mutant
before it touches it, and `done` at the end.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import wasmtime

from engine import Outcome, PluginState
from tests.engine.guests import FD_WRITE, host_import, plugin_wat, write_stderr
from tests.engine.harness import PluginHarness, manifest_of
from tests.soak.children import Child
from tests.soak.memory import MemoryCurve
from tests.soak.mutants import mutant
from tests.soak.run import Phase, with_memory

PROGRAM: Final = "tests.soak.fuzz"
_METHODS: Final = ("GetArtistMBID", "GetAlbumInfo")
_LARGE_SHARE: Final = 0.05
"""Of the mutants, how many are made of a large module: those take a second each, the others milliseconds."""
_CALL_S: Final = 0.5
_SILENCE_S: Final = 120.0
_SAMPLES: Final = 20
_MEMORY_LINE: Final = "memory"


def small_module() -> bytes:
    """A plugin that does a bit of everything."""
    say, data = write_stderr(b"here\n")
    body = f"{say} (drop (call $has (i32.const 0) (i32.const 0))) (i64.const 0)"
    imports = FD_WRITE + host_import("has")
    table = "(table 2 funcref) (func $f) (elem (i32.const 0) $f $f) (global $g (mut i64) (i64.const 1))"
    url = "(call_indirect (i32.const 1)) (global.set $g (i64.const 3)) (global.get $g)"
    bodies = {"metadata_agent_get_artist_mbid": body, "metadata_agent_get_album_info": url}
    return bytes(wasmtime.wat2wasm(plugin_wat(bodies, imports=imports, fields=data + table)))


def run_fuzz(folder: Path, *, count: int, seed: int, modules: Sequence[Path] = (), program: str = PROGRAM) -> Phase:
    """So many mutants, of a small module and now and then of the large `modules`; `folder` is empty.

    A mutant that ends the process is a fault, and the next process goes on after it.
    """
    began = time.perf_counter()
    faults: list[str] = []
    curve = MemoryCurve()
    curve.take(0)
    first = 0
    while first < count:
        child = Child(program, [str(folder / f"from-{first}"), str(seed), str(first), str(count), *map(str, modules)])
        first = _watch(child, first, count, curve, faults)
    return Phase(
        name="mutants",
        done=count,
        duration_s=time.perf_counter() - began,
        curve=curve,
        faults=with_memory(faults, curve),
    )


def _watch(child: Child, first: int, count: int, curve: MemoryCurve, faults: list[str]) -> int:
    """Follow one process; the number of the mutant to go on with."""
    current, is_done = first, False
    try:
        while (line := child.line(_SILENCE_S)) is not None:
            word, _, rest = line.partition(" ")
            if word == "fault":
                faults.append(rest)
            elif word == _MEMORY_LINE:
                curve.samples.append((current / count, int(rest)))
            elif word == "done":
                is_done = True
            else:
                current = int(word)
    except TimeoutError:
        faults.append(f"mutant {current}: no sign of life for {_SILENCE_S:g} s")
        child.kill()
    status = child.end()
    if is_done and status == 0:
        return count
    faults.append(f"mutant {current}: the process ended with status {status}: {child.last_words[:600]}")
    return current + 1


async def _live_through(folder: Path, seed: int, first: int, count: int, modules: Sequence[Path]) -> None:
    """What the process does."""
    small, large = small_module(), [path.read_bytes() for path in modules]
    harness = PluginHarness(folder)
    harness.limit(call_timeout_s=_CALL_S, start_timeout_s=_CALL_S)
    manifest = manifest_of("probe", permissions={"cache": {"reason": "to look"}})
    harness.write(small, manifest=manifest)
    harness.write(plugin_wat(), folder="healthy")
    curve = MemoryCurve()
    async with harness.engine() as engine:
        assert (await engine.ready("probe")).error is None
        for number in range(first, count):
            print(number, flush=True)
            chance = random.Random(f"{seed}/{number}")
            source = chance.choice(large) if large and chance.random() < _LARGE_SHARE else small
            harness.write(mutant(source, chance), manifest=manifest)
            info = await engine.refresh("probe")
            if info.state not in (PluginState.READY, PluginState.STALE):
                print(f"fault mutant {number}: the plugin is {info.state}: {info.error}", flush=True)
            for method in _METHODS:
                if (await engine.call("probe", method)).outcome is Outcome.LOAD_FAILED:
                    print(f"fault mutant {number}: nothing serves any more", flush=True)
            if (await engine.call("healthy", _METHODS[0], timeout_s=30)).outcome is not Outcome.NOT_IMPLEMENTED:
                print(f"fault mutant {number}: the healthy plugin does not answer", flush=True)
            harness.events.clear()
            if number % max(1, count // _SAMPLES) == 0 or number == count - 1:
                curve.take(0)
                print(_MEMORY_LINE, curve.end_bytes, flush=True)
    print("done", flush=True)


if __name__ == "__main__":
    _folder, _seed, _first, _count, *_modules = sys.argv[1:]
    asyncio.run(_live_through(Path(_folder), int(_seed), int(_first), int(_count), [Path(name) for name in _modules]))
