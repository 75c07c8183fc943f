"""Every fact the engine reports, and the bus that carries them.

Events are frozen values in the past tense. `time_ns` is wall time of the engine's clock. Nothing here
is prose for people: screens, JSON lines, exports and tests all read the same stream.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from google.protobuf.message import Message

from engine.calls import CallId, CallResult, HostCall, HostCallId, LogLine, Outcome, PluginId
from engine.errors import Place

_log = logging.getLogger(__name__)


class PluginState(StrEnum):
    """Where a plugin stands, as the engine sees it."""

    DISCOVERED = "discovered"
    """Known, and loaded at its first call."""
    NOT_BUILT = "not built"
    """The folder has a manifest and no plugin.wasm yet."""
    COMPILING = "compiling"
    """First load: compile, link check, first instance, OnInit."""
    READY = "ready"
    FAILED = "failed"
    """No version serves; `reason` says why."""
    RELOADING = "reloading"
    """A newer version is being brought up; the last good one serves."""
    STALE = "stale"
    """The last good version serves because the newest failed; `reason` says why."""
    DISABLED = "disabled"
    """Switched off by the user: listed, and never loaded until it is switched on."""
    REMOVED = "removed"
    """The folder is gone or is no plugin any more; the last event of this plugin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events."""

    time_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginEvent(Event):
    """Base of the events that concern one plugin."""

    plugin: PluginId


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOpened(Event):
    """The engine is ready to take calls; the first scan of the folders follows."""

    folders: tuple[Path, ...]
    """Absolute, however they were named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineClosed(Event):
    """The engine has stopped every instance; no event follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineWarned(Event):
    """Something outside any plugin is wrong but survivable: an unusable cache, an open folder mode."""

    summary: str
    hint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginWarned(PluginEvent):
    """Something about a plugin is suspicious but does not stop it, such as a pattern that never matches."""

    summary: str
    hint: str | None = None
    place: Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginStateChanged(PluginEvent):
    """A plugin moved to another state; sent for every discovered plugin, good or bad."""

    state: PluginState
    version: str
    generation: int
    """The load that serves now; 0 when none does."""
    reason: str | None = None
    hint: str | None = None
    place: Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileQueued(PluginEvent):
    """A module missed the cache, and others are being compiled; `CompileStarted` or `CompileCancelled` follows."""

    module_sha256: str
    module_bytes: int
    tier: str = "optimised"


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileStarted(PluginEvent):
    """A module missed the cache and is being compiled; exactly one of the three events below follows."""

    module_sha256: str
    module_bytes: int
    tier: str = "optimised"
    """`quick` serves first; `optimised` takes its place, for modules that take long by a compilation of its own."""
    is_background: bool = False
    """Quick code of this module serves meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileFinished(PluginEvent):
    """A compiled module is at hand, from the compiler or (`is_cached`) from the disk cache."""

    module_sha256: str
    is_cached: bool
    duration_ns: int
    """What whoever asked had to wait, or what it took in the background."""
    code_bytes: int
    tier: str = "optimised"
    is_background: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileFailed(PluginEvent):
    """The module cannot be compiled."""

    module_sha256: str
    error: str
    duration_ns: int
    tier: str = "optimised"
    is_background: bool = False
    """Quick code of this module goes on serving."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileCancelled(PluginEvent):
    """A compilation was given up before its end; `reason` says what for. Another one may follow."""

    module_sha256: str
    reason: str
    duration_ns: int
    tier: str = "optimised"
    is_background: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TierChanged(PluginEvent):
    """New instances of the version that serves run code of another tier from now on; nothing else changes."""

    generation: int
    tier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheFaulted(Event):
    """An entry of the compile cache could not be read, checked or written; the module is compiled instead."""

    path: Path
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadStarted(PluginEvent):
    """A refresh began; calls keep going to the version that serves.

    It ends with `ReloadFinished` or `ReloadFailed`, unless a newer one takes its place: then that one begins.
    """

    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadFinished(PluginEvent):
    """The new version serves from now on."""

    generation: int
    version: str
    duration_ns: int
    changes: tuple[str, ...] = ()
    """What differs from the version before, in words: exports, imports, permissions, size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadFailed(PluginEvent):
    """The new version was refused; the last good one, if any, keeps serving."""

    generation: int
    error: str
    hint: str | None
    place: Place | None
    duration_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceStarted(PluginEvent):
    """An instance ran `_initialize` and is ready for one call."""

    instance_id: int
    generation: int
    duration_ns: int
    memory_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceDiscarded(PluginEvent):
    """An instance is gone; `reason` is `used`, `expired`, `broken`, `surplus` or `closed`."""

    instance_id: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolChanged(PluginEvent):
    """Figures of a plugin's pool after a change."""

    idle: int
    busy: int
    waiting: int
    started: int
    """Instances started so far by this pool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStarted(PluginEvent):
    """A capability call was accepted; exactly one `CallFinished` follows."""

    call_id: CallId
    method: str
    request: Message
    cause: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFinished(PluginEvent):
    """A capability call ended, whatever its outcome; sent exactly once per `CallStarted`."""

    call_id: CallId
    result: CallResult


@dataclass(frozen=True, slots=True, kw_only=True)
class HostCallStarted(PluginEvent):
    """A guest called a host service."""

    call_id: CallId | None
    """None while an instance is being started."""
    host_call_id: HostCallId
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostCallFinished(PluginEvent):
    """A host service answered, refused or trapped; sent exactly once per `HostCallStarted`."""

    call_id: CallId | None
    host_call: HostCall


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissionRefused(PluginEvent):
    """A host service refused a request because of the manifest; `hint` names the line that would allow it."""

    call_id: CallId | None
    method: str
    target: str
    reason: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestWrote(PluginEvent):
    """A guest wrote a line to stdout or stderr."""

    call_id: CallId | None
    line: LogLine


class FrameKind(StrEnum):
    """What a WebSocket frame is; a fragmented message counts as one frame of its kind."""

    TEXT = "text"
    BINARY = "binary"
    PING = "ping"
    PONG = "pong"
    CLOSE = "close"


class SocketEnd(StrEnum):
    """Who or what ended a WebSocket connection."""

    SERVER = "server"
    """A close frame arrived."""
    PLUGIN = "plugin"
    """The plugin called Close."""
    BROKEN = "broken"
    """The network, a limit or silence; `error` says which."""
    USER = "user"
    """Closed from outside, by way of the engine."""
    REPLACED = "replaced"
    """The plugin connected again under the same id; no callback."""
    REMOVED = "removed"
    """The plugin is gone, or the OnInit that had made the connection does not count any more; no callback."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketOpened(PluginEvent):
    """A plugin's WebSocket connection is up; exactly one `SocketClosed` follows unless the engine closes first."""

    call_id: CallId | None
    connection_id: str
    url: str
    """What the plugin asked for, normalised."""
    routed_to: str | None
    """Where a route of the user led instead."""
    duration_ns: int
    """From the permission check to the end of the handshake, real time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketFrame(PluginEvent):
    """A frame went over a connection. What it holds stands in the call or host call that carries it."""

    connection_id: str
    is_sent: bool
    """From the plugin's side; otherwise it arrived."""
    kind: FrameKind
    size_bytes: int
    is_injected: bool = False
    """It was put in from outside, not sent by the server."""
    is_repaired: bool = False
    """Invalid UTF-8 in a text frame is replaced by U+FFFD for the plugin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketClosed(PluginEvent):
    """A connection ended and its id is free; the plugin's callbacks, if any, follow."""

    connection_id: str
    end: SocketEnd
    code: int
    reason: str
    error: str | None = None
    """What OnError is told; None when it is not called."""
    note: str | None = None
    """What else a reader should know, such as an id that is not restored."""


