"""Many plugins at once: from process start until all are ready, what they hold, and whether many calls add to that."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from engine.plugins.discovery import MODULE_NAME
from tests.benchmarks.comparison import Figure, Unit
from tests.benchmarks.compiled import compile_all
from tests.benchmarks.fleet import fleet_settings
from tests.benchmarks.go_peer import GoPeer, PeerSource
from tests.benchmarks.ground import Ground
from tests.benchmarks.modules import copies

_ROOT: Final = Path(__file__).parents[2]
_SECOND_NS: Final = 1e9
_FLAT_BYTES: Final = 10 * 2**20
_LIMIT_S: Final = 3600.0


async def measure(ground: Ground) -> list[Figure]:
    """Fill both caches, then open both sides in turn."""
    count = ground.effort.fleet
    plugins, home = ground.scratch / "fleet" / "plugins", ground.scratch / "fleet" / "home"
    home.mkdir(parents=True)
    folders = copies([ground.subject, ground.samples / "misbehaver"], plugins, count=count)
    await compile_all(fleet_settings(plugins, home), [plugins])
    ours, go = _Openings(), _Openings()
    if ground.program is not None:
        await _open_go(ground, ground.program, folders, _Openings())
    for _ in range(ground.effort.openings):
        await _open_ours(plugins, home, ours)
        if ground.program is not None:
            await _open_go(ground, ground.program, folders, go)
    curve = await _many_calls(plugins, home, ground.effort.many_calls)
    names = f"{count} cached plugins" if count > 1 else "1 cached plugin"
    is_whole = count == 20
    return [
        Figure(
            key="fleet_ready",
            what=f"{names} ready, from process start",
            ours=ours.times,
            go=go.times,
            most=1.5 * _SECOND_NS if is_whole else None,
            note="wall time; each plugin with an instance that is started" + ("" if is_whole else "; 20 in a full run"),
        ),
        Figure(
            key="fleet_memory",
            what=f"resident set with {names.replace('cached ', '')} loaded",
            unit=Unit.BYTES,
            ours=ours.resident,
            go=go.resident,
        ),
        Figure(
            key="many_calls_growth",
            what=f"resident set, gained over {ground.effort.many_calls:,} isolated calls",
            unit=Unit.BYTES,
            ours=[curve["end"] - curve["warm"]],
            most=_FLAT_BYTES,
            note=f"{curve['warm'] / 2**20:.1f} MiB when warm, {curve['end'] / 2**20:.1f} MiB at the end"
            + ("" if ground.effort.many_calls >= 100_000 else "; --long makes 100,000 calls"),
        ),
    ]


class _Openings:
    """Samples of one side."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.resident: list[float] = []


async def _open_ours(plugins: Path, home: Path, openings: _Openings) -> None:
    begin = time.perf_counter_ns()
    async with _fleet(plugins, home) as process:
        told = await _told(process)
        openings.times.append(time.perf_counter_ns() - begin)
        openings.resident.append(told["resident"])


async def _open_go(ground: Ground, program: Path, folders: list[Path], openings: _Openings) -> None:
    sources = [PeerSource(plugin=folder.name, module=folder / MODULE_NAME, settings={}) for folder in folders]
    begin = time.perf_counter_ns()
    async with GoPeer(program) as peer:
        await peer.load(sources, cache=ground.go_cache("fleet"))
        openings.times.append(time.perf_counter_ns() - begin)
        resident = (await peer.memory()).resident
        if resident:
            openings.resident.append(resident)


async def _many_calls(plugins: Path, home: Path, calls: int) -> dict[str, int]:
    async with _fleet(plugins, home, "--calls", str(calls)) as process:
        await _told(process)
        return await _told(process)


@asynccontextmanager
async def _fleet(plugins: Path, home: Path, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    command = [sys.executable, "-m", "tests.benchmarks.fleet", str(plugins), str(home), *arguments]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=_ROOT, env=os.environ, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield process
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _told(process: asyncio.subprocess.Process) -> dict[str, int]:
    assert process.stdout is not None
    async with asyncio.timeout(_LIMIT_S):
        line = await process.stdout.readline()
    if not line:
        raise RuntimeError(f"the fleet ended with status {await process.wait()}; stderr says why")
    told: dict[str, int] = json.loads(line)
    return told
