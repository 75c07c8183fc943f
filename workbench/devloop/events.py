"""What the development loop reports, on the same bus as the engine's own events.

Every `BuildStarted` is followed by exactly one `BuildFinished` or `BuildCancelled` of the same plugin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.calls import OutputStream
from engine.errors import Place
from engine.events import Event, PluginEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildStarted(PluginEvent):
    """A build step began to run; while it only waited for another build to end, nothing was sent."""

    command: tuple[str, ...]
    """As the plugin's folder gives it; the built-in step for text modules is `wat2wasm FILE`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOutput(PluginEvent):
    """A build step wrote a line; cut where it was longer than the line limit."""

    line: str
    """Foreign text without its line end."""
    stream: OutputStream


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildFinished(PluginEvent):
    """A build step ended by itself. When it failed, `plugin.wasm` is what it was before."""

    ok: bool
    duration_ns: int
    exit_code: int | None
    """None for the built-in step, and when the command could not be started; negative for a signal."""
    error: str | None
    hint: str | None = None
    place: Place | None = None
    """Where the first error of the output points to."""
    is_changed: bool = False
    """The build brought other bytes than `plugin.wasm` had; equal bytes are not reloaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildCancelled(PluginEvent):
    """A running build was stopped, with all processes it had started.

    `plugin.wasm` is what it was before, or already the new one if that was complete; then it has been taken up.
    """

    reason: str
    """Why: the sources changed again, the plugin is gone, the loop closes."""
    duration_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildNotTrusted(PluginEvent):
    """A build is due, but its command comes from the plugin's folder and nobody has agreed to it yet."""

    command: tuple[str, ...]
    env: Mapping[str, str]
    """Variables that the command would be given beside the inherited ones."""
    folder: Path
    """Where it would run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildStateChanged(PluginEvent):
    """A plugin's build failed, or is mended without bringing anything to load: where the plugin stands now.

    It follows what tells the cause, `BuildFinished` or `PluginWarned`. Fields as those of `PluginStateChanged`.
    """

    state: str
    """`build failed`, else the engine's state."""
    version: str
    """Empty when none serves."""
    generation: int
    """The load that serves now; 0 when none does."""
    reason: str | None = None
    hint: str | None = None
    place: Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderChanged(PluginEvent):
    """Files of a plugin came to rest after a change that matters; a build or a reload follows."""

    paths: tuple[Path, ...]
    """At most a handful; which file changed first is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceWatchDegraded(Event):
    """The system does not report file changes here, so the folders are looked at again and again instead."""

    reason: str
