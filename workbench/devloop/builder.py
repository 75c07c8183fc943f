"""Carrying out a build step: from a recipe and a folder to a new `plugin.wasm`, all or nothing.

A step works beside the module and replaces it in one move, and only if the bytes differ. Whether a command may run
at all is decided elsewhere (`trust.py`); who hears about it, too (`lane.py`).
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import wasmtime

from engine.calls import OutputStream
from engine.errors import Place
from engine.plugins.discovery import MODULE_NAME
from engine.plugins.files import cause_text, read_limited
from engine.settings import Limits
from workbench.devloop.build_config import OUTPUT_MARK, Recipe
from workbench.devloop.diagnostics import ComplaintFinder
from workbench.devloop.errors import BuildError
from workbench.devloop.finishing import to_the_end
from workbench.devloop.placing import BuildResult, Placing, disk_errors, work_folder
from workbench.devloop.processes import LineSink, run_command
from workbench.devloop.toolchain import Toolchain

BUILD_LIMIT_S: Final = 900.0
"""A first build may fetch modules over a slow line; one that takes longer hangs."""

MODULE_LIMIT_BYTES: Final = Limits().module_bytes
"""What the engine takes when the settings say nothing else."""

_TEXT_BYTES: Final = 16 << 20


async def _nothing_to_do() -> None:
    """Nobody waits for the module."""


class Builder:
    """Carries out build steps, as many commands at once as there are processors. Belongs to one event loop."""

    def __init__(
        self,
        toolchain: Toolchain,
        *,
        parallel: int | None = None,
        limit_s: float = BUILD_LIMIT_S,
        module_limit_bytes: int = MODULE_LIMIT_BYTES,
    ) -> None:
        """`limit_s` is for one command; a module of more than `module_limit_bytes` is a failed build."""
        self._toolchain = toolchain
        self._module_limit_bytes = module_limit_bytes
        self._slots = asyncio.Semaphore(parallel or os.cpu_count() or 1)
        self._limit_s = limit_s

    async def build(
        self,
        folder: Path,
        recipe: Recipe,
        on_line: LineSink,
        *,
        on_begin: Callable[[], None] = lambda: None,
        on_placed: Callable[[], Awaitable[None]] = _nothing_to_do,
    ) -> BuildResult:
        """Build the plugin in `folder`; the caller has made sure that `recipe.command` may run.

        `on_begin` is called when the step's turn has come, `on_line` with each line of output, both on this loop.
        `on_placed` is awaited when the module is in place. Raises `BuildError`.

        Cancelling ends every process of the step, and the module stays what it was. From the moment the module is
        being put in place until `on_placed` has ended a cancellation waits. Once this is left, nothing of the step
        still runs.
        """
        if recipe.text_module is not None:
            # It takes milliseconds: never queued behind a compiler.
            on_begin()
            module = await to_the_end(asyncio.to_thread(_assemble, folder / recipe.text_module))
            return await to_the_end(_placed(lambda: self._place_bytes(folder, recipe, module), on_placed))
        async with self._slots:
            on_begin()
            with disk_errors(folder):
                return await self._run(folder, recipe, on_line, on_placed)

    def _place_bytes(self, folder: Path, recipe: Recipe, module: bytes) -> BuildResult:
        with disk_errors(folder), work_folder(folder) as work:
            return self._placing(folder, work, recipe).take_bytes(module)

    async def _run(
        self, folder: Path, recipe: Recipe, on_line: LineSink, on_placed: Callable[[], Awaitable[None]]
    ) -> BuildResult:
        with work_folder(folder) as work:
            placing = self._placing(folder, work, recipe)
            if recipe.has_output_mark or recipe.output != MODULE_NAME:
                await self._run_command(folder, recipe, placing.produced, on_line)
                return await to_the_end(_placed(placing.take_output, on_placed))
            # The command writes the module itself, so what was there is kept for putting back.
            await to_the_end(asyncio.to_thread(placing.keep))
            try:
                await self._run_command(folder, recipe, placing.produced, on_line)
            except BaseException:
                await to_the_end(asyncio.to_thread(placing.put_back))
                raise
            return await to_the_end(_placed(placing.compare, on_placed))

    def _placing(self, folder: Path, work: Path, recipe: Recipe) -> Placing:
        return Placing(folder, work, recipe, limit_bytes=self._module_limit_bytes)

    async def _run_command(self, folder: Path, recipe: Recipe, produced: Path, on_line: LineSink) -> None:
        command = [argument.replace(OUTPUT_MARK, str(produced)) for argument in recipe.command]
        finder = ComplaintFinder(folder)

        def pass_on(line: str, stream: OutputStream) -> None:
            finder.see(line)
            on_line(line, stream)

        go: Path | None
        if command[0] == "go":
            go = await self._toolchain.provide_go(on_line)
            command[0] = str(go)
        else:
            # A Makefile or script may want it; fetching one for a command that may not need it would be too much.
            go = await asyncio.to_thread(self._toolchain.find_go)
        env = self._toolchain.environment_for(go) | dict(recipe.env)
        name = recipe.command[0]
        try:
            status = await run_command(command, folder=folder, env=env, on_line=pass_on, limit_s=self._limit_s)
        except (FileNotFoundError, PermissionError) as error:
            raise BuildError(
                f"cannot run `{name}`: {cause_text(error)}",
                hint="The build command is not installed, not on PATH, or not executable.",
            ) from error
        except TimeoutError as error:
            raise BuildError(f"`{name}` did not end within {self._limit_s:g} s and was stopped") from error
        if status != 0:
            raise _command_failure(name, status, finder)


async def _placed(place: Callable[[], BuildResult], on_placed: Callable[[], Awaitable[None]]) -> BuildResult:
    """Put the module in place, in a thread, and have it taken up."""
    result = await asyncio.to_thread(place)
    await on_placed()
    return result


def _command_failure(name: str, status: int, finder: ComplaintFinder) -> BuildError:
    ended = f"ended with exit status {status}" if status > 0 else f"was ended by {_signal_name(-status)}"
    best = finder.best
    return BuildError(
        f"`{name}` {ended}" + (f": {best.text}" if best else ""),
        hint="The output of the build has the details.",
        place=best.place if best else None,
        exit_code=status,
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _assemble(source: Path) -> bytes:
    """The built-in step: WebAssembly text to a module. The assembler bounds nesting itself; we bound the size."""
    try:
        text = read_limited(source, _TEXT_BYTES)
    except OSError as error:
        raise BuildError(f"cannot read {source.name}: {cause_text(error)}", place=Place(file=source)) from error
    try:
        return bytes(wasmtime.wat2wasm(text))
    except wasmtime.WasmtimeError as error:
        raise _text_error(str(error), source) from error


def _text_error(report: str, source: Path) -> BuildError:
    """The assembler's report is `message`, then ` --> <anon>:line:column`, then the line with a caret below."""
    message, arrow, rest = report.partition("\n     --> <anon>:")
    line, column = rest.split("\n", 1)[0].split(":") if arrow else ("", "")
    rows = [row.partition("|")[2].rstrip() for row in rest.split("\n")[1:] if "|" in row]
    # The first row is empty; an empty source line explains nothing either.
    excerpt = "\n".join(rows[1:]) if len(rows) > 1 and rows[1] else ""
    return BuildError(
        f"{source.name}: {message.strip()}",
        hint=f"The assembler stopped here:\n{excerpt}" if excerpt else None,
        place=Place(
            file=source,
            line=int(line) if line.isdecimal() else None,
            column=int(column) if column.isdecimal() else None,
        ),
    )
