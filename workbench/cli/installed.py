"""The plugins of a command's folders, and the one that a name on the command line means."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.errors import UnknownPlugin
from engine.plugins.discovery import DiscoveredPlugin, discover_all
from workbench.cli.command import nearest


def installed(folders: Sequence[Path]) -> list[DiscoveredPlugin]:
    """The plugins of `folders`, good and bad, sorted by id; raises `DiscoveryError` for an unreadable folder."""
    entries = discover_all(folders)
    for entry in entries:
        if not entry.id and entry.error is not None:
            raise entry.error
    return sorted(entries, key=lambda entry: (entry.id, entry.folder))


def find_installed(folders: Sequence[Path], name: str) -> DiscoveredPlugin:
    """The plugin of this manifest name, else of this folder name; raises `UnknownPlugin` and `DiscoveryError`."""
    entries = installed(folders)
    for key in ("id", "folder"):
        for entry in entries:
            if getattr(entry, key) == name:
                return entry
    place = ", ".join(map(str, folders))
    known = [entry.id for entry in entries]
    hint = nearest(name, known) or f"In {place} there are: {', '.join(known)}."
    if not known:
        hint = f"There are no plugins in {place}; --plugins DIR names another folder."
    raise UnknownPlugin(f"plugin not found: {name}", hint=hint)
