"""The plugins folder as something to change: install, update, remove, link (spec behaviour section 18).

Every change is all or nothing, also when the process is killed in the middle (`staging.py`). Only entries of the
folder itself are touched: never what a link points to, never anything outside.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.errors import EngineError, PackageError, Place
from engine.plugins.discovery import MODULE_NAME, DiscoveredPlugin, discover
from engine.plugins.files import cause_text
from engine.plugins.manifest import MANIFEST_NAME, Manifest, read_manifest
from engine.plugins.modes import create_private_folder
from engine.plugins.names import check_name_argument
from engine.plugins.package import Package, open_package, unpack_package
from engine.plugins.packing import PACKAGE_SUFFIX
from engine.plugins.staging import Change, changing


class FolderError(EngineError):
    """The plugins folder cannot be changed as asked; it is as it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A package that is a plugin of the folder now."""

    package: Package
    path: Path
    """Its folder."""
    old_version: str | None = None
    """What an update replaced; empty when its manifest could not be read, None after an installation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """An entry that is gone."""

    name: str
    """The manifest's name, or the folder's where that cannot be read."""
    path: Path
    link_target: Path | None = None
    """The development folder that a removed link pointed to; it is untouched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """A development folder that is a plugin of the folder by a link."""

    manifest: Manifest
    path: Path
    """The link."""
    target: Path
    is_new: bool
    """False when this very link was there already."""
    has_module: bool


class PluginsFolder:
    """One plugins folder. Methods block, raise `EngineError` only, and may be used by several processes at once."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    def install(self, file: Path) -> Installed:
        """Unpack the package `file` into a new folder named like its manifest; raises `PackageError`, `FolderError`.

        The plugins folder itself is made, private, where there is none.
        """
        _check_package_file(file)
        with self._changing("install", creates=True) as change:
            package = unpack_package(file, change.make_folder())
            name = package.manifest.name
            place = self.path / name
            taken = self._by_id(name) or (place if os.path.lexists(place) else None)
            if taken is not None:
                raise FolderError(
                    f"Plugin already installed: '{name}' (path: {taken})",
                    hint="`plugin update` replaces it by the package, `plugin remove` takes it away.",
                    plugin=name,
                )
            change.put(place)
        return Installed(package=package, path=place)

    def update(self, file: Path) -> Installed:
        """Replace an installed plugin by the package `file`, whatever the versions; raises like `install`."""
        _check_package_file(file)
        if not os.path.isdir(self.path):
            raise self._nothing_to_update(open_package(file).manifest.name)
        with self._changing("update") as change:
            package = unpack_package(file, change.make_folder())
            old = self._replaceable(package.manifest.name)
            change.replace(old.entry)
        old_version = "" if old.manifest is None else old.manifest.version
        return Installed(package=package, path=old.entry, old_version=old_version)

    def remove(self, name: str) -> Removed:
        """Delete a plugin's folder, or the link to it but never its target; raises `FolderError`."""
        problem = check_name_argument(name)
        if problem is not None:
            raise FolderError(problem, hint="Give the plugin's name as `plugin list` shows it.")
        if not os.path.isdir(self.path):
            raise self._not_found(name)
        with self._changing("remove") as change:
            entry = self._find(name)
            self._check_removable(entry)
            target = None
            if entry.is_symlink:
                target = entry.path
                os.unlink(entry.entry)
            else:
                change.take_away(entry.entry)
        shown = entry.manifest.name if entry.manifest is not None else entry.folder
        return Removed(name=shown, path=entry.entry, link_target=target)

    def link(self, source: Path, *, may_replace: Callable[[Path], bool]) -> Linked:
        """Make `source` a plugin of this folder by a link named like its manifest.

        `may_replace` is asked, while nothing has changed yet, before another entry of that name is replaced. Raises
        `FolderError` and `ManifestError`.
        """
        target = _development_folder(source)
        manifest = read_manifest(target / MANIFEST_NAME)
        place = self.path / manifest.name
        has_module = (target / MODULE_NAME).is_file()
        if self._is_link_to(place, target):
            return Linked(manifest=manifest, path=place, target=target, is_new=False, has_module=has_module)
        self._check_linkable(target, place, manifest.name)
        is_replaced = os.path.lexists(place)
        if is_replaced and not may_replace(place):
            raise FolderError("operation canceled", hint="Nothing was changed.", plugin=manifest.name)
        with self._changing("link", creates=True) as change:
            os.symlink(target, change.new, target_is_directory=True)
            if is_replaced and os.path.lexists(place):
                change.replace(place)
            else:
                change.put(place)
        return Linked(manifest=manifest, path=place, target=target, is_new=True, has_module=has_module)

    # --- inside

    @contextmanager
    def _changing(self, what: str, *, creates: bool = False) -> Iterator[Change]:
        """One change under the folder's lock; the system's errors become `FolderError`."""
        try:
            if creates:
                create_private_folder(self.path)
            with changing(self.path) as change:
                yield change
        except OSError as error:
            raise FolderError(
                f"cannot {what} in {self.path}: {cause_text(error)}",
                hint="Nothing was changed. Is it your folder, writable, and is there room?",
                place=Place(file=self.path),
            ) from error

    def _by_id(self, name: str) -> Path | None:
        """The entry of the plugin whose manifest has this name."""
        found = (plugin.entry for plugin in discover(self.path) if plugin.manifest and plugin.manifest.name == name)
        return next(found, None)

    def _find(self, name: str) -> DiscoveredPlugin:
        plugins = discover(self.path)
        for key in ("id", "folder"):
            for plugin in plugins:
                if plugin.folder and getattr(plugin, key) == name:
                    return plugin
        raise self._not_found(name)

    def _replaceable(self, name: str) -> DiscoveredPlugin:
        """The entry that a package of this name updates."""
        plugins = discover(self.path)
        for plugin in plugins:
            if plugin.manifest is not None and plugin.manifest.name == name and plugin.error is None:
                self._check_removable(plugin)
                return plugin
        for plugin in plugins:
            if plugin.folder == name:
                if plugin.manifest is not None and plugin.manifest.name != name:
                    raise FolderError(
                        f"the folder {plugin.entry} holds another plugin: {plugin.manifest.name}",
                        hint="Rename that folder, then install the package.",
                    )
                self._check_removable(plugin)
                return plugin
        raise self._nothing_to_update(name)

    def _not_found(self, name: str) -> FolderError:
        return FolderError(
            f"plugin not found: {name} (path: {self.path / name})",
            hint="`plugin list` shows the plugins there are; --plugins DIR names another folder.",
        )

    def _nothing_to_update(self, name: str) -> FolderError:
        return FolderError(
            f"Plugin not found: '{name}' (path: {self.path / name})",
            hint="`plugin install` installs the package.",
            plugin=name,
        )

    def _check_removable(self, entry: DiscoveredPlugin) -> None:
        """Raise `FolderError` for what is not the folder's own, or no plugin at all."""
        parent = Path(os.path.realpath(entry.entry.parent))
        if entry.entry == self.path or not parent.is_relative_to(os.path.realpath(self.path)):
            raise FolderError(
                f"{entry.entry} is not an entry of the plugins folder",
                hint="It is reached by a link, or is the folder that --plugins names: change it by hand.",
                place=Place(file=entry.entry),
            )
        is_plugin = any(os.path.lexists(entry.path / name) for name in (MANIFEST_NAME, MODULE_NAME))
        if not entry.is_symlink and not is_plugin:
            raise FolderError(
                f"{entry.entry} is no plugin: it has neither {MANIFEST_NAME} nor {MODULE_NAME}",
                hint="Delete the folder by hand if you do not need it.",
                place=Place(file=entry.entry),
            )

    def _is_link_to(self, place: Path, target: Path) -> bool:
        return place.is_symlink() and os.path.realpath(place) == os.path.realpath(target)

    def _check_linkable(self, target: Path, place: Path, name: str) -> None:
        """Raise `FolderError` where a link would replace the very files it is to lead to, or double a name."""
        real, real_place = Path(os.path.realpath(target)), Path(os.path.realpath(self.path)) / place.name
        if real == real_place or real_place in real.parents:
            raise FolderError(
                f"{target} lies in the plugins folder already", hint="It needs no link: it is a plugin as it is."
            )
        other = self._by_id(name)
        if other is not None and other != place:
            raise FolderError(
                f"Plugin already installed: '{name}' (path: {other})",
                hint="Remove that one first, or give one of the two another name in its manifest.",
                plugin=name,
            )
        if os.path.lexists(place) and not place.is_symlink() and not place.is_dir():
            raise FolderError(f"{place} is in the way and no folder", hint="Move that file elsewhere.")


def _check_package_file(file: Path) -> None:
    """What is asked of a package before it is opened, in Navidrome's order."""
    if not os.path.exists(file):
        raise PackageError(f"plugin package not found: {file}", hint=f"Name an existing {PACKAGE_SUFFIX} file.")
    if file.suffix != PACKAGE_SUFFIX:
        raise PackageError(
            f"not a valid plugin package: {file} (expected {PACKAGE_SUFFIX} extension)",
            hint="`plugin pack` makes a package of a plugin's folder.",
        )


def _development_folder(source: Path) -> Path:
    """`source` as an absolute path; raises `FolderError` when it cannot be a plugin's folder."""
    folder = Path(os.path.abspath(source))
    if not os.path.exists(folder):
        raise FolderError(f"source folder not found: {source}", hint="Name the folder of your plugin.")
    if not os.path.isdir(folder):
        raise FolderError(f"source path is not a directory: {source}", hint="Name the folder, not a file in it.")
    if not os.path.lexists(folder / MANIFEST_NAME):
        raise FolderError(f"source folder missing manifest.json: {source}", hint="Write a manifest.json there first.")
    return folder
