"""Which files a recipe's source patterns stand for, and which folders they lie in.

Patterns come from a plugin's folder before anybody agreed to anything, so the walk is bounded: hidden folders and the
usual build folders are left out, links to folders are not followed, and it gives up after a fixed number of entries.
"""

from __future__ import annotations

import fnmatch
import os
import re
import stat
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from engine.errors import Place
from engine.plugins.discovery import MODULE_NAME
from workbench.devloop.build_config import CONFIG_NAME, Recipe
from workbench.devloop.errors import BuildConfigError
from workbench.devloop.fingerprint import Stamp, stamp_of

MAX_ENTRIES: Final = 50_000
"""Folder entries and pattern steps that one look at a plugin's sources takes at most."""

MAX_FOLDERS: Final = 2_000

_BUILD_FOLDERS: Final = frozenset({"node_modules", "target", "zig-out", "__pycache__"})
"""Where toolchains put what they make; `*` and `**` do not enter them, a pattern that names one does."""

_WILD: Final = re.compile(r"[*?\[]")

_Segments = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceScan:
    """The sources of one plugin at one moment."""

    files: tuple[tuple[Path, Stamp], ...] = ()
    """Sorted by path; equal tuples are taken for equal sources."""
    folders: frozenset[Path] = frozenset()
    """Every folder in which a change may add, remove or change a source."""

    @property
    def newest_ns(self) -> int:
        """Modification time of the newest source; 0 without any."""
        return max((stamp.mtime_ns for _, stamp in self.files), default=0)


def scan_sources(folder: Path, recipe: Recipe, *, max_entries: int = MAX_ENTRIES) -> SourceScan:
    """Find the sources of the plugin in `folder`; workbench.toml always is one.

    What the build writes is no source, whatever the patterns say. Folders that cannot be read are passed over.
    Raises `BuildConfigError` when the patterns reach too far. Blocks: for a thread.
    """
    walk = _Walk(folder, max_entries=max_entries, outputs=frozenset({folder / MODULE_NAME, folder / recipe.output}))
    if not recipe.is_builtin:
        walk.take(folder / CONFIG_NAME)
    for pattern in recipe.sources:
        base, segments = folder, tuple(pattern.split("/"))
        while segments[0] == "..":
            base, segments = base.parent, segments[1:]
        walk.expand(base, segments)
    return SourceScan(files=tuple(sorted(walk.files.items())), folders=frozenset(walk.listed))


def is_due(folder: Path, scan: SourceScan) -> bool:
    """Whether `plugin.wasm` is missing or older than its newest source."""
    module = stamp_of(folder / MODULE_NAME)
    return module is None or scan.newest_ns > module.mtime_ns


class _Walk:
    """One bounded walk over all patterns of a recipe; every folder is read once."""

    def __init__(self, folder: Path, *, max_entries: int, outputs: frozenset[Path]) -> None:
        self.files: dict[Path, Stamp] = {}
        self.listed: dict[Path, tuple[list[str], list[str]]] = {}
        self._folder = folder
        self._outputs = outputs
        self._max_entries = max_entries
        self._entries = 0

    def expand(self, base: Path, segments: _Segments) -> None:
        """Take every file below `base` that the pattern `segments` matches."""
        todo = [(base, segments)]
        seen = set(todo)
        while todo:
            found = [step for step in self._step(*todo.pop()) if step not in seen]
            seen.update(found)
            todo += found

    def take(self, path: Path) -> None:
        """Add a file, if there is one; its folder is watched either way."""
        self._list(path.parent)
        if path not in self._outputs and (stamp := stamp_of(path)) is not None:
            self.files[path] = stamp

    def _step(self, folder: Path, segments: _Segments) -> list[tuple[Path, _Segments]]:
        """Match the first segment in `folder`: files are taken, what is left to do comes back."""
        self._count()
        head, rest = segments[0], segments[1:]
        if head == "**":
            subfolders = self._list(folder)[1]
            return [
                (folder, rest or ("*",)),
                *((folder / name, segments) for name in subfolders if not _is_left_out(name)),
            ]
        if not _WILD.search(head):
            if not rest:
                self.take(folder / head)
                return []
            self._list(folder)
            return [(folder / head, rest)] if (folder / head).is_dir() else []
        files, subfolders = self._list(folder)
        matches = _segment_pattern(head)
        if not rest:
            for name in files:
                if matches.fullmatch(name):
                    self.take(folder / name)
            return []
        return [(folder / name, rest) for name in subfolders if matches.fullmatch(name) and name not in _BUILD_FOLDERS]

    def _list(self, folder: Path) -> tuple[list[str], list[str]]:
        """Names of the files and of the real subfolders in `folder`."""
        known = self.listed.get(folder)
        if known is not None:
            return known
        files: list[str] = []
        subfolders: list[str] = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    self._count()
                    (subfolders if _is_real_folder(entry) else files).append(entry.name)
        except OSError:
            return files, subfolders  # not there, or not for us; its parent is watched
        self.listed[folder] = (files, subfolders)
        return files, subfolders

    def _count(self) -> None:
        self._entries += 1
        if self._entries > self._max_entries or len(self.listed) > MAX_FOLDERS:
            raise BuildConfigError(
                f"the source patterns reach more than {self._max_entries} files or {MAX_FOLDERS} folders",
                hint='Name the source files more narrowly in "sources" of workbench.toml.',
                place=Place(file=self._folder / CONFIG_NAME),
            )


def _is_real_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return stat.S_ISDIR(entry.stat(follow_symlinks=False).st_mode)
    except OSError:
        return False


def _is_left_out(name: str) -> bool:
    return name.startswith(".") or name in _BUILD_FOLDERS


@lru_cache(maxsize=256)
def _segment_pattern(segment: str) -> re.Pattern[str]:
    """One segment of a glob; as in a shell, a wildcard does not match a leading dot."""
    return re.compile(("" if segment.startswith(".") else r"(?!\.)") + fnmatch.translate(segment))
