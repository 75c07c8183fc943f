"""The plugin folders as they stand on disk: which entries there are, where links lead, when their files changed.

It follows the rules of discovery (spec behaviour section 1) without opening a single manifest, so that it can be
taken often; what it means for the engine is `Engine.scan`'s affair.
"""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from engine.errors import Place
from engine.plugins.discovery import DEPTH_LIMIT, FOLDER_LIMIT, MODULE_NAME
from engine.plugins.manifest import MANIFEST_NAME
from workbench.devloop.build_config import Recipe, find_recipe
from workbench.devloop.errors import BuildConfigError
from workbench.devloop.fingerprint import Stamp, digest_of, stamp_of
from workbench.devloop.sources import SourceScan, scan_sources

_MANIFEST_BYTES: Final = 4 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One plugin in the folders."""

    path: Path
    """Its place in the plugins folder; a link's own path."""
    name: str
    """What discovery calls it: the path from the root, or the root's own name."""
    folder: Path
    """The real folder."""
    manifest: Stamp | None
    manifest_digest: str | None
    """Of its content; None for one that is missing, unreadable or far too large."""
    module: Stamp | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildInputs:
    """What a build of one plugin depends on."""

    recipe: Recipe | None = None
    problem: tuple[str, str | None, Place | None] | None = None
    """Summary, hint and place of what is wrong with workbench.toml."""
    files: tuple[tuple[Path, Stamp], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Everything the loop looks at, at one moment."""

    entries: tuple[Entry, ...]
    inputs: dict[Path, BuildInputs]
    """By `Entry.path`."""
    shape: Hashable
    """Equal for equal folders, links and plugins, whatever their files hold."""
    folders: frozenset[Path]
    """Where changes matter."""
    parents: frozenset[Path]
    """Where only the coming and going of a root matters."""


def take_picture(roots: Sequence[Path]) -> Picture:
    """Look at the roots, each a plugin folder or a folder of them. Reads no plugin code. Blocks: for a thread."""
    walk = _Walk()
    for root in roots:
        walk.enter_root(root)
    inputs: dict[Path, BuildInputs] = {}
    folders = set(walk.folders)
    for entry in walk.entries:
        inputs[entry.path], source_folders = inputs_of(entry.folder)
        folders |= source_folders
    return Picture(
        entries=tuple(walk.entries),
        inputs=inputs,
        shape=tuple(sorted(walk.shape)),
        folders=frozenset(folders),
        parents=frozenset(root.parent for root in roots) - folders,
    )


def inputs_of(folder: Path) -> tuple[BuildInputs, frozenset[Path]]:
    """What the build of the plugin in `folder` depends on, and which folders its sources lie in. Blocks."""
    recipe = None
    scan = SourceScan()
    try:
        recipe = find_recipe(folder)
        if recipe is not None:
            scan = scan_sources(folder, recipe)
    except BuildConfigError as error:
        return BuildInputs(problem=(error.summary, error.hint, error.place)), frozenset()
    return BuildInputs(recipe=recipe, files=scan.files), scan.folders


class _Walk:
    """One walk over all roots; each real folder is entered once."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.shape: list[tuple[str, str, str, bool]] = []
        self.folders: set[Path] = set()
        self._seen: set[tuple[int, int]] = set()

    def enter_root(self, root: Path) -> None:
        """A root is a plugin itself, or a folder of plugins."""
        if self._enter(root, root.name, depth=0):
            self._children(root, "", depth=1)

    def _children(self, folder: Path, prefix: str, *, depth: int) -> None:
        for path in _subfolders(folder):
            name = prefix + path.name
            if self._enter(path, name, depth=depth) and depth < DEPTH_LIMIT:
                self._children(path, name + "/", depth=depth + 1)

    def _enter(self, path: Path, name: str, *, depth: int) -> bool:
        """Note what is at `path`; true when it is a folder to look into further."""
        link = _link_target(path)
        identity = _identity(path)
        if identity is None:
            # A broken link is an entry, too; a missing root may come back.
            if link or depth == 0:
                self.shape.append((str(path), link, "", False))
            return False
        if identity in self._seen or len(self._seen) >= FOLDER_LIMIT:
            return False
        self._seen.add(identity)
        self.folders.add(Path(os.path.realpath(path)) if link else path)
        is_plugin = any(os.path.lexists(path / file) for file in (MANIFEST_NAME, MODULE_NAME))
        if is_plugin:
            manifest = stamp_of(path / MANIFEST_NAME)
            self.entries.append(
                Entry(
                    path=path,
                    name=name,
                    folder=Path(os.path.realpath(path)),
                    manifest=manifest,
                    manifest_digest=_manifest_digest(path / MANIFEST_NAME, manifest),
                    module=stamp_of(path / MODULE_NAME),
                )
            )
        # Folders further down count once there is a plugin in them.
        if is_plugin or depth <= 1:
            self.shape.append((str(path), link, f"{identity[0]}:{identity[1]}", is_plugin))
        return not is_plugin


@lru_cache(maxsize=1024)
def _manifest_digest(path: Path, stamp: Stamp | None) -> str | None:
    return None if stamp is None or stamp.size > _MANIFEST_BYTES else digest_of(path, limit_bytes=_MANIFEST_BYTES)


def _subfolders(folder: Path) -> Iterable[Path]:
    try:
        with os.scandir(folder) as found:
            names = sorted(item.name for item in found if not item.name.startswith(".") and _may_be_folder(item))
    except OSError:
        return []
    return [folder / name for name in names]


def _may_be_folder(item: os.DirEntry[str]) -> bool:
    try:
        return item.is_symlink() or item.is_dir()
    except OSError:
        return False


def _link_target(path: Path) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of a folder, links followed."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if os.path.isdir(path) else None