class ScheduleEnd(StrEnum):
    """Why a schedule is gone though its time had not come."""

    PLUGIN = "plugin"
    """The plugin called CancelSchedule."""
    USER = "user"
    """Cancelled from outside, by way of the engine."""
    REPLACED = "replaced"
    """The plugin made another one with the same id."""
    REMOVED = "removed"
    """The plugin is gone."""
    INIT = "init"
    """The OnInit that had made it does not count any more (spec behaviour section 20)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleCreated(PluginEvent):
    """A plugin asked to be called later. A one-time schedule ends with `ScheduleFired` or `ScheduleCancelled`."""

    call_id: CallId | None
    schedule_id: str
    cron: str | None
    """The text of a recurring schedule; None for a one-time one."""
    next_ns: int | None
    """Wall time at which it is due; None when it never will be."""
    payload_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleFired(PluginEvent):
    """A schedule's time has come and its callback begins: one `ScheduleFinished` follows unless the engine closes."""

    schedule_id: str
    is_recurring: bool
    due_ns: int
    """Wall time at which it was due."""
    is_manual: bool = False
    """Fired from outside, by way of the engine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleFinished(PluginEvent):
    """The callback of a schedule ended. Whatever became of it, nothing is retried; a recurring one stays."""

    schedule_id: str
    is_recurring: bool
    call_id: CallId | None
    """The call of the plugin; None when there was no plugin to call."""
    outcome: Outcome
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleSkipped(PluginEvent):
    """A recurring schedule was due while its previous run lasted; it does not run twice at a time."""

    schedule_id: str
    due_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulePaused(PluginEvent):
    """A schedule was paused or resumed from outside."""

    schedule_id: str
    is_paused: bool
    next_ns: int | None
    """When it is due after resuming; None while it is paused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleCancelled(PluginEvent):
    """A schedule is gone and its id is free; a callback under way is not interrupted."""

    schedule_id: str
    end: ScheduleEnd
    note: str | None = None
    """What else a reader should know, such as an id that is not restored."""


EventSink = Callable[[Event], None]


class EventBus:
    """Hands each event to every subscriber, synchronously, on the publishing thread.

    Safe from any thread. Subscribers return at once and never block; one that fails is logged and the
    rest still run. Events of one thread arrive in order; there is no order between threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sinks: tuple[EventSink, ...] = ()

    def subscribe(self, sink: EventSink) -> Callable[[], None]:
        """Add a subscriber; the returned function removes it and may be called more than once."""
        with self._lock:
            self._sinks = (*self._sinks, sink)

        def unsubscribe() -> None:
            with self._lock:
                self._sinks = tuple(other for other in self._sinks if other is not sink)

        return unsubscribe

    def publish(self, event: Event) -> None:
        """Hand `event` to all subscribers."""
        for sink in self._sinks:
            try:
                sink(event)
            except Exception:
                _log.exception("subscriber %r failed on %s", sink, type(event).__name__)
