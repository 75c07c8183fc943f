"""Carrying out a build step: from a recipe and a folder to a new `plugin.wasm`, all or nothing.

A step works beside the module and replaces it in one move, and only if the bytes differ. Whether a command may run
at all is decided elsewhere (`trust.py`); who hears about it, too (`lane.py`).
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import wasmtime

from engine.calls import OutputStream
from engine.errors import Place
from engine.plugins.discovery import MODULE_NAME
from engine.plugins.files import cause_text, read_limited
from workbench.devloop.build_config import OUTPUT_MARK, Recipe
from workbench.devloop.diagnostics import ComplaintFinder
from workbench.devloop.errors import BuildError
from workbench.devloop.fingerprint import has_same_content
from workbench.devloop.finishing import to_the_end
from workbench.devloop.processes import LineSink, run_command
from workbench.devloop.toolchain import Toolchain

WORK_PREFIX: Final = ".workbench-build-"
"""Hidden folders of this name, inside the plugin's folder, hold what a build writes until it is complete."""

BUILD_LIMIT_S: Final = 900.0
"""A first build may fetch modules over a slow line; one that takes longer hangs."""

_TEXT_BYTES: Final = 16 << 20
_LEFTOVER_AGE_S: Final = 3_600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildResult:
    """A build step that went well."""

    is_changed: bool
    """The module has other bytes than before."""
    module_bytes: int
    exit_code: int | None
    """None for the built-in step."""


async def _nothing_to_do() -> None:
    """Nobody waits for the module."""


class Builder:
    """Carries out build steps, as many commands at once as there are processors. Belongs to one event loop."""

    def __init__(self, toolchain: Toolchain, *, parallel: int | None = None, limit_s: float = BUILD_LIMIT_S) -> None:
        self._toolchain = toolchain
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
            return await to_the_end(_placed(lambda: _place_bytes(module, folder), on_placed))
        async with self._slots:
            on_begin()
            with disk_errors(folder):
                return await self._run(folder, recipe, on_line, on_placed)

    async def _run(
        self, folder: Path, recipe: Recipe, on_line: LineSink, on_placed: Callable[[], Awaitable[None]]
    ) -> BuildResult:
        with _work_folder(folder) as work:
            produced = work / MODULE_NAME
            if recipe.has_output_mark or recipe.output != MODULE_NAME:
                await self._run_command(folder, recipe, produced, on_line)
                return await to_the_end(_placed(lambda: _take_over(folder, recipe, produced), on_placed))
            # The command writes the module itself, so what was there is kept for putting back.
            before = work / "before.wasm"
            await to_the_end(asyncio.to_thread(_copy, folder / MODULE_NAME, before))
            try:
                await self._run_command(folder, recipe, produced, on_line)
            except BaseException:
                _put_back(before, folder / MODULE_NAME)
                raise
            return await to_the_end(_placed(lambda: _compare(folder, recipe, before), on_placed))

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


def _place_bytes(module: bytes, folder: Path) -> BuildResult:
    """Make what was assembled the module."""
    with disk_errors(folder), _work_folder(folder) as work:
        produced = work / MODULE_NAME
        produced.write_bytes(module)
        is_changed = _place(produced, folder / MODULE_NAME)
    return BuildResult(is_changed=is_changed, module_bytes=len(module), exit_code=None)


def _text_error(report: str, source: Path) -> BuildError:
    """The assembler's report is `message`, then ` --> <anon>:line:column`, then the line with a caret below."""
    message, arrow, rest = report.partition("\n     --> <anon>:")
    line, column = rest.split("\n", 1)[0].split(":") if arrow else ("", "")
    excerpt = [row.partition("|")[2] for row in rest.split("\n")[1:] if "|" in row]
    shown = "\n".join(row.rstrip() for row in excerpt if row.strip())
    return BuildError(
        f"{source.name}: {message.strip()}",
        hint=shown or None,
        place=Place(
            file=source,
            line=int(line) if line.isdecimal() else None,
            column=int(column) if column.isdecimal() else None,
        ),
    )


@contextmanager
def _work_folder(folder: Path) -> Iterator[Path]:
    """A hidden folder beside the module, on the same file system; a killed run's leftovers go at the next build."""
    for leftover in folder.glob(f"{WORK_PREFIX}*"):
        if time.time() - leftover.lstat().st_mtime > _LEFTOVER_AGE_S:
            shutil.rmtree(leftover, ignore_errors=True)
    work = Path(tempfile.mkdtemp(prefix=WORK_PREFIX, dir=folder))
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Failures to write below `folder` as errors that say what to do."""
    try:
        yield
    except OSError as error:
        hint = "Make the folder writable, or work on a copy of it."
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            hint = "Free some space; the module is what it was before."
        raise BuildError(f"cannot write into {folder}: {cause_text(error)}", hint=hint) from error


def _take_over(folder: Path, recipe: Recipe, produced: Path) -> BuildResult:
    """Make what the command wrote the module."""
    written = produced if recipe.has_output_mark else folder / recipe.output
    if not written.is_file():
        raise _nothing_written(recipe)
    if written != produced:
        shutil.copyfile(written, produced)
    size = produced.stat().st_size
    return BuildResult(is_changed=_place(produced, folder / MODULE_NAME), module_bytes=size, exit_code=0)


def _compare(folder: Path, recipe: Recipe, before: Path) -> BuildResult:
    """What a command that writes the module itself has done."""
    module = folder / MODULE_NAME
    if not module.is_file():
        raise _nothing_written(recipe)
    is_changed = not has_same_content(before, module)
    return BuildResult(is_changed=is_changed, module_bytes=module.stat().st_size, exit_code=0)


def _nothing_written(recipe: Recipe) -> BuildError:
    name = OUTPUT_MARK if recipe.has_output_mark else recipe.output
    return BuildError(
        f"`{recipe.command[0]}` ended well but wrote no {name}",
        hint='"command" of workbench.toml must write {output}, or the file that "output" names.',
        exit_code=0,
    )


def _place(produced: Path, module: Path) -> bool:
    """Move a finished file onto the module if its bytes differ; whether they did."""
    if not module.is_symlink() and has_same_content(produced, module):
        # It is as new as its sources from now on, and not built again at the next start.
        os.utime(module)
        return False
    produced.chmod(produced.stat().st_mode & 0o666)
    os.replace(produced, module)
    return True


def _copy(source: Path, target: Path) -> None:
    """Copy a file with its times, if it is there."""
    if source.is_file():
        shutil.copy2(source, target)


def _put_back(before: Path, module: Path) -> None:
    """Undo what a failed or stopped command did to the module."""
    if has_same_content(before, module):
        return
    if before.exists():
        os.replace(before, module)
    else:
        module.unlink(missing_ok=True)
