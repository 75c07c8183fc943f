"""`python -m tests.benchmarks`: all figures of one run, on this machine, with what was compared."""

from __future__ import annotations

import asyncio
import os
import platform
import tempfile
from pathlib import Path

from engine import Settings
from tests.benchmarks import engine_figures, loop_figures
from tests.benchmarks.tables import table
from workbench.demo.samples import sample_sources
from workbench.demo.services import DemoServices, demo_settings

_SAMPLES = ("hello-wat", "lyre-metadata", "lyre-scrobbler", "lyre-ticker", "lyre-toolbox", "misbehaver")


async def run() -> None:
    """Measure and print."""
    samples = sample_sources()
    missing = [name for name in _SAMPLES if not (samples / name / "plugin.wasm").is_file()]
    if missing:
        raise SystemExit(f"not built: {', '.join(missing)}; run `make samples` first")
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores\n")
    with tempfile.TemporaryDirectory() as scratch_name, DemoServices() as services:
        scratch = Path(scratch_name)
        base = Settings.load(environ={"HOME": scratch_name}, plugins_folder=samples)
        settings = demo_settings(base, services)
        folders = tuple(samples / name for name in _SAMPLES)
        tables = await engine_figures.measure(settings, folders, scratch)
        tables += await loop_figures.measure(settings, samples, scratch)
    print("\n\n".join(table(title, rows) for title, rows in tables))


if __name__ == "__main__":
    asyncio.run(run())
