"""The exception tree of the engine.

    EngineError
      SettingsError              a settings file or variable cannot be used
      EngineClosed               the engine was closed, or never opened
      RequestError               the caller asked for something that does not exist or does not fit
        UnknownPlugin  UnknownMethod  InvalidRequest
      DiscoveryError             a folder entry is not a usable plugin
      ManifestError              manifest.json is missing, unreadable or invalid
      PackageError               an .ndp archive is refused
      FolderError                a change of the plugins folder is refused (in `plugins/folder.py`)
      DecodeError                bytes are not a valid message (in `contracts/codec.py`)
      PluginLoadError            a plugin version cannot be brought up
        CompileError  LinkError  StartError  LoadSuperseded
      PluginCallError            raised by adapters only; `Engine.call` reports outcomes
        NotFound  NotImplementedByPlugin  PluginFailed
      HostServiceError           a host service refuses a guest's request
        PermissionDenied  QuotaExceeded
      PoolClosed                 the instance pool of a plugin version is closing

Every error says what failed (`summary`), what to do about it (`hint`), and where (`place`).
Foreign exceptions are translated at one edge and chained.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an error sits: a file with line and column (from 1), a JSON pointer in it, or a wasm export."""

    file: Path | None = None
    line: int | None = None
    column: int | None = None
    pointer: str | None = None
    export: str | None = None

    def __str__(self) -> str:
        parts = [] if self.file is None else [str(self.file)]
        parts += [str(number) for number in (self.line, self.column) if number is not None]
        text = ":".join(parts)
        for extra in (self.pointer, self.export):
            if extra:
                text = f"{text} ({extra})" if text else extra
        return text


class EngineError(Exception):
    """Base of all engine errors; `str()` gives the summary alone."""

    def __init__(
        self,
        summary: str,
        *,
        hint: str | None = None,
        plugin: str | None = None,
        place: Place | None = None,
    ) -> None:
        super().__init__(summary)
        self.summary = summary
        self.hint = hint
        self.plugin = plugin
        self.place = place


class SettingsError(EngineError):
    """A settings file or environment variable cannot be used."""


class EngineClosed(EngineError):
    """The engine was used before it was opened or after it was closed."""


class RequestError(EngineError):
    """The caller asked for something that does not exist or does not fit its message."""


class UnknownPlugin(RequestError):
    """No plugin has this name or folder name."""


class UnknownMethod(RequestError):
    """No capability has this method, or its short name is not unique."""


class InvalidRequest(RequestError):
    """A request value does not fit its protobuf message; `place.pointer` names the field."""


class DiscoveryError(EngineError):
    """A plugins folder or an entry of it cannot be read as a plugin."""


class ManifestError(EngineError):
    """manifest.json is missing, unreadable or invalid (spec behaviour section 2)."""


class PackageError(EngineError):
    """An .ndp archive is refused (spec behaviour section 17)."""


class PluginLoadError(EngineError):
    """A version of a plugin cannot be brought up."""


class CompileError(PluginLoadError):
    """The module cannot be read or compiled."""


class LinkError(PluginLoadError):
    """The module's imports or exports do not fit what the host offers or the manifest declares."""


class StartError(PluginLoadError):
    """An instance could not be started: `_initialize` trapped, exited or ran out of a limit."""


class LoadSuperseded(PluginLoadError):
    """The version was given up while it was compiled: a newer one is on its way, or the plugin is not wanted."""


class PluginCallError(EngineError):
    """A typed adapter call did not bring an answer; `str()` is the plugin's own text."""


class NotFound(PluginCallError):
    """The plugin has no data for this request (`plugin:not_found`)."""


class NotImplementedByPlugin(PluginCallError):
    """The plugin does not implement this method (`plugin:not_implemented`)."""


class PluginFailed(PluginCallError):
    """The plugin answered an error, trapped, exited, or ran into a limit."""


class HostServiceError(EngineError):
    """A host service refuses what the guest asked for."""


class PermissionDenied(HostServiceError):
    """The manifest does not grant this; `hint` names the manifest line that would."""


class QuotaExceeded(HostServiceError):
    """A per-plugin limit of a host service is reached."""


class PoolClosed(EngineError):
    """The instance pool is closing; the text is `pool is closing`."""
