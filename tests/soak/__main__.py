"""`python -m tests.soak`: the full runs, with their figures; status 1 when something was lost, hurt or kept."""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.soak.faults import misbehaver_faults, misbehaver_limits, run_faults
from tests.soak.fuzz import run_fuzz
from tests.soak.kills import run_kills
from tests.soak.run import Phase, soak
from workbench.demo.samples import sample_sources


def main() -> int:
    """Run, print, and give the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description="Long runs. 0 leaves a part out.")
    parser.add_argument("--callbacks", type=int, default=10_000, help="for each of the two plugins (default 10000)")
    parser.add_argument("--frames", type=int, default=10_000, help="for each of the two plugins (default 10000)")
    parser.add_argument("--faults", type=int, default=100, help="rounds of the fault table (default 100)")
    parser.add_argument("--mutants", type=int, default=2_000, help="damaged modules (default 2000)")
    parser.add_argument("--kills", type=int, default=200, help="processes killed (default 200)")
    parser.add_argument("--seed", type=int, help="run again what went wrong; otherwise a new one each time")
    chosen = parser.parse_args()
    seed = random.randrange(2**31) if chosen.seed is None else chosen.seed
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores; seed {seed}")
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for phase in _phases(Path(folder), chosen, seed):
            _show(phase)
            failed = failed or bool(phase.faults)
    return 1 if failed else 0


def _phases(folder: Path, chosen: argparse.Namespace, seed: int) -> Iterator[Phase]:
    """Each part as soon as it is done."""
    if chosen.callbacks and chosen.frames:
        yield from asyncio.run(soak(folder / "schedules", callbacks=chosen.callbacks, frames=chosen.frames, seed=seed))
    built = [path for path in sorted(sample_sources().glob("*/plugin.wasm")) if path.stat().st_size]
    if chosen.faults:
        for path in ("native", "public"):
            name = f"faults, {path} call path"
            run = run_faults(folder / path, rounds=chosen.faults, seed=seed, call_path=path, name=name)
            yield asyncio.run(run)
        for module in (path for path in built if path.parent.name == "misbehaver"):
            yield asyncio.run(
                run_faults(
                    folder / "misbehaver",
                    misbehaver_faults(module.read_bytes()),
                    rounds=chosen.faults,
                    seed=seed,
                    limits=misbehaver_limits(),
                    name="faults of misbehaver",
                )
            )
    if chosen.mutants:
        yield run_fuzz(folder / "mutants", count=chosen.mutants, seed=seed, modules=built)
    if chosen.kills:
        yield run_kills(folder / "kills", count=chosen.kills, seed=seed)


def _show(phase: Phase) -> None:
    memory = f"{phase.curve.warm_bytes / 2**20:.1f} MiB when warm, {phase.curve.end_bytes / 2**20:.1f} at the end"
    rate = phase.done / phase.duration_s
    print(f"{phase.name}: {phase.done:,} in {phase.duration_s:.1f} s ({rate:,.0f} a second), {memory}", flush=True)
    for fault in phase.faults:
        print(f"  FAULT {fault}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
