"""Putting a built module in place: what a step wrote is checked and copied beside `plugin.wasm`, then moved onto it.

What a step leaves behind is foreign: only regular files are read, of links their targets (plugins may link their
module too), and never more of one than the engine takes for a module. Everything here blocks, for so long at most.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.plugins.discovery import MODULE_NAME
from engine.plugins.files import FileTooLarge, NotARegularFile, cause_text, open_regular
from workbench.devloop.build_config import OUTPUT_MARK, Recipe
from workbench.devloop.errors import BuildError
from workbench.devloop.fingerprint import Stamp, has_same_content

WORK_PREFIX: Final = ".workbench-build-"
"""Hidden folders of this name, inside the plugin's folder, hold what a build writes until it is complete."""

_LEFTOVER_AGE_S: Final = 3_600.0
_PIECE_BYTES: Final = 1 << 20
_MADE: Final = "made.wasm"
_BEFORE: Final = "before.wasm"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildResult:
    """A build step that went well."""

    is_changed: bool
    """The module has other bytes than before."""
    module_bytes: int
    exit_code: int | None
    """None for the built-in step."""


class Placing:
    """The module of one build: what it was, and what it becomes. Methods raise `BuildError`, or the disk's `OSError`.

    `work` is a folder of `work_folder` in the plugin's own `folder`.
    """

    def __init__(self, folder: Path, work: Path, recipe: Recipe, *, limit_bytes: int) -> None:
        self._folder = folder
        self._work = work
        self._recipe = recipe
        self._limit_bytes = limit_bytes
        self._module = folder / MODULE_NAME
        self._link: str | None = None
        """Where the module pointed to when it was kept; None for a file, or none at all."""
        self._real = self._module
        """The file itself."""
        self._was_missing = False

    @property
    def produced(self) -> Path:
        """Where a command writes to that is told so by `{output}`."""
        return self._work / MODULE_NAME

    def take_bytes(self, module: bytes) -> BuildResult:
        """Make what was assembled here the module."""
        if len(module) > self._limit_bytes:
            raise self._too_large()
        made = self._work / _MADE
        made.write_bytes(module)
        return BuildResult(is_changed=_replace(made, self._module), module_bytes=len(module), exit_code=None)

    def take_output(self) -> BuildResult:
        """Make what the command wrote the module."""
        written = self.produced if self._recipe.has_output_mark else self._folder / self._recipe.output
        # A copy, so that what was checked is what is placed: the command's own file may still grow or be a link.
        made = self._work / _MADE
        with self._output_errors():
            copied = _copy(written, made, limit_bytes=self._limit_bytes)
        return BuildResult(is_changed=_replace(made, self._module), module_bytes=copied.size, exit_code=0)

    def keep(self) -> None:
        """Copy the module aside, with its times, for a command that writes it itself."""
        before = self._work / _BEFORE
        if self._module.is_symlink():
            self._link, self._real = os.readlink(self._module), Path(os.path.realpath(self._module))
        try:
            kept = _copy(self._module, before, limit_bytes=self._limit_bytes)
        except FileNotFoundError:
            self._was_missing = True
            return
        except NotARegularFile:
            return
        except FileTooLarge as error:
            raise BuildError(
                f"the {MODULE_NAME} that is there has more than {self._limit_bytes} bytes, "
                "and cannot be kept for the case that the build fails",
                hint="No engine loads a module of that size. Delete it, then build again.",
            ) from error
        os.utime(before, ns=(kept.mtime_ns, kept.mtime_ns))

    def compare(self) -> BuildResult:
        """What a command that writes the module itself has done; what no engine could load is undone."""
        try:
            with self._output_errors(), open_regular(self._module) as file:
                size_bytes = os.fstat(file.fileno()).st_size
                if size_bytes > self._limit_bytes:
                    raise self._too_large()
        except BuildError:
            self.put_back()
            raise
        is_changed = not has_same_content(self._work / _BEFORE, self._module)
        return BuildResult(is_changed=is_changed, module_bytes=size_bytes, exit_code=0)

    def put_back(self) -> None:
        """Undo what a failed or stopped command did to the module."""
        before = self._work / _BEFORE
        self._put_back_link()
        if has_same_content(before, self._module):
            return
        if before.exists():
            os.replace(before, self._real)
        elif self._was_missing:
            self._real.unlink(missing_ok=True)

    def _put_back_link(self) -> None:
        """Nothing is ever written through a link: the command may have pointed it anywhere."""
        if self._link is None or (self._module.is_symlink() and os.readlink(self._module) == self._link):
            return
        self._module.unlink(missing_ok=True)
        os.symlink(self._link, self._module)

    @contextmanager
    def _output_errors(self) -> Iterator[None]:
        """What is wrong with the file that the command was to write."""
        command = self._recipe.command[0]
        name = OUTPUT_MARK if self._recipe.has_output_mark else self._recipe.output
        hint = '"command" of workbench.toml must write {output}, or the file that "output" names.'
        try:
            yield
        except FileNotFoundError as error:
            raise BuildError(f"`{command}` ended well but wrote no {name}", hint=hint, exit_code=0) from error
        except (NotARegularFile, PermissionError) as error:
            summary = f"`{command}` ended well but {name} cannot be read: {cause_text(error)}"
            raise BuildError(summary, hint=hint, exit_code=0) from error
        except FileTooLarge as error:
            raise self._too_large() from error

    def _too_large(self) -> BuildError:
        return BuildError(
            f"`{self._recipe.command[0]}` made a module of more than {self._limit_bytes} bytes, the engine's limit",
            hint='Leave debug information out, or raise "Module" of [Workbench.Limits] in the settings.',
            exit_code=None if self._recipe.is_builtin else 0,
        )


@contextmanager
def work_folder(folder: Path) -> Iterator[Path]:
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


def _copy(source: Path, target: Path, *, limit_bytes: int) -> Stamp:
    """Copy a regular file with its modes; its stamp, with the size that was copied.

    Raises `OSError`: `FileTooLarge` after `limit_bytes`, whatever size the file claims to have, and `NotARegularFile`.
    """
    with open_regular(source) as file, target.open("wb") as copy:
        status = os.fstat(file.fileno())
        copied_bytes = 0
        while piece := file.read(min(_PIECE_BYTES, limit_bytes + 1 - copied_bytes)):
            copied_bytes += len(piece)
            if copied_bytes > limit_bytes:
                raise FileTooLarge(f"larger than {limit_bytes} bytes")
            copy.write(piece)
        os.fchmod(copy.fileno(), status.st_mode & 0o777)
    return Stamp(copied_bytes, status.st_mtime_ns, status.st_ino)


def _replace(made: Path, module: Path) -> bool:
    """Move a finished file onto the module if its bytes differ; whether they did."""
    if not module.is_symlink() and has_same_content(made, module):
        # It is as new as its sources from now on, and not built again at the next start.
        os.utime(module)
        return False
    made.chmod(made.stat().st_mode & 0o666)  # linkers make what they write executable
    os.replace(made, module)
    return True
