"""What the outside may know of a plugin at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.calls import PluginId
from engine.errors import Place
from engine.events import PluginState
from engine.plugins.manifest import Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginInfo:
    """A plugin of the engine, good or bad; a snapshot that never changes."""

    id: PluginId
    """Manifest name; the folder name while the manifest cannot be read."""
    folder: str
    """Name of the entry in the plugins folder."""
    path: Path
    """The real folder; where a link points to."""
    state: PluginState
    generation: int
    """The load that serves now, counting from 1; 0 when none does."""
    version: str = ""
    author: str = ""
    description: str = ""
    capabilities: tuple[str, ...] = ()
    is_dev: bool = False
    """The entry is a link to a development folder."""
    error: str | None = None
    hint: str | None = None
    place: Place | None = None
    manifest: Manifest | None = None
    """Of the version that serves, else the newest one that could be read."""
    module_sha256: str | None = None
    module_bytes: int = 0
    tier: str | None = None
    """Of the code that new instances run: `quick` until the `optimised` code is there; None when nothing serves."""
