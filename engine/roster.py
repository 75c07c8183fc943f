"""The plugins of an engine: found on disk, brought up, refreshed as a transaction, initialised once per version."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from engine.calling import Calls
from engine.calls import CallResult, PluginId
from engine.changes import describe_changes
from engine.clock import Clock
from engine.contracts import api_pb2 as api
from engine.contracts.registry import CAPABILITIES, Method
from engine.errors import EngineError, Place, PluginLoadError, UnknownPlugin
from engine.events import EventBus, PluginState, PluginWarned
from engine.host.dispatch import HostDispatcher
from engine.invocation import PluginVersion
from engine.loading import Loader, load_failure
from engine.plugins.discovery import DiscoveredPlugin, discover_all
from engine.plugins.enabled import DisabledPlugins
from engine.plugins.manifest import MANIFEST_NAME
from engine.plugins.url_rules import pattern_warnings
from engine.settings import Settings
from engine.slot import PluginSlot
from engine.tasks import Tasks

_log = logging.getLogger(__name__)

LIFECYCLE: Final = "LifecycleManagement"
_ON_INIT: Final = CAPABILITIES[LIFECYCLE].methods["OnInit"]


class Roster:
    """All plugins by their entry in the folders; belongs to the engine's loop."""

    def __init__(
        self,
        folders: Sequence[Path],
        *,
        settings: Settings,
        loader: Loader,
        calls: Calls,
        dispatcher: HostDispatcher,
        tasks: Tasks,
        clock: Clock,
        bus: EventBus,
        preload: bool,
        disabled: DisabledPlugins,
    ) -> None:
        self._folders = folders
        self._settings = settings
        self._loader = loader
        self._calls = calls
        self._dispatcher = dispatcher
        self._tasks = tasks
        self._clock = clock
        self._bus = bus
        self._preload = preload
        self._disabled = disabled
        self._names_off: frozenset[str] = frozenset()
        """As of the last look at the folders."""
        self._slots: dict[Path, PluginSlot] = {}
        self._initialised: set[tuple[PluginId, str, str]] = set()
        self._scanning = asyncio.Lock()

    def slots(self) -> list[PluginSlot]:
        """Sorted by folder name, then by place."""
        return sorted(self._slots.values(), key=lambda slot: (slot.found.folder, slot.key))

    def find(self, name: str) -> PluginSlot:
        """By manifest name, then by folder name; raises `UnknownPlugin`."""
        slots = self.slots()
        for matches in (
            [slot for slot in slots if slot.id == name and slot.found.error is None],
            [slot for slot in slots if slot.id == name],
            [slot for slot in slots if slot.found.folder == name],
        ):
            if matches:
                return matches[0]
        known = ", ".join(slot.id for slot in slots) or "none"
        raise UnknownPlugin(f"plugin not found: {name}", hint=f"Known plugins: {known}.")

    async def scan(self) -> None:
        """New entries are loaded, vanished ones removed, mended or broken ones tried again."""
        async with self._scanning:
            found = await self._discover()
            for key in [key for key in self._slots if key not in found]:
                self._remove(key)
            for key, entry in found.items():
                self._reconcile(key, entry)

    async def set_enabled(self, slot: PluginSlot, *, is_enabled: bool) -> PluginSlot:
        """Remember whether the user wants the plugin, and act on it; raises `OSError` when that cannot be stored."""
        roots = [root for root in self._folders if slot.key.is_relative_to(root.absolute())] or self._folders
        for root in self._folders if is_enabled else roots:
            await asyncio.to_thread(self._disabled.set_disabled, root, slot.id, is_disabled=not is_enabled)
        await self.scan()
        return self._slots.get(slot.key, slot)

    async def refresh(self, slot: PluginSlot) -> PluginSlot:
        """Read the entry again and bring it up; answers the slot that has it now."""
        async with self._scanning:
            found = (await self._discover()).get(slot.key)
        if found is None or _identity(found) not in (None, slot.id):
            # Gone, or renamed in its manifest: a removal plus an addition.
            await self.scan()
            return self._slots.get(slot.key, slot)
        await self._load(slot, found)
        return slot

    async def ready(self, slot: PluginSlot) -> None:
        """Wait until the first load is over; starts it for a plugin that is loaded on demand."""
        if not slot.is_load_requested and not slot.is_disabled:
            self._start_loading(slot, slot.found)
        await slot.settled()

    async def serving(self, slot: PluginSlot, method: Method) -> PluginVersion:
        """The version that serves `method`; raises `PluginLoadError` or what made loading fail."""
        limit_s = self._settings.compile_timeout_s
        try:
            await asyncio.wait_for(self.ready(slot), limit_s)
        except TimeoutError:
            raise PluginLoadError(
                f"timed out waiting for plugin {slot.id} to compile",
                hint=f"DevPluginCompilationTimeout is {limit_s:g} s; the compilation goes on.",
                plugin=slot.id,
            ) from None
        if slot.is_disabled:
            raise PluginLoadError(
                f"plugin is disabled: {slot.id}", hint="Enable it: workbench plugin enable.", plugin=slot.id
            )
        version = slot.current
        if slot.refusal is not None and method is not _ON_INIT:
            raise slot.refusal
        if version is None:
            raise slot.problem or PluginLoadError(f"plugin not registered: {slot.id}", plugin=slot.id)
        if method.service not in version.manifest.capabilities:
            raise PluginLoadError(
                f"plugin adapter not registered: {slot.id}, capability: {method.service}",
                hint=f'manifest.json does not declare it: add "{method.service}" to "capabilities".',
                plugin=slot.id,
            )
        return version

    def note_on_init(self, slot: PluginSlot, result: CallResult) -> None:
        """OnInit was run by hand: a plugin that its first OnInit kept out is let in when this one went well."""
        version = slot.current
        if version is not None and slot.refusal is not None and result.ok and result.generation == version.generation:
            self._initialised.add(self._initialisation(version))
            slot.serve(version, ())

    def close(self) -> None:
        """Drop all instances; waiting calls fail."""
        for slot in self._slots.values():
            if slot.current is not None:
                slot.current.pool.close()

    # --- entries

    async def _discover(self) -> dict[Path, DiscoveredPlugin]:
        def look() -> tuple[tuple[DiscoveredPlugin, ...], frozenset[str]]:
            names_off = frozenset(name for folder in self._folders for name in self._disabled.names(folder))
            return discover_all(self._folders), names_off

        entries, self._names_off = await asyncio.to_thread(look)
        return {entry.entry: entry for entry in entries}

    def _reconcile(self, key: Path, entry: DiscoveredPlugin) -> None:
        slot = self._slots.get(key)
        identity = _identity(entry)
        if slot is not None and identity is not None and slot.id != identity:
            self._remove(key)
            slot = None
        if slot is None:
            slot = self._slots[key] = PluginSlot(
                identity or PluginId(entry.folder), entry, clock=self._clock, bus=self._bus
            )
            self._take_up(slot, entry)
        elif slot.is_disabled or slot.id in self._names_off:
            slot.found = entry
            self._switch(slot, entry)
        elif slot.state is PluginState.DISCOVERED:
            slot.found = entry
        elif _is_mended(slot, entry) or _is_newly_broken(slot, entry):
            self._start_loading(slot, entry)

    def _take_up(self, slot: PluginSlot, entry: DiscoveredPlugin) -> None:
        """What becomes of a plugin that was found, or switched on."""
        if slot.id in self._names_off:
            slot.disable()
        elif self._preload or entry.error is not None or not entry.has_module:
            self._start_loading(slot, entry)
        else:
            slot.announce()

    def _switch(self, slot: PluginSlot, entry: DiscoveredPlugin) -> None:
        """Follow what the user wants of a plugin that is switched off, or is to be."""
        if not slot.is_disabled:
            slot.disable()
            self._forget(slot)
        elif slot.id not in self._names_off:
            slot.enable()
            self._take_up(slot, entry)

    def _is_wanted(self, slot: PluginSlot) -> bool:
        """Neither removed nor switched off while a version was being brought up."""
        return self._slots.get(slot.key) is slot and not slot.is_disabled

    def _remove(self, key: Path) -> None:
        slot = self._slots.pop(key)
        slot.remove()
        self._forget(slot)

    def _forget(self, slot: PluginSlot) -> None:
        """The plugin starts from nothing when it comes back: OnInit, schedules, connections."""
        if any(other is not slot and other.id == slot.id for other in self._slots.values()):
            return  # another folder has taken the name over, and with it what is kept under it
        self._initialised = {item for item in self._initialised if item[0] != slot.id}
        for service in self._dispatcher.services.values():
            service.forget(slot.id)

    # --- loading

    def _start_loading(self, slot: PluginSlot, entry: DiscoveredPlugin) -> None:
        slot.is_load_requested = True
        self._tasks.spawn(f"load {slot.id}", self._load(slot, entry))

    async def _load(self, slot: PluginSlot, entry: DiscoveredPlugin) -> None:
        """The transaction: everything is checked beside what serves; then one assignment swaps it in."""
        slot.is_load_requested = True
        async with slot.lock:
            slot.found = entry
            if not self._is_wanted(slot):
                return
            if slot.current is None and entry.error is None and not entry.has_module:
                slot.mark_not_built(entry.module_error)
                return
            generation = slot.begin_load()
            try:
                version = await self._loader.bring_up(entry, generation)
            except asyncio.CancelledError:
                raise
            except Exception as error:
                if not isinstance(error, EngineError):
                    _log.exception("loading %s failed inside the engine", slot.id)
                if self._is_wanted(slot):
                    slot.fail(load_failure(error))
                return
            if not self._is_wanted(slot):
                version.pool.close()
                return
            refusal = await self._initialise(slot, version)
            if not self._is_wanted(slot):
                version.pool.close()
                self._forget(slot)
                return
            if refusal is None:
                old = slot.current
                before = None if old is None else (old.manifest, old.linked.compiled)
                changes = (
                    () if before is None else describe_changes(before, (version.manifest, version.linked.compiled))
                )
                slot.serve(version, changes)
                self._warn_about(slot, version)
            elif slot.current is None or slot.refusal is not None:
                slot.refuse(version, refusal)
            else:
                version.pool.close()
                slot.fail(refusal)

    async def _initialise(self, slot: PluginSlot, version: PluginVersion) -> EngineError | None:
        """Run OnInit if it is due; the reason when the plugin refused."""
        mark = self._initialisation(version)
        if LIFECYCLE not in version.manifest.capabilities or mark in self._initialised:
            return None

        async def this_version(_method: Method) -> PluginVersion:
            return version

        result = await self._calls.call(
            slot.id,
            _ON_INIT,
            api.InitRequest(config=dict(version.config)),
            this_version,
            timeout_s=self._settings.limits.call_timeout_s,
            cause="load",
            initialises=version.generation,
        )
        for service in self._dispatcher.services.values():
            service.init_finished(slot.id, version.generation, ok=result.ok)
        if result.ok:
            self._initialised.add(mark)
            return None
        self._initialised.discard(mark)
        return PluginLoadError(
            f"OnInit failed: {result.error or result.outcome.value}",
            hint=result.hint or "OnInit can be run again by hand; a changed configuration needs a restart.",
            plugin=slot.id,
        )

    def _warn_about(self, slot: PluginSlot, version: PluginVersion) -> None:
        """What is suspicious about a version that serves all the same."""
        warnings = list(pattern_warnings(version.permissions))
        if not version.permissions.is_declared:
            warnings.append('no permissions declared: manifest.json has no "permissions" key')
        for summary in warnings:
            self._bus.publish(
                PluginWarned(
                    time_ns=self._clock.now_ns(),
                    plugin=slot.id,
                    summary=summary,
                    place=Place(file=slot.found.path / MANIFEST_NAME),
                )
            )

    def _initialisation(self, version: PluginVersion) -> tuple[PluginId, str, str]:
        """What OnInit runs once for (C12): name, version, and the module if the setting says so."""
        module = version.linked.compiled.sha256 if self._settings.workbench.new_version_on_module_change else ""
        return PluginId(version.manifest.name), version.manifest.version, module


def _identity(entry: DiscoveredPlugin) -> PluginId | None:
    """The id that the entry claims; None while its manifest cannot be read."""
    return entry.id if entry.manifest is not None else None


def _is_mended(slot: PluginSlot, entry: DiscoveredPlugin) -> bool:
    was_broken = slot.found.error is not None or not slot.found.has_module
    return was_broken and entry.error is None and entry.has_module


def _is_newly_broken(slot: PluginSlot, entry: DiscoveredPlugin) -> bool:
    return entry.error is not None and (slot.found.error is None or slot.found.error.summary != entry.error.summary)
