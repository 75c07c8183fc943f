"""Which plugins a folder holds: one entry per candidate, good or bad, sorted by name (spec behaviour section 1)."""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from engine.calls import PluginId
from engine.errors import DiscoveryError, EngineError, ManifestError, Place
from engine.plugins.files import cause_text, open_regular
from engine.plugins.manifest import MANIFEST_NAME, Manifest, read_manifest

MODULE_NAME = "plugin.wasm"
DEPTH_LIMIT = 4
"""How many folders down a plugin is looked for; a direct child of the plugins folder is the first."""
FOLDER_LIMIT = 10_000
"""How many folders one discovery enters, in case somebody names a home folder."""


_SEARCHED_BYTES = 64 * 1024
_LATER_NAVIDROME = (
    "This is a plugin for Navidrome 0.60 or later: its module imports extism:host. Those are not supported yet; "
    "build it against github.com/navidrome/navidrome v0.57 to v0.59."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoveredPlugin:
    """One candidate. Without an error its manifest is good; its module may still have to be built."""

    id: PluginId
    """The manifest's name; without a usable one, a name that no plugin can have; empty for an unreadable folder."""
    folder: str
    """Name of the entry in the plugins folder; `outer/inner` for a nested one."""
    entry: Path
    """The entry itself, absolute; of a link not its target. Differs for any two entries."""
    path: Path
    """The folder with the plugin's files: a link's target."""
    manifest: Manifest | None = None
    is_symlink: bool = False
    """The entry is a link, as `plugin dev` makes them."""
    error: EngineError | None = None
    module_cause: str | None = field(default=None, repr=False)
    """Why there is no module; None when there is one."""

    @property
    def module_path(self) -> Path:
        """Where the module is, or has to be built to."""
        return self.path / MODULE_NAME

    @property
    def has_module(self) -> bool:
        """Whether the module is there, as a regular file. Without one and without an error: not built."""
        return self.module_cause is None

    @property
    def module_error(self) -> DiscoveryError:
        """What a plugin without its module is reported with, where that counts as a failure."""
        return DiscoveryError(
            f"no {MODULE_NAME} found: {self.module_cause}",
            hint=f"Build the plugin, so that {self.module_path} exists.",
            plugin=self.id or None,
            place=Place(file=self.module_path),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    """A folder that may be a plugin or hold some."""

    name: str
    entry: Path
    path: Path
    depth: int = 1
    is_symlink: bool = False
    error: EngineError | None = None


def discover(folder: Path) -> tuple[DiscoveredPlugin, ...]:
    """The plugins in `folder`, or `folder` itself if it is a plugin. Reads files only; never raises `EngineError`."""
    return discover_all((folder,))


def discover_all(folders: Sequence[Path]) -> tuple[DiscoveredPlugin, ...]:
    """The plugins of several folders, ids made unique over all of them; a folder given twice counts once."""
    found: list[DiscoveredPlugin] = []
    entries: set[Path] = set()
    for folder in folders:
        for plugin in _discover(_located(folder)):
            if plugin.entry not in entries:
                entries.add(plugin.entry)
                found.append(plugin)
    return tuple(_with_unique_ids(found))


def plugin_in(folder: Path) -> DiscoveredPlugin:
    """`folder` as one plugin, whatever it holds: its manifest or what is wrong with that, and whether it has a module.

    Unlike a search it looks at no other folder, neither inside nor beside it. Paths stay as `folder` is written.
    """
    return _read_files(_Candidate(name=_located(folder).name, entry=folder, path=folder))


def _located(folder: Path) -> Path:
    """`folder` as an absolute path without `..`; a link at its end stays one."""
    absolute = folder.absolute()
    if ".." not in absolute.parts:
        return absolute
    return absolute.resolve() if absolute.name == ".." else absolute.parent.resolve() / absolute.name


def _discover(folder: Path) -> list[DiscoveredPlugin]:
    if _is_plugin(folder):
        link = folder.is_symlink()
        path = folder.resolve() if link else folder
        return [_read(_Candidate(name=folder.name, entry=folder, path=path, is_symlink=link))]
    try:
        children = _children(folder, depth=1)
    except OSError as error:
        failure = DiscoveryError(
            f"failed to read plugins directory {folder}: {cause_text(error)}",
            hint="Name a folder that exists and that you may read.",
            place=Place(file=folder),
        )
        return [DiscoveredPlugin(id=PluginId(""), folder="", entry=folder, path=folder, error=failure)]
    search = _Search(folder)
    found = [plugin for child in children for plugin in search.plugins_of(child)]
    found += search.nested()
    found += search.empty(found)
    return sorted(found, key=lambda plugin: plugin.folder)


class _Search:
    """One walk over a plugins folder: level by level, each real folder entered once, so that link loops end."""

    def __init__(self, root: Path) -> None:
        self._entered = {_identity(root)}
        self._open: deque[_Candidate] = deque()
        self._children: list[_Candidate] = []
        self._is_cut = False

    def plugins_of(self, child: _Candidate) -> Iterator[DiscoveredPlugin]:
        """The plugin that a direct child is; a folder that is none is kept to be entered."""
        if child.error is not None or _is_plugin(child.path):
            self._is_new(child.path)
            yield _read(child)
        else:
            self._children.append(child)
            self._enter(child)

    def nested(self) -> Iterator[DiscoveredPlugin]:
        """The plugins below the direct children; links that lead nowhere are passed over there."""
        while self._open:
            parent = self._open.popleft()
            try:
                children = _children(parent.path, depth=parent.depth + 1, prefix=parent.name + "/")
            except OSError:
                continue
            for child in children:
                if child.error is not None:
                    continue
                if not _is_plugin(child.path):
                    self._enter(child)
                elif self._is_new(child.path):
                    yield _read(child)

    def empty(self, found: Iterable[DiscoveredPlugin]) -> Iterator[DiscoveredPlugin]:
        """An error entry for each direct child in which nothing was found."""
        with_plugins = {plugin.folder.partition("/")[0] for plugin in found}
        for child in self._children:
            if child.name not in with_plugins:
                plugin = _entry(child, module_cause=_module_cause(child.path))
                error = plugin.module_error
                if self._is_cut:
                    error.hint = f"Not everything was searched: there are more than {FOLDER_LIMIT} folders here."
                yield replace(plugin, error=error)

    def _enter(self, candidate: _Candidate) -> None:
        if candidate.depth < DEPTH_LIMIT and self._is_new(candidate.path):
            self._open.append(candidate)

    def _is_new(self, path: Path) -> bool:
        if len(self._entered) >= FOLDER_LIMIT:
            self._is_cut = True
            return False
        identity = _identity(path)
        if identity is None or identity in self._entered:
            return False
        self._entered.add(identity)
        return True


def _children(folder: Path, *, depth: int, prefix: str = "") -> list[_Candidate]:
    """The sub-folders and links of `folder` by name; hidden entries and plain files are left out. Raises `OSError`."""
    with os.scandir(folder) as entries:
        visible = [entry for entry in entries if not entry.name.startswith(".")]
    found = []
    for child in sorted(visible, key=lambda entry: entry.name):
        name, path = prefix + child.name, folder / child.name
        if child.is_symlink():
            found.append(_linked(path, name, depth))
        elif child.is_dir(follow_symlinks=False):
            found.append(_Candidate(name=name, entry=path, path=path, depth=depth))
    return found


def _linked(entry: Path, name: str, depth: int) -> _Candidate:
    """What a link leads to: read one level, a relative target counts from the folder it lies in."""
    target = entry
    try:
        target = entry.parent / os.readlink(entry)
        mode = os.stat(target).st_mode
        path = target.resolve()
    except (OSError, RuntimeError) as error:
        cause = cause_text(error) if isinstance(error, OSError) else "too many levels of symbolic links"
        text = f"failed to stat symlink target {target}: {cause}"
        return _broken_link(entry, target, name, text, "Link to a folder that exists, or remove the link.")
    if not stat.S_ISDIR(mode):
        text = f"symlink target is not a directory: {target}"
        return _broken_link(entry, target, name, text, "Link to the folder that holds the manifest.")
    return _Candidate(name=name, entry=entry, path=path, depth=depth, is_symlink=True)


def _broken_link(entry: Path, target: Path, name: str, text: str, hint: str) -> _Candidate:
    error = DiscoveryError(text, hint=hint, place=Place(file=entry))
    return _Candidate(name=name, entry=entry, path=target, is_symlink=True, error=error)


def _is_plugin(path: Path) -> bool:
    """Whether a folder is a plugin: it has a manifest or a module, good or bad."""
    return os.path.lexists(path / MANIFEST_NAME) or os.path.lexists(path / MODULE_NAME)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _read(candidate: _Candidate) -> DiscoveredPlugin:
    """Read the manifest of a plugin folder and look for its module."""
    if candidate.error is not None:
        return _entry(candidate, module_cause="the folder cannot be reached", error=candidate.error)
    plugin = _read_files(candidate)
    error = plugin.error
    if error is None:
        return plugin
    if not plugin.has_module and not os.path.lexists(candidate.path / MANIFEST_NAME):
        return replace(plugin, error=plugin.module_error)
    hint = _LATER_NAVIDROME if _is_for_later_navidrome(plugin.module_path) else error.hint
    failure = ManifestError(f"failed to load manifest: {error.summary}", hint=hint, place=error.place)
    return replace(plugin, error=failure)


def _read_files(candidate: _Candidate) -> DiscoveredPlugin:
    """A plugin folder as its files are; its error is what reading the manifest alone would say."""
    cause = _module_cause(candidate.path)
    try:
        manifest = read_manifest(candidate.path / MANIFEST_NAME)
    except ManifestError as error:
        return _entry(candidate, module_cause=cause, error=error)
    return replace(_entry(candidate, module_cause=cause), id=PluginId(manifest.name), manifest=manifest)


def _is_for_later_navidrome(module: Path) -> bool:
    """Whether the module imports the host of Navidrome 0.60; imports stand near the beginning of a module."""
    try:
        with open_regular(module) as file:
            return b"extism:host/" in file.read(_SEARCHED_BYTES)
    except OSError:
        return False


def _entry(candidate: _Candidate, *, module_cause: str | None, error: EngineError | None = None) -> DiscoveredPlugin:
    return DiscoveredPlugin(
        id=PluginId(candidate.name),
        folder=candidate.name,
        entry=candidate.entry,
        path=candidate.path,
        is_symlink=candidate.is_symlink,
        error=error,
        module_cause=module_cause,
    )


def _module_cause(folder: Path) -> str | None:
    """Why `folder` has no module, or None when it has one."""
    try:
        mode = os.stat(folder / MODULE_NAME).st_mode
    except OSError as error:
        return cause_text(error)
    return None if stat.S_ISREG(mode) else "not a regular file"


def _with_unique_ids(plugins: Iterable[DiscoveredPlugin]) -> Iterator[DiscoveredPlugin]:
    """The first plugin keeps a name that several have; entries without a good manifest never take one's id."""
    plugins = list(plugins)
    owners: dict[PluginId, DiscoveredPlugin] = {}
    for plugin in plugins:
        if plugin.manifest is not None:
            owners.setdefault(plugin.id, plugin)
    taken = set(owners)
    for plugin in plugins:
        owner = owners.get(plugin.id)
        if owner is plugin:
            yield plugin
            continue
        error = plugin.error
        if plugin.manifest is not None and owner is not None:
            error = DiscoveryError(
                f'duplicate plugin name "{plugin.id}" (already provided by folder "{owner.folder}")',
                hint="Give one of the two another name in its manifest, or remove its folder.",
                place=Place(file=plugin.path / MANIFEST_NAME, pointer="/name"),
            )
        identity = _free_id(plugin.folder, taken)
        taken.add(identity)
        if error is not None:
            error.plugin = identity or None
        yield replace(plugin, id=identity, error=error)


def _free_id(folder: str, taken: set[PluginId]) -> PluginId:
    """The folder's name as an id; with a `./` before it, which no manifest name can have, where a plugin has it."""
    identity = folder
    while identity and identity in taken:
        identity = f"./{identity}"
    return PluginId(identity)
