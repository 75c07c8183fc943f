"""Builds the sample plugins without a screen: `python -m workbench.demo.build [FOLDER]`.

What `make samples` and the tests use. The build steps themselves are the development loop's. FOLDER is a folder of
plugins whose build commands the caller trusts; without it, the sample plugins are built where they are delivered.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.calls import OutputStream
from engine.errors import EngineError
from engine.plugins.discovery import discover
from engine.settings import Settings
from workbench.cli.diagnostics import complain, complain_of, exit_code_for
from workbench.cli.exit_codes import ExitCode
from workbench.cli.streams import prepare_streams
from workbench.demo.samples import sample_sources
from workbench.devloop.build_config import find_recipe
from workbench.devloop.builder import Builder
from workbench.devloop.errors import BuildError
from workbench.devloop.sources import is_due, scan_sources
from workbench.devloop.toolchain import Toolchain
from workbench.inert import display_text


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleBuild:
    """What became of one plugin."""

    folder: Path
    is_fresh: bool
    """The module was newer than its sources, or there is nothing to build; nothing was run."""
    error: EngineError | None = None
    duration_s: float = 0.0


async def build_samples(
    folder: Path, toolchain: Toolchain, *, say: Callable[[str], None] = lambda line: None
) -> tuple[SampleBuild, ...]:
    """Build what is out of date of the plugins in `folder`, one after the other; `say` gets inert lines as they come.

    One at a time, as on a fresh machine the first build fills the compiler's cache for the rest. A plugin that fails
    does not keep the others from being built.
    """
    builder = Builder(toolchain)
    done = []
    for plugin in await asyncio.to_thread(discover, folder):
        if plugin.error is not None:
            done.append(SampleBuild(folder=plugin.path, is_fresh=False, error=plugin.error))
        else:
            done.append(await _build(plugin.path, builder, say))
    return tuple(done)


async def _build(folder: Path, builder: Builder, say: Callable[[str], None]) -> SampleBuild:
    name = display_text(folder.name)

    def show(line: str, stream: OutputStream) -> None:
        say(f"{name}: {display_text(line)}")

    started = time.monotonic()
    try:
        recipe = await asyncio.to_thread(find_recipe, folder)
        if recipe is None or not is_due(folder, await asyncio.to_thread(scan_sources, folder, recipe)):
            say(f"{name}: up to date")
            return SampleBuild(folder=folder, is_fresh=True)
        say(f"{name}: {display_text(' '.join(recipe.command))}")
        result = await builder.build(folder, recipe, show)
    except BuildError as error:
        error.plugin = error.plugin or folder.name
        return SampleBuild(folder=folder, is_fresh=False, error=error, duration_s=time.monotonic() - started)
    duration_s = time.monotonic() - started
    say(f"{name}: {result.module_bytes:,} bytes in {duration_s:.1f} s")
    return SampleBuild(folder=folder, is_fresh=False, duration_s=duration_s)


def main(arguments: Sequence[str] | None = None) -> int:
    """Build and report; returns the exit status, 1 if any plugin failed."""
    prepare_streams()
    parser = argparse.ArgumentParser(prog="python -m workbench.demo.build", description="Build the sample plugins.")
    parser.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help="another folder of plugins")
    chosen: Path | None = parser.parse_args(arguments).folder
    try:
        cache_folder = Settings.load().cache_folder
        folder = chosen or sample_sources()
        done = asyncio.run(build_samples(folder, Toolchain(cache_folder), say=_print))
    except EngineError as error:
        complain_of(error)
        return exit_code_for(error)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    failures = [build.error for build in done if build.error is not None]
    for failure in failures:
        complain_of(failure)
    if not done:
        complain(f"there are no plugins in {folder}", hint="Name a folder with a folder for each plugin in it.")
    return ExitCode.FAILED if failures or not done else ExitCode.DONE


def _print(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
