"""`python -m tests.soak`: the full run, with its figures; status 1 when something was lost, doubled or kept."""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import random
import sys
import tempfile
from pathlib import Path

from tests.soak.run import soak


def main() -> int:
    """Run, print, and give the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description="Long runs of schedules and sockets.")
    parser.add_argument("--callbacks", type=int, default=10_000, help="for each of the two plugins (default 10000)")
    parser.add_argument("--frames", type=int, default=10_000, help="for each of the two plugins (default 10000)")
    parser.add_argument("--seed", type=int, help="run again what went wrong; otherwise a new one each time")
    chosen = parser.parse_args()
    seed = random.randrange(2**31) if chosen.seed is None else chosen.seed
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores; seed {seed}")
    with tempfile.TemporaryDirectory() as folder:
        phases = asyncio.run(soak(Path(folder), callbacks=chosen.callbacks, frames=chosen.frames, seed=seed))
    for phase in phases:
        memory = f"{phase.curve.warm_bytes / 2**20:.1f} MiB when warm, {phase.curve.end_bytes / 2**20:.1f} at the end"
        rate = phase.done / phase.duration_s
        print(f"{phase.name}: {phase.done:,} in {phase.duration_s:.1f} s ({rate:,.0f} a second), {memory}")
        for fault in phase.faults:
            print(f"  FAULT {fault}")
    return 1 if any(phase.faults for phase in phases) else 0


if __name__ == "__main__":
    sys.exit(main())
