"""The one door: opens, scans, calls, refreshes, closes."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from google.protobuf.message import Message

from engine.adapters import ADAPTERS, LifecycleManagement, MetadataAgent, Scrobbler, Verdict
from engine.assembly import assemble
from engine.calls import CallId, CallResult, PluginId
from engine.cautions import Cautions
from engine.clock import Clock, SystemClock
from engine.contracts import codec
from engine.contracts.registry import Method, find_method
from engine.errors import EngineClosed, InvalidRequest, Place, SettingsError
from engine.events import EngineClosed as EngineClosedEvent
from engine.events import EngineOpened, EventBus
from engine.host import SubsonicResponder
from engine.host.network import Network, SystemNetwork
from engine.host.schedule_control import Schedules
from engine.host.socket_control import Sockets
from engine.hosting import EngineHost
from engine.inspection import Inspection
from engine.metrics import MethodMetrics, Metrics
from engine.plugins.enabled import DISABLED_FILE
from engine.plugins.files import cause_text
from engine.plugins.info import PluginInfo
from engine.settings import Settings
from engine.slot import PluginSlot
from engine.tasks import Tasks
from engine.wasm.code_folder import CodeFolder
from engine.wasm.pool_statistics import PoolStatistics

_log = logging.getLogger(__name__)

_LONGEST_TIMEOUT_S: Final = 7 * 24 * 3600.0
_CLOSE_LIMIT_S: Final = 5.0


class Engine:
    """An embedded plugin host. An async context manager; every method belongs to the loop it was opened on.

    Events may be subscribed to before opening (`engine.bus`) and arrive on any thread.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        folders: Sequence[Path] | None = None,
        clock: Clock | None = None,
        network: Network | None = None,
        subsonic: SubsonicResponder | None = None,
        bus: EventBus | None = None,
        preload: bool = True,
    ) -> None:
        """`folders` are plugin folders or folders of them; default: the configured plugins folder.

        With `preload` false a plugin is loaded at its first call instead of on entry. `network` is what the http
        service resolves and connects with, `subsonic` what answers the SubsonicAPI service (default: by the settings).
        """
        self.settings = settings
        self.bus = bus or EventBus()
        self._folders = tuple(folders) if folders is not None else (settings.plugins.folder,)
        self._clock = clock or SystemClock()
        self._network = network or SystemNetwork()
        self._subsonic = subsonic
        self._preload = preload
        self._tasks = Tasks()
        self._metrics = Metrics()
        self._stop_metrics = self.bus.subscribe(self._metrics.record)
        self._cautions = Cautions(self.bus, self._clock)
        self._is_open = False

    # --- opening and closing

    async def __aenter__(self) -> Self:
        """Open the engine and scan; loading goes on in the background (`ready` waits for a plugin).

        Raises `SettingsError` for settings that a host service cannot work with.
        """
        settings, clock, bus = self.settings, self._clock, self.bus
        parts = self._parts = await assemble(
            settings,
            folders=self._folders,
            clock=clock,
            network=self._network,
            subsonic=self._subsonic,
            bus=bus,
            tasks=self._tasks,
            cautions=self._cautions,
            preload=self._preload,
        )
        self._roster, self._calls = parts.roster, parts.calls
        self._is_open = True
        try:
            host = EngineHost(parts.roster, parts.calls, settings=settings, clock=clock, bus=bus, tasks=self._tasks)
            for service in parts.dispatcher.services.values():
                service.start(host)
            bus.publish(EngineOpened(time_ns=clock.now_ns(), folders=self._absolute_folders()))
            if parts.runtime.path_fault is not None:
                self._cautions.calls_slowly(parts.runtime.path_fault)
            if self._is_own_folder_scanned():
                await asyncio.to_thread(self._cautions.look_at_modes, settings.plugins.folder)
            await self.scan()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop every call, drop every instance, join the threads; idempotent, bounded in time."""
        if not self._is_open:
            return
        self._is_open = False
        self._roster.stop_loading()
        await self._calls.stop_all("the engine is closing", limit_s=_CLOSE_LIMIT_S)
        await self._tasks.close()
        self._roster.close()
        self._parts.dispatcher.close()
        threads_ended, _ = await asyncio.gather(
            asyncio.to_thread(self._parts.threads.close, _CLOSE_LIMIT_S), self._parts.compiler.close()
        )
        await asyncio.to_thread(self._parts.cache.close)
        if not threads_ended:
            _log.warning("a guest did not leave its thread within %s s", _CLOSE_LIMIT_S)
        self._stop_metrics()
        self.bus.publish(EngineClosedEvent(time_ns=self._clock.now_ns()))

    # --- plugins

    def plugins(self) -> tuple[PluginInfo, ...]:
        """All plugins, good and bad, sorted by folder name."""
        self._require_open()
        return tuple(slot.info() for slot in self._roster.slots())

    def plugin(self, name: str) -> PluginInfo:
        """One plugin by manifest name, then by folder name; raises `UnknownPlugin`."""
        return self._find(name).info()

    async def scan(self) -> tuple[PluginInfo, ...]:
        """Look at the folders again: new plugins are loaded, vanished ones removed, mended ones tried again.

        What merely changed inside a good plugin is `refresh`'s affair. With plugins disabled nothing is scanned.
        """
        self._require_open()
        if self.settings.plugins.enabled:
            await self._roster.scan()
        return self.plugins()

    async def refresh(self, name: str) -> PluginInfo:
        """Bring up what is on disk now and swap it in, or keep the last good version and say why (spec section 20).

        Raises `UnknownPlugin`; a failed load is in the returned info.
        """
        slot = await self._roster.refresh(self._find(name))
        return slot.info()

    async def set_enabled(self, name: str, *, is_enabled: bool) -> PluginInfo:
        """Switch a plugin on or off, now and whenever these folders are opened.

        One that is switched off is listed as `DISABLED` and never loaded. Raises `UnknownPlugin`, and `SettingsError`
        when the choice cannot be stored.
        """
        slot = self._find(name)
        try:
            slot = await self._roster.set_enabled(slot, is_enabled=is_enabled)
        except OSError as error:
            raise SettingsError(
                f"cannot remember which plugins are enabled: {cause_text(error)}",
                hint="It is kept in the data folder; see that it is writable and has room.",
                place=Place(file=self.settings.data_folder / DISABLED_FILE),
            ) from error
        return slot.info()

    async def ready(self, name: str) -> PluginInfo:
        """Wait until the plugin's first load is over; the info says how it ended. Raises `UnknownPlugin`."""
        slot = self._find(name)
        await self._roster.ready(slot)
        return slot.info()

    async def inspect(self, folder: Path, *, may_start: bool = True) -> Inspection:
        """Judge the plugin in `folder`, wherever that is, without loading it: all that is wrong with it at once.

        As a load does, it starts an instance for a moment, within the limits of a call; but OnInit is not called and
        no host function is carried out. With `may_start` false nothing of the plugin runs at all. Raises
        `EngineClosed`, also when the engine is closed meanwhile.
        """
        self._require_open()
        work = self._tasks.spawn(f"inspect {folder}", self._parts.inspector.inspect(folder, may_start=may_start))
        try:
            return await work
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise EngineClosed("the engine was closed during an inspection") from None

    # --- calls

    async def call(
        self,
        plugin: str,
        method: str,
        message: Message | Mapping[str, object] | None = None,
        *,
        timeout_s: float | None = None,
        cause: str | None = None,
    ) -> CallResult:
        """Fire one capability request and wait for what becomes of it.

        `message` is the request as a message or in ProtoJSON form; `timeout_s` counts from when an instance is asked
        for (default: the settings' call limit). Never raises for what a plugin does; raises `UnknownPlugin`,
        `UnknownMethod`, `InvalidRequest` and `EngineClosed`.
        """
        slot = self._find(plugin)
        if timeout_s is not None and not 0 <= timeout_s <= _LONGEST_TIMEOUT_S:
            raise InvalidRequest(f"a time limit of {timeout_s} s is not between 0 and {_LONGEST_TIMEOUT_S:g} s")
        resolved = find_method(method)
        request = codec.build(resolved.request_type, message)
        return await self._call(slot, resolved, request, timeout_s=timeout_s, cause=cause)

    def cancel(self, call_id: CallId) -> bool:
        """End a call under way as `CANCELLED`; false when it is over already."""
        self._require_open()
        return self._calls.cancel(call_id)

    def verdict(self, result: CallResult) -> Verdict:
        """What Navidrome would make of this result."""
        return ADAPTERS[result.method.partition(".")[0]].judge(result)

    def metrics(self) -> tuple[MethodMetrics, ...]:
        """Counts and latencies of all methods called so far."""
        return self._metrics.methods()

    def pool_statistics(self, plugin: str) -> PoolStatistics | None:
        """The instances of the version that serves, and what its pool did; None while none does.

        Raises `UnknownPlugin`.
        """
        version = self._find(plugin).current
        return None if version is None else version.pool.statistics()

    def metadata_agent(self, plugin: str) -> MetadataAgent:
        """The typed metadata adapter of a plugin."""
        return MetadataAgent(self._find(plugin).id, self._port)

    def scrobbler(self, plugin: str) -> Scrobbler:
        """The typed scrobbler adapter of a plugin."""
        return Scrobbler(self._find(plugin).id, self._port)

    def lifecycle(self, plugin: str) -> LifecycleManagement:
        """The typed lifecycle adapter of a plugin."""
        return LifecycleManagement(self._find(plugin).id, self._port)

    # --- what host services keep

    @property
    def sockets(self) -> Sockets:
        """The plugins' WebSocket connections: list them, see their frames, inject, send, close, drop."""
        self._require_open()
        return self._parts.websockets.sockets

    @property
    def schedules(self) -> Schedules:
        """The plugins' schedules: list them with their next times, fire, pause, resume, cancel."""
        self._require_open()
        return self._parts.scheduler.schedules

    # --- what is on disk

    @property
    def compile_cache(self) -> CodeFolder:
        """The compiled code on disk: list it, purge it. From any thread; each call waits for the disk."""
        self._require_open()
        return self._parts.cache.files

    # --- inside

    async def _port(self, plugin: PluginId, method: Method, request: Message) -> CallResult:
        return await self._call(self._find(plugin), method, request, timeout_s=None, cause=None)

    async def _call(
        self, slot: PluginSlot, method: Method, request: Message, *, timeout_s: float | None, cause: str | None
    ) -> CallResult:
        result = await self._calls.call(
            slot.id,
            method,
            request,
            lambda wanted: self._roster.serving(slot, wanted),
            timeout_s=self.settings.limits.call_timeout_s if timeout_s is None else timeout_s,
            cause=cause,
        )
        self._roster.note_on_init(slot, result)
        return result

    def _absolute_folders(self) -> tuple[Path, ...]:
        return tuple(Path(os.path.abspath(folder)) for folder in self._folders)

    def _is_own_folder_scanned(self) -> bool:
        """The configured plugins folder is looked at; one that is named by hand is the user's own affair."""
        is_by_hand = self.settings.origins.get("Plugins.Folder") == "command line"
        return self.settings.plugins.folder in self._folders and not is_by_hand

    def _find(self, name: str) -> PluginSlot:
        self._require_open()
        return self._roster.find(name)

    def _require_open(self) -> None:
        if not self._is_open:
            raise EngineClosed("the engine is not open", hint="Use it inside `async with Engine(...) as engine:`.")
