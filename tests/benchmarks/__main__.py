"""`python -m tests.benchmarks`: all figures of one run, on this machine, with what was compared."""

from __future__ import annotations

import argparse
import asyncio
import datetime
import json
import os
import platform
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from engine import Settings
from tests.benchmarks import engine_figures, loop_figures
from tests.benchmarks.comparison import Figure, comparison
from tests.benchmarks.ground import FULL, LONG, QUICK, SMALLEST, Effort
from tests.benchmarks.run import compare, prepared, report
from tests.benchmarks.tables import table
from workbench.demo.samples import sample_sources
from workbench.devloop.toolchain import Toolchain

_SAMPLES = ("hello-wat", "lyre-metadata", "lyre-scrobbler", "lyre-ticker", "lyre-toolbox", "misbehaver")
_EFFORTS: Mapping[str, Effort] = {"full": FULL, "long": LONG, "quick": QUICK, "smallest": SMALLEST}


async def run(effort: Effort, machine: Mapping[str, object], *, samples: Path, with_plugins: bool) -> list[Figure]:
    """Measure and print; `with_plugins` adds the tables that look at each sample. Gives the comparison's figures."""
    needed = _SAMPLES if with_plugins else (effort.subject,)
    missing = [name for name in needed if not (samples / name / "plugin.wasm").is_file()]
    if missing:
        raise SystemExit(f"not built: {', '.join(missing)}; run `make samples` first")
    print(", ".join(str(value) for value in machine.values()) + "\n", flush=True)
    toolchain = Toolchain(Settings.load().cache_folder)
    with tempfile.TemporaryDirectory() as scratch_name:
        scratch = Path(scratch_name)
        async with prepared(effort, samples=samples, scratch=scratch, toolchain=toolchain, say=_say) as ground:
            figures = await compare(ground, _say)
            if effort is SMALLEST:
                print("Everything once, and with a toy: it shows that all of it runs, and the figures say nothing.")
            print(comparison("Beside the Go stack of Navidrome 0.59 (medians; ± is half of the middle half)", figures))
            if with_plugins:
                folders = tuple(samples / name for name in _SAMPLES)
                _say("measuring plugin by plugin ...")
                tables = await engine_figures.measure(ground.settings, folders, scratch)
                tables += await loop_figures.measure(ground.settings, samples, scratch)
                print("\n" + "\n\n".join(table(title, rows) for title, rows in tables))
    return figures


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description="Figures of the engine, beside those of Navidrome's Go stack."
    )
    how_much = parser.add_mutually_exclusive_group()
    how_much.add_argument(
        "--quick", dest="effort", action="store_const", const="quick", help="few repetitions and plugins: a minute"
    )
    how_much.add_argument(
        "--long", dest="effort", action="store_const", const="long", help="100,000 calls for the figure of memory"
    )
    how_much.add_argument(
        "--smallest", dest="effort", action="store_const", const="smallest", help="everything once: does it run?"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the comparison there too, with all samples")
    parser.add_argument("--samples", type=Path, metavar="DIR", help="other built sample plugins than the checkout's")
    parser.set_defaults(effort="full")
    chosen = parser.parse_args(arguments)
    machine = _machine()
    samples: Path = chosen.samples or sample_sources()
    with_plugins = chosen.effort in ("full", "long")
    figures = asyncio.run(run(_EFFORTS[chosen.effort], machine, samples=samples, with_plugins=with_plugins))
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(report(figures, machine), indent=1) + "\n")


def _machine() -> dict[str, object]:
    """What the figures depend on; nothing that names the machine."""
    return {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cores": f"{os.cpu_count()} cores",
        "python": f"Python {platform.python_version()}",
        "wasmtime": f"wasmtime {version('wasmtime')}",
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
